//! One that nobody has told of.

use agtrack_tests::records::Records;
use nix::sys::signal::Signal;

use super::{Host, WAITS, agent, begun_with, command, end, is_bound, run, session, waiting};
use crate::{Outcome, tests};

tests![one_whose_exec_was_lost];

/// The ring is full when it is executed: it has its tag, and nobody has told whose it is.
fn one_whose_exec_was_lost() -> Outcome {
    const FLOODS: usize = 12;
    let mut host = Host::new(&agent("x", "executables = [\"DIR/agent/sh\"]"));
    host.home.capture = "lifecycle_ring_bytes = 65536\n".to_owned();
    host.home.configure(&[("other", &["/agtrack-nowhere/*"])]);
    let program = host.shell("agent/sh");
    let daemon = host.home.start();
    daemon.signal(Signal::SIGSTOP);
    // Each session may take half of what those before have left.
    let flood = "i=0; while [ $i -lt 60 ]; do (exit 0); /bin/true; i=$((i+1)); done; exit 0";
    for _ in 0..FLOODS {
        run(command(&program, flood));
    }
    let child = waiting(command(&program, WAITS));
    let pid = child.id();
    daemon.signal(Signal::SIGCONT);
    let begun = daemon
        .follower()
        .wait(|records| begun_with(records, pid).filter(|own| !own.is_empty()));
    assert!(begun.is_some(), "its session begins all the same");
    end(child);
    let own = session(&daemon, pid);
    is_bound(&own, "x", "executable");
    // Only what came after it had been lost, the exec of its last command.
    let execs = own.action("process.exec");
    assert_eq!(execs.of(pid).len(), 0, "its own was lost: {own}");
    own.action("process.exit").of(pid).one();
    let lost = Records(daemon.follower().records()).kind("gap");
    assert!(
        !lost.keep(|gap| gap["action"] == "process.exec").is_empty(),
        "{lost}"
    );
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}
