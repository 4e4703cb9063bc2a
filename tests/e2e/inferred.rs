//! What comes of work that was handed off is the agent's, where it can be told. No systemd runs where
//! the tests do: the test itself is one, of a user that nobody else is.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::follow::Follower;
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::launch::Trigger;
use agtrack_tests::place::own;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use libc::O_RDONLY;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{balanced, own_name};
use crate::{Outcome, tests};

tests![
    a_unit_that_an_agent_asked_for_is_its_own,
    a_unit_that_is_there_at_once_is_its_own,
    a_unit_that_nobody_asked_for_is_nobodys,
    a_container_that_an_agent_asked_for_is_its_own,
    of_two_agents_the_one_that_says_the_name_gets_it,
    where_two_agents_may_have_asked_both_are_told,
    it_goes_on_over_a_restart,
    the_summary_of_a_launched_command_names_it,
];

/// Users of the tests; each is used once.
static USER: AtomicU32 = AtomicU32::new(0);

/// Somebody who starts what he is asked for.
struct Manager {
    /// What belongs to its user.
    directory: PathBuf,
    listener: UnixListener,
    socket: PathBuf,
    /// Holds all that it starts.
    slice: Group,
    app: PathBuf,
}

impl Manager {
    fn new(socket: &str) -> Manager {
        let number = USER.fetch_add(1, Ordering::Relaxed);
        let user = 100_000_000 + std::process::id() * 16 + number;
        let directory = PathBuf::from(format!("/run/user/{user}"));
        let socket = directory.join(socket);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let slice = Group::deep(Path::new(&format!("/user.slice/user-{user}.slice")));
        let app = slice.path.join(format!("user@{user}.service/app.slice"));
        let _ = Group::deep(&app).keep();
        Manager {
            listener: UnixListener::bind(&socket).unwrap(),
            directory,
            socket,
            slice,
            app,
        }
    }

    /// One like systemd.
    fn of_units() -> Manager {
        Manager::new("systemd/private")
    }

    /// Starts a command as somebody else's unit or container.
    fn start(&self, name: &str, trigger: &Trigger) -> Group {
        let unit = Group::deep(&self.app.join(name));
        unit.take(trigger.pid());
        unit
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
        assert!(self.slice.path.starts_with("/user.slice"));
    }
}

/// Agents, each in a cgroup of its own, and their recorder.
struct Agents {
    parent: Group,
    directory: TempDir,
    daemon: Daemon,
    home: Home,
}

impl Agents {
    fn new(name: &str) -> Agents {
        let parent = Group::new(&own_name(&format!("-inferred-{name}")));
        let home = Home::new("asker", &[&format!("{}/*", parent.path.display())]);
        Agents {
            daemon: home.start(),
            directory: TempDir::new().unwrap(),
            parent,
            home,
        }
    }

    /// An agent that reaches a manager, with these words among its arguments.
    fn asks(&self, name: &str, manager: &Manager, words: &[&str]) -> (Group, Trigger) {
        let group = self.parent.child(name);
        let mut steps =
            steps!["connect-unix", &manager.socket, "+", "wait", "+", "getpid"].to_vec();
        steps.extend(words.iter().map(Into::into));
        let mut trigger = Trigger::new(Path::new("/"), &steps);
        group.take(trigger.pid());
        trigger.go();
        assert_eq!(trigger.until("connect-unix").1, 0);
        manager.listener.accept().expect("it connects");
        (group, trigger)
    }

    fn is_told(&self, group: &Group) -> Records {
        let found = self.daemon.follower().wait(|records| {
            let own = own(records, &group.path)?;
            (!own.kind("handoff").is_empty()).then_some(own)
        });
        found.unwrap_or_else(|| panic!("a handoff: {}", self.all()))
    }

    /// What opens a file once it may.
    fn command(&self, name: &str) -> (Trigger, String) {
        let path = self.directory.path().canonicalize().unwrap().join(name);
        std::fs::write(&path, b"").unwrap();
        let steps = steps![
            "wait", "+", "openat", "cwd", &path, O_RDONLY, "0", "+", "wait"
        ];
        let mut trigger = Trigger::new(Path::new("/"), &steps);
        trigger.go();
        (trigger, path.to_str().unwrap().to_owned())
    }

    fn all(&self) -> Records {
        Records(self.daemon.follower().records())
    }

    fn wait(&self, what: &str, find: impl Fn(&Value) -> bool) -> Arc<Value> {
        let found = self.daemon.follower().wait(|records| {
            let found = records.iter().find(|record| find(record));
            found.cloned()
        });
        found.unwrap_or_else(|| panic!("{what}: {}", self.all()))
    }

