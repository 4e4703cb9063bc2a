//! Text that goes to a terminal.
//!
//! Comes in: bytes from anywhere. Goes out: one line of text without control characters.

use std::fmt::Write;

/// Bytes as text for people: invalid UTF-8, control characters and the invisible ones that change
/// direction or order are written as escapes.
pub fn plain(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                _ if letter.is_control() || is_treacherous(letter) => {
                    out.extend(letter.escape_default());
                }
                _ => out.push(letter),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Bidirectional controls, zero-width characters, line and paragraph separators.
fn is_treacherous(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn controls_never_come_through() {
        assert_eq!(plain(b"/tmp/a b"), "/tmp/a b");
        assert_eq!(plain("/tmp/\u{fc}".as_bytes()), "/tmp/\u{fc}");
        assert_eq!(plain(b"a\x1b[31m\n"), "a\\u{1b}[31m\\n");
        assert_eq!(plain(b"\xff\\"), "\\xff\\\\");
        assert_eq!(plain("x\u{202e}y\u{9b}".as_bytes()), "x\\u{202e}y\\u{9b}");
    }
}
