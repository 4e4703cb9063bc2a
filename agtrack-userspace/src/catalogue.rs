//! Well-known agent programs: how to recognise their processes, and what they start for themselves.
//!
//! Comes in: what a process runs. Goes out: a row of the table in `catalogue/table.rs`. Knows only
//! names: a program that is called like one of them passes for it, and whether a session is an
//! agent's at all is not decided here.

mod prompts;
mod starter;
mod table;

use std::sync::LazyLock;

use foldhash::HashMap;

use crate::record::Text;

pub use prompts::{Prompts, Words};
pub use starter::{makes_a_container, starts_an_agent, starts_others};
pub use table::TABLE;

/// An agent program.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name, as people type it.
    pub name: &'static str,
    /// File names of its executables and of scripts that are started by their own name.
    pub files: &'static [&'static str],
    /// Ends of paths of scripts that an interpreter runs, from a component on.
    pub scripts: &'static [&'static str],
    /// Python modules, as in `python -m NAME`.
    pub modules: &'static [&'static str],
    /// Packages that are run by name, as in `npx NAME` and `uvx NAME`.
    pub packages: &'static [&'static str],
    /// Which of its arguments are prompts.
    pub prompts: &'static Prompts,
    /// What it puts in front of the commands of its model: a program that executes the command in
    /// its own place.
    pub wrappers: &'static [Habit],
    /// What it starts without being told to by its model.
    pub housekeeping: &'static [Habit],
}

/// A command that a program starts for itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Habit {
    /// File name of the command.
    pub command: &'static str,
    /// Arguments that must stand there, in this order; others may stand between them. One that ends
    /// in `*` stands for all that begin so, one that begins with `*` for all that contain it.
    pub arguments: &'static [&'static str],
}

/// Programs that run scripts: what they run says which program it is.
const INTERPRETERS: &[&str] = &[
    "node", "nodejs", "bun", "deno", "python", "pypy", "env", "uv",
];
/// Arguments that are looked at for the script.
const LOOKED_AT: usize = 8;

/// The agent program that runs as `exe` with these arguments, if it is a well-known one. `script` is
/// the script that was executed, where the kernel saw one.
#[must_use]
pub fn program(exe: &Text, script: Option<&Text>, args: &[Text]) -> Option<&'static Program> {
    let own = file_name(&exe.0);
    let started = script.map(|script| file_name(&script.0));
    let by_name = |program: &&Program| {
        let is_its = |name: &[u8]| program.files.iter().any(|file| file.as_bytes() == name);
        is_its(own) || started.is_some_and(is_its)
    };
    TABLE.iter().find(by_name).or_else(|| {
        let words = args.get(1..).unwrap_or_default();
        is_interpreter(own).then(|| by_script(words)).flatten()
    })
}

/// The program that a word of a command line names: by its file, its script or its package (with or
/// without a version behind `@`).
#[must_use]
pub fn named(word: &[u8]) -> Option<&'static Program> {
    let package = match memchr::memrchr(b'@', word) {
        Some(at) if at > 0 => word.get(..at).unwrap_or_default(),
        _ => word,
    };
    let ends = NAMES.by_end.get(file_name(word)).into_iter().flatten();
    let ended = ends
        .filter(|(end, _)| is_end(word, end))
        .map(|(_, place)| *place);
    let packed = NAMES.by_package.get(package).copied();
    TABLE.get(ended.chain(packed).min()?)
}

/// Where in the table a program stands, by what names it: each program of a command line is looked
/// for.
#[derive(Default)]
struct Names {
    /// By the last component of a file or a script; with it, how the path ends.
    by_end: HashMap<&'static [u8], Vec<(&'static [u8], usize)>>,
    by_package: HashMap<&'static [u8], usize>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names::default();
    for (place, program) in TABLE.iter().enumerate() {
        for end in program.files.iter().chain(program.scripts) {
            let end = end.as_bytes();
            let ends = names.by_end.entry(file_name(end));
            ends.or_default().push((end, place));
        }
        for package in program.packages {
            names.by_package.entry(package.as_bytes()).or_insert(place);
        }
    }
    names
});

/// Whether a path ends so, from a component on.
fn is_end(path: &[u8], end: &[u8]) -> bool {
    let before = path.strip_suffix(end);
    before.is_some_and(|before| before.is_empty() || before.ends_with(b"/"))
}

/// The program that is this Python module.
#[must_use]
pub fn module(word: &[u8]) -> Option<&'static Program> {
    let is = |program: &&Program| program.modules.iter().any(|name| name.as_bytes() == word);
    TABLE.iter().find(is)
}

/// The program whose script or module is among the first arguments of an interpreter.
fn by_script(words: &[Text]) -> Option<&'static Program> {
    let mut before: &[u8] = b"";
    for word in words.iter().take(LOOKED_AT).map(|word| &word.0[..]) {
        let found = TABLE.iter().find(|program| match before {
            b"-m" => module(word) == Some(program),
            _ => program.is_script(word),
        });
        // What follows the script, or the code of `-c`, is its own business.
        if found.is_some() || before == b"-m" || word == b"-c" || word == b"-e" {
            return found;
        }
        if !word.starts_with(b"-") && !is_interpreter(file_name(word)) {
            return None;
        }
        before = word;
    }
    None
}

fn is_interpreter(name: &[u8]) -> bool {
    INTERPRETERS.iter().any(|known| {
        let version = name.strip_prefix(known.as_bytes());
        version.is_some_and(|rest| {
            rest.iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'.')
        })
    })
}

