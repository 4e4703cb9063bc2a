//! `agtrack agents`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::call::{Said, agtrack, say};

/// A process that is ended with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A well-known program, as far as its name goes. It waits for its input.
fn program(directory: &Path, name: &str, args: &[&str]) -> Running {
    let path = directory.join(name);
    let made = Command::new("cp")
        .args(["-L", "/bin/cat"])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    let mut command = Command::new(&path);
    command.args(args).stdin(Stdio::piped());
    command.stdout(Stdio::null());
    Running(command.spawn().unwrap())
}

fn discover(config: &Path) -> (Said, Vec<Value>) {
    let config = config.to_str().unwrap();
    let said = say(&mut agtrack(&[
        "agents", "discover", "--json", "--config", config,
    ]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let found: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    (said, found)
}

/// Without what a terminal would obey, and without secrets.
fn is_shown_to_people(config: &Path) {
    let config = config.to_str().unwrap();
    let text = say(&mut agtrack(&["agents", "discover", "--config", config])).out;
    assert!(text.contains("goose"), "{text}");
    assert!(
        !text.contains("\u{1b}[2J") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(text.contains("  [[agents]]\n  id = \"goose\"\n"), "{text}");
}

#[test]
fn what_runs_and_is_not_covered_is_told_with_what_to_write() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("c.toml");
    std::fs::write(&config, "").unwrap();
    std::fs::create_dir(directory.path().join("agents.d")).unwrap();
    let secret = "--password=hunter2hunter2";
    let goose = program(
        directory.path(),
        "goose",
        &["-", "--", secret, "a\u{1b}[2J"],
    );
    let own = |found: &[Value]| {
        let is_it = |one: &&Value| one["pid"] == goose.0.id();
        found.iter().find(is_it).cloned()
    };
    let (said, found) = discover(&config);
    assert!(!said.out.contains("hunter2"), "{}", said.out);
    let one = own(&found).unwrap_or_else(|| panic!("{}", said.out));
    assert_eq!(
        (&one["program"], &one["suggestion"]["file"]),
        (
            &"goose".into(),
            &directory
                .path()
                .join("agents.d/goose.toml")
                .to_str()
                .unwrap()
                .into(),
        )
    );
    is_shown_to_people(&config);
    // What is suggested covers it.
    let file = one["suggestion"]["file"].as_str().unwrap();
    std::fs::write(file, one["suggestion"]["toml"].as_str().unwrap()).unwrap();
    let (said, found) = discover(&config);
    assert_eq!(own(&found), None, "{}", said.out);
    let who = format!("goose ({}, as goose)", goose.0.id());
    let is = [" is covered: ", " are covered: "];
    assert!(
        said.err.contains(&who) && is.iter().any(|is| said.err.contains(is)),
        "{}",
        said.err
    );
    let file = config.to_str().unwrap();
    let checked = say(&mut agtrack(&["config", "check", "--config", file]));
    let expect = format!(
        "{} and 1 file in agents.d: no mistakes; 1 agent\n",
        config.display()
    );
    assert_eq!((checked.out, checked.err.as_str()), (expect, ""));
}

/// The tags of prompts in a text.
fn prompts(text: &str) -> BTreeSet<&str> {
    let tags = text.split("<prompt:").skip(1);
    tags.filter_map(|tag| tag.split('>').next()).collect()
}

/// Whoever compares the list with the journal finds the same prompt. As root only: the tags are made with
/// the key of this host, which recording makes.
#[test]
fn a_prompt_has_the_tag_that_it_has_in_the_journal() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: needs root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("c.toml");
    std::fs::write(&config, "").unwrap();
    let journal = directory.path().join("journal");
    // Another than elsewhere in this file: what is suggested for one depends on what else of it runs.
    let words = ["mend the tests", "-"];
    let codex = program(directory.path(), "codex", &words);
    let run = say(agtrack(&["run", "--journal"])
        .arg(&journal)
        .arg(directory.path().join("codex"))
        .args(words));
    let told = say(agtrack(&["tail", "--json", "-n", "all", "--journal"]).arg(&journal));
    let recorded = prompts(&told.out);
    assert_eq!(recorded.len(), 1, "{}{}", run.err, told.out);
    let (_, found) = discover(&config);
    let one = found.iter().find(|one| one["pid"] == codex.0.id());
    let shown = one.unwrap()["command"].to_string();
    assert_eq!(prompts(&shown), recorded);
}
