//! Records that wait for hashes, through all rooms.

use agtrack_common::event::{Kind, Unlink};
use agtrack_common::wire::Header;
use zerocopy::IntoBytes;

use super::session::tests::{exit, message, over, process, session};
use super::*;
use crate::input::{Deed, Hashed, NewSession, RootProgram};
use crate::record::{Effect, ProgramHash, Sha256, Unhashed};

fn clock(boot: u64) -> Input<'static> {
    Input::Clock(Clock { boot, wall: boot })
}

fn unlink(pid: u32, session: u64, time: u64) -> Vec<u8> {
    let header = Header {
        kind: Kind::Unlink as u16,
        time,
        tgid: pid,
        tid: pid,
        start: 5 * crate::record::TICK,
        session,
        ..Header::default()
    };
    [header.as_bytes(), Unlink::default().as_bytes()].concat()
}

const PATIENCE: u64 = 500_000_000;

/// One process of an agent removes a file and ends, and with it the session; the process of another
/// agent ends later.
fn scene(hashes: bool) -> Pipeline {
    let start = Start {
        hashes,
        hash_wait: PATIENCE,
        ..Start::default()
    };
    let mut drafts = Vec::new();
    let mut pipeline = Pipeline::new(start, &mut drafts);
    let inputs = [
        session(7),
        session(8),
        process(1, 7),
        process(2, 8),
        over(false),
        message(unlink(1, 7, 80)),
        message(exit(1, 7, 90)),
        message(exit(2, 8, 100)),
    ];
    for input in inputs {
        pipeline.accept(input, &mut drafts);
        assert!(pipeline.take_wanted().is_empty());
    }
    pipeline
}

/// What a draft is, and what came of it.
fn told(drafts: &[Draft]) -> Vec<(String, Option<Effect>)> {
    let told = drafts.iter().map(|draft| match &draft.body {
        Body::Action(action) => (action.action.clone(), action.effect.clone()),
        Body::Session(change) => {
            assert_eq!(
                change.totals.actions.len(),
                2,
                "its last actions are in its totals"
            );
            ("end".to_owned(), None)
        }
        other => panic!("{other:?}"),
    });
    told.collect()
}

fn all(effect: Option<Effect>) -> Vec<(String, Option<Effect>)> {
    let plain = |name: &str| (name.to_owned(), None);
    let unlink = ("file.unlink".to_owned(), effect);
    vec![
        unlink,
        plain("process.exit"),
        plain("end"),
        plain("process.exit"),
    ]
}

#[test]
fn a_session_does_not_end_before_its_actions_nor_does_another_agent_overtake() {
    let (mut pipeline, mut drafts) = (scene(true), Vec::new());
    pipeline.accept(clock(1_000_000_000), &mut drafts);
    assert!(drafts.is_empty() && pipeline.awaits_hashes(), "{drafts:?}");
    let wanted = pipeline.take_wanted();
    let [wanted] = &wanted[..] else {
        panic!("{wanted:?}")
    };
    assert_eq!((&wanted.deed, wanted.pids), (&Deed::Removed, [1, 0]));
    let effect = Effect {
        sha256: Some(Sha256([7; 32])),
        ..Effect::default()
    };
    let hashed = Hashed {
        ticket: wanted.ticket,
        file: Some(effect.clone()),
        script: None,
    };
    pipeline.accept(Input::Hashed(Box::new(hashed)), &mut drafts);
    assert_eq!(told(&drafts), all(Some(effect)));
    assert!(!pipeline.awaits_hashes());
}

#[test]
fn nobody_waits_for_an_answer_that_does_not_come() {
    let (mut pipeline, mut drafts) = (scene(true), Vec::new());
    let begun = 1_000_000_000;
    for boot in [begun, begun + PATIENCE - 1] {
        pipeline.accept(clock(boot), &mut drafts);
        assert!(drafts.is_empty(), "{drafts:?}");
    }
    pipeline.accept(clock(begun + PATIENCE), &mut drafts);
    assert_eq!(
        told(&drafts),
        all(Some(Effect::without(None, Unhashed::Late)))
    );
}

/// A log from before there were hashes has no answers.
#[test]
fn where_nobody_answers_nothing_is_asked() {
    let (mut pipeline, mut drafts) = (scene(false), Vec::new());
    pipeline.accept(clock(1_000_000_000), &mut drafts);
    assert!(pipeline.take_wanted().is_empty());
    assert_eq!(told(&drafts), all(None));
}

