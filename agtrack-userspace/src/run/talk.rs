//! The recorder's ears: everything that it waits for, in one queue.
//!
//! Comes in: lines on standard input, SIGTERM, the end of the command. Goes out: events in the
//! order they happened, and answers on standard output.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP};

use super::protocol::{FromRecorder, ToRecorder, receive, send};
use crate::terminal::note;

/// What the recorder waits for.
#[derive(Debug)]
pub(super) enum Event {
    /// The launcher said something.
    Request(ToRecorder),
    /// The launcher is gone.
    Gone,
    /// The command has ended.
    Ended,
    /// Somebody asks the recorder to end now.
    Terminate,
}

/// The queue, and the way back.
#[derive(Debug)]
pub(super) struct Talk {
    sender: Sender<Event>,
    events: Receiver<Event>,
    alone: bool,
}

/// Leaves the caller's terminal and session and begins to listen.
///
/// # Errors
/// Standard input is not a launcher's pipe, or the kernel refuses.
pub(super) fn detach() -> anyhow::Result<Talk> {
    ensure!(
        !std::io::stdin().is_terminal(),
        "standard input is a terminal"
    );
    // sudo may have made it the leader of a session of its own, which does as well.
    let _ = rustix::process::setsid();
    // Not to keep a mount busy; the launcher made every path absolute.
    rustix::process::chdir("/").context("cannot change to /")?;
    let (sender, events) = channel();
    let signals = [SIGTERM, SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGPIPE];
    let mut signals =
        signal_hook::iterator::Signals::new(signals).context("cannot take signals")?;
    let to = sender.clone();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if signal == SIGTERM && to.send(Event::Terminate).is_err() {
                    return;
                }
            }
        })?;
    let to = sender.clone();
    std::thread::Builder::new()
        .name("launcher".into())
        .spawn(move || listen(&to))?;
    Ok(Talk {
        sender,
        events,
        alone: false,
    })
}

/// Reads until the launcher is gone. One that talks nonsense is treated as gone: what it started
/// is recorded to the end all the same.
fn listen(to: &Sender<Event>) {
    let mut input = std::io::stdin().lock();
    loop {
        match receive(&mut input) {
            Ok(Some(request)) => {
                if to.send(Event::Request(request)).is_err() {
                    return;
                }
            }
            Ok(None) => {
                let _ = to.send(Event::Gone);
                return;
            }
            Err(error) => {
                say_deaf(&format!("the launcher cannot be understood ({error})"));
                let _ = to.send(Event::Gone);
                // Nobody who still writes is to wait for a reader.
                let _ = std::io::copy(&mut input, &mut std::io::sink());
                return;
            }
        }
    }
}

fn say_deaf(why: &str) {
    let why = super::plain(why.as_bytes());
    note(format_args!(
        "agtrack: {why}; recording goes on until the command has ended"
    ));
}

impl Talk {
    /// Waits for the next event.
    pub(super) fn next(&mut self) -> Event {
        // The queue holds a sender itself, so it is never without one.
        let event = self.events.recv().unwrap_or(Event::Gone);
        self.note(event)
    }

    /// Waits for the next event, but not longer than this.
    pub(super) fn next_within(&mut self, patience: Duration) -> Option<Event> {
        let event = self.events.recv_timeout(patience).ok()?;
        Some(self.note(event))
    }

    /// The next event if there is one already.
    pub(super) fn poll(&mut self) -> Option<Event> {
        let event = self.events.try_recv().ok()?;
        Some(self.note(event))
    }

    fn note(&mut self, event: Event) -> Event {
        self.alone |= matches!(event, Event::Gone);
        event
    }

    /// True once the launcher is gone.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// The launcher said what has no place here, if it was the launcher: it counts as gone.
    pub(super) fn give_up(&mut self, said: &ToRecorder) {
        say_deaf(&format!("the launcher said `{}` out of turn", said.name()));
        self.alone = true;
    }

    /// Answers the launcher; one that is gone is noticed elsewhere. False if the message is too long
    /// to be sent.
    pub(super) fn say(&mut self, message: &FromRecorder) -> bool {
        let mut out = std::io::stdout().lock();
        let sent = send(&mut out, message).and_then(|()| out.flush());
        !sent.is_err_and(|error| error.kind() == ErrorKind::InvalidInput)
    }

    /// From now on the end of this process is an event.
    ///
    /// # Errors
    /// It is gone already, or the kernel refuses.
    pub(super) fn watch(&self, pid: u32) -> anyhow::Result<()> {
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let raw = raw.with_context(|| format!("{pid} is not a process id"))?;
        let descriptor = pidfd_open(raw, PidfdFlags::empty())
            .with_context(|| format!("cannot watch process {pid}"))?;
        let to = self.sender.clone();
        std::thread::Builder::new()
            .name("command".into())
            .spawn(move || {
                let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
                while poll(&mut fds, None).is_err() {}
                let _ = to.send(Event::Ended);
            })?;
        Ok(())
    }
}
