//! Documentation that the program itself has the words for.

use std::path::{Path, PathBuf};

use super::call::{agtrack, say};

/// Every command that a person may find.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["run"],
    &["daemon"],
    &["status"],
    &["tag"],
    &["untag"],
    &["detach"],
    &["agents"],
    &["agents", "list"],
    &["agents", "discover"],
    &["capture"],
    &["tail"],
    &["query"],
    &["sessions"],
    &["report"],
    &["doctor"],
    &["events"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["sink"],
    &["sink", "list"],
    &["sink", "test"],
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
         On SIGHUP (`systemctl reload agtrack`) the agents and sinks are read again; a file with mistakes, \
         or with another `[journal]`, `[capture]`, `[control]` or `[metrics]`, is refused, recorded as such, and the old \
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

fn code(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(" ")
}

/// The agent programs that are known, a row each.
fn programs() -> String {
    let row = |program: &agtrack::catalogue::Program| {
        let [files, scripts, modules, packages] = [
            program.files,
            program.scripts,
            program.modules,
            program.packages,
        ]
        .map(code);
        let name = program.name;
        format!("| `{name}` | {files} | {scripts} | {modules} | {packages} |\n")
    };
    agtrack::catalogue::TABLE.iter().map(row).collect()
}

/// Places of credentials that are known, a table each.
fn credentials() -> [String; 4] {
    use agtrack::credential::{ADDRESSES, Credential, SOCKETS, TABLE, VARIABLES};
    let row = |one: &Credential| {
        let (pattern, what, except) = (one.pattern, one.what, code(one.except));
        format!("| `{pattern}` | {what} | {except} |\n")
    };
    let pair = |(name, what): &(&str, &str)| format!("| `{name}` | {what} |\n");
    let socket = |(begin, end, what): &(&str, &str, &str)| match *end {
        "" => format!("| `{begin}` | {what} |\n"),
        end => format!("| `{begin}…{end}` | {what} |\n"),
    };
    [
        TABLE.iter().map(row).collect(),
        VARIABLES.iter().map(pair).collect(),
        ADDRESSES.iter().map(pair).collect(),
        SOCKETS.iter().map(socket).collect(),
    ]
}

#[test]
fn what_is_known_of_programs_and_credentials_is_in_docs() {
    let [files, variables, addresses, sockets] = credentials();
    let text = format!(
        "# What agtrack knows by name\n\nAgent programs and places of credentials that are recognised \
         without any configuration. What stands in no table is recorded all the same; it is not pointed \
         out.\n\n## Agent programs\n\nBy any of these a process is known as the program: the name of its \
         executable, the end of the path of a script that an interpreter runs, the module that python runs \
         (`python -m`), or the package that `npx`, `uvx` and the like start. Its children are its \
         [tool calls](record.md#tool-calls), its prompts are not recorded, and inside a call it is [an agent \
         of its own](record.md#agents-in-agents). `programs` of an agent names others.\n\n\
         | program | executables | scripts | modules | packages |\n|---|---|---|---|---|\n{}\n\
         ## Files\n\nA pattern that begins with `/` is a path from the root, one that ends with `/` all \
         below, a `*` at the end any rest, at the begin any name with that extension; others are ends of \
         paths, or hidden directories wherever they are. Where several rows cover a path, one of its file \
         name counts before one of a directory.\n\n| place | what | but for |\n|---|---|---|\n{files}\n\
         ## Variables of the environment\n\nBy name, values are never read: what a program could use \
         (`offered`).\n\n| variable | what |\n|---|---|\n{variables}\n## Addresses\n\n\
         | address | what |\n|---|---|\n{addresses}\n## Sockets\n\n| socket | what |\n|---|---|\n{sockets}",
        programs()
    );
    check("docs/catalogue.md", &text);
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

#[test]
fn the_encoding_is_documented_by_its_own_table() {
    use agtrack::sink::ocsf::document;
    let name = "docs/ocsf.md";
    let text = std::fs::read_to_string(root().join(name)).unwrap();
    let (begin, end) = ("<!-- begin: actions -->\n", "<!-- end: actions -->");
    let (before, rest) = text.split_once(begin).expect("a place for the table");
    let (_, after) = rest.split_once(end).expect("its end");
    let (actions, requests) = (document::actions(), document::requests());
    let table = format!("{actions}\nRequests to io_uring: {requests}.\n");
    check(name, &format!("{before}{begin}{table}{end}{after}"));
}
