//! Exit codes, streams, and readers that go away.

use std::fs::OpenOptions;
use std::process::Stdio;

use super::call::{Public, agtrack, say};

#[test]
fn wrong_calls_end_with_2_and_say_so_on_stderr() {
    for args in [
        &[][..],
        &["nonsense"],
        &["tail", "--nonsense"],
        &["tail", "-n", "many"],
    ] {
        let said = say(&mut agtrack(args));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(
            said.err.contains("Usage: agtrack") || said.err.contains("--help"),
            "{}",
            said.err
        );
    }
}

#[test]
fn the_version_is_told() {
    let said = say(&mut agtrack(&["--version"]));
    let expect = format!("agtrack {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((said.code, said.out), (Some(0), expect));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for args in [
        &["schema"][..],
        &["events", "--json"],
        &["config", "show"],
        &["--help"],
    ] {
        let mut child = agtrack(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Before the first byte: whatever it writes, nobody reads it.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(
            err.is_empty() || err.contains("built-in values"),
            "{args:?}: {err}"
        );
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let said = say(agtrack(&["events"]).stdout(full));
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .starts_with("agtrack: cannot write to standard output: No space")
    );
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let plain = say(&mut agtrack(&["events"])).out;
    assert!(plain.contains("file.open  ") && !plain.contains('\u{1b}'));
    let forced = say(agtrack(&["events"]).env("CLICOLOR_FORCE", "1")).out;
    assert!(forced.contains("\u{1b}[1mfile.open"), "{forced}");
    let not = say(agtrack(&["events"]).env("NO_COLOR", "1")).out;
    assert_eq!(not, plain);
}

#[test]
fn events_are_listed_for_programs_too() {
    let said = say(&mut agtrack(&["events", "--json"]));
    let events: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let names: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"process.exec") && names.contains(&"net.connect"),
        "{names:?}"
    );
}

#[test]
fn a_daemon_without_root_says_one_clear_line() {
    let public = Public::new();
    let config = public.dir.path().join("agtrack.toml");
    std::fs::write(
        &config,
        "[journal]\ndir = \"/var/lib/agtrack-of-nobody/journal\"\n",
    )
    .unwrap();
    let args = ["daemon", "--config", config.to_str().unwrap()];
    let said = say(&mut public.unprivileged(&args));
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(1), ""),
        "{}",
        said.err
    );
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(said.err.contains("; run it with sudo"), "{}", said.err);
}

#[test]
fn a_daemon_without_a_configuration_says_how_to_begin_one() {
    let said = say(&mut agtrack(&["daemon", "--config", "/nonexistent.toml"]));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("/nonexistent.toml") && said.err.contains("config show"));
}

#[test]
fn what_is_no_input_log_is_not_replayed() {
    let said = say(&mut agtrack(&["replay", "/dev/null"]));
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "agtrack: cannot replay /dev/null: it is empty: nothing was recorded, or it is not written yet\n"
    );
}
