//! The HTTP Event Collector. No Splunk can be had here: the receiver is a double of our own
//! (`splunk/double.rs`), after Splunk's documentation.

pub(super) mod double;

use agtrack_tests::daemon::Home;
use serde_json::Value;

use super::receiver::{Receiver, free_port};
use super::trial::{Turn, batches, delivered, endure, least};
use super::{nothing_is_missing, recorder, tried};
use crate::{Outcome, tests};
use double::TOKEN;

tests![
    each_record_is_indexed_though_what_is_not_acknowledged_dies_with_splunk,
    what_splunk_does_not_know_is_told_without_the_token,
];

fn sink(home: &Home, name: &str, port: u16, token: &str) -> String {
    let path = home.path(&format!("{name}.token"));
    std::fs::write(&path, format!("{token}\n")).expect("a file");
    let text = format!(
        "[[sinks]]\nname = \"{name}\"\ntype = \"splunk\"\nurl = \"http://127.0.0.1:{port}\"\n\
         token = {path:?}\nrequire_ack = true\nack_ms = 2000\n"
    );
    text + &batches(100)
}

fn indexed(home: &Home) -> Vec<Value> {
    let text = std::fs::read_to_string(home.path("splunk")).expect("something is indexed");
    // A killed one may have left a torn line.
    let whole = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    whole.collect()
}

fn each_record_is_indexed_though_what_is_not_acknowledged_dies_with_splunk() -> Outcome {
    let port = free_port();
    let (group, home) = recorder("-sink-splunk", |home| sink(home, "splunk", port, TOKEN));
    let store = home.path("splunk");
    let start = || Receiver::at_port("--splunk", port, store.to_str().expect("a plain path"));
    let mut splunk = start();
    let (code, said) = tried(&home, "splunk");
    assert!(
        code == Some(0) && said.contains("an indexer acknowledged it"),
        "{said}"
    );
    let daemon = endure(group, &home, |turn| {
        match turn {
            Turn::Kill => splunk.kill(),
            Turn::Start => splunk = start(),
        }
        Ok(())
    })?;
    delivered(daemon, &home);
    splunk.kill();
    let events = indexed(&home);
    let id = |event: &Value| event["event"]["id"].as_str().expect("an id").to_owned();
    for event in &events {
        assert_eq!(event["fields"]["id"], event["event"]["id"], "{event}");
    }
    let ids: Vec<_> = events.iter().map(id).collect();
    let ids: Vec<_> = ids
        .into_iter()
        .filter(|id| !id.starts_with("test:"))
        .collect();
    nothing_is_missing(&home, &ids);
    assert!(ids.len() >= least(), "{}", ids.len());
    Ok(())
}

fn what_splunk_does_not_know_is_told_without_the_token() -> Outcome {
    let port = free_port();
    let (_group, home) = recorder("-sink-splunk-token", |home| {
        let unknown = sink(home, "unknown", port, "no-such-token");
        let index = sink(home, "index", port, TOKEN) + "index = \"nowhere\"\n";
        [unknown, index].concat()
    });
    let store = home.path("splunk");
    let _splunk = Receiver::at_port("--splunk", port, store.to_str().expect("a plain path"));
    for (name, part) in [
        ("unknown", "Invalid token (code 4); look at `token`"),
        ("index", "Incorrect index (code 7)"),
    ] {
        let (code, said) = tried(&home, name);
        assert!(code == Some(1) && said.contains(part), "{name}: {said}");
        assert!(
            !said.contains("no-such-token") && !said.contains(TOKEN),
            "{said}"
        );
    }
    Ok(())
}
