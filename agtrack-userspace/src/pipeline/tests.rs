//! Records that wait for hashes, through all rooms.

use agtrack_common::event::{Kind, Unlink};
use agtrack_common::wire::Header;
use zerocopy::IntoBytes;

use super::session::tests::{exit, message, over, process, session};
use super::*;
use crate::input::{Deed, Hashed};
use crate::record::{Effect, Sha256, Unhashed};

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
