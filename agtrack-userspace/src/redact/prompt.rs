//! Prompts in the arguments of well-known agent programs.
//!
//! In: the words of a command line, one after the other. Out: the places of those that are prompts.
//! Which program a line starts is told by its first word, or by any word behind one that starts
//! other programs (`env`, `timeout`, `npx`). Where it is not clear whether a word is a prompt, it is
//! taken for one.

use crate::catalogue::{self, Program, Words, starts_others};

use super::redirect::{is_variable, redirection};
use super::span::{self, Found};
use super::walk::Word;

/// The rule's name; what it finds is written with its length.
pub(super) const PROMPT: &str = "prompt";

/// Programs that run the script which is their first word.
#[rustfmt::skip]
const INTERPRETERS: &[&str] = &[
    "node", "nodejs", "bun", "deno", "python", "python3", "pypy", "pypy3", "sh", "bash", "dash",
    "zsh", "ksh", "busybox",
];
/// Shortest beginning of a long option that is taken for it: some programs complete them.
const SHORTEST: usize = 4;

/// What is known of a command line from the words before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    seek: Seek,
    /// The word before was `-m`.
    module: bool,
}

#[derive(Clone, Copy, Debug)]
enum Seek {
    /// The next word that is no `NAME=value` is the program.
    First,
    /// Any word can be one.
    Any,
    /// The next word that is no option is the script, or a module.
    Script,
    /// There is no agent program, or not any more.
    Nothing,
    /// There is one.
    Agent(Agent),
    /// All words are given to one by what a shell was told.
    Passed,
}

#[derive(Clone, Copy, Debug)]
struct Agent {
    program: &'static Program,
    next: Next,
    /// Whether options may still come.
    options: bool,
    /// What a word is that is neither option nor value.
    words: State,
}

/// What the next word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A word of its own.
    Free,
    /// The value of an option, and a prompt.
    Prompt,
    /// The value of an option, and none.
    Value,
    /// The file behind a `>`, the end behind a `<<`.
    File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A prompt, unless it is a command.
    Command,
    /// A prompt.
    Prompt,
    /// No prompt, before the command behind which there are some.
    Before,
    /// No prompt.
    Kept,
}

impl Line {
    /// A line whose first word is its program; `exe` is what really runs, where that is known.
    pub(super) fn new(exe: Option<&[u8]>) -> Self {
        let agent = exe.and_then(catalogue::named);
        Self {
            seek: agent.map_or(Seek::First, |program| {
                Seek::Agent(Agent {
                    // The first word is its name.
                    next: Next::Value,
                    ..Agent::new(program)
                })
            }),
            module: false,
        }
    }

    /// A line in a text of which nobody knows whether it is a command: it is one if what comes
    /// behind the program is an option.
    pub(super) fn doubtful(after: Option<&[u8]>) -> Self {
        match after {
            Some(after) if after.starts_with(b"-") => Self::new(None),
            _ => Self {
                seek: Seek::Nothing,
                module: false,
            },
        }
    }

    /// Whether an agent program was found.
    pub(super) fn has_agent(&self) -> bool {
        matches!(self.seek, Seek::Agent(_) | Seek::Passed)
    }

    /// A shell was told to give the words that follow to an agent program.
    pub(super) fn pass_on(&mut self) {
        self.seek = Seek::Passed;
    }

    /// A shell was told to start what the words that follow say: an agent program may be among them.
    pub(super) fn search(&mut self) {
        self.seek = Seek::Any;
    }

    /// Takes notice of a word; true: all of it is a prompt. `shell`: a shell reads the line.
    pub(super) fn step(&mut self, word: &Word<'_>, shell: bool, found: &mut Found) -> bool {
        let text = word.text();
        match &mut self.seek {
            Seek::Nothing => false,
            Seek::Passed => {
                found.add(word.number, word.start..word.end, PROMPT);
                true
            }
            Seek::Agent(agent) => agent.step(word, shell, found),
            Seek::First | Seek::Any | Seek::Script => {
                self.find(text);
                false
            }
        }
    }

