use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the path, then the second path or text, if there is one.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Change {
    /// What was changed; zero where only its name is known, or where it was not there before.
    pub file: FileId,
    /// Its path; of a link the new name.
    pub path: Path,
    /// `link`: the name it had. `symlink`, `mount`, `setxattr`: `name` is the text of the link, the
    /// name of the source or of the attribute, and nothing is walked. `move_mount`, `pivot_root`:
    /// where it was before, or is put.
    pub other: Path,
    /// `mkdir`, `mknod`, `chmod`: mode. `truncate`: length in bytes. `chown`: user. `mount`,
    /// `umount`: flags. `mmap`: bytes. `receive`: `f_mode`.
    pub value: u64,
    /// `chown`: group. `mknod`: device. `mount`: bytes of the file system's name, behind the source.
    /// `mmap`: `PROT_*`.
    pub second: u32,
    /// 0 or, of `receive`, a descriptor; -errno, or `RET_UNKNOWN`.
    pub ret: i32,
}
