//! What words mean for a shell that stand behind an agent program: files, texts and here-documents
//! that are given to it, and variables.

use std::ops::Range;

use super::prompt::Next;
use super::span::Found;
use super::walk::Word;

/// Within so many bytes behind `<<` stands the end of a here-document.
const LONGEST_MARK: usize = 64;

/// `$NAME`, `${NAME}`, `$1`, `$@`
pub(super) fn is_variable(text: &[u8]) -> bool {
    let Some(name) = text.strip_prefix(b"$") else {
        return false;
    };
    let inside = name
        .strip_prefix(b"{")
        .and_then(|name| name.strip_suffix(b"}"));
    let byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'*');
    inside.unwrap_or(name).iter().all(byte)
}

/// What a word is for a shell that begins with `<` or `>`.
pub(super) enum Redirection {
    /// The next word is a file.
    File,
    /// The file is in it.
    Whole,
    /// `<<<TEXT`: where the text begins, 0: in the next word.
    Text(usize),
    /// `<<END`
    Document,
}

impl Redirection {
    /// What the next word is, and what of the argument is a prompt.
    pub(super) fn means(&self, word: &Word<'_>, found: &mut Found) -> (Next, Range<usize>) {
        match self {
            Self::File => (Next::File, 0..0),
            Self::Whole => (Next::Free, 0..0),
            Self::Text(0) => (Next::Prompt, 0..0),
            Self::Text(at) => (Next::Free, word.start + at..word.end),
            Self::Document => {
                let is_alone = matches!(word.text(), b"<<" | b"<<-");
                let next = if is_alone { Next::File } else { Next::Free };
                (next, document(word, found))
            }
        }
    }
}

/// What a word that begins with `<` or `>` is.
pub(super) fn redirection(text: &[u8]) -> Option<Redirection> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let start = digits.count() + usize::from(text.first() == Some(&b'&'));
    let rest = text.get(start..)?;
    if let Some(behind) = rest.strip_prefix(b"<<<") {
        let at = if behind.is_empty() { 0 } else { start + 3 };
        return Some(Redirection::Text(at));
    }
    if rest.starts_with(b"<<") {
        return Some(Redirection::Document);
    }
    let operator = |byte: &u8| matches!(byte, b'<' | b'>' | b'|' | b'&');
    let length = rest.iter().take_while(|byte| operator(byte)).count();
    if !matches!(rest.first(), Some(b'<' | b'>')) {
        return None;
    }
    Some(match length == rest.len() {
        true => Redirection::File,
        false => Redirection::Whole,
    })
}

/// The text of a here-document whose `<<END` is this word (or `<<` before it): all behind the line
/// or behind the document before, up to its end, or to the end of the argument. Looks at each byte
/// once, however many documents there seem to be.
fn document(word: &Word<'_>, found: &mut Found) -> Range<usize> {
    let rest = word.argument.get(word.start..).unwrap_or_default();
    let (argument, end) = found.document;
    let start = if argument == word.number && word.start < end {
        end
    } else {
        let line = memchr::memchr(b'\n', rest);
        line.map_or(word.argument.len(), |line| word.start + line + 1)
    };
    let mark = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let near = rest.get(..LONGEST_MARK).unwrap_or(rest);
    let first_line = near.split(|byte| *byte == b'\n').next();
    let mut parts = first_line.unwrap_or_default().split(|byte| !mark(byte));
    let mark = parts.find(|part| !part.is_empty());
    let body = word.argument.get(start..).unwrap_or_default();
    let mut at = start;
    let mut end = word.argument.len();
    for line in body.split(|byte| *byte == b'\n') {
        if mark.is_some_and(|mark| line.trim_ascii() == mark) {
            end = at.saturating_sub(1).max(start);
            break;
        }
        at += line.len() + 1;
    }
    found.document = (word.number, end);
    start..end
}
