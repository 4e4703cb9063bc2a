//! Globs over bytes, and what every text they match must contain.

use regex::bytes::{Regex, RegexBuilder};

use super::literal;

/// Bytes that a regular expression would take for more than themselves are written as numbers.
const ONE: &str = r"(?:[\xc2-\xf4][\x80-\xbf]{1,3}|[^/])";
const ONE_OF_ALL: &str = r"(?:[\xc2-\xf4][\x80-\xbf]{1,3}|.)";

/// Bytes of a glob: more than any path has.
const LONGEST: usize = 16 << 10;

/// What a glob is matched against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Bytes with parts between slashes.
    Path,
    /// A name without parts.
    Word,
}

/// A piece of a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`
    One,
    /// `*`
    Any,
    /// `**`
    Deep,
    /// `**/` at the begin of a part: any number of directories.
    Directories,
    /// `[…]`, as a regular expression.
    Class(String),
}

/// A text is no glob.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGlob {
    /// It ends within something.
    #[error("`{0}` has no end; for the character itself write a backslash before it")]
    Unfinished(char),
    /// Alternatives are other arguments.
    #[error(
        "`{0}` has no meaning here: repeat the option for alternatives, or write `\\{0}` for the \
         character itself"
    )]
    Brace(char),
    /// Only ASCII has ranges here.
    #[error("only ASCII characters can stand in `[…]`")]
    Class,
    /// It matches nothing.
    #[error("it is empty")]
    Empty,
    /// Its expression is too large.
    #[error("it is too long or has too many wildcards")]
    Size,
}

/// A glob, ready to match.
#[derive(Clone, Debug)]
pub struct Glob {
    text: Vec<u8>,
    regex: Regex,
    literal: Option<Vec<u8>>,
}

impl Glob {
    /// For paths: `*` and `?` stay within one part, `**` crosses parts, `[a-z]` and `[!a-z]` are one
    /// byte. One that ends with `/` means everything below; one that does not begin with `/` may
    /// begin at any part. `\` takes the meaning from the next character, and `\xHH` (two lower-case
    /// digits) and `\u{HEX}` are a byte and a character, as records and `agtrack tail` show them.
    ///
    /// # Errors
    /// It is no glob.
    pub fn path(text: &[u8]) -> Result<Glob, BadGlob> {
        Glob::new(text, Of::Path)
    }

    /// For names: the same, but a name has no parts, `*` is anything and a `/` nothing special.
    ///
    /// # Errors
    /// It is no glob.
    pub fn word(text: &[u8]) -> Result<Glob, BadGlob> {
        Glob::new(text, Of::Word)
    }

    fn new(text: &[u8], of: Of) -> Result<Glob, BadGlob> {
        if text.len() > LONGEST {
            return Err(BadGlob::Size);
        }
        let mut tokens = tokens(text, of)?;
        if tokens.is_empty() {
            return Err(BadGlob::Empty);
        }
        if of == Of::Path {
            if tokens.last() == Some(&Token::Byte(b'/')) {
                tokens.extend([Token::One, Token::Deep]);
            }
            let absolute = matches!(
                tokens.first(),
                Some(Token::Byte(b'/') | Token::Deep | Token::Directories)
            );
            if !absolute {
                tokens.insert(0, Token::Directories);
            }
        }
        let regex = RegexBuilder::new(&expression(&tokens, of))
            .unicode(false)
            .dot_matches_new_line(true)
            .build()
            .map_err(|_| BadGlob::Size)?;
        let literal = literal(&tokens, of);
        Ok(Glob {
            text: text.to_vec(),
            regex,
            literal,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it is a name, without wildcards and escapes.
    #[must_use]
    pub fn is_name(&self) -> bool {
        !self.text.iter().any(|byte| b"*?[\\".contains(byte))
    }

    /// The name at the end of a whole path without wildcards.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        let path = self.text.strip_prefix(b"/").filter(|_| self.is_name())?;
        let name = path.rsplit(|byte| *byte == b'/').next()?;
        (!name.is_empty()).then_some(name)
    }

    /// Whether it matches the whole text.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    /// Bytes that a record in which this glob matches a string must contain; none where nothing is
    /// certain enough.
    pub(super) fn literal(&self) -> Option<&[u8]> {
        self.literal.as_deref()
    }
}

fn tokens(text: &[u8], of: Of) -> Result<Vec<Token>, BadGlob> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'\\' => rest = escaped(behind, &mut tokens)?,
            b'?' => tokens.push(Token::One),
            b'*' => {
                let begins = matches!(tokens.last(), None | Some(Token::Byte(b'/')));
                let stars = behind.iter().take_while(|byte| **byte == b'*').count();
                rest = behind.get(stars..).unwrap_or_default();
                let directories = begins && of == Of::Path && rest.first() == Some(&b'/');
                tokens.push(match stars {
                    0 => Token::Any,
                    _ if directories => {
                        rest = rest.get(1..).unwrap_or_default();
                        Token::Directories
                    }
                    _ => Token::Deep,
                });
            }
            b'[' => {
                let (class, behind) = class(behind, of)?;
                tokens.push(class);
                rest = behind;
            }
            b'{' | b'}' => return Err(BadGlob::Brace(char::from(*first))),
            other => tokens.push(Token::Byte(*other)),
        }
    }
    Ok(tokens)
}

