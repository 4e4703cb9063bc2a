//! Calling agtrack.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The program under test.
pub(crate) const AGTRACK: &str = env!("CARGO_BIN_EXE_agtrack");

/// nobody, on every distribution that matters.
const NOBODY: u32 = 65534;

/// A call without terminal and without settings of whoever runs the tests.
pub(crate) fn agtrack<S: AsRef<OsStr>>(args: &[S]) -> Command {
    command(AGTRACK.into(), args)
}

fn command<S: AsRef<OsStr>>(program: PathBuf, args: &[S]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .env("COLUMNS", "100")
        .env("TZ", "UTC");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "NOTIFY_SOCKET"] {
        command.env_remove(name);
    }
    command
}

/// How it ended and what it said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Calls it and waits.
pub(crate) fn say(command: &mut Command) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let out = String::from_utf8(stdout).unwrap();
    let err = String::from_utf8(stderr).unwrap();
    err.lines().for_each(assert_said_once);
    Said {
        code: status.code(),
        out,
        err,
    }
}

/// No message says its cause twice: once by itself and once more as the cause of an error.
fn assert_said_once(line: &str) {
    let mut parts: Vec<_> = line.split(": ").collect();
    parts.sort_unstable();
    let twice = parts.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(twice.is_none(), "said twice: {line}");
}

/// A place that everybody may look into, with a copy of agtrack that everybody may run.
pub(crate) struct Public {
    pub(crate) dir: tempfile::TempDir,
}

impl Public {
    pub(crate) fn new() -> Public {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        // By a child: a copy that this process has open for writing another thread's child would have, too,
        // and then nobody can run it.
        let made = Command::new("cp").arg(AGTRACK).arg(dir.path()).status();
        assert!(made.unwrap().success());
        Public { dir }
    }

    /// A call by a user who is not root.
    pub(crate) fn unprivileged<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = command(self.dir.path().join("agtrack"), args);
        command.current_dir("/");
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}
