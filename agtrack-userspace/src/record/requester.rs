//! Who asked a recorder for something.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;

/// The process that asked the recorder for something, at its control socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requester {
    /// Process id.
    pub pid: u32,
    /// Effective user id.
    pub uid: u32,
    /// Path of its executable; null where it could not be read.
    pub program: Option<Text>,
}
