//! Calls agtrack without a terminal.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use agtrack::cgroup::{Hierarchy, OwnCgroup};
use libtest_mimic::Trial;
use rustix::process::Signal;
use tempfile::TempDir;

/// Tests by name.
pub(crate) fn trials(tests: &[(&str, fn())]) -> Vec<Trial> {
    let trial = |(name, test): &(&str, fn())| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    };
    tests.iter().map(trial).collect()
}

/// True where a cgroup can be created beside this process.
pub(crate) fn cgroups_work() -> bool {
    let here = Hierarchy::find().and_then(|tree| tree.of_pid(std::process::id()));
    let name = format!("agtrack-probe-{}", uuid::Uuid::now_v7().simple());
    here.and_then(|here| OwnCgroup::create(&here, &name))
        .is_ok()
}

/// Where one `agtrack run` happens: an empty directory, and the journal's name in it.
pub(crate) struct Run {
    directory: TempDir,
    journal: &'static str,
}

impl Run {
    /// One whose recorder works.
    pub(crate) fn new() -> Run {
        Run::journal("j")
    }

    /// One whose recorder does what the journal's name stands for.
    pub(crate) fn journal(journal: &'static str) -> Run {
        Run {
            directory: TempDir::new().unwrap(),
            journal,
        }
    }

    /// The call that is to be made.
    pub(crate) fn call(&self, options: &[&str], command: &[&str]) -> Command {
        let mut run = Command::new(std::env::current_exe().unwrap());
        run.arg("run")
            .arg("--journal")
            .arg(self.path(self.journal))
            .args(options)
            .arg("--")
            .args(command);
        run.stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        run
    }

    /// Runs a command to its end.
    pub(crate) fn command(&self, command: &[&str]) -> Done {
        self.command_with(&[], command)
    }

    /// As [`Run::command`], with options of agtrack.
    pub(crate) fn command_with(&self, options: &[&str], command: &[&str]) -> Done {
        Done::from(self.call(options, command).output().unwrap())
    }

    /// Runs a script to its end.
    pub(crate) fn sh(&self, script: &str) -> Done {
        self.command(&["sh", "-c", script])
    }

    /// Starts a script in the directory, and waits until it has made the file `going`.
    pub(crate) fn going(&self, script: &str) -> Child {
        let child = self
            .call(&[], &["bash", "-c", script])
            .current_dir(self.directory.path())
            .spawn()
            .unwrap();
        eventually("the command runs", || self.path("going").exists());
        child
    }

    /// A file of the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What the recorder was told to tag; it has been told.
    pub(crate) fn tagged(&self) -> String {
        std::fs::read_to_string(self.path(self.journal).join("tagged")).unwrap()
    }

    /// The directory of the command's cgroup, if it had one.
    pub(crate) fn cgroup(&self) -> Option<PathBuf> {
        let tagged = self.tagged();
        let dir = tagged.split("dir: \"").nth(1)?.split('"').next()?;
        Some(PathBuf::from(dir))
    }

    /// Whether the recorder came to a good end.
    pub(crate) fn is_recorded(&self) -> bool {
        self.path(self.journal).join("stopped").exists()
    }

    /// Nothing was made in the directory, or it is gone again.
    pub(crate) fn left_nothing(&self) {
        let left: Vec<_> = std::fs::read_dir(self.directory.path()).unwrap().collect();
        assert!(left.is_empty(), "something was left behind: {left:?}");
    }

    /// The directory itself, without links.
    pub(crate) fn directory(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }
}

/// What came of a call.
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) said: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        Done {
            status: output.status,
            stdout: output.stdout,
            said: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    /// It ended with this exit status.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Done {
        assert_eq!(self.status.code(), Some(code), "{}", self.said);
        self
    }

    /// This is on its standard error.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Done {
        assert!(self.said.contains(text), "{}", self.said);
        self
    }

    /// This is not.
    #[track_caller]
    pub(crate) fn is_silent_of(&self, text: &str) -> &Done {
        assert!(!self.said.contains(text), "{}", self.said);
        self
    }

    /// Its standard output.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }
}

/// Waits for a condition.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn is_gone(path: &Path) -> bool {
    !path.exists()
}

pub(crate) fn kill(child: &Child, signal: Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}
