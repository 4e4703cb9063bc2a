//! Walks through the words of a command line, knowing what options mean.
//!
//! In: arguments, or the words of a shell command inside one. Out: the places of secrets. An
//! argument that holds white space is looked at as a whole and as words, three levels deep
//! (`bash -c "ssh h 'curl -u me:x h'"`).

use crate::catalogue::starts_others;

use super::assign::{self, Mode};
use super::context::Context;
use super::name::{self, Secrecy};
use super::programs::{self, Part, Program, Style};
use super::prompt::Line;
use super::search::{Hits, Search};
use super::shell;
use super::span::{self, Found};

/// Commands inside commands that are looked into.
const DEPTH: usize = 3;

/// A part of an argument that stands for one word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    /// The whole argument.
    pub(super) argument: &'a [u8],
    /// Its number.
    pub(super) number: usize,
    /// Where the word starts in it.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// Which rules the argument can match.
    pub(super) hits: Hits,
    /// Whether a shell will read it.
    pub(super) shell: bool,
    /// Whether a command starts with it.
    pub(super) first: bool,
}

impl<'a> Word<'a> {
    /// A whole argument.
    pub(super) fn whole(argument: &'a [u8], number: usize, hits: Hits) -> Self {
        let end = argument.len();
        Self {
            argument,
            number,
            start: 0,
            end,
            hits,
            shell: false,
            first: false,
        }
    }

    pub(super) fn text(&self) -> &'a [u8] {
        self.argument.get(self.start..self.end).unwrap_or_default()
    }

    fn mode(&self, script: bool) -> Mode {
        if script {
            Mode::Script
        } else if self.shell {
            Mode::Shell
        } else {
            Mode::Argument
        }
    }

    /// Whether there are quotes around it.
    pub(super) fn is_quoted(&self) -> bool {
        let before = self.start.checked_sub(1);
        let before = before.and_then(|at| self.argument.get(at));
        matches!(before, Some(b'"' | b'\''))
    }

    fn has_space(&self) -> bool {
        self.text().iter().any(u8::is_ascii_whitespace)
    }
}

/// What an option does to the word behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing.
    Free,
    /// It is the option's value, and no secret.
    Value,
    /// It is the option's value, with a secret in it.
    Secret(Part),
    /// It may be the value of an option with such a name.
    Named(Secrecy),
    /// It is a name, and the value follows (`set NAME VALUE`).
    Name,
}

