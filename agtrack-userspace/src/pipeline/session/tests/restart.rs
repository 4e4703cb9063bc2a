//! Sessions over the end of a recorder and the start of the next, and what bound them.

use super::*;
use crate::record::{Agent, SessionTotals, WhyOver};

fn bound(key: u64, binding: Binding, resumed: Option<Resumed>) -> Input<'static> {
    let Input::Session(session) = session(key) else {
        unreachable!()
    };
    Input::Session(Box::new(NewSession {
        binding,
        cgroup_id: Some(key),
        container: None,
        resumed,
        ..*session
    }))
}

/// Records of sessions and gaps that these inputs make, in a word, with their session.
fn changes(pipeline: &mut Pipeline, inputs: Vec<Input<'_>>) -> Vec<(&'static str, Draft)> {
    let mut drafts = Vec::new();
    for input in inputs {
        pipeline.accept(input, &mut drafts);
    }
    let word = |draft: Draft| match &draft.body {
        Body::Session(change) => Some((
            match change.change {
                Change::Start => "start",
                Change::Suspend => "suspend",
                Change::Resume => "resume",
                Change::End => "end",
                _ => "?",
            },
            draft,
        )),
        Body::Gap(_) => Some(("gap", draft)),
        _ => None,
    };
    drafts.into_iter().filter_map(word).collect()
}

