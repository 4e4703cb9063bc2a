//! Agents recognised by what they execute, by who they are, and by their unit.

pub(crate) mod again;
pub(crate) mod lost;
pub(crate) mod program;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use agtrack_tests::coverage;
use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch;
use agtrack_tests::place::own;
use agtrack_tests::records::Records;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::own_name;
use crate::{Outcome, tests};

tests![
    a_program_from_its_first_action_on,
    a_script_by_its_name,
    a_program_that_was_replaced,
    whatever_a_user_executes,
    what_runs_before_the_recorder_starts,
    a_reload_gives_up_and_takes_up,
    a_unit_wherever_it_is,
    the_strongest_wins,
];

/// A user that nobody else is.
const USER: u32 = 47_114;

/// A recorder whose agents stand in a file of their own, and a directory for their programs.
struct Host {
    home: Home,
    directory: TempDir,
}

impl Host {
    fn new(agents: &str) -> Host {
        let host = Host {
            home: Home::new("other", &["/agtrack-nowhere/*"]),
            directory: TempDir::new().unwrap(),
        };
        // Others than root execute what is in it.
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(host.directory.path(), all).unwrap();
        std::fs::create_dir(host.agents()).unwrap();
        host.name(agents);
        host
    }

    fn agents(&self) -> PathBuf {
        self.home.config().with_file_name("agents.d")
    }

