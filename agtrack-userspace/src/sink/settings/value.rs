//! Values of a sink that are more than their TOML type says.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::journal::LONGEST_LINE;

const NAME_BYTES: usize = 64;
const TEXT_BYTES: usize = 512;
/// What identifies a record, and is therefore never left out.
const NEEDED: [&str; 5] = ["v", "seq", "id", "time", "kind"];

const BATCH_RECORDS: RangeInclusive<u64> = 1..=100_000;
const BATCH_BYTES: RangeInclusive<u64> = 1 << 10..=16 << 20;
const BATCH_MS: RangeInclusive<u64> = 1..=60_000;
const MAX_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 40;
const KEEP: RangeInclusive<u64> = 0..=1000;
const RESEND_MS: RangeInclusive<u64> = 0..=600_000;
const ACK_MS: RangeInclusive<u64> = 1_000..=600_000;

pub(super) fn most_records() -> usize {
    500
}

pub(super) fn most_bytes() -> usize {
    LONGEST_LINE.min(1 << 20)
}

pub(super) fn longest_wait() -> u64 {
    200
}

pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let fit =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.is_empty() || name.len() > NAME_BYTES || !name.chars().all(fit) {
        return Err(D::Error::custom(format!(
            "\"{name}\" is no name of a sink: it has 1 to {NAME_BYTES} of a-z, 0-9 and -"
        )));
    }
    Ok(name)
}

pub(super) fn globs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let globs = Vec::<String>::deserialize(from)?;
    for glob in &globs {
        if let Err(error) = GlobBuilder::new(glob).build() {
            let kind = error.kind();
            return Err(D::Error::custom(format!(
                "glob `{glob}` is not valid: {kind}"
            )));
        }
    }
    Ok(globs)
}

pub(super) fn fields<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let fields = Vec::<String>::deserialize(from)?;
    for field in &fields {
        if NEEDED.contains(&field.as_str()) {
            return Err(D::Error::custom(format!(
                "`{field}` is never left out: a receiver knows the record by it"
            )));
        }
        if field.split('.').any(str::is_empty) {
            return Err(D::Error::custom(format!(
                "\"{field}\" names no field; write names joined with dots, as in `process.ancestry`"
            )));
        }
    }
    Ok(fields)
}

pub(super) fn batch_records<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    within(from, BATCH_RECORDS)
}

pub(super) fn batch_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    within(from, BATCH_BYTES)
}

pub(super) fn batch_ms<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    within(from, BATCH_MS)
}

pub(super) fn max_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    within(from, MAX_BYTES).map(Some)
}

pub(super) fn keep<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    within(from, KEEP).map(Some)
}

pub(super) fn resend<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    within(from, RESEND_MS).map(Some)
}

pub(super) fn ack_ms<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    within(from, ACK_MS).map(Some)
}

fn within<'de, D, T>(from: D, range: RangeInclusive<u64>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64, Error: Display>,
{
    let value = u64::deserialize(from)?;
    if !range.contains(&value) {
        let (least, most) = range.into_inner();
        return Err(D::Error::custom(format!(
            "{value} is out of range: {least} to {most}"
        )));
    }
    T::try_from(value).map_err(D::Error::custom)
}

pub(super) fn some_path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(from)?;
    let path = Path::new(&text);
    if !path.is_absolute() || text.contains('\0') || path.file_name().is_none() {
        return Err(D::Error::custom(format!(
            "\"{text}\" is not an absolute path of a file; begin it with `/`"
        )));
    }
    Ok(Some(path.to_path_buf()))
}

/// A word that is looked at where it is used.
pub(super) fn some_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() || text.len() > TEXT_BYTES || text.contains(char::is_control) {
        return Err(D::Error::custom(format!(
            "it has 1 to {TEXT_BYTES} bytes and no control characters"
        )));
    }
    Ok(Some(text))
}

/// A subject of NATS to publish to.
pub(super) fn some_subject<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let subject = String::deserialize(from)?;
    let fit = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_ascii_graphic() && !"*>".contains(letter))
    };
    if subject.len() > 255 || !subject.split('.').all(fit) {
        return Err(D::Error::custom(format!(
            "\"{subject}\" is no subject to publish to: words joined with dots, without spaces, `*` and `>`"
        )));
    }
    Ok(Some(subject))
}

/// A name of a topic of Kafka.
pub(super) fn some_topic<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let topic = String::deserialize(from)?;
    let fit = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let is_fit = (1..=249).contains(&topic.len()) && topic.chars().all(fit);
    if !is_fit || topic == "." || topic == ".." {
        return Err(D::Error::custom(format!(
            "\"{topic}\" is no name of a topic: it has 1 to 249 of a-z, A-Z, 0-9, `.`, `_` and `-`"
        )));
    }
    Ok(Some(topic))
}

/// A name of a user; a colon would end it.
pub(super) fn some_user<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let user = some_text(from)?;
    if user.as_deref().is_some_and(|user| user.contains(':')) {
        return Err(D::Error::custom(
            "a user's name has no colon; the password goes into `password`",
        ));
    }
    Ok(user)
}

/// A name of an index or data stream: what OpenSearch, Elasticsearch and Splunk all take.
pub(super) fn some_index<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let index = String::deserialize(from)?;
    let fit = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter)
    };
    let begins_well = index.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if !begins_well || index.len() > 255 || !index.chars().all(fit) {
        return Err(D::Error::custom(format!(
            "\"{index}\" is no name of an index: it begins with a letter or a digit and has 1 to 255 of a-z, \
             0-9, `-`, `_` and `.`"
        )));
    }
    Ok(Some(index))
}
