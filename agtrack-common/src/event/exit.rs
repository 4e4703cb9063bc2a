use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The header names the process that ended.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Exit {
    /// As `wait(2)` reports it: signal in the low 7 bits, core flag 0x80, code above.
    pub status: u32,
    /// [`IO_KNOWN`], or nothing.
    pub known: u32,
    /// Time in user mode as the clock tick found it, ns.
    pub user_time: u64,
    /// Time in the kernel as the clock tick found it, ns.
    pub system_time: u64,
    /// Time on a processor, ns, without what the last thread has run since the last tick or switch.
    pub run_time: u64,
    /// Most memory it ever had resident, bytes.
    pub max_memory: u64,
    /// Bytes that read calls gave it, whatever from.
    pub read: u64,
    /// Bytes that write calls took from it.
    pub written: u64,
    /// Bytes fetched from storage on its behalf.
    pub storage_read: u64,
    /// Bytes it made dirty, to be written to storage.
    pub storage_written: u64,
    /// Opens that were counted ([`super::Open::repeats`]) and not told with another one.
    pub untold_opens: u64,
}

/// [`Exit::known`]: the kernel counts the bytes of reads and writes (`CONFIG_TASK_XACCT`,
/// `CONFIG_TASK_IO_ACCOUNTING`).
pub const IO_KNOWN: u32 = 1;
