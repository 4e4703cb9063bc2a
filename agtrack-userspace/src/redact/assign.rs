//! `NAME=value`, `"name": "value"`, `Name: value` where the name says that the value is a secret.
//!
//! In: one word or text. Out: the places of the values. Each byte is looked at a bounded number of
//! times: names are at most 64 bytes long, and what is inside a found value is not searched again.

use std::ops::Range;

use super::name::{self, Secrecy};

/// What kind of text it is; decides where a value without quotes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// An argument: a value at its start reaches to its end.
    Argument,
    /// A word of a shell command: as an argument, but `$NAME` stands for something else.
    Shell,
    /// Several commands or sentences: values end at white space.
    Script,
    /// A path: values end at a slash too.
    Path,
}

/// Calls `found` with the place of every value that must not be written.
pub(super) fn scan(text: &[u8], mode: Mode, mut found: impl FnMut(Range<usize>)) {
    let mut covered = 0;
    for at in memchr::memchr2_iter(b'=', b':', text) {
        if at < covered {
            continue;
        }
        if let Some(range) = value(text, at, mode) {
            covered = range.end;
            found(range);
        }
    }
}

/// The secret behind the `=` or `:` at a place.
fn value(text: &[u8], at: usize, mode: Mode) -> Option<Range<usize>> {
    let (start, end, quoted) = name_before(text, at);
    let name = text.get(start..end)?;
    if name.is_empty() {
        return None;
    }
    let before = start.checked_sub(1).and_then(|before| text.get(before));
    let query = matches!(before, Some(b'?' | b'&' | b';' | b'#'));
    let secrecy = if query {
        name::query_secrecy(name)
    } else {
        name::secrecy(name)
    };
    if secrecy == Secrecy::Open {
        return None;
    }
    let after = text.get(at + 1).copied();
    let colon = text.get(at) == Some(&b':');
    let header = name
        .get(..2)
        .is_some_and(|two| two.eq_ignore_ascii_case(b"x-"));
    if colon && !(quoted || header || matches!(after, Some(b' ' | b'\t' | b'"' | b'\''))) {
        return None;
    }
    let value = value_start(text, at + 1);
    // What is only perhaps a secret must be cheap to look at: its bytes may be looked at again.
    let text = if secrecy == Secrecy::Random {
        text.get(..value + 512).unwrap_or(text)
    } else {
        text
    };
    let rest = text.get(value..)?;
    // JSON and YAML: the value is an object or a list, and what is secret in it has its own name.
    let nested = colon && !header && matches!(rest.first(), Some(b'{' | b'['));
    if nested || is_reference(rest, secrecy, mode) {
        return None;
    }
    let anchored = mode != Mode::Script && mode != Mode::Path && is_anchored(text, start);
    let range = match (opening_quote(text, value), anchored, colon) {
        (Some((quote, inside)), _, _) => inside..closing_quote(text, inside, quote),
        (None, true, true) => value..line_end(text, value),
        (None, true, false) => value..argument_end(text, value),
        (None, false, _) => value..token_end(text, value, mode, query),
    };
    let secret = text.get(range.clone())?;
    let kept = is_plain(secret) || (secrecy == Secrecy::Random && !is_random(secret));
    (!kept).then_some(range)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']')
}

