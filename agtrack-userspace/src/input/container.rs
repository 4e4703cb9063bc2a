//! Questions about containers to whoever can ask their runtimes, and the answers.

use serde::{Deserialize, Serialize};

use crate::record::{Container, Text};

/// A container of which nothing but its cgroup is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerWanted {
    /// It.
    pub container: Container,
    /// Path of a cgroup in it: of a user's own containers it names the user.
    pub cgroup: Text,
}

/// The answer to a [`ContainerWanted`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerTold {
    /// What is known of it now; not redacted.
    pub container: Container,
    /// Why that is nothing more than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
    /// It began or was found while rules of agents waited for the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ruled: bool,
}
