//! Which program a session began with.

use std::process::Command;

use agtrack_tests::launch;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Host, WAITS, agent, command, end, is_bound, run, session, waiting};
use crate::{Outcome, tests};

tests![
    it_is_the_file_that_was_executed,
    of_a_script_also_the_script,
    what_ran_already_is_told_too,
];

/// What a session says of its program; its hash is one.
fn exe(own: &agtrack_tests::records::Records) -> Value {
    let exe = own.kind("session").0[0]["bound"]["exe"].clone();
    assert_eq!(exe["sha256"].as_str().map(str::len), Some(64), "{own}");
    exe
}

fn it_is_the_file_that_was_executed() -> Outcome {
    let host = Host::new(&agent("x", "executables = [\"DIR/agent/sh\"]"));
    let program = host.shell("agent/sh");
    let daemon = host.home.start();
    let own = session(&daemon, run(command(&program, "exit 0")));
    is_bound(&own, "x", "executable");
    let exe = exe(&own);
    assert_eq!(exe["path"], json!(program), "{exe}");
    let execs = own.action("process.exec");
    let exec = &execs.one()["object"];
    for field in ["device", "inode", "sha256"] {
        assert_eq!(exe[field], exec[field], "{own}");
    }
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn of_a_script_also_the_script() -> Outcome {
    let host = Host::new(&agent("x", "executables = [\"DIR/agent\"]"));
    let script = host.path("agent");
    launch::script(&script, "exit 0");
    let daemon = host.home.start();
    let own = session(&daemon, run(Command::new(&script)));
    let exe = exe(&own);
    assert_eq!(exe["script"], json!(script), "{exe}");
    let execs = own.action("process.exec");
    let exec = &execs.one()["object"];
    assert_eq!(exe["script_sha256"], exec["script_sha256"], "{own}");
    assert!(exe["script_sha256"].is_string(), "{exe}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn what_ran_already_is_told_too() -> Outcome {
    let host = Host::new(&agent("x", "executables = [\"DIR/agent/sh\"]"));
    let program = host.shell("agent/sh");
    let child = waiting(command(&program, WAITS));
    let daemon = host.home.start();
    let own = session(&daemon, end(child));
    assert_eq!(exe(&own)["path"], json!(program), "{own}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}
