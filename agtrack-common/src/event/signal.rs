use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Whom a signal was sent to.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Signal {
    /// Start of the process it was sent to: `CLOCK_BOOTTIME` ns.
    pub target_start: u64,
    /// That process.
    pub target: u32,
    /// Its number (signal(7)).
    pub signal: u32,
}
