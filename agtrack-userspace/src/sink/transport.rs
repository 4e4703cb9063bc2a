//! What every transport does, and what may come of it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::batch::Batch;
use crate::record::printable;

/// The most that is kept of what a receiver says, in characters.
const LONGEST_REASON: usize = 500;

/// How long a receiver has for its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Something that is being done.
pub(super) type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way out.
///
/// It may be dropped while it delivers; it must then not go on in the middle of a record.
pub(super) trait Transport: Send {
    /// Hands over all records of a batch, and returns once they are acknowledged.
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>>;

    /// How long what was taken may still be lost with the connection; zero where the receiver
    /// acknowledges.
    fn unsure(&self) -> Duration {
        Duration::ZERO
    }

    /// How long a batch may take.
    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// Looks whether the connection still holds, where [`Transport::unsure`] is not zero.
    fn holds(&mut self) -> Doing<'_, Result<(), Trouble>> {
        Box::pin(async { Ok(()) })
    }
}

/// A batch was acknowledged, but for the records that are named.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// Records that the receiver refused one by one, with its reasons.
    pub(super) refused: Vec<(u64, String)>,
    /// Records that the receiver does not take now, in order, and why: these alone are sent again.
    pub(super) later: Option<(Vec<u64>, Trouble)>,
    /// What the receiver said, for people; empty where it says nothing.
    pub(super) said: String,
}

/// A batch was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may work later.
    Later {
        /// Why not now.
        reason: String,
        /// When the receiver wants to be asked again.
        after: Option<Duration>,
    },
    /// The receiver does not take the batch as a whole, for something that is in it.
    Refused(String),
    /// It cannot work until somebody changes something.
    Misconfigured(String),
}

impl Trouble {
    /// It may work later.
    pub(super) fn later(reason: impl Into<String>) -> Trouble {
        Trouble::Later {
            reason: reason.into(),
            after: None,
        }
    }

    /// Why, safe to show, and not longer than it is useful.
    pub(super) fn reason(&self) -> String {
        match self {
            Trouble::Later { reason, .. }
            | Trouble::Refused(reason)
            | Trouble::Misconfigured(reason) => shown(reason),
        }
    }
}

/// What came from outside, safe to show, and not longer than it is useful.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_REASON).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    printable(&shown)
}

/// Does what may wait for a disk or a pipe on a thread of its own.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(Trouble::later(format!(
                "a thread of the sink ended ({error}), which is a fault of agtrack"
            )))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_says_reaches_nobody_raw_or_whole() {
        let trouble = Trouble::later(format!("\u{1b}[2Jno{}", "x".repeat(100_000)));
        let reason = trouble.reason();
        assert!(!reason.contains('\u{1b}'), "{reason}");
        assert!(
            reason.starts_with("\\u{1b}[2Jno") && reason.len() < 600,
            "{reason}"
        );
    }
}
