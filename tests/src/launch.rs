//! Runs the trigger: placed first, then started, then waited for.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use crate::here;

/// A trigger that has not been started, or that waits in a `wait` step.
#[derive(Debug)]
pub struct Trigger {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What a trigger did.
#[derive(Debug)]
pub struct Ran {
    /// Its process id.
    pub pid: u32,
    /// How it ended.
    pub status: ExitStatus,
    /// Its steps: process, step, result.
    pub steps: Vec<(u32, String, i64)>,
}

impl Trigger {
    /// Makes the process, which waits for [`Trigger::go`].
    pub fn new<S: AsRef<OsStr>>(directory: &Path, steps: &[S]) -> Trigger {
        Trigger::of(&here::trigger(), directory, steps)
    }

    /// As [`Trigger::new`], with a copy of the program.
    pub fn of<S: AsRef<OsStr>>(program: &Path, directory: &Path, steps: &[S]) -> Trigger {
        let mut child = Command::new(program)
            .args(steps)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()));
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut trigger = Trigger {
            child,
            input,
            output,
        };
        // A spawn returns while the kernel is still at the exec.
        trigger.until("ready");
        trigger
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it go on: past its start, or past the next `wait`.
    pub fn go(&mut self) {
        let input = self.input.as_mut().expect("it is piped");
        input.write_all(b"g").expect("the trigger waits");
    }

    /// Waits until the process has reported this step.
    ///
    /// # Panics
    /// It ended before.
    pub fn until(&mut self, step: &str) -> (u32, i64) {
        loop {
            let mut line = String::new();
            self.output
                .read_line(&mut line)
                .expect("the trigger writes");
            assert!(!line.is_empty(), "the trigger ended before `{step}`");
            let (pid, name, ret) = parse(&line);
            if name == step {
                return (pid, ret);
            }
        }
    }

    /// Waits for its end, and for that of every descendant that kept its output.
    pub fn end(mut self) -> Ran {
        drop(self.input.take());
        let mut text = String::new();
        self.output
            .read_to_string(&mut text)
            .expect("the trigger writes");
        let status = self.child.wait().expect("it is a child");
        assert_ne!(
            status.code(),
            Some(99),
            "the steps are wrong, as the trigger says above"
        );
        Ran {
            pid: self.child.id(),
            status,
            steps: text.lines().map(parse).collect(),
        }
    }
}

impl Ran {
    /// What is not told must have happened.
    ///
    /// # Panics
    /// A step failed.
    pub fn succeeded(&self) {
        let failed = self.steps.iter().find(|(.., result)| *result < 0);
        assert_eq!(failed, None, "{self:?}");
    }

    /// The result of the first step of this name.
    ///
    /// # Panics
    /// It did not get there.
    pub fn result(&self, step: &str) -> i64 {
        self.step(step).2
    }

    /// The process that made the first step of this name.
    ///
    /// # Panics
    /// It did not get there.
    pub fn pid_of(&self, step: &str) -> u32 {
        self.step(step).0
    }

    fn step(&self, step: &str) -> &(u32, String, i64) {
        let found = self.steps.iter().find(|(_, name, _)| name == step);
        found.unwrap_or_else(|| panic!("there was no `{step}`: {self:?}"))
    }
}

fn parse(line: &str) -> (u32, String, i64) {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [pid, name, ret] = *fields else {
        panic!("the trigger says {line:?}")
    };
    (
        pid.parse().expect("a process id"),
        name.to_owned(),
        ret.parse().expect("a result"),
    )
}

/// A copy of the trigger under another name.
pub fn copy(to: &Path) -> PathBuf {
    copy_program(&here::trigger(), to);
    to.to_owned()
}

/// A copy of a program, with its mode, made by another process: what another thread of this one
/// starts meanwhile would hold it open for writing, and it could not be executed (`ETXTBSY`).
pub fn copy_program(from: &Path, to: &Path) {
    let made = Command::new("cp").arg("-p").args([from, to]).status();
    let made = made.expect("cp can be run");
    assert!(made.success(), "cannot copy to {}: {made}", to.display());
}

/// An executable script of these lines for sh, in place as [`copy_program`] puts it.
///
/// # Panics
/// It cannot be written.
pub fn script(to: &Path, lines: &str) {
    let draft = to.with_extension("draft");
    std::fs::write(&draft, format!("#!/bin/sh\n{lines}\n")).expect("a script can be written");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&draft, mode).expect("it can be made executable");
    copy_program(&draft, to);
    std::fs::remove_file(&draft).expect("the draft is there");
}

/// A word of a step.
pub trait Word {
    /// As an argument.
    fn word(self) -> OsString;
}

macro_rules! words {
    ($($kind:ty => $convert:expr;)+) => {
        $( impl Word for $kind {
            fn word(self) -> OsString {
                let convert: fn($kind) -> OsString = $convert;
                convert(self)
            }
        } )+
    };
}

words! {
    &str => |text| text.into();
    &String => |text| text.into();
    &OsString => OsString::clone;
    &Path => |path| path.as_os_str().to_owned();
    &PathBuf => |path| path.as_os_str().to_owned();
    String => OsString::from;
    PathBuf => PathBuf::into_os_string;
    i32 => |number| number.to_string().into();
    u16 => |number| number.to_string().into();
    u32 => |number| number.to_string().into();
    usize => |number| number.to_string().into();
}

/// The arguments of a trigger: steps, separated by `"+"`, from anything that makes a word.
#[macro_export]
macro_rules! steps {
    ($($word:expr),+ $(,)?) => { [ $( $crate::launch::Word::word($word) ),+ ] };
}
