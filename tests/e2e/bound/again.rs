//! A recorder that stops and one that starts: sessions that began with a process.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;

use agtrack_tests::daemon::Daemon;
use agtrack_tests::records::Records;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Host, USER, WAITS, agent, begun_with, command, end, is_bound, waiting};
use crate::{Outcome, tests};

tests![
    a_session_of_a_program_goes_on_over_a_stop,
    a_session_of_a_user_goes_on_over_a_kill,
    one_goes_on_with_what_its_first_process_left,
    one_goes_on_after_a_kill_with_what_its_first_process_left,
    one_whose_processes_have_ended_has_an_end,
    one_whose_program_is_not_named_any_more_has_an_end,
];

fn host() -> Host {
    Host::new(&agent("x", "executables = [\"DIR/agent/sh\"]"))
}

/// A program of the agent that waits, and its child; both are known.
fn works(host: &Host, daemon: &Daemon) -> Child {
    let child = waiting(command(&host.shell("agent/sh"), WAITS));
    is_known(daemon, child.id());
    child
}

fn is_known(daemon: &Daemon, pid: u32) {
    let begun = daemon.follower().wait(|records| {
        let own = begun_with(records, pid)?;
        // Its child has executed a program of its own.
        (own.action("process.exec").len() == 2).then_some(())
    });
    assert!(begun.is_some(), "its session: {}", all(daemon));
}

fn all(daemon: &Daemon) -> Records {
    Records(daemon.follower().records())
}

/// The records of the session that began with a process, when it has an end.
fn ended(daemon: &Daemon, pid: u32) -> Records {
    let found = daemon.follower().wait(|records| {
        let own = begun_with(records, pid)?;
        let sessions = own.kind("session");
        let has_end = sessions.0.last()?["change"] == "end";
        has_end.then_some(own)
    });
    found.unwrap_or_else(|| panic!("an end: {}", all(daemon)))
}

fn changes(own: &Records) -> Vec<Arc<Value>> {
    own.kind("session").0
}

fn words(changes: &[Arc<Value>]) -> Vec<&str> {
    let word = |change: &'_ Arc<Value>| change["change"].as_str().map(str::to_owned);
    let words = changes.iter().map(|change| match word(change).as_deref() {
        Some("start") => "start",
        Some("suspend") => "suspend",
        Some("resume") => "resume",
        Some("end") => "end",
        _ => "another",
    });
    words.collect()
}

/// Stops the recorder, and lets `meanwhile` happen before the next one starts.
fn over(host: &Host, daemon: Daemon, signal: Signal, meanwhile: impl FnOnce()) -> Daemon {
    daemon.stop(signal);
    meanwhile();
    host.home.start()
}

fn gaps(own: &Records, reason: &str) -> Records {
    own.kind("gap").keep(|gap| gap["reason"] == reason)
}

