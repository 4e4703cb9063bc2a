//! Who could write to a file.

use super::{Cred, Inode};
use crate::offset::*;
use crate::read::{Kernel, field};

/// `SB_RDONLY` (include/linux/fs.h).
const SB_RDONLY: u64 = 1;
/// `PROC_SUPER_MAGIC` (include/uapi/linux/magic.h).
const PROC_SUPER_MAGIC: u64 = 0x9fa0;
/// `CAP_CHOWN`, `CAP_DAC_OVERRIDE`, `CAP_FOWNER` (include/uapi/linux/capability.h).
const OVERRIDES: u64 = 1 | 1 << 1 | 1 << 3;

impl Inode {
    /// Whether `who` may write to it, or could allow that to itself. Where that is not certain
    /// (groups, access control lists, capabilities within a user namespace) it is yes.
    pub(super) fn can_be_written_by(self, who: Cred) -> bool {
        // Each read is a call: first what answers for most.
        if who.capabilities() & OVERRIDES != 0 {
            return true;
        }
        let mode: u16 = field(self.0, &INODE_MODE);
        let owner: u32 = field(self.0, &INODE_UID);
        let owns = owner == who.file_user();
        if !owns && mode & 0o022 == 0 {
            return false;
        }
        let superblock: Kernel = field(self.0, &INODE_SUPER);
        let flags: u64 = field(superblock, &SUPER_FLAGS);
        let magic: u64 = field(superblock, &SUPER_MAGIC);
        // Who owns a file may change its mode, but in /proc.
        let is_sealed = magic == PROC_SUPER_MAGIC && mode & 0o222 == 0;
        flags & SB_RDONLY == 0 && !is_sealed
    }
}