    /// Writes the agents anew; `DIR` is the directory of the programs.
    fn name(&self, agents: &str) {
        let agents = agents.replace("DIR", self.directory.path().to_str().unwrap());
        std::fs::write(self.agents().join("one.toml"), agents).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A shell in a place of its own. Its name stays, by which busybox knows what to be.
    fn shell(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        launch::copy_program(Path::new("/bin/sh"), &path);
        path
    }
}

fn agent(id: &str, by: &str) -> String {
    format!("[[agents]]\nid = \"{id}\"\nversion = \"7\"\n{by}\n")
}

fn command(program: &Path, script: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-c", script]).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Runs to its end. Gives its process id.
fn run(mut command: Command) -> u32 {
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success(), "{command:?}");
    pid
}

/// The session that begins with this process, when it has ended.
fn session(daemon: &Daemon, pid: u32) -> Records {
    let found = daemon.follower().wait(|records| {
        let own = begun_with(records, pid)?;
        let ended = own
            .0
            .iter()
            .any(|r| r["kind"] == "session" && r["change"] == "end");
        ended.then_some(own)
    });
    let found = found.unwrap_or_else(|| {
        panic!(
            "no session of {pid} that ended: {:#?}",
            daemon.follower().records()
        )
    });
    found.0.iter().for_each(|record| coverage::note(record));
    found
}

fn begun_with(records: &[Arc<Value>], pid: u32) -> Option<Records> {
    let start = records.iter().rev().find(|record| {
        let begins = record["kind"] == "session" && record["change"] == "start";
        begins && record["process"]["pid"] == pid
    })?;
    let session = &start["agent"]["session"];
    Some(Records(records.to_vec()).keep(|record| record["agent"]["session"] == *session))
}

/// Nothing is recorded of a process that has ended, nor of a session that begins with it.
fn nobodys(daemon: &Daemon, pid: u32) {
    let records = Records(daemon.follower().records());
    records
        .keep(|record| record["kind"] == "action")
        .of(pid)
        .none();
}

fn is_bound(own: &Records, id: &str, binding: &str) {
    let agents = own.keep(|r| r["agent"]["id"] != id || r["agent"]["binding"] != binding);
    agents.none();
    let versions = own.keep(|r| r["agent"]["version"] != "7");
    versions.none();
}

fn a_program_from_its_first_action_on() -> Outcome {
    let host = Host::new(&agent("x", "executables = [\"DIR/agent/sh\"]"));
    let program = host.shell("agent/sh");
    let other = host.shell("other/sh");
    let daemon = host.home.start();
    let file = host.path("made");
    let script = format!("/bin/sh -c 'echo >{}'; exit 0", file.display());
    let stranger = run(command(&other, &script));
    let pid = run(command(&program, &script));
    let own = session(&daemon, pid);
    is_bound(&own, "x", "executable");
    let starts = own.kind("session");
    let start = &starts.0[0];
    assert_eq!(start["command"], json!([program, "-c", script]), "{start}");
    assert_eq!(start["process"]["ppid"], std::process::id(), "{start}");
    // The very exec that made it the agent's is the first of its actions.
    let actions = own.keep(|record| record["kind"] == "action");
    assert_eq!(actions.0[0]["action"], "process.exec", "{own}");
    assert_eq!(actions.0[0]["object"]["exe"], json!(program), "{own}");
    assert_eq!(actions.0[0]["process"]["pid"], pid, "{own}");
    let opens = own.action("file.open").path(file.to_str().unwrap());
    assert_ne!(opens.one()["process"]["pid"], pid, "its child's: {own}");
    own.action("process.exit").of(pid).one();
    own.kind("gap").none();
    nobodys(&daemon, stranger);
    assert!(daemon.stop(Signal::SIGTERM).success());
    let all = Records(host.home.records().into_iter().map(Arc::new).collect());
    assert_eq!(all.kind("session").len(), 2, "{all}");
    Ok(())
}

fn a_script_by_its_name() -> Outcome {
    let host = Host::new(&agent("x", "executables = [\"DIR/link\"]"));
    let script = host.path("agent");
    let text = "#!/bin/sh\n/bin/sh -c 'exit 0'\nexit 0\n";
    // By another process, as any program that is executed at once.
    let made = Command::new("/bin/sh")
        .args(["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""])
        .args([&script, Path::new(text)])
        .status();
    assert!(made.unwrap().success());
    let link = host.path("link");
    std::os::unix::fs::symlink(&script, &link).unwrap();
    let daemon = host.home.start();
    for name in [&link, &script] {
        let pid = run(Command::new(name));
        let own = session(&daemon, pid);
        is_bound(&own, "x", "executable");
        let execs = own.action("process.exec");
        assert_eq!(execs.0[0]["object"]["script"], json!(name), "{own}");
        assert_eq!(own.action("process.exit").len(), 2, "{own}");
        own.kind("gap").none();
    }
    let mut read = Command::new("/bin/cat");
    read.arg(&script).stdout(Stdio::null());
    nobodys(&daemon, run(read));
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

/// At once it is known by its name; by other names once the new file has been looked at.
fn a_program_that_was_replaced() -> Outcome {
    let host = Host::new(&agent("x", "executables = [\"DIR/agent/sh\"]"));
    let program = host.shell("agent/sh");
    let daemon = host.home.start();
    let new = host.shell("new/sh");
    std::fs::rename(&new, &program).unwrap();
    let pid = run(command(&program, "exit 0"));
    is_bound(&session(&daemon, pid), "x", "executable");
    let alias = host.path("new/sh");
    std::fs::hard_link(&program, &alias).unwrap();
    let until = std::time::Instant::now() + agtrack_tests::here::patience();
    let own = loop {
        let pid = run(command(&alias, "exit 0"));
        // What came before has arrived when a later one has.
        session(&daemon, run(command(&program, "exit 0")));
        if let Some(own) = begun_with(&daemon.follower().records(), pid) {
            break own;
        }
        assert!(
            std::time::Instant::now() < until,
            "the new file is never known"
        );
    };
    is_bound(&own, "x", "executable");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn whatever_a_user_executes() -> Outcome {
    let host = Host::new(&agent("x", &format!("users = [{USER}]")));
    let daemon = host.home.start();
    let sh = Path::new("/bin/sh");
    let stranger = run(command(sh, "/bin/true; exit 0"));
    let mut as_user = command(sh, "/bin/true; exit 0");
    as_user.uid(USER).gid(USER);
    let pid = run(as_user);
    let own = session(&daemon, pid);
    is_bound(&own, "x", "user");
    let execs = own.action("process.exec");
    assert_eq!(execs.len(), 2, "{own}");
    assert_eq!(execs.0[0]["process"]["user"], USER, "{own}");
    own.kind("gap").none();
    nobodys(&daemon, stranger);
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

/// A shell that waits for its input with a child that waits too.
fn waiting(mut command: Command) -> Child {
    use std::io::Read;
    let mut child = command.spawn().unwrap();
    let mut said = [0];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut said)
        .unwrap();
    child
}

const WAITS: &str = "/bin/sh -c 'echo; read x; exit 0'; /bin/true; exit 0";

fn end(mut child: Child) -> u32 {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    child.id()
}

fn what_runs_before_the_recorder_starts() -> Outcome {
    let by = |by: &str| format!("executables = [\"DIR/{by}\"]");
    let agents = [
        agent("x", &by("agent/sh")),
        agent("y", &by("gone/sh")),
        agent("z", &format!("users = [{USER}]")),
    ];
    let host = Host::new(&agents.concat());
    let (program, gone) = (host.shell("agent/sh"), host.shell("gone/sh"));
    let mut as_user = command(Path::new("/bin/sh"), WAITS);
    as_user.uid(USER).gid(USER);
    let running = [command(&program, WAITS), command(&gone, WAITS), as_user].map(waiting);
    // Replaced while it runs, as an update does it.
    let new = host.shell("new/sh");
    std::fs::rename(&new, &gone).unwrap();
    let daemon = host.home.start();
    let expect = [("x", "executable"), ("y", "executable"), ("z", "user")];
    for (child, (id, binding)) in running.into_iter().zip(expect) {
        let own = session(&daemon, end(child));
        is_bound(&own, id, binding);
        let gaps = own.kind("gap").keep(|gap| gap["reason"] == "late_tag");
        assert_eq!(gaps.len(), 2, "itself and its child: {own}");
        assert_eq!(
            own.action("process.exec").len(),
            1,
            "what came after: {own}"
        );
        assert_eq!(own.action("process.exit").len(), 3, "{own}");
    }
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn a_reload_gives_up_and_takes_up() -> Outcome {
    let host = Host::new(&agent("x", "executables = [\"DIR/agent/sh\"]"));
    let (program, other) = (host.shell("agent/sh"), host.shell("other/sh"));
    let mut daemon = host.home.start();
    let children = [&program, &other].map(|program| waiting(command(program, WAITS)));
    host.name(&agent("y", "executables = [\"DIR/other/sh\"]"));
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    let [given_up, taken_up] = children.map(end);
    let own = session(&daemon, taken_up);
    is_bound(&own, "y", "executable");
    assert_eq!(own.kind("gap").len(), 2, "{own}");
    let own = session(&daemon, given_up);
    is_bound(&own, "x", "executable");
    // The end of its session came first.
    own.action("process.exit").none();
    let pid = run(command(&program, "exit 0"));
    session(&daemon, run(command(&other, "exit 0")));
    nobodys(&daemon, pid);
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn a_unit_wherever_it_is() -> Outcome {
    let unit = format!("{}.service", own_name("-unit"));
    let host = Host::new(&agent("x", &format!("units = [\"{unit}\"]")));
    let daemon = host.home.start();
    let slice = Group::new(&own_name("-app.slice"));
    let group = slice.child(&unit);
    let begun = daemon.follower().wait(|records| own(records, &group.path));
    assert!(begun.is_some(), "{:#?}", daemon.follower().records());
    let script = format!("echo 0 >{} && /bin/true; exit 0", group.procs());
    let pid = run(command(Path::new("/bin/sh"), &script));
    let found = daemon.follower().wait(|records| {
        let own = own(records, &group.path)?;
        let exit = own.action("process.exit").of(pid);
        (!exit.is_empty()).then_some(own)
    });
    let own = found.expect("its end is recorded");
    is_bound(&own, "x", "cgroup");
    assert_eq!(own.action("process.exec").len(), 1, "{own}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

/// In an agent's cgroup a process is that agent's; a program says more than its user; and what a
/// recognised one starts is its own.
fn the_strongest_wins() -> Outcome {
    let group = Group::new(&own_name("-strong"));
    let agents = [
        agent("user", &format!("users = [{USER}]")),
        agent("program", "executables = [\"DIR/agent/sh\"]"),
        agent("cgroup", &format!("cgroups = [{:?}]", group.path)),
    ];
    let host = Host::new(&agents.concat());
    let program = host.shell("agent/sh");
    let daemon = host.home.start();
    let mut as_user = command(&program, "/bin/sh -c 'exit 0'; exit 0");
    as_user.uid(USER).gid(USER);
    let own = session(&daemon, run(as_user));
    is_bound(&own, "program", "executable");
    assert_eq!(own.action("process.exec").len(), 2, "{own}");
    let mut below = command(
        Path::new("/bin/sh"),
        &format!("{} -c 'exit 0'; exit 0", program.display()),
    );
    below.uid(USER).gid(USER);
    let own = session(&daemon, run(below));
    is_bound(&own, "user", "user");
    assert_eq!(own.action("process.exec").len(), 2, "{own}");
    let script = format!(
        "echo 0 >{} && exec {} -c 'exit 0'",
        group.procs(),
        program.display()
    );
    let pid = run(command(Path::new("/bin/sh"), &script));
    let found = daemon.follower().wait(|records| {
        let own = agtrack_tests::place::own(records, &group.path)?;
        let exit = own.action("process.exit").of(pid);
        (!exit.is_empty()).then_some(own)
    });
    let own = found.expect("its end is recorded");
    is_bound(&own, "cgroup", "cgroup");
    assert_eq!(
        own.action("process.exec").one()["object"]["exe"],
        json!(program)
    );
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}
