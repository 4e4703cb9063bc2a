//! Signals as requests.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// Signals that came and were not obeyed yet.
#[derive(Debug)]
pub(super) struct Signals(Receiver<Asked>);

impl Signals {
    /// From now on they no longer end the process.
    ///
    /// # Errors
    /// The kernel refuses a handler or a thread.
    pub(super) fn take() -> std::io::Result<Signals> {
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let (sender, receiver) = channel();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    let asked = if signal == SIGHUP {
                        Asked::Reload
                    } else {
                        Asked::Stop
                    };
                    if sender.send(asked).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Signals(receiver))
    }

    /// The next request; none within `time`.
    pub(super) fn wait(&self, time: Duration) -> Option<Asked> {
        match self.0.recv_timeout(time) {
            Ok(asked) => Some(asked),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
            // Without its thread no signal would ever be obeyed.
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Some(Asked::Stop),
        }
    }
}
