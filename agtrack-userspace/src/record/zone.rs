//! Names of the domain name system as text, as zone files have it (RFC 1035, section 5.1): labels
//! with dots between them, and what is no letter, digit, `-`, `_` or `*` as `\046`, the byte in
//! three decimal digits. Letters keep their case.

use std::borrow::Cow;
use std::fmt::Write;

/// Appends a label.
pub(crate) fn push(label: &[u8], text: &mut String) {
    for byte in label {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'*' => {
                text.push(char::from(*byte));
            }
            // Writing to a string cannot fail.
            other => drop(write!(text, "\\{other:03}")),
        }
    }
}

/// The bytes of a name; a dot in a label looks like one between two.
pub(crate) fn bytes(text: &str) -> Cow<'_, [u8]> {
    let mut rest = text.as_bytes();
    if !rest.contains(&b'\\') {
        return Cow::Borrowed(rest);
    }
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((first, behind)) = rest.split_first() {
        let escaped = (*first == b'\\').then(|| escaped(behind)).flatten();
        bytes.push(escaped.unwrap_or(*first));
        let length = if escaped.is_some() { 4 } else { 1 };
        rest = rest.get(length..).unwrap_or_default();
    }
    Cow::Owned(bytes)
}

/// The byte whose three digits stand there.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits.get(..3)?).ok()?;
    let only = digits.bytes().all(|digit| digit.is_ascii_digit());
    only.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_it_was() {
        let label: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        push(&label, &mut text);
        assert!(text.starts_with(r"\000") && text.contains(r"ABC") && text.ends_with(r"\255"));
        assert_eq!(*bytes(&text), label);
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [r"a.b", r"\", r"a\04", r"\256", r"\+12", r"\1é", r"\\04"] {
            assert_eq!(*bytes(text), *text.as_bytes(), "{text}");
        }
        assert_eq!(*bytes(r"a\046\\061.b"), *br"a.\=.b");
    }
}
