//! What is told of the environment of a program: names, and never a value.

use std::path::Path;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::place::Place;
use agtrack_tests::records::{bytes, number, words};
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::host::{balanced, own_name, place};
use crate::{Outcome, tests};

tests![
    names_are_told,
    no_value_leaves_the_kernel,
    names_behind_long_values_are_found,
    more_than_is_kept_is_cut_and_says_so,
    what_loads_other_code_is_marked,
    without_an_environment_nothing_is_told,
    names_that_are_secrets_are_redacted,
];

/// The record of an exec with these entries.
fn exec(place: &Place<'_>, entries: &[&str]) -> Value {
    let trigger = here::trigger();
    let mut steps = steps!["exec-env", trigger.as_path(), entries.len()].to_vec();
    steps.extend(entries.iter().map(Into::into));
    steps.extend(steps!["x", "exit", "7"]);
    let ran = place.run(&steps);
    assert_eq!(ran.status.code(), Some(7), "{ran:?}");
    place
        .records()
        .action("process.exec")
        .of(ran.pid)
        .one()
        .clone()
}

fn names(record: &Value) -> Vec<String> {
    let names = words(&record["object"]["env_names"]).into_iter();
    names.map(|name| String::from_utf8(name).unwrap()).collect()
}

fn names_are_told() -> Outcome {
    let place = place("names");
    let longest = "n".repeat(63);
    let record = exec(
        &place,
        &[
            "HOME=/root",
            "EMPTY=",
            "WITH=signs=in=it",
            "odd name-1=x",
            &format!("{longest}=x"),
            "HOME=again",
        ],
    );
    let expect = ["HOME", "EMPTY", "WITH", "odd name-1", &longest, "HOME"];
    assert_eq!(names(&record), expect);
    assert_eq!(record["object"].get("env_untold"), None, "{record}");
    assert_eq!(record["completeness"]["truncated"], false, "{record}");
    // With each other action of the process they are not repeated.
    let exits = place.records().action("process.exit");
    assert!(!exits.one().to_string().contains("odd name"), "{exits}");
    Ok(())
}

/// Neither in what the probes hand over, which the input log holds, nor in the journal.
fn no_value_leaves_the_kernel() -> Outcome {
    let group = Group::new(&own_name("-environment"));
    let home = Home::new("agent", &[&format!("{}/*", group.path.display())]);
    let directory = tempfile::TempDir::new().unwrap();
    let log = directory.path().join("input");
    let daemon = home.start_with(&[Path::new("--input-log"), &log]);
    let canary = format!("cAnArY{}vAlUe", std::process::id());
    // The trigger turns it round.
    let value: String = canary.chars().rev().collect();
    let long = format!(
        "{value}{}{value}{}{value}",
        "-".repeat(250),
        "-".repeat(700)
    );
    let place = Place::new(&group, "agent", daemon.follower());
    let record = exec(
        &place,
        &[
            &format!("FIRST={value}"),
            &format!("LONG={long}"),
            &format!("={value}"),
            &format!("{}={value}", "n".repeat(64)),
            &format!("*40 MANY#={value}"),
            // Far enough to reach beyond any piece of arguments that is read at a time.
            &format!("FAR={}", value.repeat(2000)),
            &format!("LAST={value}"),
        ],
    );
    let told = names(&record);
    assert_eq!(told.len(), 44, "{record}");
    assert_eq!(number(&record["object"]["env_untold"]), 2, "{record}");
    assert_eq!(told.last().unwrap(), "LAST");
    drop(place);
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = home.records();
    balanced(records.last().unwrap());
    let log = std::fs::read(&log).unwrap();
    let hex = |text: &str| -> String { text.bytes().map(|byte| format!("{byte:02x}")).collect() };
    assert!(
        contains(&log, hex("MANY39").as_bytes()),
        "ring bytes are hex"
    );
    // A piece of it is enough to betray it.
    let piece = &canary[3..canary.len() - 3];
    for text in [piece.to_owned(), hex(piece)] {
        assert!(!contains(&log, text.as_bytes()), "{text} in the input log");
    }
    let told = serde_json::to_string(&records).unwrap();
    assert!(!told.contains(piece), "{piece} in the journal");
    Ok(())
}

fn contains(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}

/// Values are looked through in pieces of 255 bytes: each way their end can lie.
fn names_behind_long_values_are_found() -> Outcome {
    let place = place("long");
    for length in [252, 253, 254, 255, 256, 507, 508, 509, 510, 511, 100_000] {
        // "A=" and its NUL are not in the length.
        let entry = format!("A={}", "v".repeat(length));
        let record = exec(&place, &[&entry, "NEXT=1", &entry, "=", "LAST=2"]);
        assert_eq!(names(&record), ["A", "NEXT", "A", "LAST"], "{length}");
        assert_eq!(number(&record["object"]["env_untold"]), 1, "{length}");
    }
    Ok(())
}

fn more_than_is_kept_is_cut_and_says_so() -> Outcome {
    let place = place("many");
    // More names than there is room for; more entries than are looked at.
    for (entry, some) in [("*1000 VARIABLE_#=1", true), ("*3000 =1", false)] {
        let record = exec(&place, &[entry, "LAST=1"]);
        let whole = &record["completeness"];
        assert_eq!(whole["truncated"], true, "{whole}");
        let notes = whole["notes"].as_array().unwrap();
        assert!(notes.contains(&json!("env_cut")), "{whole}");
        let told = if some { names(&record) } else { Vec::new() };
        let room: usize = told.iter().map(|name| name.len() + 1).sum();
        assert!(!some || (3900..=4096).contains(&room), "{room}");
        for (number, name) in told.iter().enumerate() {
            assert_eq!(*name, format!("VARIABLE_{number}"));
        }
        // What stands behind them in the message is whole.
        let args = words(&record["object"]["args"]);
        assert_eq!(args, [&b"x"[..], b"exit", b"7"]);
    }
    Ok(())
}

fn what_loads_other_code_is_marked() -> Outcome {
    let place = place("loader");
    let record = exec(
        &place,
        &["A=1", "LD_PRELOAD=", "LD_LIBRARY_PATH=", "LD_AUDIT=", "B=2"],
    );
    let expect = json!(["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"]);
    assert_eq!(record["object"]["loader_env"], expect);
    let record = exec(&place, &["LD_PRELOADED=1", "XLD_PRELOAD=1", "ld_preload=1"]);
    assert_eq!(record["object"].get("loader_env"), None, "{record}");
    Ok(())
}

fn without_an_environment_nothing_is_told() -> Outcome {
    let place = place("bare");
    let record = exec(&place, &[]);
    let object = record["object"].as_object().unwrap();
    assert!(
        !object.keys().any(|key| key.starts_with("env_")),
        "{record}"
    );
    assert_eq!(bytes(&object["args"][1]), b"exit");
    Ok(())
}

fn names_that_are_secrets_are_redacted() -> Outcome {
    let place = place("secret");
    // Made up here, so that nobody takes it for a real one.
    let token = format!("ghp_{}", "aB3dE6gH9jK2".repeat(3));
    let record = exec(&place, &["PLAIN=1", &format!("{token}=1")]);
    assert!(
        !record["object"]["env_names"].to_string().contains(&token),
        "{record}"
    );
    assert_eq!(names(&record)[0], "PLAIN");
    assert!(
        !record["redacted"].as_array().unwrap().is_empty(),
        "{record}"
    );
    Ok(())
}
