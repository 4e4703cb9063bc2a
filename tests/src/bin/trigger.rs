//! Does exactly what it is told, call by call, so that a test knows what must be recorded.
//!
//! In: steps as arguments, separated by `+`, and one byte on standard input that starts them: the
//! test first places the process in a cgroup. Out: a line `PID ready 0`, and a line
//! `PID STEP RESULT` for each step, where the result is what the system call returned (-errno on
//! failure). System calls are made directly: no library chooses another variant of a call than the
//! one asked for.
//!
//! Steps of which a process continues in a child (`fork`, `double-fork`, `into-cgroup`, `clone-parent`, `reuse`) take all
//! steps behind them there. It never retries and never cleans up.

mod trigger {
    pub(crate) mod call;
    pub(crate) mod change;
    pub(crate) mod compat;
    pub(crate) mod content;
    pub(crate) mod datagram;
    pub(crate) mod file;
    pub(crate) mod flow;
    pub(crate) mod process;
    pub(crate) mod program;
    pub(crate) mod ring;
    pub(crate) mod socket;
    pub(crate) mod storm;
    pub(crate) mod talk;
    pub(crate) mod trick;
}

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use trigger::{
    call, change, compat, content, datagram, file, flow, process, program, ring, socket, storm,
    talk, trick,
};

/// What a step returned: a system call's result.
type Ret = i64;

/// The arguments of one step.
pub(crate) struct Step(VecDeque<OsString>);

impl Step {
    /// The next argument.
    fn next(&mut self) -> OsString {
        match self.0.pop_front() {
            Some(word) => word,
            None => complain("an argument is missing"),
        }
    }

    /// The next argument as a string for the kernel.
    fn path(&mut self) -> Vec<u8> {
        let mut bytes = self.next().into_vec();
        bytes.push(0);
        bytes
    }

    /// The next argument as a number.
    fn number(&mut self) -> i64 {
        let word = self.next();
        match word.to_str().and_then(|word| word.parse().ok()) {
            Some(number) => number,
            None => complain(&format!("{word:?} is not a number")),
        }
    }

    /// All that is left.
    fn rest(&mut self) -> Vec<OsString> {
        self.0.drain(..).collect()
    }
}

fn main() {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    // Whoever reads this knows that the program itself has begun, and is not still being started.
    report(b"ready", 0);
    process::wait_for_byte();
    let steps = words
        .split(|word| word == "+")
        .map(|words| Step(words.iter().cloned().collect()));
    perform_all(steps.collect());
}

fn perform_all(mut steps: VecDeque<Step>) {
    while let Some(mut step) = steps.pop_front() {
        let name = step.next();
        if name == "in-thread" {
            // The process goes on in another thread, and its first thread ends.
            let left = std::mem::take(&mut steps);
            std::thread::spawn(|| {
                report(b"in-thread", 0);
                perform_all(left);
                std::process::exit(0);
            });
            call::call(libc::SYS_exit, [0; 5]);
        }
        let ret = perform(name.as_bytes(), &mut step);
        if !step.0.is_empty() {
            complain(&format!("too many arguments: {:?}", step.0));
        }
        report(name.as_bytes(), ret);
    }
}

/// Makes the call that a step names.
fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        _ if change::knows(name) => change::perform(name, step),
        _ if program::knows(name) => program::perform(name, step),
        _ if trick::knows(name) => trick::perform(name, step),
        _ if content::knows(name) => content::perform(name, step),
        b"open" | b"open-handle" | b"openat" | b"openat2" | b"creat" | b"unlink" | b"unlinkat"
        | b"rename" | b"renameat" | b"renameat2" | b"chdir" | b"write" | b"burst" | b"walk"
        | b"dir" | b"file" | b"file-to-read" | b"tree" => file::perform(name, step),
        b"has32" | b"write32" | b"open32" | b"openat32" | b"unlink32" | b"rename32"
        | b"connect32" | b"socket32" => compat::perform(name, step),
        b"send4" | b"send6" | b"echo4" | b"echo6" | b"talk4" => datagram::perform(name, step),
        b"ask" | b"tell" | b"say" => talk::perform(name, step),
        b"connect4" | b"connect6" | b"connect-unix" | b"serve4" | b"serve6" | b"serve-unix" => {
            socket::perform(name, step)
        }
        _ if name.starts_with(b"socket-") => flow::perform(name, step),
        _ if name.starts_with(b"uring-") => ring::perform(name, step),
        b"rounds" => storm::rounds(step.number(), step.number(), &step.path()),
        b"storm" => storm::storm(step.number(), step.number(), step.number(), &step.path()),
        _ => process::perform(name, step),
    }
}

/// One line in one write, so that lines of several processes do not mix.
pub(crate) fn report(name: &[u8], ret: Ret) {
    let name = String::from_utf8_lossy(name);
    call::write(
        1,
        format!("{} {name} {ret}\n", std::process::id()).as_bytes(),
    );
}

/// The test is wrong.
pub(crate) fn complain(what: &str) -> ! {
    eprintln!("agtrack-trigger: {what}");
    std::process::exit(99)
}
