//! Values that are more than their TOML type says.
//!
//! Each check runs while its value is read, so that the mistake is told at the value's place.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use agtrack_common::tag::BOUND_NAME;

use super::agent::{User, unit_globs};
use crate::cgroup::Globs;
use crate::container::Rule;
use crate::noise;
use crate::record::REPEATED;

/// What units with processes end in.
const UNIT_ENDS: [&str; 3] = [".service", ".scope", ".slice"];

/// The longest name, in bytes.
const NAME_BYTES: usize = 256;
/// A ring has at least a page and not more than what a host can spare.
const RING_BYTES: RangeInclusive<u64> = 64 << 10..=1 << 30;
/// A segment holds at least a few of the longest records, and can still be copied and mailed.
const SEGMENT_BYTES: RangeInclusive<u64> = 1 << 20..=16 << 30;
/// A minute without a sync is the most that may be lost in a power cut.
const SYNC_INTERVAL_MS: RangeInclusive<u64> = 1..=60_000;
const HASH_WAIT_MS: RangeInclusive<u64> = 1..=60_000;

/// How the mistake of an empty list begins.
pub(super) const EMPTY: &str = "the list is empty";

pub(super) fn globs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    filled(from, "a cgroup", "`/agents/*`")
}

/// A list with something in it.
fn filled<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
    what: &str,
    example: &str,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(from)?;
    if list.is_empty() {
        return Err(D::Error::custom(format!(
            "{EMPTY}; name {what} or leave the key out; for example {example}"
        )));
    }
    Ok(list)
}

pub(super) fn units<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let units: Vec<Unit> = filled(from, "a unit", "`code-assistant.service`")?;
    Ok(units.into_iter().map(|unit| unit.0).collect())
}

/// The name of a systemd unit that has a cgroup, with wildcards.
struct Unit(String);

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Word(unit)).map(Unit)
    }
}

fn unit(unit: &str) -> Result<String, String> {
    let fit = |end: &&str| unit.len() > end.len() && unit.ends_with(*end);
    let letters = |letter: char| letter == '/' || letter.is_control();
    if !UNIT_ENDS.iter().any(fit) || unit.contains(letters) || unit.len() > NAME_BYTES {
        return Err(format!(
            "\"{unit}\" is no name of a systemd unit with processes; it ends in {}, as in \
             `code-assistant.service`",
            UNIT_ENDS.join(", ")
        ));
    }
    Globs::new(&unit_globs(unit)).map_err(|error| error.to_string())?;
    Ok(unit.to_owned())
}

/// Reads a word and checks it where it is read, so that a mistake is told at its place in a list.
struct Word<T>(fn(&str) -> Result<T, String>);

impl<T> serde::de::Visitor<'_> for Word<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        (self.0)(word).map_err(E::custom)
    }
}

pub(super) fn containers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Rule>, D::Error> {
    let containers: Vec<Container> = filled(from, "a container", "`name=agent-*`")?;
    Ok(containers.into_iter().map(|one| one.0).collect())
}

/// What a container is to be.
struct Container(Rule);

impl<'de> Deserialize<'de> for Container {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Word(Rule::parse)).map(Container)
    }
}

/// Sockets, which may be none.
pub(super) fn sockets<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    let sockets: Vec<Socket> = Vec::deserialize(from)?;
    Ok(sockets.into_iter().map(|one| one.0).collect())
}

/// The path of a socket.
struct Socket(PathBuf);

impl<'de> Deserialize<'de> for Socket {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Word(absolute_path)).map(Socket)
    }
}

pub(super) fn executables<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    let executables: Vec<Executable> = filled(from, "a program", "`/usr/local/bin/codex`")?;
    Ok(executables.into_iter().map(|one| one.0).collect())
}

/// The path of a program or script.
struct Executable(PathBuf);

impl<'de> Deserialize<'de> for Executable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Word(executable)).map(Executable)
    }
}

fn executable(text: &str) -> Result<PathBuf, String> {
    let path = absolute_path(text)?;
    if text.len() + 1 >= BOUND_NAME {
        return Err(format!(
            "the path has {} bytes; the kernel can compare {} at most",
            text.len(),
            BOUND_NAME - 2
        ));
    }
    Ok(path)
}

