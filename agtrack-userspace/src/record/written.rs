use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was written through an open file, and not told before: the sum of all records of one open
/// file is what was written through it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// `file.close`: bytes.
    pub written: u64,
    /// `file.close`: calls that wrote them.
    pub writes: u64,
    /// `file.close`: its open created the file.
    #[serde(default, skip_serializing_if = "is_false")]
    pub created: bool,
    /// `file.close`: its open emptied the file, which may have been empty already.
    #[serde(default, skip_serializing_if = "is_false")]
    pub emptied: bool,
    /// `file.close`: whether nobody has it open any more, nor mapped. Null where that is not known: the process
    /// ended with several descriptors of it, or with others.
    pub last: Option<bool>,
    /// `file.close`: more than one process wrote these bytes. The process of the record is one of
    /// them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub several: bool,
}

pub(super) fn is_false(word: &bool) -> bool {
    !word
}
