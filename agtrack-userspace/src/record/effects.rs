//! What came of many actions together: a few names and numbers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Sha256, Text};

/// Bytes of a name in a list.
const NAME: usize = 512;

/// What came of a tool call or of a whole session. Each list is cut after some names and says how
/// many there are; what is empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Effects {
    /// Programs that ran, the most telling first; those of the system without their directory.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub programs: Listed,
    /// Well-known credentials that were touched.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub credentials: Listed,
    /// Credentials that it could use: variables of the environment of its programs, going by their
    /// names. Whether they were used is not seen.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub offered: Listed,
    /// Files that are there now and were not before.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub created: Listed,
    /// Files that were written and are not known to be new.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub written: Listed,
    /// Files that were there before and are gone.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub deleted: Listed,
    /// Files that were there before and have another name now.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub renamed: Listed,
    /// Files that were created and are gone again.
    #[serde(skip_serializing_if = "is_zero")]
    pub temporary: u64,
    /// Hosts and sockets, each with its results; those on other machines first.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub peers: Listed,
    /// Bytes of payload that its connections carried out (`net.flow`), of those that have ended.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes_out: u64,
    /// Bytes that came in.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes_in: u64,
    /// What the kernel refused, with the action in front.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub refused: Listed,
    /// Programs that a signal ended, unless it is one of every day.
    #[serde(skip_serializing_if = "Listed::is_empty")]
    pub killed: Listed,
    /// Other failures by error.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, u64>,
}

/// The first of a list, and how long it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// How many different ones there are.
    pub total: u64,
    /// How often there was one more and no room to tell it from the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub beyond: u64,
    /// The first of them.
    pub items: Vec<Item>,
}

/// One of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// Its name, cut where it is very long.
    pub name: Text,
    /// Its new name, where it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Text>,
    /// What it is; left out where the list says that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// The program that did it first; left out where that is not kept.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub by: Text,
    /// What was done or what came of it, in a word each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<String>,
    /// Of a file that a tool call left: its length, bytes, when it was hashed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The hash of its content then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// How often; for a folder, the files in it.
    pub count: u64,
    /// Of a peer: bytes of payload sent to it, on connections that have ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_out: u64,
    /// Bytes of payload that came from it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_in: u64,
}

impl Item {
    /// One of that name.
    #[must_use]
    pub fn named(name: &[u8]) -> Item {
        let mut bytes = name.get(..NAME).unwrap_or(name).to_vec();
        if bytes.len() < name.len() {
            bytes.extend_from_slice("…".as_bytes());
        }
        Item {
            name: Text(bytes),
            count: 1,
            ..Item::default()
        }
    }
}

impl Listed {
    /// The first `most` of `total`.
    pub fn first(total: u64, most: usize, items: impl Iterator<Item = Item>) -> Listed {
        Listed {
            total,
            beyond: 0,
            items: items.take(most).collect(),
        }
    }

    /// Whether there is nothing to be told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0 && self.beyond == 0
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_nothing(text: &Text) -> bool {
    text.0.is_empty()
}