pub(super) fn programs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let programs: Vec<Main> = filled(from, "a program", "`claude`")?;
    Ok(programs.into_iter().map(|one| one.0).collect())
}

/// Bytes of a main program's name or path.
const MAIN_BYTES: usize = 4096;

/// A main program.
struct Main(String);

impl<'de> Deserialize<'de> for Main {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Word(main)).map(Main)
    }
}

fn main(text: &str) -> Result<String, String> {
    let what = "a main program is a name from the catalogue, or a glob of its file's name or path";
    let refused = |reason: &str| format!("\"{text}\" {reason}; {what}, as in `claude`");
    if text.is_empty() || text.len() > MAIN_BYTES || text.contains(char::is_control) {
        return Err(refused(
            "is empty, too long or has a control character in it",
        ));
    }
    if text.contains('/') && !text.starts_with('/') {
        return Err(refused("is a path that does not begin with `/`"));
    }
    let glob = globset::GlobBuilder::new(text).build();
    match glob {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(refused(&format!("is no glob ({})", error.kind()))),
    }
}

pub(super) fn users<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<User>, D::Error> {
    filled(from, "a user", "`\"alice\"` or `1001`")
}

/// A name that can stand in the list of users.
pub(super) fn user_name<E: Error>(name: &str) -> Result<String, E> {
    let unfit = |letter: char| letter.is_control() || letter == ':' || letter == '/';
    if name.is_empty() || name.len() > NAME_BYTES || name.contains(unfit) {
        return Err(E::custom(format!(
            "\"{name}\" is no name of a user; write it as in `id -un`, or the number without quotes"
        )));
    }
    Ok(name.to_owned())
}

/// Globs of files by class.
pub(super) fn noise<'de, D: Deserializer<'de>>(from: D) -> Result<noise::Globs, D::Error> {
    let classes: BTreeMap<ClassName, Vec<String>> = BTreeMap::deserialize(from)?;
    let classes = classes.into_iter();
    Ok(classes.map(|(name, globs)| (name.0, globs)).collect())
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ClassName(String);

impl<'de> Deserialize<'de> for ClassName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = name(from)?;
        if name == REPEATED {
            return Err(D::Error::custom(format!(
                "`{REPEATED}` is what the kernel counts; choose another name"
            )));
        }
        Ok(ClassName(name))
    }
}

pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    if name.is_empty() || name.len() > NAME_BYTES {
        return Err(D::Error::custom(format!(
            "a name has 1 to {NAME_BYTES} bytes"
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(D::Error::custom("a name has no control characters"));
    }
    Ok(name)
}

pub(super) fn some_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    name(from).map(Some)
}

pub(super) fn absolute<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(from)?;
    absolute_path(&text).map_err(D::Error::custom)
}

fn absolute_path(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if !path.is_absolute() || text.contains('\0') {
        return Err(format!(
            "\"{text}\" is not an absolute path; begin it with `/`"
        ));
    }
    Ok(path.to_path_buf())
}

pub(super) fn segment_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    within(u64::deserialize(from)?, SEGMENT_BYTES).map_err(D::Error::custom)
}

pub(super) fn sync_interval<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    within(u64::deserialize(from)?, SYNC_INTERVAL_MS).map_err(D::Error::custom)
}

pub(super) fn hash_wait<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    within(u64::deserialize(from)?, HASH_WAIT_MS).map_err(D::Error::custom)
}

/// The kernel takes only powers of two.
pub(super) fn ring_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let bytes = within(u64::deserialize(from)?, RING_BYTES).map_err(D::Error::custom)?;
    if !bytes.is_power_of_two() {
        let above = bytes.next_power_of_two();
        return Err(D::Error::custom(format!(
            "{bytes} is not a power of two; the nearest are {} and {above}",
            above / 2
        )));
    }
    u32::try_from(bytes).map_err(D::Error::custom)
}

struct OutOfRange(u64, RangeInclusive<u64>);

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutOfRange(value, range) = self;
        write!(
            f,
            "{value} is out of range: {} to {}",
            range.start(),
            range.end()
        )
    }
}

fn within(value: u64, range: RangeInclusive<u64>) -> Result<u64, OutOfRange> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(OutOfRange(value, range))
    }
}
