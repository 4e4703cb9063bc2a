use agtrack_common::event::{Exit, Kind};
use agtrack_common::wire::Header;
use uuid::Uuid;
use zerocopy::IntoBytes;

use super::*;
use crate::input::FloodCount;
use crate::input::{Input, ProcessFacts, Start};
use crate::record::Binding;

mod restart;

fn pipeline() -> Pipeline {
    Pipeline::new(Start::default(), &mut Vec::new())
}

pub(in crate::pipeline) fn session(key: u64) -> Input<'static> {
    Input::Session(Box::new(NewSession {
        key,
        id: Uuid::from_u128(key.into()),
        agent_id: "agent".to_owned(),
        agent_name: "agent".to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
        binding: Binding::Cgroup,
        root: None,
        command: Vec::new(),
        cgroup: None,
        cgroup_id: None,
        container: None,
        resumed: None,
        parent: None,
        origin: None,
        request: None,
        program: None,
        programs: Vec::new(),
    }))
}

pub(in crate::pipeline) fn process(pid: u32, session: u64) -> Input<'static> {
    Input::Process(Box::new(ProcessFacts {
        pid,
        start: 5,
        session,
        ..ProcessFacts::default()
    }))
}

fn gone(pid: u32, session: u64) -> Input<'static> {
    let key = ProcessKey { pid, start: 5 };
    Input::Gone {
        at: 9,
        key,
        session,
    }
}

pub(in crate::pipeline) fn over(dropped: bool) -> Input<'static> {
    Input::SessionOver {
        at: 9,
        key: 7,
        dropped,
        why: None,
    }
}

/// Time enough for all that waits.
fn later() -> Input<'static> {
    Input::Clock(crate::input::Clock {
        boot: 1_000_000_000,
        wall: 0,
    })
}

/// The sessions that end with these inputs, and who still runs in them.
fn ended(pipeline: &mut Pipeline, inputs: Vec<Input<'_>>) -> Vec<(u128, Vec<String>)> {
    let mut drafts = Vec::new();
    for input in inputs {
        pipeline.accept(input, &mut drafts);
    }
    drafts
        .into_iter()
        .filter_map(|draft| match draft.body {
            Body::Session(change) if change.change == Change::End => {
                Some((draft.agent?.session.as_u128(), change.still_running))
            }
            _ => None,
        })
        .collect()
}

/// Otherwise leaving the cgroup and having it removed would be a way out of the record.
#[test]
fn a_session_outlives_its_cgroup_with_the_processes_that_left_it() {
    let mut pipeline = pipeline();
    let begun = vec![
        session(7),
        process(1, 7),
        process(2, 7),
        over(false),
        gone(1, 7),
        later(),
    ];
    assert_eq!(ended(&mut pipeline, begun), []);
    assert!(pipeline.knows(7));
    let end = ended(&mut pipeline, vec![gone(2, 7), later()]);
    assert_eq!(end, [(7, Vec::new())]);
    assert!(!pipeline.knows(7));
}

#[test]
fn a_cgroups_session_without_processes_ends_with_the_cgroup() {
    let all = vec![session(7), process(1, 7), gone(1, 7), over(false), later()];
    assert_eq!(ended(&mut pipeline(), all), [(7, Vec::new())]);
}

#[test]
fn a_session_that_no_rule_wants_ends_and_names_who_goes_on() {
    let mut pipeline = pipeline();
    let all = vec![
        session(7),
        session(8),
        process(1, 7),
        process(2, 8),
        over(true),
    ];
    assert_eq!(ended(&mut pipeline, all), []);
    // From now on its tags are nobody's, whatever is still to be told of it.
    assert!(!pipeline.knows(7));
    assert_eq!(
        ended(&mut pipeline, vec![later()]),
        [(7, vec!["-1-5".to_owned()])]
    );
    // Watched again: nobody is left of the time before.
    assert_eq!(ended(&mut pipeline, vec![session(7)]), []);
    let stop = ended(&mut pipeline, vec![Input::Stop]);
    assert_eq!(stop, [(7, Vec::new()), (8, vec!["-2-5".to_owned()])]);
}

