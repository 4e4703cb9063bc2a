//! How the launcher ends: as the command did.
//!
//! Comes in: the command's wait status. Goes out: an exit code, or death by the same signal.

use std::process::ExitCode;

use rustix::process::WaitStatus;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited.
    Code(u8),
    /// A signal ended it.
    Signal(i32),
}

impl Ending {
    /// From a wait status; none while the command is only stopped or continued.
    pub fn of(status: WaitStatus) -> Option<Ending> {
        if let Some(code) = status.exit_status() {
            // The kernel keeps eight bits.
            return Some(Ending::Code((code & 0xff) as u8));
        }
        status.terminating_signal().map(Ending::Signal)
    }

    /// What a shell would show for it.
    pub fn code(self) -> u8 {
        match self {
            Ending::Code(code) => code,
            Ending::Signal(signal) => (128 + signal).clamp(0, 255) as u8,
        }
    }

    /// Ends this process in the same way, or gives the code to exit with where it cannot.
    pub fn imitate(self) -> ExitCode {
        if let Ending::Signal(signal) = self {
            die_of(signal);
        }
        ExitCode::from(self.code())
    }
}

/// Dies of the signal, so that the caller's shell sees what it would have seen without agtrack.
/// Returns where the signal does not end a process.
fn die_of(signal: i32) {
    // The command has left a core if it wanted one; a second one would be agtrack's own.
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    // Fails for real-time signals, which it does not know; the exit code says it then.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::WaitOptions;

    fn check(script: &str, ending: Ending, code: u8) {
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .spawn()
            .unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let (_, status) = rustix::process::waitpid(Some(pid), WaitOptions::empty())
            .unwrap()
            .unwrap();
        // Reaped already; for the lint that knows only this way.
        let _ = child.wait();
        assert_eq!(Ending::of(status), Some(ending), "{script}");
        assert_eq!(ending.code(), code, "{script}");
    }

    #[test]
    fn a_status_is_what_a_shell_would_show() {
        check("exit 0", Ending::Code(0), 0);
        check("exit 3", Ending::Code(3), 3);
        check("exit 255", Ending::Code(255), 255);
        check("kill -TERM $$", Ending::Signal(15), 143);
        check("kill -KILL $$", Ending::Signal(9), 137);
        check("kill -PIPE $$", Ending::Signal(13), 141);
    }
}
