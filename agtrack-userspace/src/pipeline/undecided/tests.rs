//! What waits for a runtime's answer, through all rooms.

use super::super::session::tests::{exit, message, over, process, session};
use super::*;
use crate::input::{Clock, Input, ProcessFacts, Start};
use crate::record::{Container, ProcessKey};

const ID: &str = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";

fn undecided() -> Input<'static> {
    let container = Container {
        runtime: Some("docker".to_owned()),
        id: ID.to_owned(),
        ..Container::default()
    };
    Input::Undecided { key: 7, container }
}

fn clock(boot: u64) -> Input<'static> {
    Input::Clock(Clock { boot, wall: boot })
}

fn pipeline() -> Pipeline {
    Pipeline::new(Start::default(), &mut Vec::new())
}

fn feed(pipeline: &mut Pipeline, inputs: Vec<Input<'_>>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for input in inputs {
        pipeline.accept(input, &mut drafts);
    }
    drafts
}

/// What is told, and when.
fn told(drafts: &[Draft]) -> Vec<(String, u64)> {
    let told = drafts.iter().map(|draft| {
        let what = match &draft.body {
            Body::Action(action) => action.action.clone(),
            Body::Session(change) => format!("session {:?}", change.change),
            Body::Gap(gap) => format!("gap {:?} {:?}", gap.reason, gap.count),
            other => format!("{other:?}").chars().take(9).collect(),
        };
        (what, draft.time)
    });
    told.collect()
}

fn list(told: &[(&str, u64)]) -> Vec<(String, u64)> {
    let told = told.iter();
    told.map(|(what, time)| ((*what).to_owned(), *time))
        .collect()
}

fn facts(pid: u32, session: u64, path: &str) -> Input<'static> {
    Input::Process(Box::new(ProcessFacts {
        pid,
        start: 5,
        session,
        cgroup: Some(path.into()),
        ..ProcessFacts::default()
    }))
}

#[test]
fn what_was_done_before_the_answer_is_told_after_it_in_its_order() {
    let mut pipeline = pipeline();
    let before = vec![
        clock(50),
        undecided(),
        session(8),
        process(1, 7),
        process(2, 8),
        message(exit(1, 7, 80)),
        message(exit(2, 8, 100)),
        clock(1_000_000_000),
    ];
    let drafts = feed(&mut pipeline, before);
    let others = list(&[("session Start", 50), ("process.exit", 100)]);
    assert_eq!(told(&drafts), others, "nobody waits for it");
    let drafts = feed(&mut pipeline, vec![session(7)]);
    let own = list(&[("session Start", 50), ("process.exit", 80)]);
    assert_eq!(told(&drafts), own);
    let drafts = feed(&mut pipeline, vec![over(false), clock(2_000_000_000)]);
    assert_eq!(told(&drafts), list(&[("session End", 9)]));
}

#[test]
fn what_is_nobodys_is_dismissed_and_nothing_of_it_is_told() {
    let mut pipeline = pipeline();
    let late = Input::LateTag {
        key: ProcessKey { pid: 1, start: 5 },
        session: 7,
        open: Vec::new(),
    };
    let inputs = vec![
        undecided(),
        process(1, 7),
        late,
        message(exit(1, 7, 80)),
        clock(1_000_000_000),
        Input::Nobodys { key: 7 },
        message(exit(1, 7, 90)),
        Input::Stop,
    ];
    let drafts = feed(&mut pipeline, inputs);
    assert!(
        drafts
            .iter()
            .all(|draft| matches!(draft.body, Body::Lifecycle(_)))
    );
    let Some(Body::Lifecycle(stopped)) = drafts.last().map(|draft| &draft.body) else {
        panic!("{drafts:?}");
    };
    let dismissed: u64 = stopped
        .totals
        .iter()
        .map(|hook| hook.counts.dismissed)
        .sum();
    let arrived: u64 = stopped.totals.iter().map(|hook| hook.counts.arrived).sum();
    assert_eq!(arrived, dismissed);
}

#[test]
fn ends_that_nobody_saw_wait_too() {
    let mut pipeline = pipeline();
    let gone = Input::Gone {
        at: 90,
        key: ProcessKey { pid: 1, start: 5 },
        session: 7,
    };
    let drafts = feed(
        &mut pipeline,
        vec![
            undecided(),
            process(1, 7),
            gone,
            over(false),
            clock(1_000_000_000),
        ],
    );
    assert_eq!(told(&drafts), []);
    let drafts = feed(&mut pipeline, vec![session(7), clock(2_000_000_000)]);
    let ends = list(&[("session Start", 0), ("session End", 90)]);
    assert_eq!(told(&drafts), ends);
}

