//! Documentation that the program itself has the words for.

use std::path::{Path, PathBuf};

use super::call::{agtrack, say};

/// Every command that a person may find.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["run"],
    &["daemon"],
    &["agents"],
    &["agents", "discover"],
    &["capture"],
    &["tail"],
    &["query"],
    &["report"],
    &["doctor"],
    &["events"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["replay"],
    &["schema"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Compares a file of the repository with what it should say.
fn check(name: &str, expect: &str) {
    let path = root().join(name);
    if std::env::var_os("AGTRACK_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expect).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expect,
        "{name} is not what agtrack says; if that is meant: \
         AGTRACK_BLESS=1 cargo test -p agtrack-userspace --test cli"
    );
}

#[test]
fn the_reference_shows_every_help_text() {
    let mut text = String::from(
        "# Command line\n\nData goes to standard output, messages to standard error. Exit codes: \
         0 done, 1 failed, 2 wrongly called; `run` ends with its command's own. Colours only on a \
         terminal, never with `NO_COLOR`.\n",
    );
    for words in COMMANDS {
        let args: Vec<_> = words.iter().chain(&["--help"]).collect();
        let said = say(&mut agtrack(&args));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        let lines: Vec<_> = said.out.lines().map(str::trim_end).collect();
        let name = ["agtrack"]
            .iter()
            .chain(*words)
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
        text.push_str(&format!(
            "\n## {name}\n\n```text\n{}\n```\n",
            lines.join("\n").trim_end()
        ));
    }
    check("docs/cli.md", &text);
}

#[test]
fn every_command_is_in_the_reference_and_no_hidden_one() {
    let help = say(&mut agtrack(&["--help"])).out;
    let commands = help
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let listed: Vec<_> = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut known: Vec<_> = COMMANDS
        .iter()
        .filter(|words| words.len() == 1)
        .map(|words| words[0])
        .collect();
    known.push("help");
    assert_eq!(listed, known);
}

#[test]
fn the_schema_is_the_one_in_docs() {
    let said = say(&mut agtrack(&["schema"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let schema: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(schema["title"], "Record");
    check("docs/record.schema.json", &said.out);
}

#[test]
fn the_configuration_is_documented_by_the_shipped_file() {
    let shipped = std::fs::read_to_string(root().join("dist/agtrack.toml")).unwrap();
    let text = format!(
        "# Configuration\n\n`agtrack daemon` reads a TOML file, `/etc/agtrack/agtrack.toml` \
         unless told otherwise, and the agents in `agents.d/*.toml` beside it. Unknown keys are mistakes. `agtrack config check` tells all \
         mistakes at once, with line and column; `agtrack config show` prints what is in force. \
         On SIGHUP (`systemctl reload agtrack`) the agents are read again; a file with mistakes, \
         or with another `[journal]`, `[capture]` or `[control]`, is refused, recorded as such, and the old \
         one stays in force. The hash of the configuration in the records (`config_sha256`) is that of \
         the file; where there are others, that of the name, a NUL and the bytes of each in order, the \
         others' names beginning with `agents.d/`: `(printf 'agtrack.toml\\0'; cat agtrack.toml; printf \
         'agents.d/a.toml\\0'; cat agents.d/a.toml) | sha256sum`.\n\nThis is the file that is shipped, with every key and its \
         default:\n\n```toml\n{}\n```\n\n## Reads that are counted\n\nWhere \
         `capture.reads` is `counted`, opens for nothing but reading are counted by these classes, \
         of files that the process could not have written: it does not own them and their mode \
         lets neither group nor others write, or the file system is read-only, or they are files in \
         `/proc` that nobody may write; and it has none of `CAP_DAC_OVERRIDE`, `CAP_FOWNER`, \
         `CAP_CHOWN`. An agent that runs as root has all its reads \
         told, once a second a file. Where a path fits several classes, one that was added \
         comes first, then the order of this table.\n\n\
         | class | files |\n|---|---|\n{}",
        shipped.trim_end(),
        classes()
    );
    check("docs/config.md", &text);
}

/// The built-in classes of reads, a row each.
fn classes() -> String {
    let row = |(name, globs): &(&str, &[&str])| {
        let globs: Vec<_> = globs.iter().map(|glob| format!("`{glob}`")).collect();
        format!("| `{name}` | {} |\n", globs.join(" "))
    };
    agtrack::noise::TABLE.iter().map(row).collect()
}

#[test]
fn the_events_are_listed_by_the_program() {
    let said = say(&mut agtrack(&["events"]));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let text = format!(
        "# Events\n\nWhat `agtrack events` prints: each event, what it means, and the kernel hooks \
         behind it on each back end. `always`: the same hooks on all. Where there are two hooks, \
         one sees the operation and the other its result. The fields of each event's record are in \
         [record.md](record.md).\n\n```text\n{}\n```\n",
        said.out.trim_end()
    );
    check("docs/events.md", &text);
}
