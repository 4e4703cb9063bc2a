//! Bytes from the kernel as JSON strings, and back.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that are mostly text: a path, an argument.
///
/// In JSON valid UTF-8 stands as it is; each other byte is written `\xHH` (lower case), and so is
/// a backslash that would otherwise read as such an escape (`\x5c`). So every byte string survives
/// the round trip and ordinary ones look ordinary.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// As it stands in JSON.
    pub fn escaped(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.contains("\\x") => Cow::Borrowed(text),
            _ => Cow::Owned(escape(&self.0)),
        }
    }

    /// The bytes behind an escaped string.
    pub fn from_escaped(text: &str) -> Text {
        Text(unescape(text))
    }

    /// Safe to show on a terminal: control and direction-changing characters are escaped too.
    pub fn printable(&self) -> String {
        printable(&self.escaped())
    }
}

/// Makes any text safe for a terminal: control characters and those that change the direction or
/// hide text become `\u{…}`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_dangerous(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{061c}')
}

fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find('\\') {
            out.push_str(&rest[..at]);
            out.push_str(if rest[at..].starts_with("\\x") {
                "\\x5c"
            } else {
                "\\"
            });
            rest = &rest[at + 1..];
        }
        out.push_str(rest);
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match escaped_byte(rest) {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

fn escaped_byte(text: &[u8]) -> Option<u8> {
    let [b'\\', b'x', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: u8| {
        (byte as char)
            .to_digit(16)
            .filter(|_| !byte.is_ascii_uppercase())
    };
    Some((digit(*high)? * 16 + digit(*low)?) as u8)
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.as_bytes().to_vec())
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Text(bytes)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.escaped(), f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.escaped())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Text::from_escaped(&String::deserialize(deserializer)?))
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Bytes as text: what is not UTF-8 is written \\xHH, and a backslash \
                            that would read as such an escape is written \\x5c."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(bytes: &[u8]) -> String {
        let json = serde_json::to_string(&Text(bytes.to_vec())).unwrap();
        assert_eq!(
            serde_json::from_str::<Text>(&json).unwrap().0,
            bytes,
            "{json}"
        );
        json
    }

    #[test]
    fn ordinary_text_looks_ordinary() {
        assert_eq!(round_trip("/tmp/grüße\\n".as_bytes()), r#""/tmp/grüße\\n""#);
    }

    #[test]
    fn other_bytes_survive() {
        assert_eq!(round_trip(b"a\xffb"), r#""a\\xffb""#);
        assert_eq!(round_trip(br"a\xffb"), r#""a\\x5cxffb""#);
        round_trip(br"\x5c\\x\x5");
        round_trip(&(0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn terminals_get_no_control_characters() {
        let shown = Text(b"a\x1b[31m\r\n\xe2\x80\xae\x9bz".to_vec()).printable();
        assert!(shown.chars().all(|c| !is_dangerous(c)), "{shown}");
        assert!(shown.starts_with("a\\u{1b}[31m"), "{shown}");
    }
}
