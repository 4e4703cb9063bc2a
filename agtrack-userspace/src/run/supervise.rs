//! Waits for the command as a shell would, and listens to the recorder meanwhile.
//!
//! Comes in: signals, the command's state, messages. Goes out: how the command ended and what the
//! recorder says of it. Never: stands between the command and its terminal.

use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions};

use super::ending::Ending;
use super::plain;
use super::protocol::{Done, FromRecorder, ToRecorder};
use super::signals::{Asked, Signals};
use super::start::Recorder;
use crate::terminal::note;

/// How it all ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The command.
    pub ending: Ending,
    /// What the recorder said at its end; none if it did not live to say it.
    pub done: Option<Done>,
    /// Recording ended before it should have.
    pub lost: bool,
}

/// The command and those around it.
#[derive(Debug)]
pub(super) struct Supervisor {
    signals: Signals,
    recorder: Option<Recorder>,
    command: Pid,
    all: bool,
    ended: Option<Ending>,
    interrupts: u32,
    lost: bool,
    done: Option<Done>,
}

impl Supervisor {
    /// `all`: wait for the last tagged descendant, too.
    pub(super) fn new(signals: Signals, recorder: Recorder, command: Pid, all: bool) -> Supervisor {
        let recorder = Some(recorder);
        Supervisor {
            signals,
            recorder,
            command,
            all,
            ended: None,
            interrupts: 0,
            lost: false,
            done: None,
        }
    }

    /// Until the command has ended and the recorder has written everything.
    ///
    /// # Errors
    /// The kernel refuses to say what became of the command.
    pub(super) fn run(mut self) -> io::Result<Outcome> {
        // What happened before signals were taken is not told by one.
        self.look_at_command()?;
        loop {
            if let (Some(ending), None) = (self.ended, &self.recorder) {
                return Ok(Outcome {
                    ending,
                    done: self.done,
                    lost: self.lost,
                });
            }
            let (signal, message) = self.wait()?;
            if signal {
                for asked in self.signals.waiting(self.pid())? {
                    self.on_signal(asked)?;
                }
            }
            if message {
                self.on_messages();
            }
        }
    }

    fn pid(&self) -> u32 {
        self.command.as_raw_nonzero().get().unsigned_abs()
    }