impl Program {
    fn is_script(&self, word: &[u8]) -> bool {
        let ends = |end: &&str| is_end(word, end.as_bytes());
        self.scripts.iter().any(ends) || {
            let name = file_name(word);
            word.contains(&b'/') && self.files.iter().any(|file| file.as_bytes() == name)
        }
    }

    /// Whether it is known to start this command for itself.
    #[must_use]
    pub fn keeps_house(&self, command: &[Text]) -> bool {
        self.housekeeping.iter().any(|habit| habit.covers(command))
    }

    /// Whether this command is only what it puts in front of the one that is meant.
    #[must_use]
    pub fn wraps(&self, command: &[Text]) -> bool {
        self.wrappers.iter().any(|wrapper| wrapper.covers(command))
    }
}

impl Habit {
    fn covers(&self, command: &[Text]) -> bool {
        let Some((first, words)) = command.split_first() else {
            return false;
        };
        let mut words = words.iter();
        let mut all = self.arguments.iter();
        self.command.as_bytes() == file_name(&first.0)
            && all.all(|pattern| words.any(|word| stands_for(pattern, &word.0)))
    }
}

fn stands_for(pattern: &str, word: &[u8]) -> bool {
    if let Some(part) = pattern.strip_prefix('*') {
        return memchr::memmem::find(word, part.as_bytes()).is_some();
    }
    match pattern.strip_suffix('*') {
        Some(begin) => word.starts_with(begin.as_bytes()),
        None => word == pattern.as_bytes(),
    }
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exe: &str, script: Option<&str>, args: &[&str], expect: Option<&str>) {
        let args: Vec<Text> = args.iter().map(|word| (*word).into()).collect();
        let script = script.map(Text::from);
        let found = program(&exe.into(), script.as_ref(), &args);
        assert_eq!(found.map(|program| program.name), expect, "{exe} {args:?}");
    }

    #[test]
    fn programs_are_known_by_their_file() {
        check("/usr/local/bin/claude", None, &["claude"], Some("claude"));
        check("/opt/x/codex", None, &["codex", "exec"], Some("codex"));
        check("/usr/bin/claudette", None, &["claude"], None);
    }

    #[test]
    fn programs_are_known_by_their_script() {
        let cli = "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js";
        check(
            "/usr/bin/node",
            None,
            &["node", cli, "-p", "x"],
            Some("claude"),
        );
        check(
            "/usr/bin/node",
            None,
            &["node", "--no-warnings", cli],
            Some("claude"),
        );
        check(
            "/usr/bin/node",
            Some("/usr/bin/codex"),
            &["node", "/usr/bin/codex"],
            Some("codex"),
        );
        check(
            "/usr/bin/python3.11",
            None,
            &["python3", "/venv/bin/aider", "--yes"],
            Some("aider"),
        );
        check(
            "/usr/bin/python3.11",
            None,
            &["python", "-m", "aider"],
            Some("aider"),
        );
        check("/usr/bin/env", None, &["env", "node", cli], Some("claude"));
    }

    #[test]
    fn what_only_names_one_is_none() {
        check("/usr/bin/cat", None, &["cat", "/usr/bin/claude"], None);
        check(
            "/usr/bin/node",
            None,
            &["node", "build.js", "claude-code/cli.js"],
            None,
        );
        check("/usr/bin/node", None, &["node", "-e", "claude"], None);
        check(
            "/usr/bin/python3",
            None,
            &["python3", "-c", "aider", "/x/aider"],
            None,
        );
        check("/usr/bin/bash", None, &["bash", "-c", "claude -p x"], None);
        check("/usr/bin/node", None, &["node"], None);
        check(
            "/usr/bin/nodelike",
            None,
            &["nodelike", "/usr/bin/codex"],
            None,
        );
    }

    #[test]
    fn a_habit_is_known_by_its_arguments() {
        let program = Program {
            name: "x",
            files: &[],
            scripts: &[],
            modules: &[],
            packages: &[],
            prompts: &prompts::NONE,
            wrappers: &[],
            housekeeping: &[Habit {
                command: "git",
                arguments: &["--no-*", "status", "*orcel"],
            }],
        };
        let keeps = |words: &[&str]| {
            let words: Vec<Text> = words.iter().map(|word| (*word).into()).collect();
            program.keeps_house(&words)
        };
        assert!(keeps(&[
            "/usr/bin/git",
            "--no-optional-locks",
            "status",
            "--porcelain"
        ]));
        assert!(!keeps(&[
            "git",
            "status",
            "--no-optional-locks",
            "--porcelain"
        ]));
        assert!(!keeps(&["git", "--no-optional-locks", "status"]));
        assert!(!keeps(&[
            "gitk",
            "--no-optional-locks",
            "status",
            "--porcelain"
        ]));
        assert!(!keeps(&[]));
    }

    #[test]
    fn a_word_can_name_a_program() {
        let name = |word: &str| named(word.as_bytes()).map(|program| program.name);
        assert_eq!(name("/usr/bin/codex"), Some("codex"));
        assert_eq!(name("@openai/codex"), Some("codex"));
        assert_eq!(name("@anthropic-ai/claude-code@2.1.0"), Some("claude"));
        assert_eq!(name("aider-chat"), Some("aider"));
        assert_eq!(name("codex@x"), None);
        assert_eq!(name("@"), None);
        assert_eq!(name(""), None);
        assert_eq!(module(b"aider").map(|program| program.name), Some("aider"));
        assert_eq!(module(b"codex"), None);
    }

    #[test]
    fn no_file_belongs_to_two() {
        let mut files: Vec<_> = TABLE.iter().flat_map(|row| row.files).collect();
        let all = files.len();
        files.sort_unstable();
        files.dedup();
        assert_eq!(files.len(), all);
    }
}