/// What stands behind a backslash; returns the rest.
fn escaped<'a>(rest: &'a [u8], tokens: &mut Vec<Token>) -> Result<&'a [u8], BadGlob> {
    if let Some((byte, rest)) = byte(rest) {
        tokens.push(Token::Byte(byte));
        return Ok(rest);
    }
    if let Some((character, rest)) = character(rest) {
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).bytes();
        tokens.extend(bytes.map(Token::Byte));
        return Ok(rest);
    }
    let (first, rest) = rest.split_first().ok_or(BadGlob::Unfinished('\\'))?;
    tokens.push(Token::Byte(*first));
    Ok(rest)
}

/// `xHH`
fn byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let digits = text.strip_prefix(b"x")?.get(..2)?;
    let lower = digits.iter().all(|byte| !byte.is_ascii_uppercase());
    let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (lower && digits.first() != Some(&b'+')).then_some((byte, text.get(3..)?))
}

/// `u{HEX}`
fn character(text: &[u8]) -> Option<(char, &[u8])> {
    let digits = text.strip_prefix(b"u{")?;
    let end = digits.iter().position(|byte| *byte == b'}')?;
    let number = std::str::from_utf8(digits.get(..end)?).ok()?;
    let number = u32::from_str_radix(number, 16).ok()?;
    Some((char::from_u32(number)?, digits.get(end + 1..)?))
}

/// What stands behind `[`, and the rest behind `]`.
fn class(text: &[u8], of: Of) -> Result<(Token, &[u8]), BadGlob> {
    let (not, text) = match text.split_first() {
        Some((b'!' | b'^', behind)) => (true, behind),
        _ => (false, text),
    };
    // A bracket that comes first stands for itself.
    let end = text.iter().skip(1).position(|byte| *byte == b']');
    let end = end.ok_or(BadGlob::Unfinished('['))? + 1;
    let (inside, rest) = (text.get(..end).unwrap_or_default(), text.get(end + 1..));
    if !inside.is_ascii() {
        return Err(BadGlob::Class);
    }
    let mut set = String::new();
    let mut items = inside;
    while let Some((first, behind)) = items.split_first() {
        let (last, behind) = match behind {
            [b'-', last, behind @ ..] => (last, behind),
            _ => (first, behind),
        };
        if first > last {
            return Err(BadGlob::Class);
        }
        set.push_str(&format!(r"\x{first:02x}-\x{last:02x}"));
        items = behind;
    }
    let set = match (not, of) {
        (true, Of::Path) => format!("[^/{set}]"),
        (true, Of::Word) => format!("[^{set}]"),
        (false, _) => format!("[{set}]"),
    };
    Ok((Token::Class(set), rest.unwrap_or_default()))
}

fn expression(tokens: &[Token], of: Of) -> String {
    let mut text = String::from(r"\A");
    for token in tokens {
        match (token, of) {
            (Token::Byte(byte), _) => text.push_str(&format!(r"\x{byte:02x}")),
            (Token::One, Of::Path) => text.push_str(ONE),
            (Token::One, Of::Word) => text.push_str(ONE_OF_ALL),
            (Token::Any, Of::Path) => text.push_str("[^/]*"),
            (Token::Any, Of::Word) | (Token::Deep, _) => text.push_str(".*"),
            (Token::Directories, _) => text.push_str("(?:.*/)?"),
            (Token::Class(set), _) => text.push_str(set),
        }
    }
    text.push_str(r"\z");
    text
}

/// The longest run of bytes without a wildcard, as JSON.
fn literal(tokens: &[Token], of: Of) -> Option<Vec<u8>> {
    let runs = tokens.split(|token| !matches!(token, Token::Byte(_)));
    let mut at = 0;
    let mut found: Vec<Vec<u8>> = Vec::new();
    for run in runs {
        let ends = literal::Ends {
            begin: at == 0,
            end: at + run.len() == tokens.len(),
        };
        let bytes: Vec<u8> = run.iter().filter_map(byte_of).collect();
        found.extend(match of {
            Of::Path => literal::of_bytes(&bytes, ends),
            Of::Word => literal::of_text(&bytes, ends),
        });
        at += run.len() + 1;
    }
    found.into_iter().max_by_key(Vec::len)
}

fn byte_of(token: &Token) -> Option<u8> {
    match token {
        Token::Byte(byte) => Some(*byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
