//! Secrets are taken out before anything is written, hashed or sent.
//!
//! In: arguments, paths, URLs and other texts as the kernel gave them. Out: the same bytes with
//! every secret replaced by `<redacted:RULE:TAG>`, every prompt that is an argument of a well-known
//! agent program by `<prompt:BYTES:TAG>`, and the names of the rules. The tag is a keyed hash, so that equal secrets can be seen to be equal and nobody can guess them without the key.
//! Everything else stays byte for byte; redacting twice changes nothing. Time is linear in the
//! length. Never keeps, logs or returns a secret.

mod assign;
#[cfg(test)]
mod canary;
mod context;
#[cfg(test)]
mod escapes;
#[cfg(test)]
mod hostile;
mod name;
mod programs;
mod prompt;
#[cfg(test)]
mod prompts;
mod redirect;
mod rules;
mod search;
mod shell;
mod span;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::{Borrow as _, Cow};
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use assign::Mode;
use search::Search;
pub(crate) use span::replacements;
use span::{Found, Span};
use walk::Word;

/// Something without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted<T> {
    /// What may be written; borrowed where nothing had to be replaced.
    pub value: T,
    /// The rules that replaced something, each once.
    pub rules: Vec<&'static str>,
}

/// A replacement can uncover a secret (what stood before it was part of its word), so a text in
/// which something was found is looked at again. More than two rounds take a hostile text, and one
/// that takes more than these is replaced as a whole.
const ROUNDS: usize = 8;

/// The rule of what is replaced as a whole.
const WHOLE: &str = "value";

