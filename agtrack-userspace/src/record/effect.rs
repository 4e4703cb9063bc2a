//! What came of an action: how large the file is, and what is in it, as a hash.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// What came of an action on a file.
///
/// The file is read when the action is over, so a hash says what was in it a moment later;
/// `changed_since` says where that may differ from what the action left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Effect {
    /// Length of what was hashed, or was to be, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of the file's content. `file.unlink`, `file.rename`, `file.link`: the last one that is
    /// known of the file of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// `file.close`: the last hash that is known of the same file from before. `file.rename`: the
    /// last one that is known of the file that had the new name before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_sha256: Option<Sha256>,
    /// The file was changed between the action and the end of its hashing, so the hash may be of
    /// what came later.
    #[serde(skip_serializing_if = "is_false")]
    pub changed_since: bool,
    /// `file.unlink`, `file.rename`, `file.link`: when the file had this hash and size, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Why there is no hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhashed: Option<Unhashed>,
}

impl Effect {
    /// No hash, and why.
    pub fn without(size: Option<u64>, reason: Unhashed) -> Effect {
        Effect {
            size,
            unhashed: Some(reason),
            ..Effect::default()
        }
    }
}

/// Hashes of what was executed. Only what is known is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProgramHash {
    /// `process.exec`, `bound.exe`: SHA-256 of the executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// `process.exec`, `bound.exe`: the executable was changed since, so the hash may be of what came later. A new
    /// name, mode or link counts as well: the kernel keeps one time for them.
    #[serde(skip_serializing_if = "is_false")]
    pub changed_since: bool,
    /// `process.exec`, `bound.exe`: why there is no hash of the executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhashed: Option<Unhashed>,
    /// `process.exec`, `bound.exe`: SHA-256 of the script, found by the name that it was executed by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script_sha256: Option<Sha256>,
    /// `process.exec`, `bound.exe`: the script was changed since, or another file has its name.
    #[serde(skip_serializing_if = "is_false")]
    pub script_changed_since: bool,
    /// `process.exec`, `bound.exe`: why there is no hash of the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script_unhashed: Option<Unhashed>,
}

/// Why a file has no hash.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Unhashed {
    /// Larger than `capture.hash_max_bytes`.
    TooLarge,
    /// No file of that name, or another one; or it cannot be told that it is the same.
    Gone,
    /// No regular file: a device, a pipe, a directory.
    NotRegular,
    /// More was to be hashed than agtrack takes on, or somebody holds a lease on the file.
    Busy,
    /// The hash was not there within half a second, or the recorder stopped.
    Late,
    /// The file could not be read.
    Unreadable,
}

/// A SHA-256, in JSON 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

const DIGITS: [u8; 16] = *b"0123456789abcdef";
/// Digits of a hash that are enough for people.
const SHORT: usize = 12;

impl Sha256 {
    /// Its first twelve digits.
    pub fn short(&self) -> String {
        self.to_string().chars().take(SHORT).collect()
    }

    fn parse(text: &str) -> Option<Sha256> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Sha256(bytes))
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            let both = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
            pair.copy_from_slice(&both);
        }
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Sha256::parse(&text)
            .ok_or_else(|| D::Error::custom("a SHA-256 has 64 hexadecimal digits in lower case"))
    }
}

impl JsonSchema for Sha256 {
    fn schema_name() -> Cow<'static, str> {
        "Sha256".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "SHA-256, 64 hexadecimal digits.",
            "type": "string",
            "pattern": "^[0-9a-f]{64}$"
        })
    }
}

fn is_false(is: &bool) -> bool {
    !is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_after_json() {
        let hash = Sha256(std::array::from_fn(|index| index as u8 * 8));
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<Sha256>(&json).unwrap(), hash);
        assert_eq!(hash.short(), "000810182028");
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let check = |text: &str| {
            assert!(
                serde_json::from_value::<Sha256>(text.into()).is_err(),
                "{text}"
            );
        };
        check("");
        check(&"a".repeat(63));
        check(&"A".repeat(64));
        check(&"é".repeat(32));
    }
}
