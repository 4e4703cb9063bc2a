mod content;
mod requests;

use agtrack_common::event::{Connect, Exit, Open, Rename};
use agtrack_common::wire::{Header, Outcome as Ended, Path};
use uuid::Uuid;

use super::*;
use crate::decode::Event;
use crate::record::{Binding, Object, OutcomeResult, Process, Shared};

const EACCES: i32 = -13;
const EINPROGRESS: i32 = -115;

fn known(time: u64, what: What, data: &[u8]) -> Known {
    let agent = Agent {
        id: "a".to_owned(),
        name: "a".to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
        session: Uuid::nil(),
        parent: None,
        program: None,
        binding: Binding::Launcher,
    };
    let header = Header {
        tid: 7,
        tgid: 7,
        time,
        ..Header::default()
    };
    Known {
        event: Event {
            header,
            what,
            data: data.to_vec(),
            parts_lost: false,
        },
        process: Shared::new(Process::default()),
        agent: Shared::new(agent),
        session: 1,
        cgroup: None,
        target_uid: None,
        env_names: None,
    }
}

fn open(time: u64, path: &str, ret: i32) -> Known {
    let path_length = Path {
        name: path.len() as u32,
        ..Path::default()
    };
    let body = Open {
        path: path_length,
        ret,
        ..Open::default()
    };
    known(time, What::Happened(Payload::Open(body)), path.as_bytes())
}

fn rename(time: u64, from: &str, to: &str) -> Known {
    renamed(time, from, to, RET_UNKNOWN)
}

fn renamed(time: u64, from: &str, to: &str, ret: i32) -> Known {
    let length = |text: &str| Path {
        name: text.len() as u32,
        ..Path::default()
    };
    let body = Rename {
        from: length(from),
        to: length(to),
        ret,
        ..Rename::default()
    };
    known(
        time,
        What::Happened(Payload::Rename(body)),
        format!("{from}{to}").as_bytes(),
    )
}

fn ended(time: u64, kind: Kind, flags: u32) -> Known {
    let body = Ended {
        kind: kind as u32,
        ret: 0,
        flags,
        high: 0,
    };
    known(time, What::Ended(body), b"")
}