/// Takes secrets out. One for the whole process; cheap to share, expensive to make (about 1 ms).
pub struct Redactor {
    mac: Hmac<Sha256>,
    search: Search,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// A redactor whose tags depend on this key. Use one key a host, and keep it secret: with it,
    /// weak passwords can be guessed from their tags.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        // The block size of the hash is 64 bytes, so the key fits as it is.
        let mut block = [0_u8; 64];
        block[..key.len()].copy_from_slice(key);
        Self {
            mac: Hmac::new(&block.into()),
            search: Search::new(),
        }
    }

    /// Redacts an argument list, knowing what options mean.
    #[must_use]
    pub fn args<'a>(&self, args: &'a [Vec<u8>]) -> Redacted<Cow<'a, [Vec<u8>]>> {
        self.command(None, args)
    }

    /// Redacts the arguments of a program that runs from this file.
    #[must_use]
    pub fn command<'a, A>(&self, exe: Option<&[u8]>, args: &'a [A]) -> Redacted<Cow<'a, [A]>>
    where
        A: AsRef<[u8]> + From<Vec<u8>> + Clone + PartialEq,
    {
        let mut rules = Vec::new();
        let step = |args: &[A]| {
            let words: Vec<_> = args
                .iter()
                .map(AsRef::as_ref)
                .enumerate()
                .map(|(number, arg)| Word::whole(arg, number, self.search.hits(arg)))
                .collect();
            let mut found = Found::default();
            walk::line(&self.search, &words, exe, &mut found);
            self.rewrite_args(args, found, &mut rules)
        };
        let value = repeat(args, step, |before, after, all| {
            let pairs = before.iter().zip(after);
            pairs
                .map(|(before, after)| match all || before != after {
                    true => self.whole(before.as_ref()).into(),
                    false => before.clone(),
                })
                .collect()
        });
        Redacted { value, rules }
    }

    /// Redacts a path.
    #[must_use]
    pub fn path<'a>(&self, path: &'a [u8]) -> Redacted<Cow<'a, [u8]>> {
        let mut rules = Vec::new();
        let step = |path: &[u8]| {
            let hits = self.search.hits(path);
            let mut found = Found::default();
            let mut add = |range, rule| found.add(0, range, rule);
            if hits.names() {
                assign::scan(path, Mode::Path, |range| add(range, "value"));
            }
            self.search.run(path, hits, false, &mut add);
            self.rewrite(path, &found.settle(), &mut rules)
        };
        let value = repeat(path, step, |path, _, _| self.whole(path));
        Redacted { value, rules }
    }

    /// Redacts a text: a process title, a line of a protocol, a message.
    #[must_use]
    pub fn text<'a>(&self, text: &'a [u8]) -> Redacted<Cow<'a, [u8]>> {
        let mut rules = Vec::new();
        let step = |text: &[u8]| {
            let mut found = Found::default();
            let word = Word::whole(text, 0, self.search.hits(text));
            walk::line(&self.search, &[word], None, &mut found);
            self.rewrite(text, &found.settle(), &mut rules)
        };
        let value = repeat(text, step, |text, _, _| self.whole(text));
        Redacted { value, rules }
    }

    /// Redacts a URL, or a part of one with its query.
    #[must_use]
    pub fn url<'a>(&self, url: &'a [u8]) -> Redacted<Cow<'a, [u8]>> {
        self.text(url)
    }

    fn rewrite_args<A>(
        &self,
        args: &[A],
        found: Found,
        rules: &mut Vec<&'static str>,
    ) -> Option<Vec<A>>
    where
        A: AsRef<[u8]> + From<Vec<u8>> + Clone,
    {
        let mut rewritten = None;
        for spans in found
            .settle()
            .chunk_by(|one, next| one.argument == next.argument)
        {
            let argument = spans.first().map(|span| span.argument)?;
            if let Some(redacted) = self.rewrite(args.get(argument)?.as_ref(), spans, rules)
                && let Some(place) = rewritten
                    .get_or_insert_with(|| args.to_vec())
                    .get_mut(argument)
            {
                *place = redacted.into();
            }
        }
        rewritten
    }

    /// The text with its secrets replaced; `None` when all were replaced before.
    fn rewrite(
        &self,
        text: &[u8],
        spans: &[Span],
        rules: &mut Vec<&'static str>,
    ) -> Option<Vec<u8>> {
        if spans.is_empty() {
            return None;
        }
        let done = span::replacements(text);
        let mut redacted = Vec::new();
        let mut written = 0;
        for span in spans {
            for secret in span::without(text, span.range.clone(), &done) {
                redacted.extend_from_slice(text.get(written..secret.start).unwrap_or_default());
                written = secret.end;
                self.replace(
                    text.get(secret).unwrap_or_default(),
                    span.rule,
                    &mut redacted,
                );
                if !rules.contains(&span.rule) {
                    rules.push(span.rule);
                }
            }
        }
        redacted.extend_from_slice(text.get(written..).unwrap_or_default());
        (written > 0).then_some(redacted)
    }

    /// Nothing of it but that it was there.
    fn whole(&self, text: &[u8]) -> Vec<u8> {
        let mut redacted = Vec::new();
        if !text.is_empty() {
            self.replace(text, WHOLE, &mut redacted);
        }
        redacted
    }

    fn replace(&self, secret: &[u8], rule: &str, redacted: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let tag = self
            .mac
            .clone()
            .chain_update(secret)
            .finalize()
            .into_bytes();
        if rule == prompt::PROMPT {
            redacted.extend_from_slice(span::OPEN_PROMPT);
            redacted.extend_from_slice(secret.len().to_string().as_bytes());
        } else {
            redacted.extend_from_slice(span::OPEN);
            redacted.extend_from_slice(rule.as_bytes());
        }
        redacted.push(b':');
        for byte in tag.iter().take(span::TAG / 2) {
            redacted.push(HEX[usize::from(byte >> 4)]);
            redacted.push(HEX[usize::from(byte & 15)]);
        }
        redacted.push(b'>');
    }
}

/// Applies a step until it has nothing more to change. What does not come to rest by itself is
/// given up: `whole` gets it before and after its last step, and is to leave nothing in what that
/// step changed, the second time in anything.
fn repeat<T: ToOwned + ?Sized>(
    input: &T,
    mut step: impl FnMut(&T) -> Option<T::Owned>,
    whole: impl Fn(&T, &T, bool) -> T::Owned,
) -> Cow<'_, T> {
    let mut value = Cow::Borrowed(input);
    for all in [false, true] {
        for round in 0..=ROUNDS {
            let Some(changed) = step(&value) else {
                return value;
            };
            let is_last = round == ROUNDS;
            value = Cow::Owned(match is_last {
                true => whole(&value, changed.borrow(), all),
                false => changed,
            });
        }
    }
    value
}
