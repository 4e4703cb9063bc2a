//! The back ends a hook belongs to, a bit each.

/// Hook belongs to every back end.
pub const ANY: u8 = LSM | FENTRY | TRACEPOINT;
/// Hook belongs to the LSM back end.
pub const LSM: u8 = 1;
/// Hook belongs to the fentry back end.
pub const FENTRY: u8 = 2;
/// Hook belongs to the tracepoint back end.
pub const TRACEPOINT: u8 = 4;
/// Hook belongs to both back ends that need trampolines.
pub const TRAMPOLINE: u8 = LSM | FENTRY;