/// The results in the order they come out, with what was opened or renamed.
fn check(events: Vec<Known>, expect: &[(&str, OutcomeResult)]) {
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    for event in events {
        correlator.push(event, &mut done);
    }
    correlator.give_up(u64::MAX, &mut done);
    let results: Vec<_> = done
        .iter()
        .map(|done| match &done.action.object {
            Object::Open { path, .. } => (path.escaped(), done.action.outcome.result),
            Object::Rename { from, .. } => (from.escaped(), done.action.outcome.result),
            Object::Uring(request) => {
                let path = request.path.as_ref().map(|path| path.escaped());
                (path.unwrap_or_default(), done.action.outcome.result)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let results: Vec<_> = results
        .iter()
        .map(|(path, result)| (&**path, *result))
        .collect();
    assert_eq!(results, expect);
}

/// An open of a file that is below no mount.
fn pseudo(mode: u32, name: &[u8], expect: &str) {
    let path = Path {
        walked: name.len() as u32,
        flags: agtrack_common::wire::path_flag::PSEUDO,
        ..Path::default()
    };
    let file = agtrack_common::wire::FileId {
        ino: 77,
        mode,
        ..Default::default()
    };
    let body = Open {
        file,
        path,
        ..Open::default()
    };
    let event = known(1, What::Happened(Payload::Open(body)), name);
    check(vec![event], &[(expect, OutcomeResult::Success)]);
}

#[test]
fn a_pipe_is_called_what_proc_calls_it() {
    pseudo(0o010_600, b"\0", "pipe:[77]");
}

#[test]
fn a_namespace_file_is_not_the_root_directory() {
    pseudo(0o100_444, b"/\0", "anon_inode:[77]");
}

#[test]
fn an_announcement_waits_for_its_result() {
    let events = vec![open(1, "/a", RET_UNKNOWN), ended(2, Kind::Open, 0)];
    check(events, &[("/a", OutcomeResult::Success)]);
}

#[test]
fn a_result_that_was_not_seen_is_unknown_not_success() {
    let events = vec![
        open(1, "/a", RET_UNKNOWN),
        open(2, "/b", RET_UNKNOWN),
        ended(3, Kind::Open, 0),
        open(4, "/c", RET_UNKNOWN),
    ];
    let expect = [
        ("/a", OutcomeResult::Unknown),
        ("/b", OutcomeResult::Success),
        ("/c", OutcomeResult::Unknown),
    ];
    check(events, &expect);
}

#[test]
fn a_refusal_completes_the_announcement_of_the_same_file() {
    let events = vec![open(1, "/a", RET_UNKNOWN), open(2, "/a", EACCES)];
    check(events, &[("/a", OutcomeResult::Failure)]);
}

#[test]
fn a_refusal_is_not_laid_on_an_older_announcement() {
    let events = vec![open(1, "/a", RET_UNKNOWN), open(2, "/b", EACCES)];
    check(
        events,
        &[
            ("/a", OutcomeResult::Unknown),
            ("/b", OutcomeResult::Failure),
        ],
    );
}

/// The announcement names the directory itself, the refusal the link that led there.
#[test]
fn a_refusal_through_a_link_completes_the_announcement() {
    let events = vec![
        rename(1, "/real/a", "/real/b"),
        renamed(2, "/link/a", "/link/b", EACCES),
        rename(3, "/real/a", "/real/b"),
        renamed(4, "/link/a", "/link/c", EACCES),
    ];
    let expect = [
        ("/real/a", OutcomeResult::Failure),
        ("/real/a", OutcomeResult::Unknown),
        ("/link/a", OutcomeResult::Failure),
    ];
    check(events, &expect);
}

#[test]
fn a_result_of_another_kind_completes_nothing() {
    let events = vec![open(1, "/a", RET_UNKNOWN), ended(2, Kind::Rename, 0)];
    check(events, &[("/a", OutcomeResult::Unknown)]);
}

#[test]
fn an_exchange_that_is_asked_twice_is_one_rename() {
    let events = vec![
        rename(1, "/b", "/a"),
        rename(1, "/a", "/b"),
        ended(2, Kind::Rename, 2),
    ];
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    for event in events {
        correlator.push(event, &mut done);
    }
    let [one] = &done[..] else { panic!("{done:?}") };
    let Object::Rename {
        from, rename_flags, ..
    } = &one.action.object
    else {
        panic!("{one:?}")
    };
    assert_eq!(
        (&*from.escaped(), &rename_flags[..]),
        ("/a", &["EXCHANGE".to_owned()][..])
    );
}

#[test]
fn what_a_process_left_open_is_told_when_it_ends() {
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    correlator.push(open(1, "/a", RET_UNKNOWN), &mut done);
    let exit = What::Happened(Payload::Exit(Exit::default()));
    correlator.push(known(2, exit, b""), &mut done);
    let actions: Vec<_> = done.iter().map(|done| &*done.action.action).collect();
    assert_eq!(actions, ["file.open", "process.exit"]);
}

/// A signal ends the call, and not what it began: the connection may be made afterwards.
#[test]
fn a_connect_that_a_signal_interrupts_is_in_progress() {
    let body = Connect {
        family: 2,
        ret: -512,
        ..Connect::default()
    };
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    let connect = known(1, What::Happened(Payload::Connect(body)), b"");
    correlator.push(connect, &mut done);
    let outcome = &done[0].action.outcome;
    assert_eq!(outcome.result, OutcomeResult::InProgress);
    assert_eq!(outcome.errno.as_deref(), Some("ERESTARTSYS"));
}

#[test]
fn a_connect_that_does_not_block_is_in_progress() {
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    let connect = |ret| {
        let body = Connect {
            family: 2,
            ret,
            ..Connect::default()
        };
        known(1, What::Happened(Payload::Connect(body)), b"")
    };
    correlator.push(connect(RET_UNKNOWN), &mut done);
    correlator.push(connect(EINPROGRESS), &mut done);
    let [one] = &done[..] else { panic!("{done:?}") };
    assert_eq!(one.action.outcome.result, OutcomeResult::InProgress);
    assert_eq!(one.action.outcome.errno.as_deref(), Some("EINPROGRESS"));
}
