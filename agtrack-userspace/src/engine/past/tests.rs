mod killed;

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::input::Clock;
use crate::journal::{self, Journal};
use crate::record::{
    Binding, Body, Bound, Draft, Host, Lifecycle, Shared, Stamper, UnseenEnd, WhyOver,
};

/// A journal that is written record by record, and closed for each look.
struct Written {
    directory: TempDir,
    segment_bytes: u64,
    boot: &'static str,
    time: u64,
}

impl Written {
    fn new() -> Written {
        Written {
            directory: TempDir::new().unwrap(),
            segment_bytes: 1 << 20,
            boot: "one",
            time: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    fn write(&mut self, drafts: Vec<Draft>) {
        let options = journal::Options {
            segment_bytes: self.segment_bytes,
            ..journal::Options::default()
        };
        let (mut journal, opened) = Journal::open(&self.path(), options).unwrap();
        let host = Host {
            boot_id: self.boot.to_owned(),
            ..Host::default()
        };
        let mut stamper = Stamper::new(host, opened.log_id);
        for mut draft in drafts {
            self.time += 10;
            draft.time = self.time;
            let line = stamper.line(draft, journal.next_seq(), Clock::default());
            journal.append(line.unwrap()).unwrap();
        }
        journal.close().unwrap();
    }

    fn read(&self, most: u64) -> Past {
        search::search(&Extent::open(&self.path()).unwrap(), most)
    }

    fn open(&self) -> Vec<u128> {
        let past = self.read(SEARCHED);
        assert_eq!(past.searched, None);
        past.sessions.keys().map(Uuid::as_u128).collect()
    }
}

fn agent(id: u128) -> Agent {
    Agent {
        id: "a".to_owned(),
        name: "a".to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
        session: Uuid::from_u128(id),
        parent: None,
        program: None,
        binding: Binding::Cgroup,
    }
}

/// A session with the id of its cgroup.
fn session(id: u128, change: Change) -> Draft {
    changed(id, change, SessionTotals::default(), None)
}

fn changed(id: u128, change: Change, totals: SessionTotals, unseen: Option<WhyOver>) -> Draft {
    let begins = matches!(change, Change::Start | Change::Resume);
    let bound = Bound {
        cgroup_id: Some(id as u64),
        ..Bound::default()
    };
    Draft {
        time: 0,
        agent: Some(Shared::new(agent(id))),
        body: Body::Session(Box::new(SessionChange {
            change,
            command: Vec::new(),
            process: None,
            cgroup: Some("/agents/x".into()),
            bound: begins.then_some(bound),
            tool_call: None,
            totals,
            totals_since: None,
            still_running: Vec::new(),
            why: None,
            unseen: unseen.map(|why| UnseenEnd {
                why,
                totals_known: false,
                last_recorded: String::new(),
                boot_id: String::new(),
            }),
        })),
    }
}

fn lifecycle(change: Change, left_open: Option<u64>) -> Draft {
    Draft {
        time: 0,
        agent: None,
        body: Body::Lifecycle(Box::new(Lifecycle {
            change,
            version: String::new(),
            backend: None,
            kernel: None,
            hooks: Vec::new(),
            passed_over: Vec::new(),
            config_sha256: None,
            detail: None,
            changed: None,
            left_open,
            kept: None,
            totals: Vec::new(),
        })),
    }
}

fn new(id: u128, agent: &str) -> NewSession {
    NewSession {
        key: id as u64,
        id: Uuid::from_u128(99),
        agent_id: agent.to_owned(),
        agent_name: agent.to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
        binding: Binding::Cgroup,
        root: None,
        command: Vec::new(),
        cgroup: Some("/agents/x".into()),
        cgroup_id: Some(id as u64),
        container: None,
        resumed: None,
        parent: None,
        origin: None,
        request: None,
        program: None,
        programs: Vec::new(),
    }
}

fn resumed(past: &mut Past, mut new: NewSession, boot: &str) -> Option<(u128, Resumed)> {
    past.resume(&mut new, boot);
    Some((new.id.as_u128(), new.resumed?))
}

fn totals(tool_calls: u64) -> SessionTotals {
    SessionTotals {
        tool_calls,
        ..SessionTotals::default()
    }
}

#[test]
fn a_suspended_session_goes_on_with_its_totals() {
    let mut written = Written::new();
    written.write(vec![
        lifecycle(Change::Start, Some(0)),
        session(7, Change::Start),
        session(8, Change::Start),
        session(8, Change::End),
        changed(7, Change::Suspend, totals(3), None),
        lifecycle(Change::End, None),
    ]);
    assert_eq!(written.open(), [7]);
    let mut past = written.read(SEARCHED);
    assert_eq!(past.left_open().sessions, 1);
    let (id, resumed) = resumed(&mut past, new(7, "a"), "one").unwrap();
    assert_eq!((id, resumed.since), (7, 60), "since the last record");
    assert_eq!(resumed.totals, Some(totals(3)));
    assert!(past.take_ended("one", |_, _| true, |_| true).is_empty());
}

#[test]
fn of_a_killed_recorder_totals_are_not_known() {
    let mut written = Written::new();
    written.write(vec![
        lifecycle(Change::Start, Some(1)),
        changed(7, Change::Resume, totals(3), None),
    ]);
    let (_, resumed) = resumed(&mut written.read(SEARCHED), new(7, "a"), "one").unwrap();
    assert_eq!((resumed.totals, resumed.since), (None, 20));
}

#[test]
fn only_the_same_cgroup_of_the_same_boot_and_agent_goes_on() {
    let mut written = Written::new();
    written.write(vec![session(7, Change::Start)]);
    let read = || written.read(SEARCHED);
    assert_eq!(resumed(&mut read(), new(7, "b"), "one"), None);
    assert_eq!(resumed(&mut read(), new(8, "a"), "one"), None);
    assert_eq!(resumed(&mut read(), new(7, "a"), "two"), None);
    let elsewhere = NewSession {
        cgroup: Some("/agents/y".into()),
        ..new(7, "a")
    };
    assert_eq!(resumed(&mut read(), elsewhere, "one"), None);
    let why = |boot: &str, is_there: bool| {
        let ended = read().take_ended(boot, |_, _| is_there, |_| true);
        let [ended] = &ended[..] else {
            panic!("{ended:?}")
        };
        ended.why
    };
    assert_eq!(why("one", true), WhyOver::NotConfigured);
    assert_eq!(why("one", false), WhyOver::CgroupGone);
    assert_eq!(why("two", true), WhyOver::Reboot);
}

/// What its recorder began is nobody's to go on with.
#[test]
fn what_was_launched_and_what_another_session_began_ended_with_the_recorder() {
    let mut written = Written::new();
    let mut launched = session(7, Change::Start);
    launched.agent = Some(Shared::new(Agent {
        binding: Binding::Launcher,
        ..agent(7)
    }));
    let mut nested = session(8, Change::Start);
    nested.agent = Some(Shared::new(Agent {
        parent: Some(Uuid::from_u128(7)),
        ..agent(8)
    }));
    written.write(vec![launched, nested]);
    let mut past = written.read(SEARCHED);
    assert_eq!(resumed(&mut past, new(7, "a"), "one"), None);
    assert_eq!(resumed(&mut past, new(8, "a"), "one"), None);
    let ended = past.take_ended("one", |_, _| true, |_| true);
    let why: Vec<_> = ended.iter().map(|ended| ended.why).collect();
    assert_eq!(why, [WhyOver::RecorderGone; 2]);
}

/// What began with a process because somebody asked for it is known again by its processes.
#[test]
fn what_was_asked_for_outlives_its_recorder() {
    let mut written = Written::new();
    let mut tagged = session(7, Change::Start);
    tagged.agent = Some(Shared::new(Agent {
        binding: Binding::Launcher,
        ..agent(7)
    }));
    let Body::Session(change) = &mut tagged.body else {
        panic!("{tagged:?}")
    };
    change.bound.get_or_insert_default().request = Some(Requester::default());
    let uids = ["b-5-7", "b-5-7", "b-6-8"];
    change.still_running = uids.map(str::to_owned).into();
    written.write(vec![tagged]);
    let read = || written.read(SEARCHED);
    let left = read().sessions.into_values().next().unwrap();
    assert!(left.was_asked_for_process() && left.outlives_recorder());
    assert!(!left.is_bound_to_cgroup() && !left.began_with_process());
    let pids: Vec<_> = left.processes.iter().map(|one| one.pid).collect();
    assert_eq!(pids, [5, 6], "each once");
    let why = |boot: &str| read().take_ended(boot, |_, _| true, |_| false)[0].why;
    assert_eq!(why("one"), WhyOver::ProcessesGone);
    assert_eq!(why("two"), WhyOver::Reboot);
}

/// Such a journal is one record to a segment, so that it is seen what is read.
#[test]
fn what_stands_before_a_start_that_told_of_all_is_not_read() {
    let mut written = Written::new();
    written.segment_bytes = 1;
    let whole = vec![
        session(7, Change::Start),
        session(8, Change::Start),
        lifecycle(Change::Start, Some(2)),
        session(7, Change::Resume),
        changed(8, Change::End, totals(0), Some(WhyOver::CgroupGone)),
        session(9, Change::Start),
    ];
    written.write(whole);
    assert_eq!(written.open(), [7, 9]);
    // The one before told of none, and this one was killed before it told of 7.
    let mut written = Written::new();
    written.write(vec![
        lifecycle(Change::Start, Some(0)),
        session(7, Change::Start),
        session(8, Change::Start),
        lifecycle(Change::Start, Some(2)),
        changed(8, Change::End, totals(0), Some(WhyOver::CgroupGone)),
    ]);
    assert_eq!(written.open(), [7]);
}

#[test]
fn the_start_of_a_launchers_recorder_hides_nothing() {
    let mut written = Written::new();
    written.segment_bytes = 1;
    written.write(vec![
        lifecycle(Change::Start, Some(0)),
        session(7, Change::Start),
        lifecycle(Change::Start, None),
        lifecycle(Change::End, None),
    ]);
    assert_eq!(written.open(), [7]);
}

#[test]
fn a_search_that_ends_before_the_start_says_so() {
    let mut written = Written::new();
    let mut drafts = vec![lifecycle(Change::Start, Some(0)), session(7, Change::Start)];
    drafts.extend((0..50).map(|_| lifecycle(Change::Reload, None)));
    drafts.push(session(8, Change::Start));
    written.write(drafts);
    let past = written.read(2000);
    assert_eq!(past.searched, Some(2000));
    let found: Vec<_> = past.sessions.keys().map(Uuid::as_u128).collect();
    assert_eq!(found, [8], "and no half record is taken for one");
    assert_eq!(past.last.boot_time, 530);
    written.segment_bytes = 1;
    written.write(vec![session(9, Change::Start)]);
    let past = written.read(700);
    assert_eq!(past.searched, Some(700), "over two segments");
}

#[test]
fn a_new_journal_tells_of_none() {
    let written = Written::new();
    assert_eq!(Past::read(&written.path()).searched, Some(0), "none there");
    let mut written = Written::new();
    written.write(Vec::new());
    let past = written.read(SEARCHED);
    assert_eq!(past.left_open(), LeftOpen::default());
}

/// The first process of a session, and those that ran when it was suspended.
#[test]
fn a_session_that_began_with_a_process_is_known_by_its_processes() {
    let of_program = |change, process: Option<&str>, running: &[&str]| {
        let mut draft = session(7, change);
        draft.agent = Some(Shared::new(Agent {
            binding: Binding::Executable,
            ..agent(7)
        }));
        let Body::Session(change) = &mut draft.body else {
            panic!("{draft:?}")
        };
        change.process = process.map(|uid| crate::record::Process {
            uid: uid.to_owned(),
            ..Default::default()
        });
        change.still_running = running.iter().map(|uid| (*uid).to_owned()).collect();
        draft
    };
    let start = || of_program(Change::Start, Some("one-10-5"), &[]);
    let known = |drafts| {
        let mut written = Written::new();
        written.write(drafts);
        let past = written.read(SEARCHED);
        let left = past.sessions.values().next().unwrap().clone();
        let processes = left.processes.iter();
        processes
            .map(|key| (key.pid, key.start))
            .collect::<Vec<_>>()
    };
    assert_eq!(known(vec![start()]), [(10, 5)]);
    let suspend = of_program(Change::Suspend, None, &["one-11-6", "one-12-7"]);
    assert_eq!(known(vec![start(), suspend]), [(10, 5), (11, 6), (12, 7)]);
    // What the next recorder may find of those that do not go on.
    let mut written = Written::new();
    written.write(vec![start()]);
    let why = |boot: &str, is_configured: bool| {
        let mut past = written.read(SEARCHED);
        let ended = past.take_ended(boot, |_, _| false, |_| is_configured);
        ended[0].why
    };
    assert_eq!(why("one", true), WhyOver::ProcessesGone);
    assert_eq!(why("one", false), WhyOver::NotConfigured);
    assert_eq!(why("two", true), WhyOver::Reboot);
}
