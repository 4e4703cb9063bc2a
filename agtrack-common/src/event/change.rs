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
    /// `link`: the name it had. `symlink`: `name` is the text of the link, and nothing is walked.
    pub other: Path,
    /// `mkdir`, `mknod`, `chmod`: mode. `truncate`: length in bytes. `chown`: user.
    pub value: u64,
    /// `chown`: group. `mknod`: device.
    pub second: u32,
    /// 0, -errno, or `RET_UNKNOWN`.
    pub ret: i32,
}