fn words(changes: &[(&'static str, Draft)]) -> Vec<(&'static str, u128)> {
    let session = |draft: &Draft| draft.agent.as_ref().unwrap().session.as_u128();
    changes
        .iter()
        .map(|(word, draft)| (*word, session(draft)))
        .collect()
}

fn session_of(draft: &Draft) -> &SessionChange {
    let Body::Session(change) = &draft.body else {
        panic!("{draft:?}")
    };
    change
}

#[test]
fn what_the_next_recorder_can_find_again_is_suspended() {
    let mut pipeline = pipeline();
    let told = changes(
        &mut pipeline,
        vec![
            bound(7, Binding::Cgroup, None),
            bound(8, Binding::Launcher, None),
            bound(9, Binding::Cgroup, None),
            process(1, 7),
            process(3, 9),
            Input::SessionOver {
                at: 9,
                key: 9,
                dropped: false,
                why: None,
            },
            message(exit(1, 7, 100)),
            Input::Stop,
        ],
    );
    let expect = [
        ("start", 7),
        ("start", 8),
        ("start", 9),
        ("suspend", 7),
        ("end", 8),
        ("end", 9),
    ];
    assert_eq!(words(&told), expect, "the cgroup of 9 is gone");
    let suspended = session_of(&told[3].1);
    assert_eq!(suspended.totals.actions["process.exit"], 1);
    assert_eq!(suspended.bound.as_ref().unwrap().cgroup_id, Some(7));
    assert_eq!(session_of(&told[5].1).still_running, ["-3-5"]);
}

#[test]
fn a_process_that_somebody_asked_for_goes_on() {
    let Input::Session(session) = bound(8, Binding::Launcher, None) else {
        unreachable!()
    };
    let asked = Input::Session(Box::new(NewSession {
        request: Some(crate::record::Requester::default()),
        ..*session
    }));
    let inputs = vec![asked, process(1, 8), Input::Stop];
    let told = changes(&mut pipeline(), inputs);
    assert_eq!(words(&told), [("start", 8), ("suspend", 8)]);
    let suspended = session_of(&told[1].1);
    assert_eq!(suspended.still_running, ["-1-5"]);
    let bound = suspended.bound.as_ref().unwrap();
    assert!(bound.request.is_some(), "{bound:?}");
}

#[test]
fn a_resumed_session_adds_to_what_it_had_done() {
    let totals = SessionTotals {
        actions: [("process.exit".to_owned(), 4)].into(),
        tool_calls: 2,
        bytes_out: 5,
        ..SessionTotals::default()
    };
    let resumed = |totals| Resumed {
        kept: false,
        since: 60,
        totals,
        totals_since: None,
        ..Resumed::default()
    };
    let run = |totals| {
        let inputs = vec![
            bound(7, Binding::Cgroup, Some(resumed(totals))),
            process(1, 7),
            message(exit(1, 7, 100)),
            Input::Stop,
        ];
        let told = changes(&mut pipeline(), inputs);
        assert_eq!(words(&told), [("resume", 7), ("gap", 7), ("suspend", 7)]);
        told
    };
    let told = run(Some(totals));
    let Body::Gap(gap) = &told[1].1.body else {
        panic!("{told:?}")
    };
    assert_eq!((gap.reason, gap.from), (GapReason::NotRecording, 60));
    let end = session_of(&told[2].1);
    assert_eq!(end.totals.actions["process.exit"], 5);
    assert_eq!((end.totals.tool_calls, end.totals.bytes_out), (2, 5));
    assert_eq!(end.totals_since, None);
    // After a crash what was counted before is not known.
    let end = session_of(&run(None)[2].1).clone();
    assert_eq!(end.totals.actions["process.exit"], 1);
    assert_eq!(end.totals_since, Some(60));
}

#[test]
fn one_that_nobody_saw_end_ends_with_what_is_known() {
    let agent = Agent {
        id: "a".to_owned(),
        name: "a".to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
        session: Uuid::from_u128(5),
        parent: None,
        program: None,
        binding: Binding::Cgroup,
    };
    let unended = Unended {
        agent,
        command: Vec::new(),
        cgroup: Some("/agents/x".into()),
        totals: None,
        totals_since: None,
        calls: Vec::new(),
        why: WhyOver::Reboot,
        last_recorded: "2026-11-22T21:03:11Z".to_owned(),
        boot_id: "before".to_owned(),
    };
    let told = changes(&mut pipeline(), vec![Input::Unended(Box::new(unended))]);
    assert_eq!(words(&told), [("end", 5)]);
    let unseen = session_of(&told[0].1).unseen.clone().unwrap();
    assert!(
        !unseen.totals_known && unseen.boot_id == "before",
        "{unseen:?}"
    );
}

#[test]
fn a_launched_session_says_who_launched_it() {
    let facts = |pid, parent, user| {
        Input::Process(Box::new(ProcessFacts {
            pid,
            start: 5,
            ppid: parent,
            parent_start: if parent == 0 { 0 } else { 5 },
            user: Some(user),
            args: vec!["agtrack".into(), "--password".into(), "hunter2".into()],
            ..ProcessFacts::default()
        }))
    };
    let Input::Session(session) = bound(8, Binding::Launcher, None) else {
        unreachable!()
    };
    let root = Some(ProcessKey { pid: 2, start: 5 });
    let launched = Input::Session(Box::new(NewSession { root, ..*session }));
    let told = changes(
        &mut pipeline(),
        vec![facts(1, 0, 0), facts(2, 1, 1001), launched],
    );
    let bound = session_of(&told[0].1).bound.clone().unwrap();
    let parent = bound.parent.unwrap();
    assert_eq!((bound.user, bound.cgroup_id), (Some(1001), Some(8)));
    assert_eq!((parent.pid, parent.user), (1, Some(0)));
    assert!(
        !parent.args[2].printable().contains("hunter2"),
        "{parent:?}"
    );
}

/// What was recorded before is not said to be unknown.
#[test]
fn a_process_that_was_recorded_before_says_since_when_it_was_not() {
    let known = ProcessKey { pid: 1, start: 5 };
    let resumed = Resumed {
        since: 60,
        processes: vec![known],
        ..Resumed::default()
    };
    let late = |key| Input::LateTag {
        key,
        session: 7,
        open: Vec::new(),
    };
    let other = ProcessKey { pid: 2, start: 6 };
    let inputs = vec![
        bound(7, Binding::Cgroup, Some(resumed)),
        process(1, 7),
        late(known),
        late(other),
    ];
    let told = changes(&mut pipeline(), inputs);
    assert_eq!(session_of(&told[0].1).still_running, ["-1-5"]);
    let gaps: Vec<_> = told[2..]
        .iter()
        .map(|(_, draft)| match &draft.body {
            Body::Gap(gap) => (gap.reason, gap.from, gap.detail.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    let [before, unknown] = gaps[..] else {
        panic!("{gaps:?}")
    };
    assert_eq!((before.0, before.1), (GapReason::LateTag, 60));
    assert!(
        before.2.contains("was recorded by the recorder before"),
        "{}",
        before.2
    );
    assert_eq!(unknown.1, 6 * crate::record::TICK);
    assert!(
        unknown.2.contains("did not see what it did before"),
        "{}",
        unknown.2
    );
}

#[test]
fn one_that_a_reload_ends_says_so() {
    let inputs = vec![
        bound(7, Binding::Cgroup, None),
        Input::SessionOver {
            at: 9,
            key: 7,
            dropped: true,
            why: Some(WhyOver::Reload),
        },
        Input::Stop,
    ];
    let told = changes(&mut pipeline(), inputs);
    assert_eq!(words(&told), [("start", 7), ("end", 7)]);
    assert_eq!(session_of(&told[1].1).why, Some(WhyOver::Reload));
}
