use agtrack_common::event::{CgroupAttach, CgroupCreate, Connect, Kind};
use agtrack_common::wire::{Header, Path};
use zerocopy::IntoBytes;

use super::super::session::tests::{message, process, session};
use super::*;
use crate::input::{Clock, Input, Start};
use crate::record::{Change, MatchedBy, SessionChange, TICK};

const SECOND: u64 = 1_000_000_000;
const UNIT: &str = "/system.slice/run-u1.service";

fn header(kind: Kind, pid: u32, session: u64, time: u64) -> Header {
    Header {
        kind: kind as u16,
        time,
        tgid: pid,
        tid: pid,
        start: 5 * TICK,
        session,
        ..Header::default()
    }
}

fn with_data(header: Header, body: &[u8], data: &str) -> Input<'static> {
    let header = Header {
        tail: data.len() as u16,
        ..header
    };
    message([header.as_bytes(), body, data.as_bytes()].concat())
}

/// A process of a session connects to a socket.
fn connects(pid: u32, session: u64, time: u64, socket: &str) -> Input<'static> {
    let body = Connect {
        path: Path {
            name: socket.len() as u32,
            ..Path::default()
        },
        family: 1,
        ..Connect::default()
    };
    with_data(
        header(Kind::Connect, pid, session, time),
        body.as_bytes(),
        socket,
    )
}

/// Somebody of session `by` makes a cgroup, which the kernel gives this session.
fn appears((id, tag): (u64, u64), by: u64, time: u64, path: &str) -> Input<'static> {
    let body = CgroupCreate {
        id,
        parent: 1,
        session: tag,
        path: path.len() as u32,
        reserved: 0,
    };
    with_data(
        header(Kind::CgroupCreate, 1, by, time),
        body.as_bytes(),
        path,
    )
}

fn comes_in(pid: u32, id: u64, time: u64) -> Input<'static> {
    let body = CgroupAttach {
        id,
        target_start: 5 * TICK,
        session: id,
        target: pid,
        tagged: 1,
        ..CgroupAttach::default()
    };
    let header = header(Kind::CgroupAttach, 1, 0, time);
    with_data(header, body.as_bytes(), "")
}

fn at(boot: u64) -> Input<'static> {
    Input::Clock(Clock { boot, wall: boot })
}

fn pipeline(inputs: Vec<Input<'_>>) -> (Pipeline, Vec<Draft>) {
    let mut pipeline = Pipeline::new(Start::default(), &mut Vec::new());
    let mut drafts = Vec::new();
    for input in inputs {
        pipeline.accept(input, &mut drafts);
    }
    (pipeline, drafts)
}

/// Two sessions, of which the first has reached systemd.
fn scene() -> Vec<Input<'static>> {
    vec![
        session(7),
        session(8),
        process(71, 7),
        process(81, 8),
        connects(71, 7, SECOND, "/run/systemd/private"),
    ]
}

fn begun(drafts: &[Draft]) -> Vec<(&Draft, &SessionChange)> {
    let begun = drafts.iter().filter_map(|draft| match &draft.body {
        Body::Session(change)
            if change.change == Change::Start
                && draft.agent.as_ref()?.binding == Binding::Inferred =>
        {
            Some((draft, &**change))
        }
        _ => None,
    });
    begun.collect()
}

#[test]
fn a_unit_that_appears_is_a_session_of_who_asked() {
    let mut inputs = scene();
    inputs.extend([
        appears((100, 100), 0, 2 * SECOND, UNIT),
        comes_in(9, 100, 2 * SECOND + 1),
        at(3 * SECOND),
    ]);
    let (pipeline, drafts) = pipeline(inputs);
    let begun = begun(&drafts);
    let [(draft, change)] = &begun[..] else {
        panic!("{drafts:?}")
    };
    let agent = draft.agent.as_ref().unwrap();
    assert_eq!(agent.parent.unwrap().as_u128(), 7);
    assert_eq!((agent.id.as_str(), draft.time), ("agent", 2 * SECOND));
    assert_eq!(change.cgroup, Some(UNIT.into()));
    let origin = change.bound.as_ref().unwrap().handoff.as_ref().unwrap();
    assert_eq!(origin.matched_by, MatchedBy::Time);
    assert_eq!(
        (&*origin.channel, origin.reached_at, &*origin.process_uid),
        ("systemd", SECOND, "-71-5")
    );
    assert!(pipeline.knows(100));
    // What happens in it is that session's, from the first on.
    let own = drafts
        .iter()
        .filter(|other| match (&other.body, &other.agent) {
            (Body::Action(_), Some(of)) => of.session == agent.session,
            _ => false,
        });
    assert_eq!(own.count(), 2, "{drafts:?}");
}

#[test]
fn the_same_log_gives_the_same_session() {
    let id = || {
        let mut inputs = scene();
        inputs.extend([appears((100, 0), 0, 2 * SECOND, UNIT), at(3 * SECOND)]);
        let (_, drafts) = pipeline(inputs);
        begun(&drafts)[0].0.agent.as_ref().unwrap().session
    };
    assert_eq!(id(), id());
    assert_eq!(id().get_version_num(), 7);
}

