//! What an exec brings along beside its program and its arguments.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;

/// What an exec brings along. Only what is there is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Brought {
    /// What was executed, program or script, never had a name in a directory: it was made by
    /// memfd_create(2), or with `O_TMPFILE`.
    #[serde(skip_serializing_if = "is_false")]
    pub fileless: bool,
    /// What was executed, program or script, had no name any more.
    #[serde(skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// The file of the script, where the script was named by a descriptor (`/dev/fd/3`,
    /// `/proc/self/fd/3`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script_file: Option<Text>,
    /// Names of the environment variables that it was given, in their order; never the values. At
    /// most 4 KiB of names, of at most 63 bytes each; the note `env_cut` says that there was more
    /// than that, or more environment than was looked at (1024 pieces of 255 bytes; a variable takes
    /// at least one).
    #[serde(skip_serializing_if = "is_empty")]
    pub env_names: Arc<Vec<Text>>,
    /// So many entries of the environment have no name, or a longer one.
    #[serde(skip_serializing_if = "is_zero")]
    pub env_untold: u32,
    /// Those of the names that make the dynamic loader run other code than the program's:
    /// `LD_PRELOAD`, `LD_AUDIT`, `LD_LIBRARY_PATH`. For a setuid program the loader takes no notice of
    /// most of what they say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loader_env: Vec<Text>,
}

impl Brought {
    /// What somebody who looks over many records should not overlook, in words.
    pub fn marks(&self) -> Vec<String> {
        let kinds = [(self.fileless, "fileless"), (self.deleted, "deleted")];
        let kinds = kinds.into_iter().filter(|(is, _)| *is);
        let kinds = kinds.map(|(_, word)| word.to_owned());
        kinds
            .chain(self.loader_env.iter().map(Text::printable))
            .collect()
    }
}

fn is_false(is: &bool) -> bool {
    !is
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

// Serde hands over a reference to the field.
fn is_empty(names: &Arc<Vec<Text>>) -> bool {
    names.is_empty()
}
