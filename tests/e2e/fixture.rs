//! Records the input logs that the replay tests read: `e2e --record-fixtures`, as root. In a virtual
//! machine it prints those of the forced back end, for `cargo xtask vm --record` to take.
//!
//! Each fixture is what a recorder got from the kernel and from /proc while one small scenario ran.
//! The golden records are made from it by the replay test itself (`AGTRACK_BLESS=1`).

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch::{self, Trigger};
use agtrack_tests::{here, steps};
use libc::{O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{close, container, content, hashes};

/// One scenario: the fixture's name, and what the trigger does in the given directory and cgroup.
type Scenario = (&'static str, fn(&Path, &Group) -> Vec<OsString>);

const SCENARIOS: &[Scenario] = &[
    ("fork", |_, _| {
        let apart = libc::CLONE_NEWUTS;
        steps!["fork", "+", "fork-apart", apart, "+", "threads", "1"].into()
    }),
    ("exit", |_, _| steps!["fork", "+", "signal", "9"].into()),
    ("exec", exec),
    ("open", open),
    ("unlink", unlink),
    ("rename", rename),
    ("change", change),
    ("close", |directory, _| {
        close::scenario(&file(directory, "file"))
    }),
    ("set_id", |_, _| {
        steps!["setgid", 7, "+", "setresuid", 1000, 1001, 1002].into()
    }),
    // The first process takes no notice of it.
    ("signal", |_, _| steps!["kill", 1, libc::SIGCONT].into()),
    ("call", call),
    ("connect", connect),
    ("peer", |_, _| {
        let port = 9;
        steps![
            "send4",
            "127.0.0.1",
            port,
            2,
            "+",
            "send6",
            "::1",
            port,
            1,
            "+",
            "echo4",
            "127.0.0.1"
        ]
        .into()
    }),
    ("endpoint", |directory, _| {
        steps![
            "serve4",
            "127.0.0.1",
            0,
            "+",
            "serve-unix",
            directory.join("socket")
        ]
        .into()
    }),
    ("flow", flow),
    ("excerpt", |_, _| content::scenario()),
    ("uring", requests),
    ("cgroup", cgroup),
    ("tamper", tamper),
    ("hashes", |directory, _| hashes::scenario(directory)),
];

/// What is recorded in machines, whose kernels allow the back ends that see objects: there an
/// operation is announced, and its result comes from another hook.
const OBJECTS: &[Scenario] = &[
    ("files", files),
    ("refused", refused),
    ("uring", uring),
    ("change", change),
    ("close", |directory, _| {
        close::scenario(&file(directory, "file"))
    }),
];

/// Where fixtures lie.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("replay")
}

/// Records all fixtures.
pub(crate) fn record() {
    if here::is_machine() {
        for (name, scenario) in OBJECTS {
            let (text, backend) = (trimmed(&one(scenario)), here::backend());
            println!("@@ fixture {backend}_{name}\n{text}@@ end fixture");
        }
        return;
    }
    for (name, scenario) in SCENARIOS {
        write(name, &one(scenario));
    }
    write("container", &container::recorded::log());
}

fn write(name: &str, log: &str) {
    let (to, text) = (directory().join(format!("{name}.input")), trimmed(log));
    std::fs::write(&to, &text).unwrap();
    println!("{}: {} inputs", to.display(), text.lines().count());
}

/// The input log of a recorder that ran for one scenario only.
fn one(scenario: &fn(&Path, &Group) -> Vec<OsString>) -> String {
    let parent = Group::new("agtrack-fixture");
    let home = Home::new("fixture", &["/agtrack-fixture/*"]);
    let log = home.config().with_extension("input");
    let daemon = home.start_with(&[Path::new("--input-log"), &log]);
    let group = parent.child("agent");
    // The same path each time, so that a new recording differs only where the program does.
    let directory = Path::new("/tmp/agtrack-fixture");
    let _ = std::fs::remove_dir_all(directory);
    std::fs::create_dir(directory).unwrap();
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
    let program = launch::copy(&directory.join("trigger"));
    let steps = scenario(directory, &group);
    let steps: Vec<_> = steps
        .iter()
        .map(|word| meant(word, &daemon, &home))
        .collect();
    let mut trigger = Trigger::of(&program, directory, &steps);
    group.take(trigger.pid());
    // What /proc says of it is to be in the log too.
    let placed = daemon.follower().wait(|records| {
        let mut all = records.iter();
        all.any(|record| record["action"] == "cgroup.attach")
            .then_some(())
    });
    placed.expect("the trigger is seen as it comes in");
    trigger.go();
    trigger.end();
    assert!(daemon.stop(Signal::SIGTERM).success());
    std::fs::remove_dir_all(directory).unwrap();
    std::fs::read_to_string(log).unwrap()
}

/// Without readings of clock and counters that were followed by another before anything happened.
fn trimmed(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let is = |line: &str, kind: &str| {
        let input: Value = serde_json::from_str(line).expect("an input is JSON");
        input["input"] == kind
    };
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1);
        let repeated = |kind| is(line, kind) && next.is_some_and(|next| is(next, kind));
        if !repeated("clock") && !repeated("counters") {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

fn file(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, b"content").unwrap();
    path
}

fn exec(directory: &Path, _: &Group) -> Vec<OsString> {
    let program = directory.join("trigger");
    let script = |name: &str, first: &str| {
        let path = file(directory, name);
        std::fs::write(&path, first).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    };
    script("text", "no program\n");
    script("script", "#!./trigger rename\n");
    steps! {
        "exec", "./text", "a", "+",
        "spawn", "./script", "moved", "+",
        "exec-env", &program, 3, "HOME=toor/", "LD_PRELOAD=", "=nameless",
        "trigger", "exit", "3", "--password=hunter2", "last",
    }
    .into()
}

fn open(directory: &Path, _: &Group) -> Vec<OsString> {
    let path = file(directory, "file");
    std::os::unix::fs::symlink("file", directory.join("link")).unwrap();
    steps! {
        "openat", "cwd", &path, O_RDONLY, "0", "+",
        "openat", "cwd", "new\n\u{1b}", O_WRONLY | O_CREAT | O_EXCL, "420", "+",
        "openat", "cwd", "link", O_RDONLY | O_NOFOLLOW, "0", "+",
        "openat", "cwd", "nothing", O_RDONLY, "0",
    }
    .into()
}

fn unlink(directory: &Path, _: &Group) -> Vec<OsString> {
    file(directory, "file");
    steps! {
        "unlink", "./file", "+",
        "unlink", "/", "+",
        "unlink", "nothing",
    }
    .into()
}

fn rename(directory: &Path, _: &Group) -> Vec<OsString> {
    let (from, to) = (file(directory, "from"), file(directory, "to"));
    let flag = libc::RENAME_NOREPLACE;
    steps! {
        "renameat2", "cwd", &from, "cwd", &to, flag, "+",
        "rename", "from", "to",
    }
    .into()
}

fn change(directory: &Path, _: &Group) -> Vec<OsString> {
    let path = file(directory, "file");
    steps! {
        "mkdir", "new", 0o750, "+",
        "rmdir", directory.join("new"), "+",
        "mknod", "pipe", libc::S_IFIFO | 0o600, 0, "+",
        "link", &path, "other", "+",
        "symlink", "../nowhere", "link", "+",
        "truncate", "file", 3, "+",
        "chmod", "file", 0o4755, "+",
        "chown", "file", 7, -1, "+",
        "setxattr", "file", "trusted.agtrack", "value", 5, 0, "+",
        "removexattr", "file", "trusted.agtrack", "+",
        "file", &path, "+",
        "ftruncate", 8, 70000, "+",
        "fchmod", 8, 0o600, "+",
        "unshare", libc::CLONE_NEWNS, "+",
        "mount", "none", "/", "none", (libc::MS_REC | libc::MS_PRIVATE) as u32, 0, "+",
        "mkdir", "root", 0o755, "+",
        "mount", "memory", "root", "tmpfs", 0, 0, "+",
        "umount", "root", libc::MNT_DETACH, "+",
        "mount", "memory", "root", "tmpfs", 0, 0, "+",
        "mkdir", "root/old", 0o755, "+",
        "pivot_root", "root", "root/old", "+",
        "chroot", "/", "+",
        "setuid", 1000, "+",
        "chmod", "file", 0o777, "+",
        "mkdir", "/old/refused", 0o755,
    }
    .into()
}

fn call(_: &Path, _: &Group) -> Vec<OsString> {
    steps! {
        "file-to-read", "/proc/self/ns/uts", "+",
        "setns", 8, libc::CLONE_NEWUTS, "+",
        "unshare", libc::CLONE_NEWNS | libc::CLONE_NEWNET, "+",
        "ptrace", libc::PTRACE_TRACEME, 0, 0, 0, "+",
        "uring-openat", "/etc/hostname", "+",
        "bpf", 5, 0, 0, "+",
        "perf_event_open", 0, 1, -1, -1, 0, "+",
        "keyctl", 0, -2, 0, 0, "+",
        "socket", libc::AF_PACKET, libc::SOCK_RAW, 0, "+",
        "setuid", 1000, "+",
        "finit_module", 8, "", 0, "+",
        "delete_module", "nothing", 0,
    }
    .into()
}

fn connect(_: &Path, _: &Group) -> Vec<OsString> {
    let refused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    steps! {
        "connect4", "127.0.0.1", refused, "tcp", "+",
        "connect6", "::1", refused, "tcp", "+",
        "connect4", "127.0.0.1", "9", "udp", "+",
        "connect-unix", "/nonexistent",
    }
    .into()
}

/// A connection that is refused, datagrams to nobody, and a connection within the process.
fn flow(_: &Path, _: &Group) -> Vec<OsString> {
    let nobody = 9;
    steps! {
        "connect4", "127.0.0.1", nobody, "tcp", "+",
        "serve4", "127.0.0.1", 0, "+",
        "socket-bind", "127.0.0.1", "+",
        "socket-sendto", "127.0.0.1", nobody, 10, "+",
        "socket-close",
    }
    .into()
}

fn cgroup(_: &Path, group: &Group) -> Vec<OsString> {
    let inner = group.directory.join("inner");
    steps! {
        "mkdir", &inner, 0o755, "+",
        "write", inner.join("cgroup.procs"), "0", "+",
        "write", group.procs(), "0", "+",
        "rmdir", &inner,
    }
    .into()
}

/// `@recorder` and `@journal` stand for what is known when it runs.
fn tamper(_: &Path, group: &Group) -> Vec<OsString> {
    let top = group.directory.join("../../cgroup.procs");
    steps! {
        "kill", "@recorder", libc::SIGWINCH, "+",
        "ptrace", 0x4206, "@recorder", 0, 0, "+",
        "process_vm_writev", "@recorder", 0, 0, 0, 0, "+",
        "write", top, "@recorder", "+",
        "mknod", "@journal/own", libc::S_IFREG | 0o600, 0, "+",
        "unlink", "@journal/own", "+",
        "pause", 300, "+",
        "setuid", 65534, "+",
        "ptrace", 0x4206, "@recorder", 0, 0,
    }
    .into()
}

/// A step's word with what it stands for.
fn meant(word: &OsString, daemon: &Daemon, home: &Home) -> OsString {
    let Some(word) = word.to_str() else {
        return word.clone();
    };
    let journal = home.journal();
    word.replace("@recorder", &daemon.pid().to_string())
        .replace("@journal", journal.to_str().expect("a plain name"))
        .into()
}

fn files(directory: &Path, _: &Group) -> Vec<OsString> {
    file(directory, "old");
    steps! {
        "openat", "cwd", "old", O_RDONLY, "0", "+",
        "openat", "cwd", "new", O_WRONLY | O_CREAT | O_EXCL, "420", "+",
        "rename", "new", "old", "+",
        "unlink", "old",
    }
    .into()
}

/// By directories and modes, as an ordinary user, and by a link.
fn refused(directory: &Path, _: &Group) -> Vec<OsString> {
    let path = file(directory, "secret");
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("secret", directory.join("link")).unwrap();
    steps! {
        "setuid", "1000", "+",
        "openat", "cwd", &path, O_RDONLY, "0", "+",
        "openat", "cwd", "new", O_WRONLY | O_CREAT, "420", "+",
        "openat", "cwd", "link", O_RDONLY | O_NOFOLLOW, "0", "+",
        "rename", "secret", "known", "+",
        "unlink", "secret",
    }
    .into()
}

/// Files and a peer, by no system call.
fn requests(directory: &Path, _: &Group) -> Vec<OsString> {
    let (made, moved) = (directory.join("made"), directory.join("moved"));
    let nobody = 1;
    steps! {
        "uring-ring", "poll", "+",
        "uring-create", &made, "+",
        "uring-write", "+",
        "uring-setxattr", &made, "user.own", "+",
        "uring-renameat", &made, &moved, "+",
        "uring-symlinkat", "moved", &made, "+",
        "uring-unlinkat", &moved, "+",
        "uring-connect4", "127.0.0.1", nobody, "+",
        "uring-sendmsg", "127.0.0.1", nobody, "+",
        "uring-command", "/dev/null",
    }
    .into()
}

/// No system call opens the file.
fn uring(directory: &Path, _: &Group) -> Vec<OsString> {
    let path = file(directory, "file");
    steps!["uring-openat", &path].into()
}
