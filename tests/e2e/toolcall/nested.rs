//! Agents that an agent starts: sessions in a session.

use agtrack_tests::launch;
use agtrack_tests::place::Place;
use agtrack_tests::records::{Records, number};
use agtrack_tests::steps;
use serde_json::{Value, json};

use super::{calls, names};
use crate::host::place;
use crate::{Outcome, tests};

tests![
    an_agent_that_another_one_starts_is_a_session_of_its_own,
    a_program_that_starts_itself_is_one_agent,
];

/// A script that is called like an agent program.
fn script(place: &Place, name: &str, lines: &str) -> String {
    let path = place.file(name);
    launch::script(path.as_ref(), lines);
    path
}

/// Who created each file below the place: session and first word of the call.
fn who(records: &Records, path: &str) -> (Value, Value) {
    let opened = records.action("file.open").path(path);
    let opened = opened.keep(|record| record["object"]["created"] == true);
    let one = opened.one();
    (
        one["agent"]["session"].clone(),
        one["tool_call"]["command"].clone(),
    )
}

fn an_agent_that_another_one_starts_is_a_session_of_its_own() -> Outcome {
    let place = place("nested");
    let [own, called, outer] = ["own", "called", "outer"].map(|name| place.file(name));
    let inner = format!("echo y > {called}; true");
    let codex = script(&place, "codex", &format!("echo x > {own}\nsh -c '{inner}'"));
    let command = format!("{codex} exec; echo z > {outer}");
    let claude = script(&place, "claude", &format!("sh -c '{command}'\ntrue"));
    place.run(&steps!["exec", &claude, "claude"]);
    let records = place.records();
    let sessions = records.kind("session");
    let of_codex = sessions.keep(|record| record["agent"]["program"] == "codex");
    let [start, end] = &of_codex.0[..] else {
        panic!("{records}")
    };
    assert_eq!(
        (&start["change"], &end["change"]),
        (&json!("start"), &json!("end"))
    );
    let around = sessions.0[0]["agent"].clone();
    let agent = &start["agent"];
    assert_eq!(agent["parent"], around["session"], "{start}");
    for field in ["id", "name", "binding"] {
        assert_eq!(agent[field], around[field], "{start}");
    }
    assert_ne!(agent["session"], around["session"]);
    assert_eq!(
        start["process"]["args"],
        json!(["/bin/sh", codex, "exec"]),
        "{start}"
    );
    assert_eq!(
        start["tool_call"]["command"],
        json!(["sh", "-c", command]),
        "{start}"
    );
    // Each file was made by whom it was made by, and what codex did is one call and no call.
    let codexs = agent["session"].clone();
    assert_eq!(who(&records, &own), (codexs.clone(), Value::Null));
    assert_eq!(
        who(&records, &called),
        (codexs.clone(), json!(["sh", "-c", inner]))
    );
    let shell = json!(["sh", "-c", command]);
    assert_eq!(who(&records, &outer), (around["session"].clone(), shell));
    totals_are_its_records(&records, end);
    call_around(&records, end, &around, [own, called, outer]);
    Ok(())
}

fn totals_are_its_records(records: &Records, end: &Value) {
    let its = records.kind("action");
    let its = its.keep(|record| record["agent"]["session"] == end["agent"]["session"]);
    let counts = end["actions"].as_object().unwrap().values();
    let total: u64 = counts.map(number).sum();
    assert_eq!(total, its.len() as u64, "{records}");
    assert_eq!(end["tool_calls"], 1, "{end}");
}

/// The call around it goes on, says it, and has all that came of it, with hashes.
fn call_around(records: &Records, end: &Value, around: &Value, files: [String; 3]) {
    let ends = calls(records, "end");
    let [inside, outside] = &ends[..] else {
        panic!("{records}")
    };
    let session = &end["agent"]["session"];
    assert_eq!(&inside["agent"]["session"], session, "{inside}");
    assert_eq!(outside["agent"]["session"], around["session"], "{outside}");
    assert_eq!(outside["child_sessions"], json!([session]), "{outside}");
    assert!(number(&end["seq"]) < number(&outside["seq"]));
    let (mut created, mut files) = (names(outside, "created"), files.to_vec());
    created.sort();
    files.sort();
    assert_eq!(created, files, "{outside}");
    for item in outside["effects"]["created"]["items"].as_array().unwrap() {
        assert_eq!(item["size"], 2, "{item}");
        assert!(item["sha256"].is_string(), "{item}");
    }
}

fn a_program_that_starts_itself_is_one_agent() -> Outcome {
    let place = place("itself");
    let made = place.file("made");
    let command = format!("echo x > {made}; true");
    // As a wrapper starts the program proper; here both have the name.
    let native = script(&place, "codex", &format!("sh -c '{command}'\ntrue"));
    let directory = place.file("bin");
    std::fs::create_dir(&directory).unwrap();
    let wrapper = script(&place, "bin/codex", &format!("{native}\ntrue"));
    place.run(&steps!["exec", &wrapper, "codex"]);
    let records = place.records();
    let sessions = records.kind("session");
    assert_eq!(sessions.one()["change"], "start", "{records}");
    let [start] = &calls(&records, "start")[..] else {
        panic!("{records}")
    };
    assert_eq!(start["tool_call"]["command"], json!(["sh", "-c", command]));
    Ok(())
}
