//! Values that are more than their TOML type says.
//!
//! Each check runs while its value is read, so that the mistake is told at the value's place.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::noise;
use crate::record::REPEATED;

/// The longest name, in bytes.
const NAME_BYTES: usize = 256;
/// A ring has at least a page and not more than what a host can spare.
const RING_BYTES: RangeInclusive<u64> = 64 << 10..=1 << 30;
/// A segment holds at least a few of the longest records, and can still be copied and mailed.
const SEGMENT_BYTES: RangeInclusive<u64> = 1 << 20..=16 << 30;
/// A minute without a sync is the most that may be lost in a power cut.
const SYNC_INTERVAL_MS: RangeInclusive<u64> = 1..=60_000;
const HASH_WAIT_MS: RangeInclusive<u64> = 1..=60_000;

pub(super) fn globs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let globs = Vec::deserialize(from)?;
    if globs.is_empty() {
        return Err(D::Error::custom(
            "no cgroup is named, so the agent would never be recognised; for example `/agents/*`",
        ));
    }
    Ok(globs)
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
    let path = Path::new(&text);
    if !path.is_absolute() || text.contains('\0') {
        return Err(D::Error::custom(format!(
            "\"{text}\" is not an absolute path; begin it with `/`"
        )));
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