fn a_session_of_a_program_goes_on_over_a_stop() -> Outcome {
    let host = host();
    let daemon = host.home.start();
    let child = works(&host, &daemon);
    let daemon = over(&host, daemon, Signal::SIGTERM, || ());
    let own = ended(&daemon, end(child));
    is_bound(&own, "x", "executable");
    let told = changes(&own);
    assert_eq!(words(&told), ["start", "suspend", "resume", "end"], "{own}");
    assert_eq!(told[1]["still_running"].as_array().unwrap().len(), 2);
    assert_eq!(told[2]["process"]["uid"], told[0]["process"]["uid"]);
    assert_eq!(told[2]["command"], told[0]["command"], "{own}");
    let gap = gaps(&own, "not_recording");
    assert_eq!(gap.one()["until"], told[2]["boot_time"], "{gap}");
    assert_eq!(gaps(&own, "late_tag").len(), 2, "both: {own}");
    assert_eq!(own.action("process.exec").len(), 3, "{own}");
    assert_eq!(told[3]["actions"]["process.exec"], 3, "{own}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    let begun = Records::read(&host.home.journal()).kind("session");
    let begun = begun.keep(|session| session["change"] == "start");
    assert_eq!(begun.len(), 1, "no other session: {begun}");
    Ok(())
}

/// Of what it had counted nobody knows; that it went on is known by its first process.
fn a_session_of_a_user_goes_on_over_a_kill() -> Outcome {
    let host = Host::new(&agent("x", &format!("users = [{USER}]")));
    let daemon = host.home.start();
    let mut as_user = command(Path::new("/bin/sh"), WAITS);
    as_user.uid(USER).gid(USER);
    let child = waiting(as_user);
    is_known(&daemon, child.id());
    let daemon = over(&host, daemon, Signal::SIGKILL, || ());
    let own = ended(&daemon, end(child));
    is_bound(&own, "x", "user");
    let told = changes(&own);
    assert_eq!(words(&told), ["start", "resume", "end"], "{own}");
    let gap = gaps(&own, "not_recording");
    assert_eq!(told[2]["totals_since"], gap.one()["from"], "{own}");
    assert_eq!(gaps(&own, "late_tag").len(), 2, "both: {own}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn one_goes_on_with_what_its_first_process_left() -> Outcome {
    let host = host();
    let daemon = host.home.start();
    let mut child = works(&host, &daemon);
    let pid = child.id();
    let daemon = over(&host, daemon, Signal::SIGTERM, || {
        kill(Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap();
        assert!(!wait(&mut child).success());
    });
    drop(child.stdin.take());
    let own = ended(&daemon, pid);
    let told = changes(&own);
    assert_eq!(words(&told), ["start", "suspend", "resume", "end"], "{own}");
    assert_ne!(told[2]["process"]["pid"], pid, "{own}");
    assert_eq!(gaps(&own, "late_tag").len(), 1, "{own}");
    let exit = own.action("process.exit");
    assert_eq!(exit.one()["process"], told[2]["process"], "{own}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

/// The first process ended while it was recorded, so of the others only what they did is on record.
fn one_goes_on_after_a_kill_with_what_its_first_process_left() -> Outcome {
    let host = host();
    let daemon = host.home.start();
    let mut child = works(&host, &daemon);
    let pid = child.id();
    kill(Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap();
    assert!(!wait(&mut child).success());
    let exited = daemon.follower().wait(|records| {
        let own = begun_with(records, pid)?;
        let exits = own.action("process.exit").of(pid);
        (!exits.is_empty()).then_some(())
    });
    assert!(exited.is_some(), "its end: {}", all(&daemon));
    // Twice: what the second one found is what the third one knows.
    let daemon = over(&host, daemon, Signal::SIGKILL, || ());
    let resumed = daemon.follower().wait(|records| {
        let own = begun_with(records, pid)?;
        (words(&changes(&own)).last() == Some(&"resume")).then_some(())
    });
    assert!(resumed.is_some(), "it goes on: {}", all(&daemon));
    let daemon = over(&host, daemon, Signal::SIGKILL, || ());
    drop(child.stdin.take());
    let own = ended(&daemon, pid);
    let told = changes(&own);
    assert_eq!(words(&told), ["start", "resume", "resume", "end"], "{own}");
    let left = &told[1]["process"]["uid"];
    assert_eq!(told[1]["still_running"], serde_json::json!([left]), "{own}");
    assert_eq!(&told[2]["process"]["uid"], left, "{own}");
    let (late, unseen) = (gaps(&own, "late_tag"), gaps(&own, "not_recording"));
    assert_eq!((late.len(), unseen.len()), (2, 2), "{own}");
    for (late, unseen) in late.0.iter().zip(&unseen.0) {
        assert_eq!(late["from"], unseen["from"], "it was recorded until then");
        let detail = late["detail"].as_str().unwrap();
        assert!(
            detail.contains("was recorded by the recorder before"),
            "{late}"
        );
    }
    assert!(
        host.home
            .said()
            .contains("recording again 1 session of before")
    );
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

/// Waits, and keeps what it reads from open.
fn wait(child: &mut Child) -> std::process::ExitStatus {
    let input = child.stdin.take();
    let status = child.wait().unwrap();
    child.stdin = input;
    status
}

fn one_whose_processes_have_ended_has_an_end() -> Outcome {
    let host = host();
    let daemon = host.home.start();
    let child = works(&host, &daemon);
    let pid = child.id();
    let daemon = over(&host, daemon, Signal::SIGTERM, || {
        end(child);
    });
    let own = ended(&daemon, pid);
    let told = changes(&own);
    assert_eq!(words(&told), ["start", "suspend", "end"], "{own}");
    assert_eq!(told[2]["unseen"]["why"], "processes_gone", "{own}");
    assert_eq!(told[2]["unseen"]["totals_known"], true, "{own}");
    assert_eq!(told[2]["actions"]["process.exec"], 2, "{own}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn one_whose_program_is_not_named_any_more_has_an_end() -> Outcome {
    let host = host();
    let daemon = host.home.start();
    let child = works(&host, &daemon);
    let pid = child.id();
    let daemon = over(&host, daemon, Signal::SIGKILL, || {
        host.name(&agent("y", "executables = [\"DIR/other/sh\"]"));
    });
    let own = ended(&daemon, pid);
    let told = changes(&own);
    assert_eq!(words(&told), ["start", "end"], "{own}");
    assert_eq!(told[1]["unseen"]["why"], "not_configured", "{own}");
    end(child);
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}
