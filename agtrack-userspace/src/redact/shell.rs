//! Words of a shell command inside an argument.
//!
//! In: a text. Out: the places of its words, without the quotes around a whole word. Not a shell
//! parser: it only has to keep together what quotes keep together. Linear in the length.

use std::ops::Range;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its bytes.
    pub(super) range: Range<usize>,
    /// The quote that was around all of it.
    pub(super) quote: Option<u8>,
    /// Whether it starts a command (behind `;`, `|`, `&&`, `(`, a new line).
    pub(super) first: bool,
}

/// Words between white space and operators, with regard to quotes.
pub(super) fn words(text: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    // A quote without an end is an apostrophe.
    let mut apostrophe = [false; 2];
    let mut first = true;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte.is_ascii_whitespace() || is_operator(text, at) {
            first |= byte == b'\n' || !byte.is_ascii_whitespace();
            at += 1;
            continue;
        }
        let end = word_end(text, at, &mut apostrophe);
        pieces.push(piece(text, at..end, first));
        first = false;
        at = end;
    }
    pieces
}

/// Words between white space.
pub(super) fn plain_words(text: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for word in text.split(u8::is_ascii_whitespace) {
        if !word.is_empty() {
            pieces.push(Piece {
                range: at..at + word.len(),
                quote: None,
                first: false,
            });
        }
        at += word.len() + 1;
    }
    pieces
}

fn is_operator(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    match text.get(at) {
        Some(b';' | b'|' | b')') => true,
        // `$(` starts a value.
        Some(b'(') => before != Some(&b'$'),
        // `&` in the middle of a word belongs to a URL.
        Some(b'&') => {
            before == Some(&b'&') || matches!(text.get(at + 1), None | Some(b'&' | b' ' | b'\n'))
        }
        _ => false,
    }
}

fn word_end(text: &[u8], start: usize, apostrophe: &mut [bool; 2]) -> usize {
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\'' | b'"' => {
                let missing = &mut apostrophe[usize::from(byte == b'"')];
                if !*missing {
                    match closing(text, at + 1, byte) {
                        Some(end) => at = end,
                        None => *missing = true,
                    }
                }
            }
            byte if byte.is_ascii_whitespace() || is_operator(text, at) => break,
            _ => {}
        }
        at += 1;
    }
    at.min(text.len())
}

/// Place of the quote that ends a quoted part.
fn closing(text: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        match *text.get(at)? {
            b'\\' if quote == b'"' => at += 2,
            byte if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
}

fn piece(text: &[u8], range: Range<usize>, first: bool) -> Piece {
    let word = text.get(range.clone()).unwrap_or_default();
    let quote = word
        .first()
        .copied()
        .filter(|quote| matches!(quote, b'"' | b'\''));
    let around = quote.filter(|&quote| closing(word, 1, quote) == Some(word.len() - 1));
    let range = if around.is_some() {
        range.start + 1..range.end - 1
    } else {
        range
    };
    Piece {
        range,
        quote: around,
        first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let words: Vec<_> = words(text.as_bytes())
            .into_iter()
            .map(|piece| &text[piece.range])
            .collect();
        assert_eq!(words, expected, "{text}");
    }

    #[test]
    fn quotes_keep_words_together() {
        check("a 'b c' \"d e\" f\\ g", &["a", "b c", "d e", "f\\ g"]);
        check("A='b c' d", &["A='b c'", "d"]);
        check(r#"echo "a \" b" c"#, &["echo", r#"a \" b"#, "c"]);
        check("'' x", &["", "x"]);
    }

    #[test]
    fn operators_separate() {
        check("a;b|c&&d (e) f&", &["a", "b", "c", "d", "e", "f"]);
        check("curl http://x/?a=1&b=2 &", &["curl", "http://x/?a=1&b=2"]);
        let first: Vec<_> = words(b"a b;c\nd").iter().map(|piece| piece.first).collect();
        assert_eq!(first, [true, false, true, true]);
    }

    #[test]
    fn an_apostrophe_is_not_a_quote() {
        check("don't do it", &["don't", "do", "it"]);
        check("a \"b c", &["a", "\"b", "c"]);
        check("trailing\\", &["trailing\\"]);
    }
}