#[test]
fn more_than_there_is_room_for_is_a_gap_of_the_session() {
    let mut pipeline = pipeline();
    let _ = feed(&mut pipeline, vec![undecided(), process(1, 7)]);
    let size = Held::Event(Box::new(Event {
        header: Default::default(),
        what: crate::decode::What::Ended(Default::default()),
        data: Vec::new(),
        parts_lost: false,
    }))
    .size();
    let many = MOST / size + 10;
    let mut inputs: Vec<_> = (0..many)
        .map(|n| message(exit(2, 7, 80 + n as u64)))
        .collect();
    inputs.push(clock(1_000_000_000));
    inputs.push(session(7));
    let drafts = feed(&mut pipeline, inputs);
    let Some(Body::Gap(gap)) = drafts.last().map(|draft| &draft.body) else {
        panic!("{:?}", drafts.last());
    };
    assert_eq!(gap.reason, GapReason::UndecidedFull);
    let exits = drafts.len() as u64 - 2;
    assert_eq!(gap.count, Some(many as u64 - exits));
    assert!(drafts.last().is_some_and(|draft| draft.agent.is_some()));
    assert_eq!(pipeline.undecided.bytes, 0, "there is room again");
}

#[test]
fn who_has_not_answered_at_the_end_is_told() {
    let mut pipeline = pipeline();
    let inputs = vec![undecided(), process(1, 7), Input::Stop];
    let drafts = feed(&mut pipeline, inputs);
    let gaps = told(&drafts);
    assert_eq!(gaps[0].0, "gap ContainerUnknown None");
    let detail = format!("{:?}", drafts[0].body);
    assert!(
        detail.contains(ID) && detail.contains("recording ended"),
        "{detail}"
    );
}

fn answer(name: &str, unanswered: Option<&str>) -> Input<'static> {
    let labels = [("password", "hunter2hunter2"), ("tier", "agents")];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Input::Container(Box::new(ContainerTold {
        container: Container {
            runtime: Some("docker".to_owned()),
            id: ID.to_owned(),
            name: Some(name.to_owned()),
            labels: std::sync::Arc::new(labels.into_iter().collect()),
            ..Container::default()
        },
        unanswered: unanswered.map(str::to_owned),
        ruled: true,
    }))
}

#[test]
fn a_container_is_asked_of_and_named_once_its_runtime_has_answered() {
    let mut pipeline = pipeline();
    let path = format!("/docker/{ID}/inner");
    let mut drafts = feed(&mut pipeline, vec![session(7), facts(1, 7, &path)]);
    let wanted = pipeline.take_unknown();
    assert_eq!(wanted.len(), 1);
    assert_eq!(
        (&*wanted[0].container.id, &wanted[0].cgroup),
        (ID, &(&*path).into())
    );
    let more = vec![facts(2, 7, &path), facts(3, 0, "/docker/x")];
    drafts.extend(feed(&mut pipeline, more));
    assert_eq!(pipeline.take_unknown(), [], "once");
    let inputs = vec![
        answer("box", None),
        message(exit(1, 7, 80)),
        clock(1_000_000_000),
    ];
    drafts.extend(feed(&mut pipeline, inputs));
    let found = drafts.iter().find_map(|draft| match &draft.body {
        Body::Action(action) => action.process.container.clone(),
        _ => None,
    });
    let found = found.expect("it is in a container");
    assert_eq!(found.name.as_deref(), Some("box"));
    let label = |key: &str| found.labels.get(key).map(String::as_str);
    assert_eq!(label("tier"), Some("agents"));
    let secret = label("password").unwrap();
    assert!(secret.starts_with("<redacted:"), "{secret}");
}

#[test]
fn who_was_not_named_in_time_is_a_gap_that_says_why() {
    let inputs = vec![answer("", Some("/run/docker.sock:\nno"))];
    let drafts = feed(&mut pipeline(), inputs);
    let Some(Body::Gap(gap)) = drafts.first().map(|draft| &draft.body) else {
        panic!("{drafts:?}");
    };
    assert_eq!(gap.reason, GapReason::ContainerUnknown);
    assert!(
        gap.detail.contains(ID) && gap.detail.contains("/run/docker.sock"),
        "{}",
        gap.detail
    );
    assert!(!gap.detail.contains('\n'), "{}", gap.detail);
}
