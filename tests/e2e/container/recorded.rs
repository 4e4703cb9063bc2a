//! What is recorded for the replay tests.

use std::path::Path;

use agtrack_tests::launch::{self, Trigger};
use agtrack_tests::steps;
use nix::sys::signal::Signal;

use super::{Host, container, wait};

/// The input log of a recorder in which one container proves to be an agent's and another one not.
pub(crate) fn log() -> String {
    let host = Host::new(&["name=agent-*"]);
    let log = host.home.config().with_extension("input");
    let daemon = host.home.start_with(&[Path::new("--input-log"), &log]);
    let directory = Path::new("/tmp/agtrack-fixture");
    let _ = std::fs::remove_dir_all(directory);
    std::fs::create_dir(directory).unwrap();
    let program = launch::copy(&directory.join("trigger"));
    for (digit, name) in [("a", "agent-7"), ("b", "other")] {
        let id = digit.repeat(64);
        host.docker.expects(&id);
        let group = container(&id);
        let steps = steps!["wait", "+", "unlink", "nothing"];
        let mut trigger = Trigger::of(&program, directory, &steps);
        group.take(trigger.pid());
        trigger.go();
        trigger.go();
        trigger.end();
        host.docker.is_asked(&id);
        host.docker.tells(&id, name, &[("tier", "agents")]);
        if name == "agent-7" {
            wait(&daemon, &group.path, "its end", |own| {
                let exits = own.action("process.exit");
                (!exits.is_empty()).then_some(())
            });
        }
    }
    assert!(daemon.stop(Signal::SIGTERM).success());
    std::fs::remove_dir_all(directory).unwrap();
    std::fs::read_to_string(log).unwrap()
}
