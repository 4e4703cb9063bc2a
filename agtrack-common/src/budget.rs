//! Shares of a ring: the flood of one session leaves room for the events of others.
//!
//! Up to half of a ring is anybody's. Beyond it a session may have added half of what is still free,
//! and no more, until the reader has taken out half a ring. So each session that comes gets a third
//! of what those before it left: a sixth of the ring, a ninth, and so on, however many there are.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A ring is crowded when more than this part of it waits to be read: one half.
pub const CROWDED: u32 = 2;
/// What one session may have added to a crowded ring: this part of what is free, one half.
pub const SHARE: u64 = 2;

/// Key of what a session added to a crowded ring.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Spender {
    /// Session key.
    pub session: u64,
    /// 0: lifecycle, 1: bulk.
    pub ring: u64,
}

/// What it added.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Spent {
    /// Position of the reader, bytes since the ring was made, when the first of `bytes` were added.
    pub since: u64,
    /// Bytes added since.
    pub bytes: u64,
}

/// Key of the count of what a session's share had no room for.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Flood {
    /// Session key.
    pub session: u64,
    /// Id of the hook that saw the events.
    pub hook: u64,
}