/// Start and end of the name in front of a separator, and whether it is in quotes.
fn name_before(text: &[u8], at: usize) -> (usize, usize, bool) {
    let back = |end: usize, limit: usize, matches: fn(u8) -> bool| {
        let window = text.get(end.saturating_sub(limit)..end).unwrap_or_default();
        end - window
            .iter()
            .rev()
            .take_while(|&&byte| matches(byte))
            .count()
    };
    let spaced = back(at, 4, |byte| byte == b' ' || byte == b'\t');
    let end = back(spaced, 2, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
    (back(end, name::LONGEST, is_name_byte), end, end < spaced)
}

/// Steps over `==`, spaces, and what httpie writes.
fn value_start(text: &[u8], mut at: usize) -> usize {
    for skipped in [b'=', b' '] {
        let rest = text.get(at..).unwrap_or_default();
        at += rest
            .iter()
            .take(4)
            .take_while(|&&byte| byte == skipped)
            .count();
    }
    at
}

/// Whether the value names where the secret is, instead of being it.
pub(super) fn is_reference(value: &[u8], secrecy: Secrecy, mode: Mode) -> bool {
    let path = [&b"/"[..], b"./", b"../", b"~/"]
        .iter()
        .any(|start| value.starts_with(start));
    if path && secrecy == Secrecy::SecretOrPath {
        return true;
    }
    let shell = matches!(mode, Mode::Shell | Mode::Script);
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    shell && (value.starts_with(b"$(") || value.starts_with(b"`") || is_variable(value))
}

/// `$NAME` or `${NAME}`, and nothing more behind it.
fn is_variable(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"$") else {
        return false;
    };
    let (rest, braced) = rest
        .strip_prefix(b"{")
        .map_or((rest, false), |rest| (rest, true));
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = rest
        .iter()
        .take(name::LONGEST)
        .take_while(|byte| name(byte))
        .count();
    let rest = rest.get(length..).unwrap_or_default();
    let rest = if braced {
        rest.strip_prefix(b"}")
    } else {
        Some(rest)
    };
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b';' | b'&' | b'|');
    length > 0 && rest.is_some_and(|rest| rest.first().is_none_or(ends))
}

/// Values that are no secrets whatever they are called.
pub(super) fn is_plain(value: &[u8]) -> bool {
    const PLAIN: &[&str] = &[
        "-", "0", "1", "true", "false", "yes", "no", "none", "null", "nil", "{", "[", "{}", "[]",
    ];
    value.iter().all(|&byte| byte == b'*')
        || PLAIN
            .iter()
            .any(|plain| value.eq_ignore_ascii_case(plain.as_bytes()))
}

fn is_random(value: &[u8]) -> bool {
    value.len() >= 16
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte))
        && !value.starts_with(b"/")
}

/// Whether nothing but the flag that carries it stands before a name: `--env=NAME=value`.
fn is_anchored(text: &[u8], start: usize) -> bool {
    let Some(before) = text.get(..start) else {
        return false;
    };
    let quotes = before
        .iter()
        .all(|byte| matches!(byte, b'"' | b'\'' | b'\\'));
    start == 0
        || start <= name::LONGEST
            && (quotes
                || before.starts_with(b"-")
                    && before.ends_with(b"=")
                    && before
                        .iter()
                        .all(|&byte| is_name_byte(byte) || byte == b'='))
}

/// The quote that a value starts with, and the place behind it.
fn opening_quote(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let escaped = text
        .get(at..)?
        .iter()
        .take(4)
        .take_while(|&&byte| byte == b'\\')
        .count();
    let quote = *text.get(at + escaped)?;
    matches!(quote, b'"' | b'\'').then_some((quote, at + escaped + 1))
}

/// Where a quoted value ends: at the quote, or at the backslash that escapes it if the opening one
/// was escaped too.
fn closing_quote(text: &[u8], inside: usize, quote: u8) -> usize {
    let escaped = inside >= 2 && text.get(inside - 2) == Some(&b'\\');
    let mut at = inside;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' if escaped && text.get(at + 1) == Some(&quote) => return at,
            b'\\' if quote == b'"' => at += 2,
            byte if byte == quote => return at,
            _ => at += 1,
        }
    }
    text.len()
}

fn line_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'\r' | b'\n' | b'"' | b'\''));
    at + end.unwrap_or(rest.len())
}

/// Whether `name=` or `name:` stands at a place.
fn names_another(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest
        .iter()
        .take(name::LONGEST)
        .take_while(|&&byte| is_name_byte(byte))
        .count();
    length > 0
        && rest
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && matches!(rest.get(length), Some(b'='))
}

/// End of a value that may hold anything: the end of the argument, or the next `name=`.
fn argument_end(text: &[u8], start: usize) -> usize {
    let divides = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'&' | b';' | b',');
    (start..text.len())
        .find(|&at| text.get(at).is_some_and(divides) && names_another(text, at + 1))
        .unwrap_or(text.len())
}

