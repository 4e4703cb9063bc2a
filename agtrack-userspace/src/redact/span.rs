//! Places that must not be written.
//!
//! In: places that the rules found, in any order. Out: sorted places that do not overlap and hold
//! nothing that is redacted already, so that redacting twice changes nothing.

use std::ops::Range;

/// How a replacement starts.
pub(super) const OPEN: &[u8] = b"<redacted:";
/// How that of a prompt starts, which tells its length.
pub(super) const OPEN_PROMPT: &[u8] = b"<prompt:";
/// Hex digits of a tag.
pub(super) const TAG: usize = 8;
/// Longest name of a rule.
pub(super) const RULE: usize = 24;

/// A secret in an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Which argument; 0 for a single text.
    pub(super) argument: usize,
    /// Bytes of it.
    pub(super) range: Range<usize>,
    /// The rule that found it.
    pub(super) rule: &'static str,
}

/// What the rules found.
#[derive(Debug, Default)]
pub(super) struct Found {
    spans: Vec<Span>,
    /// The last here-document that was found: its argument, and the place behind it.
    pub(super) document: (usize, usize),
}

impl Found {
    pub(super) fn add(&mut self, argument: usize, range: Range<usize>, rule: &'static str) {
        if range.start < range.end {
            self.spans.push(Span {
                argument,
                range,
                rule,
            });
        }
    }

    /// Sorted by argument, then place; overlapping ones become one, named by the one that starts
    /// first (of two that start together: the one that was found first).
    pub(super) fn settle(mut self) -> Vec<Span> {
        self.spans
            .sort_by_key(|span| (span.argument, span.range.start));
        let mut settled: Vec<Span> = Vec::with_capacity(self.spans.len());
        for span in self.spans {
            match settled.last_mut() {
                Some(last)
                    if last.argument == span.argument && span.range.start < last.range.end =>
                {
                    last.range.end = last.range.end.max(span.range.end);
                }
                _ => settled.push(span),
            }
        }
        settled
    }
}

/// What is left of a place without the replacements that it holds already.
pub(super) fn without(
    text: &[u8],
    range: Range<usize>,
    done: &[Range<usize>],
) -> Vec<Range<usize>> {
    let mut left = Vec::new();
    let mut start = range.start;
    let mut cut = false;
    let first = done.partition_point(|done| done.end <= range.start);
    for done in done
        .iter()
        .skip(first)
        .take_while(|done| done.start < range.end)
    {
        left.push(start..done.start.max(start));
        start = done.end;
        cut = true;
    }
    left.push(start..range.end.max(start));
    // Punctuation between two replacements is no secret.
    let secret = |piece: &Range<usize>| {
        let bytes = text.get(piece.clone()).unwrap_or_default();
        !bytes.is_empty() && (!cut || bytes.iter().any(|byte| !byte.is_ascii_punctuation()))
    };
    left.retain(secret);
    left
}

/// Where a text holds replacements already.
pub(crate) fn replacements(text: &[u8]) -> Vec<Range<usize>> {
    memchr::memchr_iter(b'<', text)
        .filter_map(|at| Some(at..at + replacement(text.get(at..)?)?))
        .collect()
}

/// Whether a text is a replacement and nothing more.
pub(super) fn is_replaced(text: &[u8]) -> bool {
    replacement(text) == Some(text.len())
}

/// Length of the replacement that a text starts with.
fn replacement(text: &[u8]) -> Option<usize> {
    let (open, is_part): (_, fn(&u8) -> bool) = if text.starts_with(OPEN) {
        (OPEN, |byte| byte.is_ascii_lowercase() || *byte == b'-')
    } else {
        (OPEN_PROMPT, u8::is_ascii_digit)
    };
    let rest = text.strip_prefix(open)?;
    let part = rest.iter().take(RULE + 1).position(|&byte| byte == b':')?;
    let tag = rest.get(part + 1..part + 1 + TAG)?;
    let whole = part > 0
        && rest.iter().take(part).all(is_part)
        && tag.iter().all(u8::is_ascii_hexdigit)
        && rest.get(part + 1 + TAG) == Some(&b'>');
    whole.then_some(open.len() + part + 1 + TAG + 1)
}

/// First place of a byte that is not inside a replacement.
pub(super) fn find_outside(text: &[u8], wanted: u8) -> Option<usize> {
    between(text, &replacements(text), |piece| {
        memchr::memchr(wanted, piece)
    })
}

/// Looks through what stands between the replacements, each byte once.
fn between(
    text: &[u8],
    done: &[Range<usize>],
    mut find: impl FnMut(&[u8]) -> Option<usize>,
) -> Option<usize> {
    let starts = std::iter::once(0).chain(done.iter().map(|done| done.end));
    let ends = done.iter().map(|done| done.start).chain([text.len()]);
    starts.zip(ends).find_map(|(start, end)| {
        let at = find(text.get(start..end)?)?;
        Some(start + at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_places_become_one() {
        let mut found = Found::default();
        found.add(0, 5..9, "b");
        found.add(0, 2..6, "a");
        found.add(1, 2..6, "c");
        found.add(0, 9..10, "d");
        found.add(0, 3..3, "empty");
        let settled = found.settle();
        let places: Vec<_> = settled
            .iter()
            .map(|span| (span.argument, span.range.clone(), span.rule))
            .collect();
        assert_eq!(places, [(0, 2..9, "a"), (0, 9..10, "d"), (1, 2..6, "c")]);
    }

    #[test]
    fn replacements_are_recognised_exactly() {
        let one = b"x<redacted:flag:0123abcd>y";
        assert_eq!(replacements(one), vec![1..25]);
        assert_eq!(replacements(b"a <prompt:17:0123abcd>"), vec![2..22]);
        assert!(is_replaced(b"<prompt:17:0123abcd>") && !is_replaced(b"<prompt:17:0123abcd>x"));
        for not in [
            "<prompt:1x:0123abcd>",
            "<prompt::0123abcd>",
            "<redacted:flag:0123abc>",
            "<redacted::0123abcd>",
            "<redacted:A:0123abcd>",
        ] {
            assert!(replacements(not.as_bytes()).is_empty(), "{not}");
        }
    }

    #[test]
    fn a_byte_outside_is_found_and_each_byte_is_looked_at_once() {
        assert_eq!(find_outside(b"<redacted:x:00000000>a:b", b':'), Some(22));
        assert_eq!(find_outside(b"a:<redacted:x:00000000>", b':'), Some(1));
        let mut forged = b"<redacted:x:00000000>,".repeat(6000);
        let done = replacements(&forged);
        assert_eq!(done.len(), 6000);
        let (mut steps, mut looked_at) = (0, 0);
        let place = between(&forged, &done, |piece| {
            steps += 1;
            looked_at += piece.len();
            memchr::memchr(b':', piece)
        });
        assert_eq!((place, steps, looked_at), (None, 6001, 6000));
        forged.push(b':');
        assert_eq!(find_outside(&forged, b':'), Some(forged.len() - 1));
    }

    #[test]
    fn what_is_redacted_already_is_left_out() {
        let text = b"ab<redacted:flag:0123abcd>cd";
        let done = replacements(text);
        assert_eq!(without(text, 0..text.len(), &done), vec![0..2, 26..28]);
        assert!(without(text, 2..26, &done).is_empty());
        assert_eq!(without(text, 0..2, &done), vec![0..2]);
    }
}
