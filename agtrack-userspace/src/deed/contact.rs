//! Whether a peer was reached.

use super::Deed;

/// Of a peer: it is known to have been reached.
pub(crate) const CONNECTED: &str = "connected";
/// The call did not wait, and no connection has ended that came of it.
pub(crate) const BEGUN: &str = "in progress";

impl Deed {
    /// A connection has ended, so one of those whose begin nobody waited for was there.
    pub(super) fn was_connected(&mut self) {
        let Some(count) = self.ways.remove(BEGUN) else {
            return;
        };
        if count > 1 {
            self.ways.insert(BEGUN.to_owned(), count - 1);
        }
        *self.ways.entry(CONNECTED.to_owned()).or_default() += 1;
    }
}