/// End of a value in the middle of a text.
fn token_end(text: &[u8], start: usize, mode: Mode, query: bool) -> usize {
    let ends = |at: usize| match text.get(at) {
        Some(b'"' | b'\'' | b'`' | b'&') | None => true,
        Some(b'/') => mode == Mode::Path,
        Some(b'#') => query,
        Some(b'\\') => matches!(text.get(at + 1), Some(b'"' | b'\'')),
        Some(b',' | b';') => {
            let next = text.get(at + 1);
            next.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''))
                || names_another(text, at + 1)
        }
        Some(byte) => byte.is_ascii_whitespace(),
    };
    (start..text.len())
        .find(|&at| ends(at))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[` and `]` mark what must be found.
    fn check(mode: Mode, marked: &str) {
        let text = marked.replace(['⟦', '⟧'], "");
        let mut shown = String::new();
        let mut last = 0;
        scan(text.as_bytes(), mode, |range| {
            shown.push_str(&text[last..range.start]);
            shown.push_str(&format!("⟦{}⟧", &text[range.clone()]));
            last = range.end;
        });
        shown.push_str(&text[last..]);
        assert_eq!(shown, marked, "{mode:?}");
    }

    #[test]
    fn an_argument_is_one_value() {
        check(Mode::Argument, "PASSWORD=⟦a b;c,d&e⟧");
        check(Mode::Argument, "--env=PASSWORD=⟦a b⟧");
        check(Mode::Argument, "password=⟦a⟧&user=b");
        check(Mode::Argument, "host=x password=⟦y⟧ port=1");
        check(Mode::Argument, "https://h/?q=1&token=⟦abc⟧&key=⟦def⟧#x");
        check(Mode::Argument, "X-Api-Key: ⟦a b c⟧");
        check(Mode::Argument, "x-api-key:⟦abc⟧");
        check(
            Mode::Argument,
            "DefaultEndpoints=https;AccountKey=⟦ab+/==⟧;EndpointSuffix=x",
        );
    }

    #[test]
    fn json_and_yaml_have_names_too() {
        check(Mode::Argument, r#"{"user":"x","password":"⟦a\"b⟧","n":1}"#);
        check(Mode::Argument, r#"{\"token\": \"⟦abc⟧\", \"n\": 1}"#);
        check(Mode::Argument, r#"{'api_key': '⟦abc⟧'}"#);
        check(Mode::Argument, r#"{"token": {"a": 1}}"#);
        check(Mode::Script, "user: x\npassword: ⟦abc⟧\nport: 1");
        check(Mode::Script, "token: [a, b]\npassword: {a: 1}");
        check(Mode::Script, "token = [\"a\", \"b\"]; secret = {}");
    }

    #[test]
    fn a_bracket_is_a_byte_like_any_other() {
        check(Mode::Argument, "PGPASSWORD=⟦[k7x⟧");
        check(Mode::Argument, "--env=TOKEN=⟦{a}b⟧");
        check(Mode::Argument, "X-Api-Key: ⟦{k7x⟧");
        check(Mode::Script, "TOKEN=⟦{k7x⟧ make");
        check(Mode::Argument, r#"{"password":"⟦{k7x⟧"}"#);
    }

    #[test]
    fn scripts_go_on_behind_a_value() {
        check(Mode::Script, "PASSWORD=⟦abc⟧ ls -la");
        check(Mode::Script, "export TOKEN='⟦a b⟧'; ls");
        check(
            Mode::Script,
            "TOKEN=$OTHER make; TOKEN=${OTHER} make; TOKEN=\"$(cat x)\" make",
        );
        check(Mode::Path, "/data/token=⟦abc⟧/part-1");
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "a=b",
            "token=",
            "PWD=/home/x",
            "--password-file=/x",
            "token=true",
            "image:secret:tag",
            "SORT_KEY=name",
            "GOOGLE_APPLICATION_CREDENTIALS=/etc/x.json",
            "if a == b: pass",
        ] {
            check(Mode::Argument, text);
        }
    }
}
