//! Offsets of kernel struct members, from BTF.

use agtrack_common::offset::{ABSENT, MEMBERS};

use super::uring;
use crate::btf::Btf;

/// Members that some kernels or builds lack; the probes do without them.
const OPTIONAL: &[&str] = &[
    "TASK_STATUS",
    "TASK_LOGIN_USER",
    "TASK_READ",
    "TASK_WRITTEN",
    "TASK_STORAGE_READ",
    "TASK_STORAGE_WRITTEN",
    "SIGNAL_READ",
    "SIGNAL_WRITTEN",
    "SIGNAL_STORAGE_READ",
    "SIGNAL_STORAGE_WRITTEN",
    // One or the other: since 6.13 a file counts its references in another way.
    "FILE_COUNT",
    "FILE_REFERENCES",
    "SOCK_LOCAL6",
    "SOCK_PEER6",
];

/// What a kernel knows of io_uring grows with each version, and it may be left out altogether.
fn is_optional(global: &str) -> bool {
    OPTIONAL.contains(&global) || global.starts_with("URING_")
}

/// One offset per global of the probes.
pub(super) struct Offsets(Vec<(&'static str, u32)>);

impl Offsets {
    /// Names of globals and their values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &u32)> {
        self.0.iter().map(|(global, offset)| (*global, offset))
    }
}

/// Finds every member.
///
/// # Errors
/// Names the members that this kernel does not have.
pub(super) fn resolve(btf: &Btf) -> anyhow::Result<Offsets> {
    let mut offsets: Vec<_> = MEMBERS
        .iter()
        .map(|row| {
            (
                row.global,
                btf.member(row.structure, row.path).unwrap_or(ABSENT),
            )
        })
        .collect();
    let missing: Vec<_> = MEMBERS
        .iter()
        .zip(&offsets)
        .filter(|(row, (_, offset))| *offset == ABSENT && !is_optional(row.global))
        .map(|(row, _)| format!("{}.{}", row.structure, row.path))
        .collect();
    anyhow::ensure!(
        missing.is_empty(),
        "this kernel's BTF has no {}; agtrack does not know this kernel yet: please report it \
         with the output of `uname -a`",
        missing.join(", ")
    );
    offsets.extend(uring::globals(btf));
    Ok(Offsets(offsets))
}