    fn find(&mut self, text: &[u8]) {
        // A command begins in the middle of a word too: `x=$(claude`.
        let inside = memchr::memrchr2(b'(', b'`', text).and_then(|at| text.get(at + 1..));
        if inside.is_some() {
            self.seek = Seek::First;
        }
        let text = inside.unwrap_or(text);
        let first = matches!(self.seek, Seek::First);
        let behind_m = std::mem::replace(&mut self.module, text == b"-m");
        if first && is_assignment(text) || text.starts_with(b"-") && text.len() > 1 {
            return;
        }
        let module = || behind_m.then(|| catalogue::module(text)).flatten();
        if let Some(program) = module().or_else(|| catalogue::named(text)) {
            self.seek = Seek::Agent(Agent::new(program));
            return;
        }
        let name = text.rsplit(|byte| *byte == b'/').next().unwrap_or(text);
        let is = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
        let interprets = is(INTERPRETERS) || name.starts_with(b"python3.");
        self.seek = match self.seek {
            Seek::Any => Seek::Any,
            Seek::First if starts_others(text) => Seek::Any,
            Seek::First if interprets => Seek::Script,
            _ => Seek::Nothing,
        };
    }
}

impl Agent {
    fn new(program: &'static Program) -> Self {
        Self {
            program,
            next: Next::Free,
            options: true,
            words: match program.prompts.words {
                Words::No => State::Kept,
                Words::All(_) => State::Command,
                Words::Behind(_) => State::Before,
            },
        }
    }

    fn step(&mut self, word: &Word<'_>, shell: bool, found: &mut Found) -> bool {
        let text = word.text();
        if shell
            && !word.is_quoted()
            && self.next != Next::Prompt
            && !span::is_replaced(text)
            && let Some(redirection) = redirection(text)
        {
            let (next, hidden) = redirection.means(word, found);
            self.next = next;
            found.add(word.number, hidden, PROMPT);
            return false;
        }
        let mut hide = |from: usize| {
            found.add(word.number, word.start + from..word.end, PROMPT);
            from == 0
        };
        match std::mem::replace(&mut self.next, Next::Free) {
            Next::Prompt => return hide(0),
            Next::File => return false,
            Next::Value => return self.setting(text).is_some_and(hide),
            Next::Free => {}
        }
        if self.options && text.len() > 1 && text.starts_with(b"-") {
            return self.option(text).is_some_and(hide);
        }
        // What a variable holds does not stand here.
        !(shell && is_variable(text)) && self.word(text) && hide(0)
    }

    /// What an option says about the next word, and from where on it is a prompt itself.
    fn option(&mut self, text: &[u8]) -> Option<usize> {
        if text == b"--" {
            self.options = false;
            return None;
        }
        let prompts = self.program.prompts;
        let equals = memchr::memchr(b'=', text);
        let name = text.get(..equals.unwrap_or(text.len()))?;
        let is = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
        if is(prompts.commands) {
            (self.words, self.options) = (State::Kept, false);
            return None;
        }
        if is(prompts.values) {
            match equals {
                None => self.next = Next::Value,
                Some(at) => return self.setting(text.get(at + 1..)?).map(|from| at + 1 + from),
            }
            return None;
        }
        let begins = |known: &&str| name.len() >= SHORTEST && known.as_bytes().starts_with(name);
        if is(prompts.options) || prompts.options.iter().any(begins) {
            match equals {
                None => self.next = Next::Prompt,
                Some(at) => return Some(at + 1),
            }
            return None;
        }
        // `-mPROMPT`
        let short = |known: &&str| known.len() == 2 && text.starts_with(known.as_bytes());
        let joined = text.get(1) != Some(&b'-');
        if joined && prompts.options.iter().any(short) {
            return Some(2);
        }
        None
    }

    /// Where the prompt begins in `NAME=PROMPT`.
    fn setting(&self, value: &[u8]) -> Option<usize> {
        let at = memchr::memchr(b'=', value)?;
        let name = value.get(..at)?;
        let settings = self.program.prompts.settings;
        let is = settings
            .iter()
            .any(|known| name.ends_with(known.as_bytes()));
        is.then_some(at + 1)
    }

    /// Whether a word that is neither option nor value is a prompt.
    fn word(&mut self, text: &[u8]) -> bool {
        let prompts = self.program.prompts;
        let is = |names: &[&str]| names.iter().any(|known| known.as_bytes() == text);
        match self.words {
            State::Kept => false,
            State::Prompt => text != b"-",
            State::Before => {
                if let Words::Behind(commands) = prompts.words
                    && is(commands)
                {
                    self.words = State::Prompt;
                }
                false
            }
            State::Command => {
                if let Words::All(commands) = prompts.words
                    && is(commands)
                {
                    return false;
                }
                let is_command = is(prompts.commands);
                self.words = match is_command {
                    true => State::Kept,
                    false => State::Prompt,
                };
                !is_command && text != b"-"
            }
        }
    }
}

/// `NAME=value` before a command.
fn is_assignment(text: &[u8]) -> bool {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = text.iter().take_while(|byte| name(byte)).count();
    length > 0 && text.get(length) == Some(&b'=')
}
