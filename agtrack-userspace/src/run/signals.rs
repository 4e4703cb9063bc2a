//! Signals that reach the launcher while the command runs.
//!
//! The command is in the launcher's process group, so what the terminal sends reaches it directly;
//! what somebody sends to the launcher is passed on. Comes in: signals, as a descriptor. Goes out:
//! what to do about each.
//!
//! A process can signal the launcher alone (`kill PID`, a supervisor) or the whole group
//! (`kill -- -PGID`, a shell's `kill %1`, which reaches the command by itself). Nothing tells these
//! apart: `kill` sets the same `si_code`, `SI_USER`, and the same sender for both, and what the
//! command has received is not to be seen once it has handled it. So both are passed on, and the
//! command gets what is sent to the group twice; it then sees one signal if it has not handled the
//! first when the second arrives, as signals of one number do not queue. The other choice would be
//! worse: a supervisor's SIGTERM would not reach the command, and an agent that was told to end
//! would go on. Only what the kernel sends, as a terminal does, is known to be for the group.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that are passed on to the command when they were sent to the launcher.
const FORWARDED: [Signal; 7] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGTSTP,
];

/// `si_code` of a signal that the kernel itself sent, as a terminal does.
const FROM_KERNEL: i32 = 0x80;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A child changed its state.
    Child,
    /// The terminal sent it to the whole group; the command has it too.
    Group(i32),
    /// Somebody sent it to the launcher; the command does not have it, unless it was sent to their
    /// whole group.
    Launcher(i32),
}

/// Takes signals instead of being interrupted by them.
#[derive(Debug)]
pub(super) struct Signals {
    descriptor: SignalFd,
}

impl Signals {
    /// From here on the signals wait to be read. The stub must run already, since it would
    /// inherit the mask.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn take() -> nix::Result<Signals> {
        let mut set: SigSet = FORWARDED.into_iter().collect();
        set.add(Signal::SIGCHLD);
        set.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Signals {
            descriptor: SignalFd::with_flags(&set, flags)?,
        })
    }

    /// The signals that came, in the order in which they are to be heeded.
    ///
    /// # Errors
    /// The descriptor cannot be read.
    pub(super) fn waiting(&self, command: u32) -> nix::Result<Vec<Asked>> {
        let mut came = Vec::new();
        while let Some(info) = self.descriptor.read_signal()? {
            came.extend(asked(info.ssi_signo, info.ssi_code, info.ssi_pid, command));
        }
        children_last(&mut came);
        Ok(came)
    }
}

/// The kernel hands signals out by their numbers, and SIGCHLD before SIGTSTP: what was meant for the
/// command must not be taken for the wait behind its end.
fn children_last(came: &mut [Asked]) {
    came.sort_by_key(|asked| *asked == Asked::Child);
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn asked(signal: u32, code: i32, sender: u32, command: u32) -> Option<Asked> {
    let signal = i32::try_from(signal).ok()?;
    if signal == Signal::SIGCHLD as i32 {
        return Some(Asked::Child);
    }
    if code == FROM_KERNEL {
        return Some(Asked::Group(signal));
    }
    // A command that signals its own group means its own processes and has the signal already.
    (sender != command).then_some(Asked::Launcher(signal))
}

/// Holds ^C and ^\ back while sudo asks for a password, so that sudo can put the terminal in order
/// before this process dies of it. Both sides of the password prompt get the key.
#[derive(Debug)]
pub(super) struct Held(SigSet);

impl Held {
    /// Holds them until this is dropped.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn hold() -> nix::Result<Held> {
        let set: SigSet = [Signal::SIGINT, Signal::SIGQUIT].into_iter().collect();
        let before = set.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        Ok(Held(before))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It can fail for a bad argument only, and this mask came from the kernel.
        let _ = self.0.thread_set_mask();
    }
}

/// A caller that ignores SIGCHLD makes the kernel throw the command's status away; catch it
/// instead. exec resets a caught signal to its default.
///
/// # Errors
/// The kernel refuses.
pub(super) fn keep_status() -> std::io::Result<()> {
    signal_hook::flag::register(
        signal_hook::consts::SIGCHLD,
        Arc::new(AtomicBool::new(false)),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: u32 = Signal::SIGTERM as u32;
    const INT: u32 = Signal::SIGINT as u32;

    #[test]
    fn what_the_terminal_sends_is_not_passed_on() {
        assert_eq!(asked(INT, FROM_KERNEL, 0, 50), Some(Asked::Group(2)));
    }

    /// To the launcher or to its group: it looks the same.
    #[test]
    fn what_somebody_sends_is_passed_on() {
        assert_eq!(asked(TERM, 0, 99, 50), Some(Asked::Launcher(15)));
        assert_eq!(asked(INT, -1, 99, 50), Some(Asked::Launcher(2)));
    }

    #[test]
    fn what_the_command_sends_itself_is_not() {
        assert_eq!(asked(TERM, 0, 50, 50), None);
    }

    #[test]
    fn a_key_that_the_command_had_is_heeded_before_its_end() {
        let stop = Asked::Group(Signal::SIGTSTP as i32);
        let interrupt = Asked::Group(Signal::SIGINT as i32);
        let mut came = [interrupt, Asked::Child, stop];
        children_last(&mut came);
        assert_eq!(came, [interrupt, stop, Asked::Child]);
    }

    #[test]
    fn a_child_is_a_child_whoever_says_so() {
        assert_eq!(asked(Signal::SIGCHLD as u32, 1, 50, 50), Some(Asked::Child));
    }
}
