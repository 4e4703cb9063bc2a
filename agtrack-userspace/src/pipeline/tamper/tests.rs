use agtrack_common::event::{Exit, Kind};
use agtrack_common::wire::Header;
use zerocopy::IntoBytes;

use super::*;
use crate::input::{Clock, FileTouch, Input, Kept, ProcessFacts, Start, Tracker};
use crate::pipeline::session::tests::session;
use crate::record::{By, OutcomeResult, ProcessKey, Text};

/// In ticks.
const START: u64 = 50;
const SESSION: u64 = 9;

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start: START }
}

/// The recorder is 70, started by 60.
fn pipeline() -> Pipeline {
    recorder(None)
}

fn recorder(kept: Option<Kept>) -> Pipeline {
    let start = Start {
        kept,
        tracker: Some(Tracker {
            key: key(70),
            parent: Some(key(60)),
            cgroup: Some("/service".into()),
            cgroup_id: Some(33),
            exe: Some("/usr/bin/agtrack".into()),
        }),
        ..Start::default()
    };
    let mut pipeline = Pipeline::new(start, &mut Vec::new());
    pipeline.accept(session(SESSION), &mut Vec::new());
    pipeline
}

fn facts(pid: u32, ppid: u32, cgroup: &str, session: u64) -> Input<'static> {
    Input::Process(Box::new(ProcessFacts {
        pid,
        start: START,
        ppid,
        parent_start: START,
        exe: Some("/bin/kill".into()),
        args: vec!["kill".into(), "--password=hunter2".into()],
        cgroup: Some(cgroup.into()),
        session,
        ..ProcessFacts::default()
    }))
}

fn message<B: IntoBytes + zerocopy::Immutable>(
    kind: Kind,
    (pid, session): (u32, u64),
    body: B,
) -> Input<'static> {
    let header = Header {
        kind: kind as u16,
        time: 1_000,
        tgid: pid,
        tid: pid,
        start: START * crate::record::TICK,
        session,
        ..Header::default()
    };
    let bytes = [header.as_bytes(), body.as_bytes()].concat();
    Input::Message {
        bytes: bytes.into(),
    }
}

fn signal(pid: u32, session: u64) -> Input<'static> {
    let body = Tamper {
        value: 15,
        exe_path: agtrack_common::wire::Path {
            flags: agtrack_common::wire::path_flag::UNREADABLE,
            ..Default::default()
        },
        coalesced: 4,
        ..Tamper::default()
    };
    message(Kind::TrackerSignal, (pid, session), body)
}

fn touched(pid: u32, start: u64) -> Input<'static> {
    Input::Touched(Box::new(Touched {
        at: 2_000,
        pid,
        start,
        path: Text::from(b"/j/segment".to_vec()),
        changes: vec![FileTouch::Delete],
        count: 1,
        ..Touched::default()
    }))
}

/// What some inputs make of it: whose, and the record.
fn told(pipeline: &mut Pipeline, inputs: Vec<Input<'static>>) -> (Option<String>, record::Tamper) {
    let mut drafts = Vec::new();
    for input in inputs {
        pipeline.accept(input, &mut drafts);
    }
    let clock = Clock {
        boot: 20_000_000,
        wall: 0,
    };
    pipeline.accept(Input::Clock(clock), &mut drafts);
    let mut found = drafts.into_iter().filter_map(|draft| match draft.body {
        Body::Tamper(tamper) => {
            let agent = draft.agent.map(|agent| agent.name.clone());
            Some((agent, *tamper))
        }
        _ => None,
    });
    let one = found.next().expect("it is told of");
    assert!(found.next().is_none(), "once");
    one
}

fn check_signal(pid: u32, facts: Input<'static>, expect: (By, bool)) {
    let (agent, told) = told(&mut pipeline(), vec![facts, signal(pid, 0)]);
    assert_eq!((told.by, told.expected), expect, "{pid}");
    assert_eq!(agent, None);
    assert_eq!(told.action, "tracker.signal");
    assert_eq!(told.outcome.result, OutcomeResult::Success);
    assert_eq!(told.completeness.count, 5, "with those only counted");
    let crate::record::Object::Request {
        request,
        target_pid,
        target_uid,
        ..
    } = told.object
    else {
        panic!("{:?}", told.object)
    };
    assert_eq!((request.as_str(), target_pid), ("SIGTERM", Some(70)));
    assert_eq!(target_uid.as_deref(), Some("-70-50"));
    assert!(
        !format!("{:?}", told.process).contains("hunter2"),
        "secrets are taken out"
    );
}

#[test]
fn whoever_started_the_recorder_may_end_it() {
    check_signal(60, facts(60, 1, "/other", 0), (By::Parent, true));
    check_signal(1, facts(1, 0, "/init", 0), (By::Init, true));
    // `ExecReload=/bin/kill -HUP $MAINPID`
    check_signal(80, facts(80, 60, "/service", 0), (By::Parent, true));
    check_signal(81, facts(81, 60, "/other", 0), (By::Other, false));
    check_signal(82, facts(82, 1, "/service", 0), (By::Other, false));
}