    /// Lets the command in a unit go on, and waits for what it does. Gives the begin of its session.
    fn works(&self, unit: &Group, trigger: &mut Trigger, file: &str) -> Arc<Value> {
        let pid = trigger.pid();
        self.wait("it is taken up", |record| {
            let detail = record["detail"].as_str().unwrap_or_default();
            record["object"]["target_pid"] == pid && record["action"] == "cgroup.attach"
                || record["reason"] == "late_tag" && detail.contains(&format!("-{pid}-"))
        });
        trigger.go();
        let open = self.wait("what is done in the unit", |record| {
            record["action"] == "file.open" && record["object"]["path"] == file
        });
        let start = self.wait("the begin of its session", |record| {
            record["kind"] == "session" && record["cgroup"] == unit.path.to_str().unwrap()
        });
        assert_eq!(open["agent"], start["agent"], "{open}");
        assert_eq!(open["process"]["pid"], pid, "{open}");
        start
    }

    fn stop(self) -> Records {
        assert!(self.daemon.stop(Signal::SIGTERM).success());
        let records = Records::read(&self.home.journal());
        balanced(records.0.last().unwrap());
        records
    }
}

/// The begin of a session that is the result of a handoff of another.
fn is_result(start: &Value, asked: &Records, matched_by: &str) {
    let handoff = asked.kind("handoff");
    let handoff = handoff.one();
    let agent = &start["agent"];
    assert_eq!(agent["binding"], "inferred", "{start}");
    assert_eq!(agent["parent"], handoff["agent"]["session"], "{start}");
    assert_ne!(agent["session"], handoff["agent"]["session"], "{start}");
    assert_eq!(agent["id"], handoff["agent"]["id"], "{start}");
    assert_eq!(start["tool_call"], handoff["tool_call"], "{start}");
    let origin = &start["bound"]["handoff"];
    assert_eq!(origin["matched_by"], matched_by, "{start}");
    assert_eq!(origin["channel"], handoff["channel"], "{start}");
    assert_eq!(origin["reached"], handoff["reached"], "{start}");
    assert_eq!(origin["process_uid"], handoff["process"]["uid"], "{start}");
    assert_eq!(origin["reached_at"], handoff["boot_time"], "{start}");
    assert_eq!(handoff["followed"], true, "{handoff}");
}

fn a_unit_that_an_agent_asked_for_is_its_own() -> Outcome {
    let (agents, manager) = (Agents::new("unit"), Manager::of_units());
    let (group, _agent) = agents.asks("agent", &manager, &[]);
    let asked = agents.is_told(&group);
    let (mut command, file) = agents.command("seen");
    let unit = manager.start("run-u1.service", &command);
    let start = agents.works(&unit, &mut command, &file);
    is_result(&start, &asked, "time");
    let path = unit.path.clone();
    drop((command, unit));
    agents.wait("the end, with the unit", |record| {
        record["change"] == "end" && record["cgroup"] == path.to_str().unwrap()
    });
    let records = agents.stop();
    // The place was suspected by the time, so that nothing of it is late.
    records.keep(|record| record["reason"] == "late_tag").none();
    Ok(())
}

/// Whether or not the kernel was told in time.
fn a_unit_that_is_there_at_once_is_its_own() -> Outcome {
    let (agents, manager) = (Agents::new("once"), Manager::of_units());
    let (mut command, file) = agents.command("seen");
    let (group, _agent) = agents.asks("agent", &manager, &[]);
    let unit = manager.start("run-u1.service", &command);
    let asked = agents.is_told(&group);
    let start = agents.works(&unit, &mut command, &file);
    is_result(&start, &asked, "time");
    agents.stop();
    Ok(())
}

fn a_unit_that_nobody_asked_for_is_nobodys() -> Outcome {
    let (agents, manager) = (Agents::new("nobody"), Manager::of_units());
    let other = Manager::of_units();
    let (group, _agent) = agents.asks("agent", &manager, &[]);
    agents.is_told(&group);
    let (mut command, file) = agents.command("unseen");
    let (mut known, seen) = agents.command("seen");
    // Of another user's manager, and no unit.
    let stranger = other.start("run-u1.service", &command);
    let slice = manager.start("run-u1.slice", &command);
    command.go();
    command.until("openat");
    let unit = manager.start("run-u2.service", &known);
    agents.works(&unit, &mut known, &seen);
    drop((stranger, slice));
    let records = agents.stop();
    let opens = records.action("file.open");
    opens.path(&file).none();
    let sessions = records.kind("session");
    let begun = sessions.keep(|record| record["change"] == "start");
    assert_eq!(begun.len(), 2, "{begun}");
    Ok(())
}

fn a_container_that_an_agent_asked_for_is_its_own() -> Outcome {
    let id = "7e1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";
    let (agents, manager) = (Agents::new("container"), Manager::new("docker.sock"));
    let (group, _agent) = agents.asks("agent", &manager, &[]);
    let asked = agents.is_told(&group);
    let (mut command, file) = agents.command("seen");
    // A unit is nothing that a runtime of containers gives.
    let (other, unseen) = agents.command("unseen");
    let service = manager.start("run-u1.service", &other);
    let scope = manager.start(&format!("docker-{id}.scope"), &command);
    let start = agents.works(&scope, &mut command, &file);
    is_result(&start, &asked, "time");
    let open = agents.wait("the open", |record| record["object"]["path"] == file);
    let container = json!({"runtime": "docker", "id": id});
    assert_eq!(open["process"]["container"], container, "{open}");
    drop((service, other));
    agents.stop().action("file.open").path(&unseen).none();
    Ok(())
}

