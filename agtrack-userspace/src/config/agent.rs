//! An agent and how it is recognised.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::value;
use crate::container::Rule;

/// Keys that are lists of words.
pub(super) const LISTS: [&str; 6] = [
    "cgroups",
    "units",
    "containers",
    "executables",
    "users",
    "programs",
];

/// Those by which an agent is recognised, all but the last; each agent has at least one.
pub(super) const RECOGNISED_BY: &[&str] = LISTS.split_at(LISTS.len() - 1).0;

/// An agent and how it is recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Stable id: a SPIFFE id or a plain name. No two agents share one.
    #[serde(deserialize_with = "value::name")]
    pub id: String,
    /// Name for people; the id where none is given.
    #[serde(
        default,
        deserialize_with = "value::some_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<String>,
    /// Who answers for it.
    #[serde(
        default,
        deserialize_with = "value::some_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner: Option<String>,
    /// Which version of it this is, in its owner's words.
    #[serde(
        default,
        deserialize_with = "value::some_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub version: Option<String>,
    /// Everything in these cgroups, and below them, is the agent's. Valid for
    /// [`Globs`](crate::cgroup::Globs).
    #[serde(
        default,
        deserialize_with = "value::globs",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub cgroups: Vec<String>,
    /// The same of the cgroups of these systemd units, wherever in the tree they are.
    #[serde(
        default,
        deserialize_with = "value::units",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub units: Vec<String>,
    /// Everything in these containers is the agent's.
    #[serde(
        default,
        deserialize_with = "value::containers",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub containers: Vec<Rule>,
    /// Whoever executes one of these programs or scripts is the agent, and all below it. Absolute.
    #[serde(
        default,
        deserialize_with = "value::executables",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub executables: Vec<PathBuf>,
    /// Whatever these users execute is the agent's, and all below it.
    #[serde(
        default,
        deserialize_with = "value::users",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub users: Vec<User>,
    /// Its main programs, whose children are its tool calls: names from the catalogue, globs of file names
    /// or of paths.
    #[serde(
        default,
        deserialize_with = "value::programs",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub programs: Vec<String>,
    /// Whatever else is to be said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Agent {
    /// The name for people.
    pub fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Globs of all cgroups that are its: those named, and those of its units.
    pub fn globs(&self) -> Vec<String> {
        let units = self.units.iter().flat_map(|unit| unit_globs(unit));
        self.cgroups.iter().cloned().chain(units).collect()
    }

    /// The numbers of its users, as far as this host knows them.
    pub fn user_ids(&self) -> Vec<u32> {
        self.users.iter().filter_map(User::number).collect()
    }
}

/// Where the cgroup of a unit is: of a system service in the slice where most are, whose new cgroups
/// the kernel then tags as they are made; and anywhere, as a user's service manager or a slice of its own has
/// it.
pub(super) fn unit_globs(unit: &str) -> [String; 2] {
    // systemd writes `\x2d` where a dash means no slice: its backslash is one.
    let unit = unit.replace('\\', "\\\\");
    [format!("/system.slice/{unit}"), format!("/**/{unit}")]
}

/// A user, as the configuration names one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum User {
    /// By the number.
    Number(u32),
    /// By the name, as this host knows it.
    Name(String),
}

impl User {
    /// The number; none where the host knows nobody of that name.
    pub fn number(&self) -> Option<u32> {
        match self {
            User::Number(number) => Some(*number),
            User::Name(name) => {
                let user = nix::unistd::User::from_name(name).ok()??;
                Some(user.uid.as_raw())
            }
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            User::Number(number) => write!(f, "{number}"),
            User::Name(name) => f.write_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<User, D::Error> {
        from.deserialize_any(Either)
    }
}

/// A name or a number.
struct Either;

impl serde::de::Visitor<'_> for Either {
    type Value = User;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user's name in quotes, or a user's number without")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<User, E> {
        value::user_name(name).map(User::Name)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<User, E> {
        // All ones is nobody: chown(2) and setuid(2) take it for "as it is".
        match u32::try_from(number) {
            Ok(number) if number != u32::MAX => Ok(User::Number(number)),
            _ => Err(E::custom(format!(
                "{number} is no user: numbers go from 0 to 4294967294"
            ))),
        }
    }
}
