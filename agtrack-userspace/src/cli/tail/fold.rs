//! Which records are counted instead of shown, unless all are asked for.
//!
//! Comes in: a record. Goes out: of which kind of everyday record it is, if it is one. Never:
//! anything that writes, starts a program, connects, is refused or touches a credential, nor a
//! record that is no action.

use std::sync::LazyLock;

use crate::credential;
use crate::noise::{self, Classes};
use crate::record::{Access, Action, Body, Object, OutcomeResult, Record};

/// Reads that say something about the machine. Here also those of files that the process could have
/// written: whoever shows records does not know.
static NOISE: LazyLock<Classes> =
    LazyLock::new(|| Classes::new(&noise::built_in()).unwrap_or_default());

/// Devices that keep nothing; also for writing.
const SINKS: &[&[u8]] = &[
    b"/dev/full",
    b"/dev/null",
    b"/dev/random",
    b"/dev/urandom",
    b"/dev/zero",
];

/// A kind of everyday record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Everyday {
    /// A system file or a library was opened for reading, or a device that keeps nothing.
    Read,
    /// An open of what is not there.
    Missing,
    /// A fork; what the child does is shown as the child's.
    Fork,
    /// An exit with code 0.
    Exit,
    /// One more of the changes that one deed makes to agtrack's own files.
    Deed,
}

/// The kind, if it is one of every day.
pub(super) fn everyday(record: &Record) -> Option<Everyday> {
    let Body::Action(action) = &record.body else {
        return None;
    };
    if action
        .decision
        .as_ref()
        .is_some_and(|decision| !decision.is_null())
    {
        return None;
    }
    let done = action.outcome.result == OutcomeResult::Success;
    match &action.object {
        Object::Open { .. } => open(action),
        Object::Fork { namespaces, .. } if done && namespaces.is_empty() => Some(Everyday::Fork),
        Object::Exit { code: Some(0), .. } => Some(Everyday::Exit),
        Object::Fork { .. }
        | Object::Exit { .. }
        | Object::Exec { .. }
        | Object::Program { .. }
        | Object::File { .. }
        | Object::Rename { .. }
        | Object::Connect(_)
        | Object::Dns(_)
        | Object::Tls(_)
        | Object::Http(_)
        | Object::Quic(_)
        | Object::Endpoint { .. }
        | Object::Flow(_)
        | Object::Ids { .. }
        | Object::Socket { .. }
        | Object::Request { .. }
        | Object::Uring(_)
        | Object::Cgroup { .. } => None,
    }
}

fn open(action: &Action) -> Option<Everyday> {
    let Object::Open {
        path,
        access,
        created,
        open_flags,
        ..
    } = &action.object
    else {
        return None;
    };
    let path = &path.0[..];
    if action.completeness.truncated || credential::at(path).is_some() {
        return None;
    }
    // An open for reading can truncate.
    let changes = *created || open_flags.iter().any(|flag| flag == "TRUNC");
    let reads = *access == Access::Read && !changes;
    let errno = action.outcome.errno.as_deref();
    match (action.outcome.result, errno) {
        (OutcomeResult::Success, _) => {
            let everyday = reads && NOISE.of(path, action.process.pid).is_some();
            (everyday || SINKS.contains(&path)).then_some(Everyday::Read)
        }
        (OutcomeResult::Failure, Some("ENOENT" | "ENOTDIR")) => reads.then_some(Everyday::Missing),
        // No terminal.
        (OutcomeResult::Failure, Some("ENXIO")) => {
            (path == b"/dev/tty").then_some(Everyday::Missing)
        }
        (OutcomeResult::Failure | OutcomeResult::InProgress | OutcomeResult::Unknown, _) => None,
    }
}

/// How many of each kind were not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    reads: u64,
    missing: u64,
    forks: u64,
    exits: u64,
    deeds: u64,
}

impl Folded {
    pub(super) fn add(&mut self, kind: Everyday) {
        match kind {
            Everyday::Read => self.reads += 1,
            Everyday::Missing => self.missing += 1,
            Everyday::Fork => self.forks += 1,
            Everyday::Exit => self.exits += 1,
            Everyday::Deed => self.deeds += 1,
        }
    }

    pub(super) fn add_all(&mut self, other: Folded) {
        self.reads += other.reads;
        self.missing += other.missing;
        self.forks += other.forks;
        self.exits += other.exits;
        self.deeds += other.deeds;
    }