#[test]
fn what_nobody_asked_for_is_nobodys() {
    let none = |event: Input<'static>, boot: u64| {
        let mut inputs = scene();
        inputs.extend([event, at(boot)]);
        let (pipeline, drafts) = pipeline(inputs);
        assert!(begun(&drafts).is_empty(), "{drafts:?}");
        assert!(!pipeline.knows(100));
    };
    // Before, long after, elsewhere, of another user, and by an agent itself.
    none(appears((100, 100), 0, SECOND / 2, UNIT), 30 * SECOND);
    none(appears((100, 100), 0, 12 * SECOND, UNIT), 30 * SECOND);
    none(
        appears((100, 0), 0, 2 * SECOND, "/agents/run-u1.service"),
        3 * SECOND,
    );
    let user = "/user.slice/user-5.slice/user@5.service/app.slice/run-u1.service";
    none(appears((100, 100), 0, 2 * SECOND, user), 3 * SECOND);
    none(appears((100, 0), 8, 2 * SECOND, UNIT), 3 * SECOND);
    // In a cgroup that is tagged already it belongs there.
    none(appears((100, 8), 0, 2 * SECOND, UNIT), 3 * SECOND);
}

#[test]
fn a_socket_that_is_not_reached_gives_nothing() {
    let (_, drafts) = pipeline(vec![
        session(7),
        process(71, 7),
        connects(71, 7, SECOND, "/run/nscd/socket"),
        appears((100, 100), 0, 2 * SECOND, UNIT),
        at(3 * SECOND),
    ]);
    assert!(begun(&drafts).is_empty(), "{drafts:?}");
}

#[test]
fn where_several_may_have_asked_each_is_told_and_none_gets_it() {
    let mut inputs = scene();
    inputs.extend([
        connects(81, 8, 2 * SECOND, "/run/dbus/system_bus_socket"),
        appears((100, 100), 0, 3 * SECOND, UNIT),
        at(4 * SECOND),
    ]);
    let (pipeline, drafts) = pipeline(inputs);
    assert!(begun(&drafts).is_empty() && !pipeline.knows(100));
    let gaps = drafts.iter().filter_map(|draft| match &draft.body {
        Body::Gap(gap) if gap.reason == GapReason::AmbiguousHandoff => {
            let session = draft.agent.as_ref().unwrap().session;
            assert!(gap.detail.contains(UNIT), "{gap:?}");
            assert!(gap.detail.contains(&session.to_string()), "{gap:?}");
            Some(session.as_u128())
        }
        _ => None,
    });
    assert_eq!(gaps.collect::<Vec<_>>(), [7, 8]);
}

/// A unit that is started by its name is whoever's said the name, whoever else asked for something.
#[test]
fn a_name_says_more_than_the_time() {
    let named = crate::input::ProcessFacts {
        pid: 72,
        start: 5,
        session: 7,
        args: ["systemd-run", "--unit=run-job", "true"]
            .map(Text::from)
            .to_vec(),
        ..Default::default()
    };
    let mut inputs = scene();
    inputs.extend([
        Input::Process(Box::new(named)),
        connects(72, 7, SECOND + 1, "/run/dbus/system_bus_socket"),
        connects(81, 8, 2 * SECOND, "/run/systemd/private"),
        appears((100, 0), 0, 3 * SECOND, "/system.slice/run-job.service"),
        at(4 * SECOND),
    ]);
    let (_, drafts) = pipeline(inputs);
    let begun = begun(&drafts);
    let [(draft, change)] = &begun[..] else {
        panic!("{drafts:?}")
    };
    assert_eq!(draft.agent.as_ref().unwrap().parent.unwrap().as_u128(), 7);
    let origin = change.bound.as_ref().unwrap().handoff.as_ref().unwrap();
    assert_eq!(origin.matched_by, MatchedBy::Name);
    assert_eq!(&*origin.process_uid, "-72-5");
}

#[test]
fn places_are_expected_for_a_while() {
    let (mut pipeline, mut drafts) = pipeline(Vec::new());
    let before = pipeline.expected_version();
    assert!(!pipeline.expects(b"/system.slice"));
    let mut inputs = scene();
    inputs.push(at(2 * SECOND));
    for input in inputs {
        pipeline.accept(input, &mut drafts);
    }
    assert!(pipeline.expects(b"/system.slice") && !pipeline.expects(b"/docker"));
    let meanwhile = pipeline.expected_version();
    pipeline.accept(at(11 * SECOND + 1), &mut drafts);
    assert!(!pipeline.expects(b"/system.slice"));
    let after = pipeline.expected_version();
    assert!(before != meanwhile && meanwhile != after);
}

/// A container that no rule names after all, as its runtime has said later.
#[test]
fn what_waited_for_a_rule_may_be_the_result_of_a_handoff() {
    let id = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";
    let path = format!("/system.slice/docker-{id}.scope");
    let told = |socket: &str| {
        let mut inputs = scene();
        inputs.extend([
            connects(81, 8, SECOND, socket),
            Input::Undecided {
                key: 100,
                container: Default::default(),
            },
            appears((100, 100), 0, 2 * SECOND, &path),
            comes_in(9, 100, 2 * SECOND + 1),
            at(6 * SECOND),
            Input::Nobodys { key: 100 },
            at(7 * SECOND),
        ]);
        pipeline(inputs)
    };
    let (known, drafts) = told("/run/docker.sock");
    let begun = begun(&drafts);
    let [(draft, _)] = &begun[..] else {
        panic!("{drafts:?}")
    };
    let agent = draft.agent.as_ref().unwrap();
    assert_eq!(agent.parent.unwrap().as_u128(), 8);
    assert_eq!(draft.time, 2 * SECOND);
    assert!(known.knows(100));
    let own = drafts.iter().filter(|other| {
        let is_own = other
            .agent
            .as_ref()
            .is_some_and(|of| of.session == agent.session);
        is_own && matches!(other.body, Body::Action(_))
    });
    assert_eq!(own.count(), 2, "{drafts:?}");
    let (unknown, drafts) = told("/run/nscd/socket");
    assert!(super::tests::begun(&drafts).is_empty() && !unknown.knows(100));
}