    /// Blocks until there is a signal, a message, or both.
    fn wait(&self) -> io::Result<(bool, bool)> {
        let incoming = self.recorder.as_ref().map(Recorder::incoming);
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        fds.extend(
            incoming
                .as_ref()
                .map(|from| PollFd::new(from, PollFlags::IN)),
        );
        loop {
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                other => {
                    other?;
                    break;
                }
            }
        }
        let ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
        Ok((ready(0), ready(1)))
    }

    fn on_signal(&mut self, asked: Asked) -> io::Result<()> {
        match (asked, self.ended) {
            (Asked::Child, None) => self.look_at_command()?,
            (Asked::Child, Some(_)) => {}
            (Asked::Group(_), None) => {}
            (Asked::Launcher(signal), None) => {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    // It may end in this moment.
                    let _ = rustix::process::kill_process(self.command, signal);
                }
            }
            (Asked::Group(signal) | Asked::Launcher(signal), Some(_)) => {
                self.on_interrupt(signal)?;
            }
        }
        Ok(())
    }

    /// The command has ended already; the signal means the waiting.
    fn on_interrupt(&mut self, signal: i32) -> io::Result<()> {
        if signal == Signal::TSTP.as_raw() {
            return stop_self();
        }
        if [Signal::USR1, Signal::USR2]
            .iter()
            .any(|other| other.as_raw() == signal)
        {
            return Ok(());
        }
        self.interrupts += 1;
        if self.interrupts == 1 {
            if self.all {
                note(format_args!(
                    "agtrack: no longer waiting for descendants; recording ends"
                ));
                self.tell(&ToRecorder::Finish { all: false });
            }
        } else {
            note(format_args!(
                "agtrack: not waiting for the recorder; it finishes the journal by itself"
            ));
            self.recorder = None;
        }
        Ok(())
    }

    fn tell(&mut self, message: &ToRecorder) {
        // A recorder that is gone is noticed by the end of its messages.
        let _ = self
            .recorder
            .as_mut()
            .map(|recorder| recorder.tell(message));
    }

    fn on_messages(&mut self) {
        while let Some(recorder) = &mut self.recorder {
            match recorder.hear() {
                Ok(Some(message)) => self.on_message(message),
                Ok(None) => self.on_loss("it ended unexpectedly"),
                Err(error) => self.on_loss(&error.to_string()),
            }
            if !self.recorder.as_ref().is_some_and(Recorder::has_buffered) {
                return;
            }
        }
    }

    fn on_message(&mut self, message: FromRecorder) {
        match message {
            FromRecorder::Done(done) => self.on_done(done),
            FromRecorder::Waiting { still } => {
                note(format_args!(
                    "agtrack: the command has ended; waiting for {} more:",
                    still.total
                ));
                super::summary::list(&still).iter().for_each(note);
            }
            FromRecorder::Failed { message } => self.on_loss(&message),
            FromRecorder::Ready { .. } | FromRecorder::Tagged { .. } => {
                self.on_loss("it said something out of turn");
            }
        }
    }

    fn on_done(&mut self, done: Done) {
        let early = if self.ended.is_none() {
            Some("the recorder ended before the command")
        } else if self.all && self.interrupts == 0 && done.still.total > 0 {
            Some("the recorder ended before the last descendant")
        } else {
            None
        };
        self.done = Some(done);
        if let Some(why) = early {
            self.on_loss(why);
        } else if let Some(recorder) = self.recorder.take() {
            // Its status says nothing that its messages did not.
            let _ = recorder.wait();
        }
    }

    /// Recording has ended before the command. That must be known, whatever is on the screen.
    fn on_loss(&mut self, why: &str) {
        let then = if self.ended.is_some() {
            ""
        } else {
            "; the command goes on unrecorded"
        };
        note(format_args!(
            "agtrack: RECORDING HAS STOPPED: {}{then}",
            plain(why.as_bytes())
        ));
        self.lost = true;
        self.recorder = None;
    }

    /// Takes note of what the command did: ended, or stopped.
    fn look_at_command(&mut self) -> io::Result<()> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
        while let Some((_, status)) = rustix::process::waitpid(Some(self.command), options)? {
            if let Some(signal) = status.stopping_signal() {
                self.stop_along(signal)?;
            } else if let Some(ending) = Ending::of(status) {
                self.ended = Some(ending);
                self.tell(&ToRecorder::Finish { all: self.all });
                return Ok(());
            }
        }
        Ok(())
    }

    /// The command was stopped; the caller's shell watches this process, so it stops too.
    fn stop_along(&self, signal: i32) -> io::Result<()> {
        // Somebody who stops just the command, without a shell that waits, also continues just it.
        if signal == Signal::STOP.as_raw() && !in_foreground() {
            return Ok(());
        }
        // The news may be old: a shell continues the whole group, and this process may run before
        // the command does.
        std::thread::sleep(std::time::Duration::from_millis(20));
        if !self.is_stopped() {
            return Ok(());
        }
        stop_self()?;
        // Where only this process was continued, the command follows.
        if self.is_stopped() {
            let _ = rustix::process::kill_process(self.command, Signal::CONT);
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        let stat = std::fs::read(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name in parentheses may hold anything, also parentheses.
        let after = stat
            .iter()
            .rposition(|&byte| byte == b')')
            .unwrap_or(stat.len());
        stat.get(after + 2) == Some(&b'T')
    }
}

/// Stops this process until it is continued.
fn stop_self() -> io::Result<()> {
    Ok(rustix::process::kill_process(
        rustix::process::getpid(),
        Signal::STOP,
    )?)
}

/// True where this process group has the terminal.
fn in_foreground() -> bool {
    std::fs::File::open("/dev/tty")
        .ok()
        .and_then(|tty| rustix::termios::tcgetpgrp(tty).ok())
        .is_some_and(|group| group == rustix::process::getpgrp())
}
