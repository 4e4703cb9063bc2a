//! The running kernel's own description of its structs and functions (BTF).
//!
//! In: the bytes of `/sys/kernel/btf/vmlinux`. Out: byte offsets of struct members, parameter
//! counts of functions, argument types of tracepoints. Never panics and never loops for ever,
//! whatever the bytes are: every read is checked, every walk has a budget. Never writes anything.
//!
//! The value holds the whole file (about 6 MB); drop it as soon as the questions are answered.

mod index;
mod raw;
#[cfg(test)]
mod tests;
mod walk;

use std::io::Read as _;

use index::Index;
use raw::{Kind, Raw};

/// Where the kernel keeps the BTF of its core.
pub const KERNEL_PATH: &str = "/sys/kernel/btf/vmlinux";

/// More than this is not a kernel's BTF (they are 3 to 12 MB).
const LARGEST: u64 = 256 << 20;

/// Why bytes are not usable BTF.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error(
        "cannot read the kernel's BTF at {path}: {cause}; a kernel built with \
         CONFIG_DEBUG_INFO_BTF=y has it"
    )]
    Read {
        /// The file.
        path: &'static str,
        /// The reason. Not called `source`: the message has it already.
        cause: std::io::Error,
    },
    /// The file is larger than any kernel's.
    #[error("the kernel's BTF at {KERNEL_PATH} is larger than {LARGEST} bytes; not read")]
    TooLarge,
    /// The first two bytes are not `0xeb9f` in little-endian order.
    #[error("not BTF: it starts with {0:#06x}, not 0xeb9f (little-endian kernels only)")]
    Magic(u16),
    /// A format version that this reader does not know.
    #[error("BTF version {0} is not known, only version 1; agtrack is older than this kernel")]
    Version(u8),
    /// The bytes end inside the header, or the header points outside them.
    #[error("BTF is cut short or damaged: its {0} does not lie inside the {1} bytes")]
    Bounds(&'static str, usize),
    /// A type record runs over the end of the type section.
    #[error("BTF is damaged: the type at offset {0} of the type section does not fit into it")]
    Truncated(usize),
    /// A kind of type that this reader cannot step over.
    #[error(
        "BTF kind {kind} at offset {offset} of the type section is not known; agtrack is older \
         than this kernel"
    )]
    UnknownKind {
        /// The number of the kind.
        kind: u32,
        /// Byte offset in the type section.
        offset: usize,
    },
}

/// Parsed BTF.
#[derive(Debug)]
pub struct Btf {
    raw: Raw,
    index: Index,
}

impl Btf {
    /// Reads the BTF of the running kernel.
    ///
    /// # Errors
    /// The file is missing or unreadable, or is not BTF that this reader knows.
    pub fn from_kernel() -> Result<Self, Error> {
        let failed = |cause| Error::Read {
            path: KERNEL_PATH,
            cause,
        };
        let file = std::fs::File::open(KERNEL_PATH).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len().min(LARGEST);
        // The size is known, so the buffer never grows by doubling (12 MB instead of 6).
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > LARGEST {
            return Err(Error::TooLarge);
        }
        Self::parse(bytes)
    }

    /// Takes BTF bytes apart: one pass over the types.
    ///
    /// # Errors
    /// The bytes are not BTF version 1, are cut short, or hold a kind that is not known.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Error> {
        let raw = Raw::parse(bytes)?;
        let index = Index::new(&raw);
        Ok(Self { raw, index })
    }

    /// Byte offset of a member of a kernel struct or union.
    ///
    /// `structure` joins alternatives with `|`. `path` joins nested members with `.` and alternatives with `|`; the first alternative that
    /// exists counts. Members of anonymous structs and unions are found as in C. `None` when there
    /// is no such struct or member, or when it is a bitfield that does not start on a byte.
    #[must_use]
    pub fn member(&self, structure: &str, path: &str) -> Option<u32> {
        structure
            .split('|')
            .find_map(|structure| self.member_of(structure, path))
    }

    fn member_of(&self, structure: &str, path: &str) -> Option<u32> {
        // Two private structs of different source files may share a name; the one that has the
        // member is meant.
        self.index
            .find(&self.raw, structure.as_bytes())
            .filter(|&id| matches!(self.raw.kind(id), Some(Kind::Struct | Kind::Union)))
            .find_map(|id| {
                path.split('|')
                    .find_map(|path| walk::offset(&self.raw, id, path))
            })
    }

    /// Whether the kernel has a function of this name to attach to.
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        self.function(name).is_some()
    }

    /// Number of parameters of a function (a trailing `...` is not counted).
    #[must_use]
    pub fn function_args(&self, name: &str) -> Option<usize> {
        let prototype = self.raw.target(self.function(name)?)?;
        let parameters = walk::parameters(&self.raw, prototype)?;
        Some(parameters.count())
    }

    /// C types of the arguments of a tracepoint, as a `tp_btf` program gets them.
    #[must_use]
    pub fn tracepoint_args(&self, name: &str) -> Option<Vec<String>> {
        let typedef = self
            .index
            .find(&self.raw, format!("btf_trace_{name}").as_bytes())
            .find(|&id| self.raw.kind(id) == Some(Kind::Typedef))?;
        let pointer = walk::strip(&self.raw, self.raw.target(typedef)?)?;
        if self.raw.kind(pointer) != Some(Kind::Pointer) {
            return None;
        }
        let prototype = walk::strip(&self.raw, self.raw.target(pointer)?)?;
        // The first parameter is the `void *` of whoever registered the probe.
        let parameters = walk::parameters(&self.raw, prototype)?.skip(1);
        Some(
            parameters
                .map(|id| walk::type_name(&self.raw, id))
                .collect(),
        )
    }

    fn function(&self, name: &str) -> Option<u32> {
        self.index
            .find(&self.raw, name.as_bytes())
            .find(|&id| self.raw.kind(id) == Some(Kind::Function))
    }
}
