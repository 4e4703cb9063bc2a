//! Calls agtrack without a terminal.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use agtrack::cgroup::{Hierarchy, OwnCgroup};
use libtest_mimic::Trial;

/// Tests by name.
pub(crate) fn trials(tests: &[(&str, fn())]) -> Vec<Trial> {
    let trial = |(name, test): &(&str, fn())| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    };
    tests.iter().map(trial).collect()
}

/// True where a cgroup can be created beside this process.
pub(crate) fn cgroups_work() -> bool {
    let here = Hierarchy::find().and_then(|tree| tree.of_pid(std::process::id()));
    let name = format!("agtrack-probe-{}", uuid::Uuid::now_v7().simple());
    here.and_then(|here| OwnCgroup::create(&here, &name))
        .is_ok()
}

pub(crate) fn agtrack(journal: &Path, options: &[&str], command: &[&str]) -> Command {
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.arg("run")
        .arg("--journal")
        .arg(journal)
        .args(options)
        .arg("--")
        .args(command);
    run.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    run
}

pub(crate) fn sh(script: &str) -> (Output, tempfile::TempDir) {
    let temp = tempfile::tempdir().unwrap();
    let output = agtrack(&temp.path().join("j"), &[], &["sh", "-c", script])
        .output()
        .unwrap();
    (output, temp)
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Waits for a condition.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn running(script: &str, temp: &Path) -> Child {
    let child = agtrack(&temp.join("j"), &[], &["bash", "-c", script])
        .current_dir(temp)
        .spawn()
        .unwrap();
    eventually("the command runs", || temp.join("going").exists());
    child
}

pub(crate) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
