//! A record on its way to the journal.

use super::{Agent, Body, Shared};

/// A record that has no place in the journal yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// When it happened, boot clock, ns.
    pub time: u64,
    /// On whose account.
    pub agent: Option<Shared<Agent>>,
    /// What it says.
    pub body: Body,
}