fn of_two_agents_the_one_that_says_the_name_gets_it() -> Outcome {
    let (agents, manager) = (Agents::new("name"), Manager::of_units());
    let (group, _agent) = agents.asks("agent", &manager, &["--unit=backup-of-mine"]);
    let (other, _other) = agents.asks("other", &manager, &[]);
    let asked = agents.is_told(&group);
    agents.is_told(&other);
    let (mut command, file) = agents.command("seen");
    let unit = manager.start("backup-of-mine.service", &command);
    let start = agents.works(&unit, &mut command, &file);
    is_result(&start, &asked, "name");
    agents.stop();
    Ok(())
}

fn where_two_agents_may_have_asked_both_are_told() -> Outcome {
    let (agents, manager) = (Agents::new("both"), Manager::of_units());
    let askers = ["one", "two"].map(|name| agents.asks(name, &manager, &[]));
    let sessions = askers.each_ref().map(|(group, _)| {
        let own = agents.is_told(group);
        own.kind("handoff").one()["agent"]["session"].clone()
    });
    let (mut command, file) = agents.command("unseen");
    let unit = manager.start("run-u1.service", &command);
    for session in &sessions {
        let gap = agents.wait("that it is ambiguous", |record| {
            record["reason"] == "ambiguous_handoff" && record["agent"]["session"] == *session
        });
        let detail = gap["detail"].as_str().unwrap();
        assert!(detail.contains(unit.path.to_str().unwrap()), "{gap}");
        for session in &sessions {
            assert!(detail.contains(session.as_str().unwrap()), "{gap}");
        }
    }
    command.go();
    command.until("openat");
    drop(unit);
    let records = agents.stop();
    records.action("file.open").path(&file).none();
    let kept = records.keep(|record| record["agent"]["binding"] == "inferred");
    kept.none();
    Ok(())
}

fn it_goes_on_over_a_restart() -> Outcome {
    let (mut agents, manager) = (Agents::new("again"), Manager::of_units());
    let (group, _agent) = agents.asks("agent", &manager, &[]);
    agents.is_told(&group);
    let (mut command, file) = agents.command("seen");
    let (mut later, again) = agents.command("again");
    let unit = manager.start("run-u1.service", &command);
    let start = agents.works(&unit, &mut command, &file);
    unit.take(later.pid());
    let next = Agents {
        daemon: {
            assert!(agents.daemon.stop(Signal::SIGTERM).success());
            agents.home.start()
        },
        ..agents
    };
    agents = next;
    later.go();
    agents.wait("what is done afterwards", |record| {
        let path = &record["object"]["path"];
        *path == again && record["agent"]["session"] == start["agent"]["session"]
    });
    let records = agents.stop();
    let sessions = records.kind("session");
    let own = sessions.keep(|session| session["agent"] == start["agent"]);
    let words: Vec<_> = own.0.iter().map(|change| &change["change"]).collect();
    assert_eq!(words, ["start", "suspend", "resume", "suspend"], "{own}");
    assert_eq!(own.0[2]["bound"], start["bound"], "{own}");
    Ok(())
}

fn the_summary_of_a_launched_command_names_it() -> Outcome {
    let manager = Manager::of_units();
    let directory = TempDir::new().unwrap();
    let journal = directory.path().join("journal");
    let mut run = Command::new(here::agtrack());
    run.args(["run", "--backend", &here::backend(), "--journal"]);
    run.arg(&journal).arg("--").arg(here::trigger());
    run.args(steps!["connect-unix", &manager.socket, "+", "wait"]);
    run.stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut run = run.spawn().unwrap();
    let mut input = run.stdin.take().unwrap();
    input.write_all(b"g").unwrap();
    manager.listener.accept().expect("it connects");
    let other = Trigger::new(Path::new("/"), &steps!["getpid"]);
    let unit = manager.start("run-u1.service", &other);
    let path = unit.path.to_str().unwrap();
    let begun = Follower::new(&journal).wait(|records| {
        let mut records = records.iter();
        let found = records.find(|record| record["agent"]["binding"] == "inferred");
        found.cloned()
    });
    assert_eq!(begun.expect("a session")["cgroup"], path);
    input.write_all(b"g").unwrap();
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let told = said.lines().find(|line| line.contains("handed off"));
    let told = told.unwrap_or_else(|| panic!("{said}"));
    assert!(told.ends_with("run-u1.service (by systemd)"), "{told}");
    // Nobody goes on with it: it ends with the recorder.
    let sessions = Records::read(&journal).kind("session");
    let own = sessions.keep(|session| session["cgroup"] == path);
    let words: Vec<_> = own.0.iter().map(|change| &change["change"]).collect();
    assert_eq!(words, ["start", "end"], "{own}");
    Ok(())
}
