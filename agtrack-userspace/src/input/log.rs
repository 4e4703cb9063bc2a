//! The input log as a file: one JSON object a line, ring bytes as hex.

use std::io::{BufRead, Write};

use super::Input;

/// Writes inputs.
pub struct InputWriter<W: Write> {
    out: W,
}

impl<W: Write> InputWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        InputWriter { out }
    }

    /// Appends one input.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, input: &Input<'_>) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.out, input)?;
        self.out.write_all(b"\n")
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Reads inputs back.
pub struct InputReader<R: BufRead> {
    lines: std::io::Lines<R>,
    number: usize,
}

/// Why an input log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error("cannot read it: {0}")]
    Io(std::io::Error),
    /// A line of it.
    #[error(
        "line {line} is not an input ({}): either the file is cut off or damaged there, or it is \
         no input log, as `agtrack daemon --input-log FILE` writes them",
        words(.cause)
    )]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong. Not called `source`: the message has it already.
        cause: serde_json::Error,
    },
}

/// What serde says, without its count of lines: it is given one line at a time.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

impl<R: BufRead> InputReader<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        InputReader {
            lines: input.lines(),
            number: 0,
        }
    }
}

impl<R: BufRead> Iterator for InputReader<R> {
    type Item = Result<Input<'static>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.lines.next()? {
            Ok(line) => line,
            Err(error) => return Some(Err(ReadError::Io(error))),
        };
        self.number += 1;
        let input = serde_json::from_str(&line);
        Some(input.map_err(|cause| ReadError::Line {
            line: self.number,
            cause,
        }))
    }
}

/// Bytes as hex.
pub(super) mod hex {
    use std::borrow::Cow;
    use std::fmt::Write;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }

    pub(crate) fn deserialize<'de, 'a, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Cow<'a, [u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text)
            .map(Cow::Owned)
            .ok_or_else(|| D::Error::custom("not hex"))
    }

    pub(super) fn parse(text: &str) -> Option<Vec<u8>> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return None;
        };
        let digit = |byte: u8| (byte as char).to_digit(16);
        pairs
            .iter()
            .map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as u8))
            .collect()
    }
}

/// A 32-byte key as hex.
pub(super) mod key {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(
        key: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::hex::serialize(key, serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        super::hex::parse(&text)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| D::Error::custom("not 32 bytes of hex"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Clock;

    #[test]
    fn what_is_written_is_read_back() {
        let inputs = [
            Input::Message {
                bytes: vec![0, 255, 16].into(),
            },
            Input::Clock(Clock { boot: 5, wall: 6 }),
            Input::Stop,
        ];
        let mut file = Vec::new();
        let mut writer = InputWriter::new(&mut file);
        for input in &inputs {
            writer.write(input).unwrap();
        }
        let read: Vec<_> = InputReader::new(&file[..]).map(Result::unwrap).collect();
        assert_eq!(format!("{read:?}"), format!("{inputs:?}"));
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = InputReader::new(&b"{\"input\":\"stop\"}\n{\"input\":\"x\"}\n"[..])
            .nth(1)
            .unwrap()
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("line 2 is not an input (unknown variant"),
            "{text}"
        );
        // serde counts lines of what it is given, which is one.
        assert!(!text.contains("at line 1"), "{text}");
    }
}
