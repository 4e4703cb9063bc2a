//! Walks through the words of a command line, knowing what options mean.
//!
//! In: arguments, or the words of a shell command inside one. Out: the places of secrets. An
//! argument that holds white space is looked at as a whole and as words, three levels deep
//! (`bash -c "ssh h 'curl -u me:x h'"`).

use super::assign::{self, Mode};
use super::name::{self, Secrecy};
use super::programs::{self, AWS, PROGRAMS, Part, Program, SHELLS, Style, When};
use super::search::{Hits, Search};
use super::shell;
use super::span::{self, Found};

/// Commands inside commands that are looked into.
const DEPTH: usize = 3;
/// Programs of one command line whose options are known at a time (`sshpass … mysql …`).
const PROGRAMS_AT_ONCE: usize = 4;

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

    fn text(&self) -> &'a [u8] {
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

/// What is known from the words before.
#[derive(Default)]
struct Context {
    programs: [Option<(&'static Program, bool)>; PROGRAMS_AT_ONCE],
    known: usize,
    shell: bool,
    aws: bool,
}

impl Context {
    /// Takes notice of a word that is neither option nor value.
    fn learn(&mut self, word: &[u8]) {
        for (program, armed) in self.programs.iter_mut().flatten() {
            match program.when {
                When::Always => {}
                When::Behind(command) => *armed |= command.as_bytes() == word,
                When::Wraps => *armed = false,
            }
        }
        if word.len() > 64 || word.windows(3).any(|three| three == b"://") {
            return;
        }
        let base = word
            .rsplit(|byte| matches!(byte, b'/' | b'(' | b'`'))
            .next()
            .unwrap_or_default();
        let Ok(base) = str::from_utf8(base) else {
            return;
        };
        self.shell |= SHELLS.contains(&base);
        self.aws |= AWS.contains(&base);
        if let Some(program) = PROGRAMS
            .iter()
            .find(|program| program.names.contains(&base))
        {
            let slot = self.known % PROGRAMS_AT_ONCE;
            self.known += 1;
            if let Some(slot) = self.programs.get_mut(slot) {
                *slot = Some((program, !matches!(program.when, When::Behind(_))));
            }
        }
    }

    fn programs(&self) -> impl Iterator<Item = &'static Program> {
        self.programs
            .iter()
            .flatten()
            .filter(|(_, armed)| *armed)
            .map(|(program, _)| *program)
    }
}

/// Looks for secrets in the words of one command line.
pub(super) fn words(search: &Search, words: &[Word<'_>], depth: usize, found: &mut Found) {
    let mut context = Context::default();
    let mut next = Next::Free;
    for word in words {
        if word.first {
            context = Context {
                shell: context.shell,
                ..Context::default()
            };
            next = Next::Free;
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
        texts(search, word, depth, context.shell, found);
    }
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
fn texts(search: &Search, word: &Word<'_>, depth: usize, shell: bool, found: &mut Found) {
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
        words(search, &inner, depth + 1, found);
    }
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
