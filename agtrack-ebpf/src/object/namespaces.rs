//! Which namespaces a task is in.

use crate::offset::*;
use crate::read::{Kernel, field};

/// `struct nsproxy`.
#[derive(Clone, Copy)]
pub struct Namespaces(pub(super) Kernel);

impl Namespaces {
    /// What makes one of each, in the order of [`Namespaces::all`]: `CLONE_NEWUTS`, `IPC`, `NS`,
    /// `NET`, `CGROUP`, `TIME` (include/uapi/linux/sched.h).
    pub const BITS: [u32; 6] = [
        0x0400_0000,
        0x0800_0000,
        0x0002_0000,
        0x4000_0000,
        0x0200_0000,
        0x80,
    ];

    /// Whether both are one object.
    pub fn is_same(self, other: Namespaces) -> bool {
        self.0 == other.0
    }
    /// Each of them, as a key.
    pub fn all(self) -> [u64; 6] {
        [
            field(self.0, &NS_UTS),
            field(self.0, &NS_IPC),
            field(self.0, &NS_MNT),
            field(self.0, &NS_NET),
            field(self.0, &NS_CGROUP),
            field(self.0, &NS_TIME),
        ]
    }
}