/// The kernel has recorded it before this recorder was there.
#[test]
fn who_ended_the_recorder_before_is_told_as_nothing_more() {
    let mut pipeline = recorder(Some(Kept::default()));
    let (_, told) = told(
        &mut pipeline,
        vec![facts(60, 1, "/other", 0), signal(60, 0)],
    );
    assert_eq!((told.by, told.expected), (By::Other, false));
    let crate::record::Object::Request { target_pid, .. } = told.object else {
        panic!("{:?}", told.object)
    };
    assert_eq!(target_pid, None, "nobody knows its number any more");
}

/// It ended before anybody could ask /proc: the kernel has told where it was, and whose child.
#[test]
fn of_one_that_is_gone_the_kernel_has_told() {
    let told = |cgroup, parent| {
        let body = Tamper {
            value: 1,
            cgroup,
            parent,
            parent_start: START * crate::record::TICK,
            login_user: 1000,
            euid: 3,
            ..Tamper::default()
        };
        let signal = message(Kind::TrackerSignal, (80, 0), body);
        let where_it_was = Input::Cgroup {
            id: 44,
            path: "/other".into(),
        };
        told(&mut pipeline(), vec![where_it_was, signal]).1
    };
    let kin = told(33, 60);
    assert_eq!((kin.by, kin.expected), (By::Parent, true));
    assert_eq!(kin.process.cgroup, Some("/service".into()));
    let process = &kin.process;
    assert_eq!((process.ppid, process.login_user), (Some(60), Some(1000)));
    assert_eq!(process.euser, Some(3));
    for (cgroup, parent, path) in [
        (44, 60, Some("/other".into())),
        (33, 1, Some("/service".into())),
        (0, 60, None),
    ] {
        let other = told(cgroup, parent);
        assert_eq!(
            (other.by, other.expected),
            (By::Other, false),
            "{cgroup} {parent}"
        );
        assert_eq!(other.process.cgroup, path);
    }
}

#[test]
fn an_agent_is_one_whatever_else_it_is() {
    let inputs = vec![facts(80, 60, "/service", SESSION), signal(80, SESSION)];
    let (agent, told) = told(&mut pipeline(), inputs);
    assert_eq!(agent.as_deref(), Some("agent"));
    assert_eq!((told.by, told.expected), (By::Agent, false));
}

#[test]
fn who_has_changed_a_file_is_looked_up() {
    let (agent, told) = told(
        &mut pipeline(),
        vec![facts(80, 1, "/x", 0), touched(80, START)],
    );
    assert_eq!((agent, told.by), (None, By::Other));
    assert_eq!(told.action, "tracker.unlink");
    assert_eq!(told.process.exe, Some("/bin/kill".into()));
    assert_eq!(told.completeness.notes, Vec::<String>::new());
}

/// It may be over before anybody can look: of an agent's process its events have told.
#[test]
fn an_agents_process_that_has_ended_is_known_by_its_number() {
    let exit = message(Kind::Exit, (80, SESSION), Exit::default());
    let inputs = vec![facts(80, 1, "/x", SESSION), exit, touched(80, 0)];
    let (agent, told) = told(&mut pipeline(), inputs);
    assert_eq!(agent.as_deref(), Some("agent"));
    assert_eq!(told.by, By::Agent);
    assert_eq!(told.process.uid, "-80-50");
    assert_eq!(told.completeness.notes, ["gone"]);
}

#[test]
fn a_process_of_agtrack_is_told_apart() {
    let Input::Process(mut own) = facts(80, 1, "/x", 0) else {
        unreachable!()
    };
    own.exe = Some("/usr/bin/agtrack".into());
    let (_, told) = told(
        &mut pipeline(),
        vec![Input::Process(own), touched(80, START)],
    );
    assert_eq!(told.by, By::Own);
}

#[test]
fn of_others_only_the_number_is_left() {
    let (agent, told) = told(&mut pipeline(), vec![facts(80, 1, "/x", 0), touched(80, 0)]);
    assert_eq!((agent, told.by), (None, By::Other));
    assert_eq!((told.process.pid, &told.process.start), (80, &None));
    assert_eq!(told.process.uid, "", "no process is called by 0");
    assert_eq!(
        told.process.exe, None,
        "it may have been another of that number"
    );
    assert_eq!(told.completeness.notes, ["gone"]);
}

#[test]
fn without_a_number_it_is_said_that_it_is_not_known() {
    let (_, told) = told(&mut pipeline(), vec![touched(0, 0)]);
    assert_eq!(told.completeness.notes, ["unknown"]);
}

#[test]
fn what_the_kernel_forgot_is_a_gap() {
    let mut drafts = Vec::new();
    pipeline().accept(Input::TouchesLost, &mut drafts);
    let [
        Draft {
            body: Body::Gap(gap),
            ..
        },
    ] = &drafts[..]
    else {
        panic!("{drafts:?}")
    };
    assert_eq!(gap.reason, GapReason::TouchesLost);
}
