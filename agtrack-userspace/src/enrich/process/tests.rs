//! Behaviour of the table.

use super::*;

const BOOT: &str = "01234567-89ab";
const BASH: ProcessKey = ProcessKey { pid: 1, start: 1 };

fn table() -> ProcessTable {
    ProcessTable::new(BOOT)
}

fn facts(key: ProcessKey, exe: &str, session: u64) -> ProcessFacts {
    ProcessFacts {
        pid: key.pid,
        start: key.start,
        exe: Some(exe.into()),
        args: vec![exe.into()],
        cwd: Some("/".into()),
        session,
        ..ProcessFacts::default()
    }
}

fn key(number: u64) -> ProcessKey {
    ProcessKey {
        pid: number as u32,
        start: number,
    }
}

#[test]
fn a_child_knows_its_ancestors() {
    let mut table = table();
    table.learn(facts(BASH, "/bin/bash", 9));
    let second = ProcessKey { pid: 2, start: 5 };
    table.fork(BASH, second, 9, None);
    let child = table.get(second).unwrap();
    assert_eq!(child.uid, "01234567-2-5");
    assert_eq!(child.ppid, Some(1));
    assert_eq!(child.exe, Some("/bin/bash".into()));
    assert_eq!(child.ancestry[0].name, "bash".into());
    assert_eq!(table.tracked(), 2);
    table.end(second, None);
    table.end(second, None);
    assert_eq!(table.tracked(), 1);
}

#[test]
fn the_same_pid_later_is_another_process() {
    let mut table = table();
    let new = ProcessKey { pid: 1, start: 2 };
    table.moved(&attach(1), Some("/a".into()), None);
    assert_eq!(table.session(BASH), 9);
    assert_eq!(table.session(new), 0);
}

/// Its parents are looked up with every process that is tagged late; they may be tagged themselves.
#[test]
fn one_that_is_named_as_a_parent_stays_tracked() {
    let mut table = table();
    table.learn(facts(BASH, "/bin/bash", 9));
    table.learn(facts(BASH, "/bin/other", 0));
    assert_eq!(table.session(BASH), 9);
    let process = table.get(BASH).unwrap();
    assert_eq!(process.exe, Some("/bin/bash".into()));
}

#[test]
fn only_a_sessions_own_processes_run_in_it() {
    let mut table = table();
    table.learn(facts(BASH, "/bin/bash", 9));
    table.learn(facts(key(2), "/bin/sh", 8));
    table.learn(facts(key(3), "/sbin/init", 0));
    assert_eq!(table.running(9), ["01234567-1-1"]);
    assert_eq!(table.running(8), ["01234567-2-2"]);
    assert_eq!(table.running(0), Vec::<String>::new());
}

#[test]
fn those_that_are_not_tracked_are_forgotten_in_time() {
    let mut table = table();
    table.learn(facts(BASH, "/bin/bash", 9));
    for number in 2..(MOST as u64 * 2) {
        table.learn(facts(key(number), "/bin/sh", 0));
    }
    assert!(table.entries.len() <= OTHERS_KEPT + 1);
    assert_eq!(table.others.len(), OTHERS_KEPT);
    assert_eq!(table.session(BASH), 9, "one that is tracked stays");
}

#[test]
fn there_are_never_more_than_fit() {
    let mut table = table();
    for number in 1..(MOST as u64 + 100) {
        table.learn(facts(key(number), "/bin/sh", 9));
    }
    assert_eq!(table.entries.len(), MOST);
    assert_eq!(table.tracked(), MOST);
    table.end(key(1), None);
    table.learn(facts(key(MOST as u64 + 200), "/bin/sh", 9));
    assert_eq!(table.session(key(MOST as u64 + 200)), 9);
    assert_eq!(table.entries.len(), MOST);
}

#[test]
fn one_that_has_ended_does_not_run_again_by_what_comes_late() {
    let mut table = table();
    table.get_or_guess(BASH, 9);
    assert_eq!(table.session(BASH), 9);
    table.end(BASH, None);
    table.get_or_guess(BASH, 9);
    assert_eq!(table.session(BASH), 0);
}

/// A move that tags the process.
fn attach(pid: u32) -> CgroupAttach {
    CgroupAttach {
        target: pid,
        target_start: TICK,
        session: 9,
        tagged: 1,
        euid: 7,
        ..CgroupAttach::default()
    }
}

/// Whoever reads /proc after the move may find nobody, or another program.
#[test]
fn a_process_that_is_moved_runs_what_the_kernel_saw_it_run() {
    let mut table = table();
    let sleep: Option<Text> = Some("/bin/sleep".into());
    let key = table.moved(&attach(1), Some("/a".into()), sleep.clone());
    let process = table.get(key).unwrap();
    assert_eq!(process.exe, sleep);
    assert_eq!(process.euser, Some(7));
    assert_eq!(process.cgroup, Some("/a".into()));
    table.moved(&attach(1), None, None);
    let process = table.get(key).unwrap();
    assert_eq!(process.exe, sleep);
    assert_eq!(process.cgroup, Some("/a".into()));
}

#[test]
fn what_another_program_was_given_is_not_said_of_the_one_that_was_moved() {
    let mut table = table();
    table.learn(facts(BASH, "/bin/next", 9));
    table.moved(&attach(1), None, Some("/bin/sleep".into()));
    let process = table.get(BASH).unwrap();
    assert_eq!(process.exe, Some("/bin/sleep".into()));
    assert!(process.args.is_empty() && process.cwd.is_none());
    table.learn(facts(BASH, "/bin/sleep (deleted)", 9));
    table.moved(&attach(1), None, Some("/bin/sleep".into()));
    let process = table.get(BASH).unwrap();
    assert_eq!(process.args.len(), 1, "the same program");
}

#[test]
fn long_arguments_are_not_repeated_in_every_record() {
    let args = repeated([Text(vec![b'a'; 500]), Text(vec![b'b'; 500])].into_iter());
    assert_eq!(args.len(), 1);
}

#[test]
fn empty_arguments_count() {
    let args: Vec<_> = arguments(b"sh\0\0-c\0").collect();
    assert_eq!(args, ["sh".into(), "".into(), "-c".into()]);
    assert_eq!(arguments(b"").count(), 0);
}
