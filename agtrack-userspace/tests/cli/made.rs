//! Journals made by hand, and what agtrack says of them.

use std::ffi::OsStr;
use std::path::PathBuf;

use agtrack::journal::{Journal, Options};
use agtrack::record::Record;
use serde_json::{Value, json};

use super::call::{Said, agtrack, say};

/// Of the two agents.
pub(crate) const SESSIONS: [&str; 2] = [
    "01a20a26-3de0-73cf-be28-e8d0e3408978",
    "02a20a26-3de0-73cf-be28-e8d0e3408978",
];

/// A minute of the boot clock, ns.
pub(crate) const MINUTE: u64 = 60_000_000_000;

/// A process that acts.
pub(crate) fn process() -> Value {
    json!({ "uid": "b-7-1", "pid": 7, "exe": "/usr/bin/x", "args": [], "ancestry": [] })
}

/// A journal and what was written to it.
pub(crate) struct Made {
    dir: tempfile::TempDir,
    pub(crate) journal: Option<Journal>,
    pub(crate) lines: Vec<String>,
}

impl Made {
    pub(crate) fn new(segment_bytes: u64) -> Made {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes,
            ..Options::default()
        };
        let (journal, _) = Journal::open(&dir.path().join("j"), options).unwrap();
        Made {
            dir,
            journal: Some(journal),
            lines: Vec::new(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("j")
    }

    /// An action of one of the two agents, `minute` minutes after nine.
    pub(crate) fn act(&mut self, agent: usize, minute: u64, action: &str, object: &Value) {
        let body = json!({
            "kind": "action", "tool_call": null, "action": action, "object": object,
            "process": process(), "outcome": { "result": "success", "errno": null },
            "decision": null, "effect": null, "maps": [],
            "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
        });
        self.put(Some(agent), minute, &body);
    }

    /// A record of one of the two agents, or of nobody.
    pub(crate) fn put(&mut self, agent: Option<usize>, minute: u64, body: &Value) {
        let journal = self.journal.as_mut().unwrap();
        let seq = journal.next_seq();
        let agent = agent.map(|agent| {
            json!({ "id": format!("agent{agent}"), "name": format!("agent{agent}"),
                    "owner": null, "session": SESSIONS[agent], "binding": "launcher" })
        });
        let mut record = json!({
            "v": 1, "seq": seq, "id": format!("l:{seq}"),
            "time": format!("2026-11-22T09:{minute:02}:00.000000000Z"),
            "boot_time": minute * MINUTE,
            "host": { "id": "h", "name": "h", "boot_id": "b" },
            "agent": agent,
        });
        for (name, value) in body.as_object().unwrap() {
            record[name] = value.clone();
        }
        let record: Record = serde_json::from_value(record).unwrap();
        let line = serde_json::to_string(&record).unwrap();
        journal.append(line.as_bytes()).unwrap();
        self.lines.push(line);
    }

    pub(crate) fn unlink(&mut self, agent: usize, minute: u64, path: &str) {
        let object = json!({ "path": path, "inode": null, "device": null });
        self.act(agent, minute, "file.unlink", &object);
    }

    pub(crate) fn sync(&self) {
        self.journal.as_ref().unwrap().sync().unwrap();
    }

    pub(crate) fn say<S: AsRef<OsStr>>(&self, args: &[S]) -> Said {
        self.call("query", args)
    }

    /// What a command says of this journal.
    pub(crate) fn call<S: AsRef<OsStr>>(&self, command: &str, args: &[S]) -> Said {
        say(agtrack(&[command, "--journal"]).arg(self.path()).args(args))
    }

    /// The numbers of the records found.
    pub(crate) fn found<S: AsRef<OsStr>>(&self, args: &[S]) -> Vec<u64> {
        let said = self.say(
            &[
                &[OsStr::new("--json")],
                &*args.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
            ]
            .concat(),
        );
        let nothing = format!("agtrack: nothing matches in {}\n", self.path().display());
        // Hints may follow.
        let is_right = match said.out.is_empty() {
            true => said.err.starts_with(&nothing),
            false => said.err.is_empty(),
        };
        assert!(said.code == Some(0) && is_right, "{}", said.err);
        let number = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            let seq = record["seq"].as_u64().unwrap();
            assert_eq!(
                line,
                self.lines[seq as usize - 1],
                "as it stands in the journal"
            );
            seq
        };
        said.out.lines().map(number).collect()
    }
}