#[test]
fn a_stop_tells_all_that_waits_before_it_ends() {
    let (mut pipeline, mut drafts) = (scene(true), Vec::new());
    pipeline.accept(clock(1_000_000_000), &mut drafts);
    pipeline.accept(Input::Stop, &mut drafts);
    let late = Some(Effect::without(None, Unhashed::Late));
    assert_eq!(told(&drafts[..4]), all(late));
    assert!(matches!(
        &drafts.last().unwrap().body,
        Body::Lifecycle(last) if last.change == Change::End
    ));
}

/// A session that a program has bound begins.
fn begins() -> Input<'static> {
    let Input::Session(new) = session(7) else {
        panic!("no session")
    };
    Input::Session(Box::new(NewSession {
        program: Some(RootProgram {
            exe: "/usr/bin/node".into(),
            device: Some("8:1".to_owned()),
            inode: Some(99),
            script: Some("/opt/agent.js".into()),
            seen: 50,
        }),
        ..*new
    }))
}

/// Its begin waits for what is in its program's file.
#[test]
fn a_session_says_what_its_program_was() {
    let start = Start {
        hashes: true,
        hash_wait: PATIENCE,
        ..Start::default()
    };
    let (mut pipeline, mut drafts) = (Pipeline::new(start, &mut Vec::new()), Vec::new());
    pipeline.accept(clock(100), &mut drafts);
    pipeline.accept(begins(), &mut drafts);
    let wanted = pipeline.take_wanted();
    let [wanted] = &wanted[..] else {
        panic!("{wanted:?}")
    };
    assert_eq!((wanted.inode, wanted.at), (Some(99), 50));
    let script = Some("/opt/agent.js".into());
    assert_eq!(wanted.deed, Deed::Executed { script });
    let effect = |byte| Effect {
        sha256: Some(Sha256([byte; 32])),
        ..Effect::default()
    };
    let hashed = Hashed {
        ticket: wanted.ticket,
        file: Some(effect(1)),
        script: Some(effect(2)),
    };
    pipeline.accept(Input::Hashed(Box::new(hashed)), &mut drafts);
    let exe = |drafts: &[Draft]| match &drafts.last().unwrap().body {
        Body::Session(change) => change.bound.clone().unwrap().exe.unwrap(),
        other => panic!("{other:?}"),
    };
    let told = exe(&drafts);
    assert_eq!((told.path, told.inode), ("/usr/bin/node".into(), Some(99)));
    let expect = ProgramHash {
        sha256: Some(Sha256([1; 32])),
        script_sha256: Some(Sha256([2; 32])),
        ..ProgramHash::default()
    };
    assert_eq!(told.hash, expect);
    // Nobody waits for ever.
    pipeline.accept(begins(), &mut drafts);
    pipeline.accept(clock(100 + PATIENCE), &mut drafts);
    let late = Some(Unhashed::Late);
    let hash = exe(&drafts).hash;
    assert_eq!((hash.unhashed, hash.script_unhashed), (late, late));
}

#[test]
fn heartbeats_say_how_the_sinks_are_doing() {
    let mut drafts = Vec::new();
    let mut pipeline = Pipeline::new(Start::default(), &mut drafts);
    let sinks = vec![SinkHealth {
        state: Default::default(),
        behind_ms: 0,
        last_minute: 0,
        next_try: None,
        name: "siem".to_owned(),
        delivered_seq: 7,
        behind: 3,
        refused: 0,
        error: Some("no route to host".to_owned()),
    }];
    let told = Input::Sinks {
        sinks: sinks.clone(),
    };
    // As an input log has it.
    let text = serde_json::to_string(&told).unwrap();
    pipeline.accept(serde_json::from_str(&text).unwrap(), &mut drafts);
    let counters = Input::Counters {
        counters: Vec::new(),
        floods: Vec::new(),
    };
    for input in [clock(61_000_000_000), counters] {
        pipeline.accept(input, &mut drafts);
    }
    let beats: Vec<_> = drafts
        .iter()
        .filter_map(|draft| match &draft.body {
            Body::Heartbeat(beat) => Some(beat.sinks.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(beats, [sinks]);
}
