use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Who the process is now, or is about to be.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct SetId {
    /// Effective capabilities, a bit each (capabilities(7)).
    pub capabilities: u64,
    /// Real user id.
    pub uid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Saved user id.
    pub suid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Saved group id.
    pub sgid: u32,
    /// 0 or -errno.
    pub ret: i32,
    /// Zero.
    pub reserved: u32,
}
