//! `agtrack run` of an ordinary user, whose recorder is started by sudo, and `sudo agtrack run`,
//! whose command is the user's again. Root makes the user, for the time of a test and for its own
//! processes only.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use agtrack_tests::here;
use agtrack_tests::records::{Records, bytes};
use agtrack_tests::user::{NAME, User};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use rexpect::session::spawn_command;

use crate::host::balanced;
use crate::leftover::Before;
use crate::{Outcome, Unable, tests};

tests![
    an_ordinary_user_is_recorded_through_sudo,
    a_user_at_a_terminal_types_to_the_command_only,
    below_sudo_the_command_is_the_users_again,
    one_whom_sudo_refuses_is_told,
];

/// Says who and where it is, passes on what is typed, and makes a file.
const SCRIPT: &str = "id -u; id -g; id -G; pwd; echo \"$HOME $USER ${KEPT-} ${SUDO_UID-free}\";
    cat; echo made > made; exit 3";

/// The rest of the command line, behind the program's name.
fn run(command: &mut Command, options: &[&Path]) -> Output {
    command.args(["run", "--backend", &here::backend()]);
    command
        .args(options)
        .args(["--", "sh", "-c", SCRIPT])
        .env("KEPT", "kept");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    child.wait_with_output().unwrap()
}

/// A test with a user, whom sudo trusts or not. Nothing of agtrack is left when it ends.
fn with_user(is_trusted: bool, test: fn(&User)) -> Outcome {
    let before = Before::new();
    let done = User::live(is_trusted, |user| {
        test(user);
        let until = Instant::now() + here::patience();
        while !user.left_running().is_empty() {
            assert!(Instant::now() < until, "{:?}", user.left_running());
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let left = before.left();
    assert!(left.is_empty(), "no cgroup is left behind: {left:?}");
    done.ok_or_else(|| Unable("sudo is not installed here".to_owned()))
}

/// The command was the user's, and ended as it does without agtrack.
fn check_command(user: &User, output: &Output, kept: &str) {
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let (id, home) = (user.id, user.home.display());
    let expect = format!("{id}\n{id}\n{id}\n{home}\n{home} {NAME} {kept} free\ntyped\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expect);
    let made = std::fs::metadata(user.home.join("made")).expect("the command made a file");
    assert_eq!((made.uid(), made.gid()), (id, id));
}

/// The records speak of the user.
fn check_records(user: &User, journal: &Path) {
    let records = Records::read(journal);
    let made = user.home.join("made");
    let opens = records.action("file.open");
    let opens = opens.path(made.to_str().unwrap());
    let open = opens.one();
    assert_eq!(open["object"]["created"], true, "{open}");
    let process = &open["process"];
    assert_eq!(process["user"], user.id, "{open}");
    assert_eq!(process["euser"], user.id, "{open}");
    assert_eq!(process["cwd"], user.home.to_str().unwrap(), "{open}");
    let execs = records.action("process.exec");
    assert_eq!(execs.0[0]["object"]["args"][2], SCRIPT, "{execs}");
    let shell = execs.0[0]["process"]["pid"].as_u64().unwrap();
    let exits = records.action("process.exit").of(shell as u32);
    assert_eq!(exits.one()["object"]["code"], 3, "{exits}");
    for exec in &execs.0 {
        assert_eq!(exec["process"]["user"], user.id, "{exec}");
        let program = bytes(&exec["object"]["exe"]);
        assert!(!program.ends_with(b"/sudo"), "sudo is not the user's work");
    }
    balanced(records.0.last().unwrap());
}

/// Root's, and readable for the user: evidence that the user cannot change.
fn check_journal(user: &User, journal: &Path) {
    let entries = std::fs::read_dir(journal).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.push(journal.to_owned());
    for path in &paths {
        let of = std::fs::metadata(path).unwrap();
        assert_eq!((of.uid(), of.gid()), (0, user.id), "{}", path.display());
        assert_eq!(of.mode() & 0o027, 0, "{} {:o}", path.display(), of.mode());
    }
    let mut tail = user.command(&user.agtrack);
    let tail = tail.args(["tail", "--json", "-n", "all", "--journal"]);
    let output = tail.arg(journal).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = output.stdout.split(|byte| *byte == b'\n').count() - 1;
    assert_eq!(lines, Records::read(journal).len());
}

fn an_ordinary_user_is_recorded_through_sudo() -> Outcome {
    with_user(true, |user| {
        let output = run(&mut user.command(&user.agtrack), &[]);
        check_command(user, &output, "kept");
        let journal = only_run(user);
        let said = String::from_utf8_lossy(&output.stderr);
        let name = journal.file_name().unwrap().to_str().unwrap();
        let shown = format!("/var/lib/agtrack/runs/{name}");
        assert!(said.contains(&shown), "{said}");
        check_records(user, &journal);
        check_journal(user, &journal);
    })
}

/// sudo would take what is typed for its own command, the recorder.
fn a_user_at_a_terminal_types_to_the_command_only() -> Outcome {
    with_user(true, |user| {
        let script = "echo going; read typed; echo got-$typed; exec sleep 600";
        let mut command = user.command(&user.agtrack);
        command.args(["run", "--backend", &here::backend()]);
        command.args(["--", "sh", "-c", script]);
        let patience = here::patience().as_millis() as u64;
        let mut terminal = spawn_command(command, Some(patience)).unwrap();
        terminal.exp_string("going").unwrap();
        terminal.send_line("typed").unwrap();
        terminal.exp_string("got-typed").unwrap();
        terminal.send_control('c').unwrap();
        let said = terminal.exp_eof().unwrap();
        assert!(said.contains("recorded"), "the summary: {said}");
        let status = terminal.process().wait().unwrap();
        assert!(
            matches!(status, WaitStatus::Signaled(_, Signal::SIGINT, _)),
            "as the command: {status:?}"
        );
        let journal = only_run(user);
        check_journal(user, &journal);
        let records = Records::read(&journal);
        let killed = records.keep(|record| record["object"]["signal"] == "SIGINT");
        assert_eq!(killed.one()["process"]["user"], user.id);
        balanced(records.0.last().unwrap());
    })
}

fn only_run(user: &User) -> PathBuf {
    let runs = runs(user);
    let [journal] = &runs[..] else {
        panic!("one journal: {runs:?}")
    };
    journal.clone()
}

/// Journals where they are kept if nothing else is said.
fn runs(user: &User) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(user.state().join("runs"));
    let entries = entries.into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn below_sudo_the_command_is_the_users_again() -> Outcome {
    with_user(true, |user| {
        let mut sudo = user.command("sudo");
        sudo.arg(&user.agtrack);
        let journal = user.home.join("given");
        let output = run(&mut sudo, &[Path::new("--journal"), &journal]);
        // sudo keeps the environment to itself, with agtrack or without.
        check_command(user, &output, "");
        check_records(user, &journal);
        check_journal(user, &journal);
    })
}

fn one_whom_sudo_refuses_is_told() -> Outcome {
    with_user(false, |user| {
        let output = run(&mut user.command(&user.agtrack), &[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        let own = said.lines().filter(|line| line.starts_with("agtrack: "));
        let [line] = own.collect::<Vec<_>>()[..] else {
            panic!("one line, behind what sudo said: {said}")
        };
        assert!(line.contains("sudo did not start the recorder"), "{said}");
        assert!(line.contains("sudo -l"), "it says what to do: {said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        assert!(!user.home.join("made").exists(), "the command did not run");
        assert_eq!(runs(user), Vec::<PathBuf>::new());
    })
}
