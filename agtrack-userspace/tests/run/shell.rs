//! bash with job control at a terminal of its own.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

/// An interactive shell in an empty directory, with `agtrack` as a function.
pub(crate) struct Shell {
    pub session: PtySession,
    pub dir: tempfile::TempDir,
}

/// How long anything may take before a test gives up, in milliseconds.
const PATIENCE: u64 = 20_000;

impl Shell {
    pub(crate) fn new() -> Shell {
        let dir = tempfile::tempdir().unwrap();
        let exe = std::env::current_exe().unwrap();
        let mut bash = Command::new("bash");
        bash.args(["--norc", "--noprofile", "-i"])
            .current_dir(dir.path());
        bash.env("PS1", "READY> ")
            .env("TERM", "dumb")
            .env("EXE", exe)
            .env_remove("PROMPT_COMMAND");
        let mut session = spawn_command(bash, Some(PATIENCE)).unwrap();
        // An interactive bash takes no SIGTERM; the end of a test need not wait for that.
        session.process_mut().set_kill_timeout(Some(20));
        let mut shell = Shell { session, dir };
        shell.expect("READY> ");
        shell.run("bind 'set enable-bracketed-paste off'; stty -echo");
        shell.run("agtrack() { local journal=$1; shift; \"$EXE\" run --journal \"$PWD/$journal\" \"$@\"; }");
        shell
    }

    /// Types a line.
    pub(crate) fn line(&mut self, line: &str) {
        self.session.send_line(line).unwrap();
    }

    /// Types a line and waits for the prompt; what was printed meanwhile.
    pub(crate) fn run(&mut self, line: &str) -> String {
        self.line(line);
        self.expect("READY> ")
    }

    /// Waits until this is printed; what came before it.
    pub(crate) fn expect(&mut self, text: &str) -> String {
        match self.session.exp_string(text) {
            Ok(before) => before,
            Err(error) => panic!("waited for {text:?}: {error}"),
        }
    }

    /// Presses a control key.
    pub(crate) fn key(&mut self, key: char) {
        self.session.send_control(key).unwrap();
    }

    /// A shell that runs a line which has printed `going`.
    pub(crate) fn going(line: &str) -> Shell {
        let mut shell = Shell::new();
        shell.line(line);
        shell.expect("going");
        shell
    }

    /// Waits until the foreground job is stopped and the shell asks for the next line.
    pub(crate) fn is_stopped(&mut self) {
        self.expect("Stopped");
        self.expect("READY> ");
    }

    /// Waits for the end of the foreground job, which has this exit status; what it printed.
    #[track_caller]
    pub(crate) fn returns(&mut self, status: i32) -> String {
        let said = self.expect("READY> ");
        let printed = self.run("echo status=$?.");
        let found = printed.split('.').next().unwrap().trim();
        assert_eq!(found, format!("status={status}"), "{said}");
        said
    }
}
