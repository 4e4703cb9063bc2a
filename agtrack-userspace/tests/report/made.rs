//! Journals made by hand, through the types of the records and the journal's own writer.

use std::path::PathBuf;

use agtrack::journal::{Journal, Options};
use agtrack::record::Record;
use serde_json::{Value, json};

pub(crate) const SESSIONS: [&str; 2] = [
    "01a20a26-3de0-73cf-be28-e8d0e3408978",
    "01a20a27-4de0-73cf-be28-e8d0e3408978",
];

/// Names of files that an agent may choose.
pub(crate) const HOSTILE: [&str; 4] = [
    "<script>document.title='own'+'ed'</script>",
    "\"><img src=x onerror=document.title='own'+'ed'>",
    "\u{1b}[31m\u{202e}gpj.exe\u{200b}",
    "</code></pre></details><svg onload=document.title='own'+'ed'>&lt;",
];

/// ns since boot of the first record.
const BEGIN: u64 = 1_000_000_000_000;

/// A journal that is closed.
pub(crate) struct Made {
    dir: tempfile::TempDir,
    journal: Option<Journal>,
    session: &'static str,
    /// ns since boot of the next record.
    now: u64,
}

impl Made {
    fn new() -> Made {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(&dir.path().join("j"), Options::default()).unwrap();
        let mut made = Made {
            dir,
            journal: Some(journal),
            session: SESSIONS[0],
            now: BEGIN,
        };
        made.put(
            false,
            json!({ "kind": "lifecycle", "change": "start", "version": "0.1.0",
                    "backend": "lsm", "kernel": "6.12", "config_sha256": null, "detail": null,
                    "hooks": [{ "action": "file.open", "program": "open", "target": "lsm file_open",
                                "attached": true, "reason": null }] }),
        );
        made
    }

    /// One session of so many calls. Each writes a file and sends 100 bytes; every tenth is git,
    /// every fiftieth fails.
    pub(crate) fn with_calls(calls: u64) -> Made {
        let mut made = Made::new();
        made.session("start");
        for number in 1..=calls {
            made.call(number);
        }
        made.session("end");
        made.close()
    }

    /// Two sessions, one after the other.
    pub(crate) fn two_sessions() -> Made {
        let mut made = Made::new();
        for session in SESSIONS {
            made.session = session;
            made.session("start");
            made.call(1);
            made.session("end");
        }
        made.close()
    }

    fn close(mut self) -> Made {
        self.journal.take().unwrap().close().unwrap();
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("j")
    }

    /// Somebody took a line out of the middle, and put as many bytes of another one in its place.
    pub(crate) fn without_a_line(self) -> Made {
        let segment = self.segment();
        let text = std::fs::read_to_string(&segment).unwrap();
        let line = text.lines().nth(4).unwrap();
        let number = "\"seq\":5,";
        assert!(line.contains(number));
        let forged = line.replacen(number, "\"seq\":4,", 1);
        std::fs::write(&segment, text.replacen(line, &forged, 1)).unwrap();
        self
    }

    fn segment(&self) -> PathBuf {
        let files = std::fs::read_dir(self.path()).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        files
            .find(|file| file.extension().is_some_and(|end| end == "jsonl"))
            .unwrap()
    }

    /// A record of the session, or of none.
    fn put(&mut self, own: bool, body: Value) {
        let journal = self.journal.as_mut().unwrap();
        let seq = journal.next_seq();
        self.now += 1_000_000;
        let since = self.now - BEGIN;
        let mut record = json!({
            "v": 1, "seq": seq, "id": format!("l:{seq}"),
            "time": format!("2026-11-22T09:{:02}:{:02}.{:09}Z",
                            since / 60_000_000_000 % 60, since / 1_000_000_000 % 60, since % 1_000_000_000),
            "boot_time": self.now,
            "host": { "id": "h", "name": "h", "boot_id": "b" },
            "agent": null,
        });
        if own {
            record["agent"] = json!({ "id": "claude", "name": "claude", "owner": null,
                                      "session": self.session, "binding": "launcher" });
        }
        for (name, value) in body.as_object().unwrap() {
            record[name] = value.clone();
        }
        let record: Record = serde_json::from_value(record).unwrap();
        let line = serde_json::to_string(&record).unwrap();
        journal.append(line.as_bytes()).unwrap();
    }

