//! What an exec brings along beside its program and its arguments.

use std::ops::Deref;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shared, Text};

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
    #[schemars(with = "Vec<Text>")]
    pub env_names: Shared<EnvNames>,
    /// So many entries of the environment have no name, or a longer one.
    #[serde(skip_serializing_if = "is_zero")]
    pub env_untold: u32,
    /// Those of the names that make the dynamic loader run other code than the program's:
    /// `LD_PRELOAD`, `LD_AUDIT`, `LD_LIBRARY_PATH`. For a setuid program the loader takes no notice of
    /// most of what they say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loader_env: Vec<Text>,
}

/// Names of environment variables, in their order.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvNames {
    names: Vec<Text>,
    #[serde(skip)]
    offers: OnceLock<Vec<(usize, &'static str)>>,
}

impl EnvNames {
    /// Places of the names that `what` says something about, with what it says. It is asked once: the
    /// same names come with each program that an agent starts.
    pub fn offers(
        &self,
        what: impl Fn(&[u8]) -> Option<&'static str>,
    ) -> impl Iterator<Item = (&Text, &'static str)> {
        let names = self.names.iter().enumerate();
        let found = || {
            names
                .filter_map(|(at, name)| Some((at, what(&name.0)?)))
                .collect()
        };
        let found = self.offers.get_or_init(found);
        found
            .iter()
            .filter_map(|(at, what)| Some((self.names.get(*at)?, *what)))
    }
}

impl From<Vec<Text>> for EnvNames {
    fn from(names: Vec<Text>) -> Self {
        EnvNames {
            names,
            offers: OnceLock::new(),
        }
    }
}

impl Deref for EnvNames {
    type Target = [Text];

    fn deref(&self) -> &[Text] {
        &self.names
    }
}

impl PartialEq for EnvNames {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for EnvNames {}

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
fn is_empty(names: &Shared<EnvNames>) -> bool {
    names.is_empty()
}
