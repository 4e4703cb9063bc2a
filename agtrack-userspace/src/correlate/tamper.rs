//! Attempts on agtrack itself: what was done to what.

use agtrack_common::call;
use agtrack_common::event::{Tamper, TamperKind};
use agtrack_common::wire::RET_UNKNOWN;

use super::object::flags;
use super::outcome;
use crate::decode::{Event, Segments};
use crate::enrich::Actor;
use crate::input::{FileTouch, Touched};
use crate::record::{self, By, Completeness, FileChange, Object, Outcome, PathSource, Text};

/// What a refused request ends with: EPERM.
const REFUSED: i32 = 1;

/// include/uapi/asm-generic/signal.h
const SIGKILL: u64 = 9;

/// The recorder: its uid and process id.
pub type Tracker = Option<(String, u32)>;

/// A row of the event table.
pub fn attempt(
    event: &Event,
    (kind, body): (TamperKind, &Tamper),
    actor: Actor,
    tracker: Tracker,
) -> record::Tamper {
    let ret = (body.ret != RET_UNKNOWN).then_some(body.ret);
    let expected = match kind {
        // Whoever asks it to end lets it write what it has.
        TamperKind::TrackerSignal if body.value == SIGKILL => false,
        TamperKind::TrackerSignal | TamperKind::TrackerCgroup => {
            matches!(actor.by, By::Parent | By::Init)
        }
        TamperKind::TrackerPtrace => false,
    };
    let count = 1 + u64::from(body.coalesced);
    record::Tamper {
        action: kind.kind().row().action.to_owned(),
        expected,
        object: object(kind, body, &event.data, tracker),
        changes: Vec::new(),
        ..blank(actor, outcome::of(ret), count)
    }
}

/// What it was done with.
pub(super) fn object(kind: TamperKind, body: &Tamper, data: &[u8], tracker: Tracker) -> Object {
    let (uid, pid) = tracker.unzip();
    match kind {
        TamperKind::TrackerSignal => request(flags::signal(body.value as i32), uid, pid),
        TamperKind::TrackerPtrace => request(asked(body), uid, pid),
        TamperKind::TrackerCgroup => Object::Cgroup {
            cgroup: Text(Segments::new(data).bytes(body.path).to_vec()),
            cgroup_id: body.value,
            target_uid: uid,
            target_pid: pid,
        },
    }
}

fn request(request: String, target_uid: Option<String>, target_pid: Option<u32>) -> Object {
    Object::Request {
        request,
        target_pid,
        target_uid,
        namespaces: Vec::new(),
    }
}

/// Which call it was, where a call was seen.
fn asked(body: &Tamper) -> String {
    match call::Call::of(body.number) {
        _ if body.number == 0 => "ACCESS".to_owned(),
        Some(call) if call.name != "ptrace" => call.name.to_owned(),
        _ => match flags::ptrace(body.value) {
            Some(word) => word.to_owned(),
            None => format!("ptrace {}", body.value),
        },
    }
}

/// A file was changed.
pub fn touched(touched: Touched, actor: Actor) -> record::Tamper {
    let file = Object::File {
        path: touched.path,
        inode: None,
        device: None,
        change: FileChange::default(),
    };
    let refused = touched.changes.contains(&FileTouch::Request);
    let ended = if refused { -REFUSED } else { 0 };
    let mut changes = touched.changes;
    changes.sort_unstable();
    changes.dedup();
    let mut told = record::Tamper {
        action: changes.first().map_or("tracker.write", action).to_owned(),
        object: file,
        changes: changes
            .iter()
            .map(|change| word(change).to_owned())
            .collect(),
        ..blank(actor, outcome::of(Some(ended)), touched.count)
    };
    told.completeness.path_source = Some(PathSource::Kernel);
    told
}

/// The actions of changed files, which no event of the kernel's tells.
pub const TOUCHED: &[&str] = &[
    "tracker.unlink",
    "tracker.rename",
    "tracker.create",
    "tracker.write",
    "tracker.attribute",
    "tracker.request",
];

/// The most telling change comes first.
fn action(first: &FileTouch) -> &'static str {
    match first {
        FileTouch::Delete => "tracker.unlink",
        FileTouch::MovedFrom | FileTouch::MovedTo => "tracker.rename",
        FileTouch::Create => "tracker.create",
        FileTouch::Write | FileTouch::CloseAfterWrite => "tracker.write",
        FileTouch::Attribute => "tracker.attribute",
        FileTouch::Request => "tracker.request",
    }
}

fn word(change: &FileTouch) -> &'static str {
    match change {
        FileTouch::Delete => "delete",
        FileTouch::MovedFrom => "moved_from",
        FileTouch::MovedTo => "moved_to",
        FileTouch::Create => "create",
        FileTouch::Write => "write",
        FileTouch::CloseAfterWrite => "close_after_write",
        FileTouch::Attribute => "attribute",
        FileTouch::Request => "request",
    }
}

fn blank(actor: Actor, outcome: Outcome, count: u64) -> record::Tamper {
    let mut completeness = Completeness {
        count,
        ..Completeness::default()
    };
    if actor.gone {
        let note = if actor.process.pid == 0 {
            "unknown"
        } else {
            "gone"
        };
        completeness.notes.push(note.to_owned());
    }
    record::Tamper {
        action: String::new(),
        process: actor.process,
        by: actor.by,
        expected: false,
        object: request(String::new(), None, None),
        changes: Vec::new(),
        outcome,
        redacted: Vec::new(),
        completeness,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::record::{Process, Shared};

    fn actor(by: By) -> Actor {
        Actor {
            process: Shared::new(Process::default()),
            agent: None,
            by,
            gone: false,
        }
    }

    fn touch(changes: &[FileTouch]) -> record::Tamper {
        let changes = changes.to_vec();
        let seen = Touched {
            changes,
            count: 3,
            ..Touched::default()
        };
        touched(seen, actor(By::Parent))
    }

    #[test]
    fn the_most_telling_change_names_the_action() {
        use FileTouch::*;
        let told = touch(&[Attribute, Delete, Attribute]);
        assert_eq!(told.action, "tracker.unlink");
        assert_eq!(told.changes, ["delete", "attribute"]);
        assert_eq!(told.completeness.count, 3);
        assert_eq!(touch(&[CloseAfterWrite, Create]).action, "tracker.create");
        assert_eq!(touch(&[CloseAfterWrite, Write]).action, "tracker.write");
        assert_eq!(touch(&[MovedTo]).action, "tracker.rename");
        let all = [
            Delete,
            MovedFrom,
            MovedTo,
            Create,
            Write,
            CloseAfterWrite,
            Attribute,
            Request,
        ];
        let named: BTreeSet<_> = all.iter().map(action).collect();
        assert_eq!(named, TOUCHED.iter().copied().collect());
        assert!(
            !touch(&[Write]).expected,
            "nobody is expected to write there"
        );
    }

    #[test]
    fn requests_are_named_by_their_call() {
        let check = |number, value, expect: &str| {
            let body = Tamper {
                number,
                value,
                ..Tamper::default()
            };
            assert_eq!(asked(&body), expect);
        };
        check(0, 0, "ACCESS");
        check(101, 16, "ATTACH");
        check(101, 0x4206, "SEIZE");
        check(311, 7, "process_vm_writev");
    }
}
