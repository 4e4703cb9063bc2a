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
    let mut unclosed = Unclosed::default();
    let mut first = true;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte.is_ascii_whitespace() || is_operator(text, at) {
            first |= byte == b'\n' || !byte.is_ascii_whitespace();
            at += 1;
            continue;
        }
        let end = word_end(text, at, &mut unclosed);
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

/// What was looked for and stands nowhere in the rest of the text.
#[derive(Default)]
struct Unclosed {
    /// A quote without an end is an apostrophe.
    single: bool,
    double: bool,
    /// An escaped quote.
    escaped: bool,
    /// The end of a `$(` inside quotes.
    paren: bool,
}

fn word_end(text: &[u8], start: usize, unclosed: &mut Unclosed) -> usize {
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at = escaped_end(text, at, unclosed),
            b'\'' if !unclosed.single => {
                // `$'it\'s'`
                let escapes = at > start && text.get(at - 1) == Some(&b'$');
                match closing(text, at + 1, byte, escapes, unclosed) {
                    Some(end) => at = end,
                    None => unclosed.single = true,
                }
            }
            b'"' if !unclosed.double => match closing(text, at + 1, byte, true, unclosed) {
                Some(end) => at = end,
                None => unclosed.double = true,
            },
            byte if byte.is_ascii_whitespace() || is_operator(text, at) => break,
            _ => {}
        }
        at += 1;
    }
    at.min(text.len())
}

/// Last byte of what a backslash begins: what is quoted for another shell inside this one
/// (`\"a b\"`) up to where the same stands again, or the escaped byte.
fn escaped_end(text: &[u8], at: usize, unclosed: &mut Unclosed) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let depth = rest
        .iter()
        .take(8)
        .take_while(|&&byte| byte == b'\\')
        .count();
    let is_quote = matches!(rest.get(depth), Some(b'"' | b'\''));
    if !is_quote || unclosed.escaped {
        return at + 1;
    }
    let (mark, rest) = rest.split_at(depth + 1);
    match memchr::memmem::find(rest, mark) {
        Some(end) => at + mark.len() + end + depth,
        None => {
            unclosed.escaped = true;
            at + 1
        }
    }
}

/// Place of the quote that ends a quoted part. `escapes`: a backslash takes the next byte with it.
fn closing(
    text: &[u8],
    mut at: usize,
    quote: u8,
    escapes: bool,
    unclosed: &mut Unclosed,
) -> Option<usize> {
    loop {
        match *text.get(at)? {
            b'\\' if escapes => at += 2,
            byte if byte == quote => return Some(at),
            // What stands in it has quotes of its own.
            b'$' if quote == b'"' && !unclosed.paren && text.get(at + 1) == Some(&b'(') => {
                at = match paren_end(text, at + 2) {
                    Some(end) => end,
                    None => {
                        unclosed.paren = true;
                        at + 1
                    }
                }
            }
            _ => at += 1,
        }
    }
}

/// Place behind the parenthesis that ends what is open.
fn paren_end(text: &[u8], start: usize) -> Option<usize> {
    let mut open = 1_usize;
    for (place, byte) in text.get(start..)?.iter().enumerate() {
        match byte {
            b'(' => open += 1,
            b')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(start + place + 1);
        }
    }
    None
}

fn piece(text: &[u8], range: Range<usize>, first: bool) -> Piece {
    let word = text.get(range.clone()).unwrap_or_default();
    let quote = word
        .first()
        .copied()
        .filter(|quote| matches!(quote, b'"' | b'\''));
    let around = quote.filter(|&quote| {
        let end = closing(word, 1, quote, quote == b'"', &mut Unclosed::default());
        end == Some(word.len() - 1)
    });
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

/// Whether a shell's text hands on all words that follow it.
pub(super) fn hands_on(text: &[u8]) -> bool {
    text.windows(2).any(|two| two == b"$@" || two == b"$*")
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
    fn quotes_inside_what_is_quoted_keep_words_together() {
        check(
            "a \"$(cat \"b; c\" <<'E'\nd; e\nE\n)\" f",
            &["a", "$(cat \"b; c\" <<'E'\nd; e\nE\n)", "f"],
        );
        check(r"a $'it\'s; b' c", &["a", r"$'it\'s; b'", "c"]);
        check(r#"a \"b; c\" d"#, &["a", r#"\"b; c\""#, "d"]);
        check(r#"a \\\"b; c\\\" d"#, &["a", r#"\\\"b; c\\\""#, "d"]);
        check(r#"a \"b c"#, &["a", r#"\"b"#, "c"]);
        check("a \"$(b c\" d", &["a", "$(b c", "d"]);
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
