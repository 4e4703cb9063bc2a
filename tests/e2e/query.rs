//! A recording answers who touched a file, who talked to a host and what a session changed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agtrack_tests::here;
use agtrack_tests::records::bytes;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Outcome, tests};

tests![a_recording_answers_the_three_questions];

fn query(journal: &Path, args: &[&str]) -> Vec<Value> {
    let mut query = Command::new(here::agtrack());
    query.args(["query", "--json", "--journal"]).arg(journal);
    let output = query.args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
    records.collect()
}

fn actions(records: &[Value]) -> Vec<&str> {
    let actions = records
        .iter()
        .filter_map(|record| record["action"].as_str());
    actions.collect()
}

/// Deletes a file and connects to a port; returns the journal of it.
fn record(place: &Path, gone: &str, port: &str) -> PathBuf {
    let journal = place.join("journal");
    let mut run = Command::new(here::agtrack());
    let backend = here::backend();
    run.args(["run", "--quiet", "--backend", &backend, "--agent", "asked"]);
    run.arg("--journal").arg(&journal).arg("--");
    run.arg(here::trigger()).args(["unlink", gone, "+"]);
    run.args(["connect4", "127.0.0.1", port, "tcp", "+", "exit", "0"]);
    let status = run.stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success());
    journal
}

fn a_recording_answers_the_three_questions() -> Outcome {
    let directory = TempDir::new().unwrap();
    let place = directory.path().canonicalize().unwrap();
    let file = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let (gone, other) = (file("gone [1]"), file("other"));
    for path in [&gone, &other] {
        std::fs::write(path, "x").unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let journal = record(&place, &gone, &port);
    let ask = |args: &[&str]| query(&journal, args);

    let glob = gone.replace('[', "\\[");
    let touched = ask(&["--path", &glob, "--agent", "as*"]);
    assert_eq!(actions(&touched), ["file.unlink"], "{touched:?}");
    assert_eq!(bytes(&touched[0]["object"]["path"]), gone.as_bytes());

    let peer = format!("127.0.0.0/8:{port}");
    let talked = ask(&["--host", &peer, "--action", "net.connect"]);
    assert_eq!(actions(&talked), ["net.connect"], "{talked:?}");
    assert_eq!(talked[0]["object"]["port"].to_string(), port);

    let session = touched[0]["agent"]["session"].as_str().unwrap();
    let here = file("");
    let changed = ask(&["--session", &session[..13], "--changes", "--path", &here]);
    assert_eq!(actions(&changed), ["file.unlink"], "{changed:?}");
    assert!(ask(&["--path", &other]).is_empty());
    Ok(())
}