    /// In words; none where there are none.
    pub(super) fn words(&self) -> Option<String> {
        let words: Vec<_> = [
            (self.reads, "read of system files", "reads of system files"),
            (
                self.missing,
                "open of what is not there",
                "opens of what is not there",
            ),
            (self.forks, "fork", "forks"),
            (self.exits, "exit with code 0", "exits with code 0"),
            (
                self.deeds,
                "more change of agtrack's files by the same process",
                "more changes of agtrack's files by the same process",
            ),
        ]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
        (!words.is_empty()).then(|| format!("… {}", words.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn kind(action: &str, object: Value, errno: Option<&str>) -> Option<Everyday> {
        let result = if errno.is_some() {
            "failure"
        } else {
            "success"
        };
        let record = json!({
            "v": 1, "seq": 1, "id": "l:1", "time": "2026-11-22T21:03:11Z", "boot_time": 1,
            "host": { "id": "", "name": "", "boot_id": "" }, "agent": null,
            "kind": "action", "tool_call": null, "action": action, "object": object,
            "process": { "uid": "b-7-1", "pid": 7, "args": [], "ancestry": [] },
            "outcome": { "result": result, "errno": errno },
            "decision": null, "effect": null, "maps": [],
            "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
        });
        everyday(&serde_json::from_value(record).unwrap())
    }

    fn opened(path: &str, access: &str, flags: &[&str], errno: Option<&str>) -> Option<Everyday> {
        let object = json!({
            "path": path, "access": access, "created": false, "open_flags": flags,
            "inode": null, "device": null, "mode": null,
        });
        kind("file.open", object, errno)
    }

    const LIBRARY: &str = "/usr/lib/libc.so.6";

    #[test]
    fn reads_of_system_files_are_of_every_day() {
        assert_eq!(opened(LIBRARY, "read", &[], None), Some(Everyday::Read));
        assert_eq!(
            opened("/dev/null", "write", &["TRUNC"], None),
            Some(Everyday::Read)
        );
        assert_eq!(opened("/work/notes", "read", &[], None), None);
    }

    #[test]
    fn what_is_not_there_is_of_every_day_unless_it_was_to_be_written() {
        let missing = Some(Everyday::Missing);
        assert_eq!(opened("/work/x", "read", &[], Some("ENOENT")), missing);
        assert_eq!(
            opened("/dev/tty", "read_write", &[], Some("ENXIO")),
            missing
        );
        assert_eq!(opened("/work/x", "write", &[], Some("ENOENT")), None);
        assert_eq!(opened("/work/x", "read", &[], Some("EIO")), None);
    }

    #[test]
    fn writes_refusals_and_credentials_are_always_shown() {
        assert_eq!(opened(LIBRARY, "write", &[], None), None);
        assert_eq!(opened(LIBRARY, "read_write", &[], None), None);
        assert_eq!(opened(LIBRARY, "read", &["TRUNC"], None), None);
        assert_eq!(opened(LIBRARY, "read", &[], Some("EACCES")), None);
        assert_eq!(opened(LIBRARY, "read", &[], Some("EPERM")), None);
        assert_eq!(opened("/usr/share/x/.env", "read", &[], None), None);
        assert_eq!(
            opened("/root/.ssh/id_rsa", "read", &[], Some("ENOENT")),
            None
        );
        let unlink = json!({ "path": LIBRARY, "inode": null, "device": null });
        assert_eq!(kind("file.unlink", unlink, None), None);
        let connect = json!({ "socket": "/var/run/nscd/socket" });
        assert_eq!(kind("net.connect", connect, Some("ENOENT")), None);
    }

    #[test]
    fn forks_and_good_ends_are_of_every_day() {
        let fork = json!({ "child_uid": "b-8-1", "child_pid": 8 });
        assert_eq!(kind("process.fork", fork, None), Some(Everyday::Fork));
        let exit = |code: Option<u8>, signal: Option<&str>| {
            let object = json!({ "code": code, "signal": signal, "core": false });
            kind("process.exit", object, None)
        };
        assert_eq!(exit(Some(0), None), Some(Everyday::Exit));
        assert_eq!(exit(Some(1), None), None);
        assert_eq!(exit(None, Some("SIGKILL")), None);
    }

    #[test]
    fn what_is_folded_is_counted_by_kind() {
        let mut folded = Folded::default();
        assert_eq!(folded.words(), None);
        folded.add(Everyday::Fork);
        assert_eq!(folded.words().unwrap(), "… 1 fork");
        let mut more = folded;
        more.add(Everyday::Read);
        more.add(Everyday::Exit);
        more.add(Everyday::Missing);
        folded.add_all(more);
        assert_eq!(
            folded.words().unwrap(),
            "… 1 read of system files, 1 open of what is not there, 2 forks, 1 exit with code 0"
        );
    }
}