    fn session(&mut self, change: &str) {
        let process = process(1, None, "/usr/bin/claude", &["claude"]);
        self.put(
            true,
            json!({ "kind": "session", "change": change, "command": ["claude", "-p", "x"],
                    "process": process, "cgroup": null }),
        );
    }

    fn act(&mut self, call: &Value, process: &Value, action: &str, object: Value, effect: Value) {
        self.put(
            true,
            json!({ "kind": "action", "tool_call": call, "action": action, "object": object,
                    "process": process, "outcome": { "result": "success", "errno": null },
                    "decision": null, "effect": effect, "maps": [],
                    "completeness": { "path_source": "kernel", "truncated": false, "count": 1 } }),
        );
    }

    fn call(&mut self, number: u64) {
        let (pid, code) = (number + 100, if number.is_multiple_of(50) { 3 } else { 0 });
        let script = match number % 10 {
            0 => format!("git commit -m step-{number};"),
            _ => format!("make step-{number};"),
        };
        let main = process(1, None, "/usr/bin/claude", &["claude"]);
        let own = process(
            pid,
            Some("b-1-1"),
            "/usr/bin/bash",
            &["bash", "-c", &script],
        );
        let call = json!({ "id": own["uid"], "command": ["bash", "-c", script] });
        let null = Value::Null;
        let fork = json!({ "child_uid": own["uid"], "child_pid": pid });
        self.act(&null, &main, "process.fork", fork, null.clone());
        let change = |change: &str, exit: Value| {
            json!({ "kind": "tool_call", "change": change, "tool_call": call, "class": "tool",
                    "process": own, "duration": 5_000_000, "exit": exit, "processes": 1,
                    "running": 0, "effects": null })
        };
        self.put(true, change("start", Value::Null));
        let name = HOSTILE[(number % 4) as usize];
        let path = format!("/work/{number}/{name}");
        let written = json!({ "path": path, "inode": 1, "device": "0:1", "size": 5, "written": 5,
                              "writes": 1, "created": true, "last": true });
        let effect = json!({ "size": 5, "sha256": format!("{:02x}", number % 256).repeat(32) });
        self.act(&call, &own, "file.close", written, effect);
        let end =
            json!({ "ip": "192.0.2.7", "port": 443, "proto": "tcp", "domain": "example.org" });
        let flow = json!({ "local": end, "peer": end, "direction": "outbound", "bytes_out": 100,
                           "bytes_in": 200, "packets_out": 1, "packets_in": 1, "retransmits": 0,
                           "began_boot_time": 1, "ended_boot_time": 2, "duration": 1 });
        self.act(&call, &own, "net.connect", end, Value::Null);
        // Of every other call the connection ends after its last process.
        let late = number.is_multiple_of(2);
        if !late {
            self.act(&call, &own, "net.flow", flow.clone(), Value::Null);
        }
        let exit = json!({ "code": code, "signal": null, "core": false, "user_time": 0,
                           "system_time": 0, "max_memory": 0, "read": 0, "written": 0,
                           "storage_read": 0, "storage_written": 0 });
        self.act(&call, &own, "process.exit", exit, Value::Null);
        self.put(true, change("end", json!({ "code": code, "signal": null })));
        if late {
            self.act(&call, &own, "net.flow", flow, Value::Null);
        }
    }
}

fn process(pid: u64, parent: Option<&str>, exe: &str, args: &[&str]) -> Value {
    json!({ "uid": format!("b-{pid}-1"), "pid": pid, "start": null, "parent_uid": parent,
            "ppid": null, "exe": exe, "args": args, "cwd": "/work", "user": 0, "euser": 0,
            "login_user": null, "cgroup": null, "container": null, "ancestry": [] })
}