/// Looks for secrets and prompts in the words of a command line. `exe` is the file of its program,
/// where that is known.
pub(super) fn line(search: &Search, list: &[Word<'_>], exe: Option<&[u8]>, found: &mut Found) {
    // What a program is called when it starts another one says more than its file.
    let name = list.first().map_or(&b""[..], Word::text);
    let exe = exe.filter(|_| !starts_others(name));
    words(search, list, Line::new(exe), 0, found);
}

/// Looks through words, the last line of which began already; true: they name an agent program.
fn words(
    search: &Search,
    words: &[Word<'_>],
    mut line: Line,
    depth: usize,
    found: &mut Found,
) -> bool {
    let mut context = Context::default();
    let mut next = Next::Free;
    let mut has_agent = false;
    for (place, word) in words.iter().enumerate() {
        if word.first {
            context.begin();
            next = Next::Free;
            line = begin(words, place);
        }
        let is_prompt = line.step(word, depth > 0, found);
        has_agent |= line.has_agent();
        if is_prompt {
            next = Next::Free;
            continue;
        }
        let (after, done) = meaning(word, next, &mut context, found);
        next = after;
        if done {
            continue;
        }
        context.aws |= search.near_aws(word.hits);
        if context.aws && is_aws_key(word.text()) {
            found.add(word.number, word.start..word.end, "aws-key");
        }
        let names = texts(search, word, depth, context.shell, found);
        has_agent |= names;
        // `sh -c 'claude "$@"' _ PROMPT`, `sh -c 'exec timeout "$@"' _ 60 claude PROMPT`
        if names && context.shell && word.text().contains(&b'$') {
            line.pass_on();
        } else if context.shell && shell::hands_on(word.text()) {
            line.search();
        }
    }
    has_agent
}

/// The line that begins with a word.
fn begin(words: &[Word<'_>], place: usize) -> Line {
    if words.get(place).is_some_and(|word| word.shell) {
        return Line::new(None);
    }
    let after = words.get(place + 1).filter(|word| !word.first);
    Line::doubtful(after.map(Word::text))
}

/// What a word means behind the one before, and whether all of it is a secret already.
fn meaning(word: &Word<'_>, next: Next, context: &mut Context, found: &mut Found) -> (Next, bool) {
    let text = word.text();
    match next {
        Next::Secret(part) => return (Next::Free, secret_part(word, word.start, part, found)),
        Next::Named(secrecy) if !looks_like_option(text) => {
            return (Next::Free, secret_value(word, word.start, secrecy, found));
        }
        Next::Value => return (Next::Free, false),
        Next::Name => {
            let name = text
                .rsplit(|byte| matches!(byte, b'/' | b':'))
                .next()
                .unwrap_or_default();
            let secrecy = name::secrecy(name);
            let named = secrecy != Secrecy::Open && !text.contains(&b'=');
            return (
                if named {
                    Next::Named(secrecy)
                } else {
                    Next::Free
                },
                false,
            );
        }
        Next::Named(_) | Next::Free => {}
    }
    if text.len() > 1 && text.starts_with(b"-") {
        return (option(word, context, found), false);
    }
    context.learn(text);
    (
        if text == b"set" {
            Next::Name
        } else {
            Next::Free
        },
        false,
    )
}

/// What an option means: by the program's table, then by its name.
fn option(word: &Word<'_>, context: &Context, found: &mut Found) -> Next {
    let text = word.text();
    let name_start = if text.starts_with(b"--") { 2 } else { 1 };
    let equals = memchr::memchr(b'=', text);
    let name = text
        .get(name_start..equals.unwrap_or(text.len()))
        .unwrap_or_default();
    let mut known = Next::Free;
    for program in context.programs() {
        let exact = program
            .options
            .iter()
            .find(|(option, _)| option.as_bytes() == name);
        match (exact, equals) {
            (Some(&(_, part)), Some(equals)) => {
                secret_part(word, word.start + equals + 1, part, found);
                known = Next::Value;
            }
            (Some(&(_, part)), None) if part != Part::Attached => return Next::Secret(part),
            _ if name_start == 1 => match cluster(word, program, found) {
                Next::Free => {}
                next => known = next,
            },
            _ => {}
        }
    }
    // A value with `=` is found as an assignment.
    match (known, name::secrecy(name)) {
        (Next::Free, secrecy @ (Secrecy::Secret | Secrecy::SecretOrPath))
            if equals.is_none() && word.hits.names() && (name_start == 2 || name.len() > 2) =>
        {
            Next::Named(secrecy)
        }
        (Next::Free, _) => Next::Free,
        // The value was behind `=` or behind the letter: the next word is a word of its own.
        (Next::Value, _) if equals.is_some() => Next::Free,
        (next, _) => next,
    }
}

/// Short options that stand together, the last with its value: `-sSume:secret`.
fn cluster(word: &Word<'_>, program: &Program, found: &mut Found) -> Next {
    let letters = word.text().get(1..).unwrap_or_default();
    let limit = match program.style {
        Style::Alone if letters.len() > 1 => 0,
        Style::Alone | Style::Joined => 1,
        Style::Cluster => letters.len(),
    };
    for (at, letter) in letters.iter().enumerate().take(limit) {
        let behind = letters.len() > at + 1;
        let option = program
            .options
            .iter()
            .find(|(name, _)| name.as_bytes() == [*letter]);
        if let Some(&(_, part)) = option {
            if behind {
                secret_part(word, word.start + at + 2, part, found);
            }
            return match (behind, part) {
                (true, _) | (_, Part::Attached) => Next::Free,
                (false, part) => Next::Secret(part),
            };
        }
        if program.values.as_bytes().contains(letter) {
            return if behind { Next::Free } else { Next::Value };
        }
        if !letter.is_ascii_alphanumeric() {
            break;
        }
    }
    Next::Free
}

fn looks_like_option(text: &[u8]) -> bool {
    text.starts_with(b"--") || text.starts_with(b"-") && text.len() <= 2
}

/// Adds the secret part of an option's value; true when that is all of the word.
fn secret_part(word: &Word<'_>, start: usize, part: Part, found: &mut Found) -> bool {
    let value = word.argument.get(start..word.end).unwrap_or_default();
    match part {
        Part::Whole | Part::Attached => secret_value(word, start, Secrecy::Secret, found),
        Part::Cookie if value.contains(&b'=') => secret_value(word, start, Secrecy::Secret, found),
        Part::Cookie => false,
        Part::Pass => {
            if value.starts_with(b"pass:") {
                secret_value(word, start + 5, Secrecy::Secret, found);
            }
            false
        }
        Part::Login => {
            if let Some(secret) = programs::login(word.argument, start..word.end) {
                found.add(word.number, secret, "option");
            }
            false
        }
        Part::After(divider) => {
            match span::find_outside(value, divider) {
                // `curl -u TOKEN:`
                Some(at) if at + 1 == value.len() && at >= 16 => {
                    found.add(word.number, start..start + at, "option");
                }
                Some(at) => {
                    secret_value(word, start + at + 1, Secrecy::Secret, found);
                }
                None => {}
            }
            false
        }
    }
}

/// Adds a value, without the quotes around it, unless it only says where the secret is.
fn secret_value(word: &Word<'_>, mut start: usize, secrecy: Secrecy, found: &mut Found) -> bool {
    let mut end = word.end;
    let whole = start == word.start;
    if word.argument.get(start) == Some(&b'=') {
        start += 1;
    }
    let value = word.argument.get(start..end).unwrap_or_default();
    // `docker build --secret id=x,src=y` names a file.
    let file = [&b"id="[..], b"type=", b"src=", b"source="];
    if assign::is_reference(value, secrecy, word.mode(false))
        || assign::is_plain(value)
        || file.iter().any(|start| value.starts_with(start))
    {
        return false;
    }
    let mark = |byte: &&u8| matches!(byte, b'"' | b'\'' | b'\\');
    let opening = value.iter().take_while(mark).count();
    if opening > 0 && opening < value.len() {
        start += opening;
        end -= value.iter().rev().take_while(mark).count();
    }
    found.add(word.number, start..end, "option");
    whole
}

fn is_aws_key(text: &[u8]) -> bool {
    text.len() == 40
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+'))
        && super::rules::Check::Mixed.holds(text)
}

/// Looks for secrets in one word, whatever it means.
/// True: a command in it names an agent program.
fn texts(search: &Search, word: &Word<'_>, depth: usize, shell: bool, found: &mut Found) -> bool {
    let space = word.has_space();
    let (number, offset) = (word.number, word.start);
    if word.hits != Hits::default() {
        let mut add = |range: std::ops::Range<usize>, rule| {
            found.add(number, range.start + offset..range.end + offset, rule);
        };
        if word.hits.names() {
            let script = space && (shell || word.shell);
            assign::scan(word.text(), word.mode(script), |range| add(range, "value"));
        }
        search.run(word.text(), word.hits, true, &mut add);
        if depth == 0 {
            search.run(word.text(), word.hits, false, &mut add);
        }
    }
    if space && depth < DEPTH {
        let inner = inner_words(word, depth, shell);
        let line = begin(&inner, 0);
        return words(search, &inner, line, depth + 1, found);
    }
    false
}

/// The words inside a word: of a shell command, as long as quotes come off.
fn inner_words<'a>(word: &Word<'a>, depth: usize, shell: bool) -> Vec<Word<'a>> {
    let text = word.text();
    let quoted = depth == 0 || !text.iter().any(|byte| matches!(byte, b'"' | b'\''));
    let outer = word
        .start
        .checked_sub(1)
        .and_then(|at| word.argument.get(at));
    let opened = matches!(outer, Some(b'"' | b'\''));
    let pieces = if quoted || opened {
        shell::words(text)
    } else {
        shell::plain_words(text)
    };
    pieces
        .into_iter()
        .map(|piece| Word {
            start: word.start + piece.range.start,
            end: word.start + piece.range.end,
            shell: (shell || word.shell) && piece.quote != Some(b'\''),
            first: piece.first,
            ..*word
        })
        .collect()
}
