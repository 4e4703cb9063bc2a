//! A request to the kernel through io_uring.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Address, Text};

/// What was asked of the kernel through io_uring. Only what the request has is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UringRequest {
    /// What it asks for: `openat`, `connect`, `uring_cmd` …; of requests newer than agtrack the
    /// number.
    pub request: String,
    /// Its number, `IORING_OP_*`.
    pub opcode: u32,
    /// What it is about, absolute: `renameat` the old name, `linkat` and `symlinkat` the new one, of
    /// a request with a descriptor that file's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text>,
    /// `renameat`: the new name. `linkat`: the name that is there already. `symlinkat`: the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Text>,
    /// `setxattr`, `fsetxattr`: name of the attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<Text>,
    /// `connect`, `bind`, and what is sent to an address: which. `listen`, `accept`: that of the
    /// socket itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The descriptor it is about; of what is opened or made as a registered file, where it is put.
    /// Not seen on Linux 5.10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<i32>,
    /// That is the place among the files registered with the ring.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub registered: bool,
    /// `openat`, `openat2`: how the file is to be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// `openat`: `CREAT`, `TRUNC` …; `renameat`: `NOREPLACE` …; `unlinkat`: `REMOVEDIR`;
    /// `shutdown`: `RD`, `WR`, `RDWR`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// `mkdirat`: permissions as asked for, octal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `ftruncate`: length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `uring_cmd`: which command of the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<u32>,
    /// `socket`: family, type and protocol, as in `net.socket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// Inode number of the file, where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// Its device, `major:minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}