#[test]
fn one_that_is_watched_again_at_once_ends_before_it_begins() {
    let mut pipeline = pipeline();
    let all = vec![session(7), process(1, 7), over(true), session(7), later()];
    assert_eq!(ended(&mut pipeline, all), [(7, vec!["-1-5".to_owned()])]);
    assert!(pipeline.knows(7));
}

pub(in crate::pipeline) fn exit(pid: u32, session: u64, time: u64) -> Vec<u8> {
    let header = Header {
        kind: Kind::Exit as u16,
        time,
        tgid: pid,
        tid: pid,
        start: 5 * crate::record::TICK,
        session,
        ..Header::default()
    };
    let body = Exit {
        status: 0,
        ..Exit::default()
    };
    [header.as_bytes(), body.as_bytes()].concat()
}

pub(in crate::pipeline) fn message(bytes: Vec<u8>) -> Input<'static> {
    Input::Message {
        bytes: bytes.into(),
    }
}

/// The end of a cgroup is seen while the rings are read, when what happened before may wait in
/// the ring that is read last.
#[test]
fn the_end_of_one_session_pushes_nothing_of_another_ahead() {
    let mut pipeline = pipeline();
    let mut drafts = Vec::new();
    let inputs = [
        session(7),
        session(8),
        process(1, 8),
        process(2, 8),
        message(exit(1, 8, 100)),
        Input::SessionOver {
            at: 90,
            key: 7,
            dropped: false,
            why: None,
        },
        message(exit(2, 8, 80)),
        later(),
    ];
    for input in inputs {
        pipeline.accept(input, &mut drafts);
    }
    let told: Vec<_> = drafts
        .iter()
        .skip_while(|draft| draft.time < 80)
        .map(|draft| draft.time)
        .collect();
    assert_eq!(told, [80, 90, 100], "{drafts:?}");
}

/// Tagged on suspicion: it is nobody's, now and when a session of its own begins.
#[test]
fn a_process_of_a_session_that_is_not_known_is_nobodys() {
    let mut pipeline = pipeline();
    let all = vec![process(1, 7), session(7), process(1, 7), Input::Stop];
    assert_eq!(ended(&mut pipeline, all), [(7, vec!["-1-5".to_owned()])]);
    let alone = vec![process(3, 9), session(9), Input::Stop];
    assert_eq!(ended(&mut pipeline, alone), [(9, Vec::new())]);
}

#[test]
fn tags_that_had_no_room_are_a_gap() {
    let mut drafts = Vec::new();
    let full = Input::TagsFull {
        processes: 2,
        cgroups: 1,
    };
    pipeline().accept(full, &mut drafts);
    let [draft] = &drafts[..] else {
        panic!("{drafts:?}")
    };
    let Body::Gap(gap) = &draft.body else {
        panic!("{draft:?}")
    };
    assert_eq!((gap.reason, gap.count), (GapReason::MapFull, Some(3)));
}

/// The counters are told once a second.
#[test]
fn a_flood_is_a_gap_of_its_agent_also_when_that_has_just_ended() {
    let mut drafts = Vec::new();
    let mut pipeline = pipeline();
    let flood = FloodCount {
        session: 7,
        hook: agtrack_common::event::hook::OPEN_SYSCALL,
        count: 3,
    };
    let floods = Input::Counters {
        counters: Vec::new(),
        floods: vec![flood],
    };
    for input in [session(7), over(false), later(), floods] {
        pipeline.accept(input, &mut drafts);
    }
    assert!(!pipeline.knows(7), "it has ended");
    let last = drafts.pop().unwrap();
    let Body::Gap(gap) = &last.body else {
        panic!("{last:?}")
    };
    assert_eq!((gap.reason, gap.count), (GapReason::SessionBudget, Some(3)));
    assert_eq!(gap.action.as_deref(), Some("file.open"));
    assert_eq!(last.agent.unwrap().session.as_u128(), 7);
}
