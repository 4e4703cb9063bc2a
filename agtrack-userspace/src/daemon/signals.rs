//! Signals as requests.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What a signal asks for.
///
/// Of several at a time the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// SIGHUP.
    Reload,
    /// SIGTERM, SIGINT.
    Stop,
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

    /// What is asked for; none within `time`. One look at the configuration serves all who asked
    /// before it, and nobody who asks for the end waits for it.
    pub(super) fn wait(&self, time: Duration) -> Option<Asked> {
        match self.0.recv_timeout(time) {
            Ok(first) => Some(self.0.try_iter().fold(first, Asked::max)),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
            // Without its thread no signal would ever be obeyed.
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Some(Asked::Stop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(came: &[Asked], expect: Option<Asked>) {
        let (sender, receiver) = channel();
        came.iter().for_each(|asked| sender.send(*asked).unwrap());
        let signals = Signals(receiver);
        assert_eq!(signals.wait(Duration::ZERO), expect, "{came:?}");
        assert_eq!(signals.wait(Duration::ZERO), None, "{came:?}");
    }

    #[test]
    fn what_came_meanwhile_is_one_request() {
        use Asked::{Reload, Stop};
        check(&[], None);
        check(&[Reload], Some(Reload));
        check(&[Reload; 1000], Some(Reload));
        check(&[Reload, Stop], Some(Stop));
        check(&[Stop, Reload, Reload], Some(Stop));
    }
}
