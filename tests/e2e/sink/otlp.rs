//! OTLP over HTTP and gRPC. A receiver of our own keeps what it is sent; what is in it, the Python package
//! opentelemetry-proto says. rotel, a collector that others wrote, judges whether it takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use agtrack_tests::daemon::Home;
use agtrack_tests::here;
use nix::sys::signal::Signal;
use serde_json::Value;
use uuid::Uuid;

use super::receiver::{Receiver, free_port};
use super::trial::{Turn, batches, delivered, endure, least};
use super::{caught_up, nothing_is_missing, recorder, tried, web, work};
use crate::{Outcome, Unable, tests};

tests![
    each_record_is_a_log_record_though_receiver_and_daemon_are_killed,
    tool_calls_are_spans_of_their_sessions_trace,
    a_collector_that_others_wrote_takes_logs_and_traces,
    a_collector_has_each_record_by_grpc_though_the_way_to_it_and_the_daemon_are_killed,
];

/// Keeps each request in a file of this process's own in the store: its path, its length, and its bytes;
/// then answers that all is well.
pub(super) fn serve(port: &str, store: &str) {
    std::fs::create_dir_all(store).expect("the store can be made");
    let file = File::create(Path::new(store).join(Uuid::new_v4().to_string()));
    let file = Mutex::new(file.expect("the store can be written"));
    web::serve(port, move |request| {
        let head = format!("{} {}\n", request.path, request.body.len());
        let entry = [head.as_bytes(), &request.body].concat();
        let mut file = file.lock().expect("nobody panicked");
        file.write_all(&entry).expect("the disk has room");
        (200, "application/x-protobuf", Vec::new())
    });
}

fn sink(port: u16, signal: &str) -> String {
    let text = format!(
        "[[sinks]]\nname = \"{signal}\"\ntype = \"otlp\"\nsignal = \"{signal}\"\n\
         url = \"http://127.0.0.1:{port}\"\n"
    );
    text + &batches(50)
}

fn python() -> Result<std::path::PathBuf, Unable> {
    let found = here::receiver("bin/python");
    found.ok_or_else(|| Unable("opentelemetry-proto is not installed here".to_owned()))
}

/// What is in the store, a line of JSON for each log record and span.
fn read(python: &Path, store: &Path) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/sink/otlp.py");
    let mut command = Command::new(python);
    command.arg(script).arg(store).stderr(Stdio::inherit());
    let output = command.output().expect("python runs");
    assert!(output.status.success(), "what was sent can be read");
    let text = String::from_utf8(output.stdout).expect("text");
    let parsed = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    parsed.collect()
}

fn start(home: &Home, port: u16) -> Receiver {
    let store = home.path("otlp");
    Receiver::at_port("--otlp", port, store.to_str().expect("a plain path"))
}

fn each_record_is_a_log_record_though_receiver_and_daemon_are_killed() -> Outcome {
    let python = python()?;
    let port = free_port();
    let (group, home) = recorder("-sink-otlp", |_| sink(port, "logs"));
    let mut receiver = start(&home, port);
    let daemon = endure(group, &home, |turn| {
        match turn {
            Turn::Kill => receiver.kill(),
            Turn::Start => receiver = start(&home, port),
        }
        Ok(())
    })?;
    delivered(daemon, &home);
    receiver.kill();
    let logs = read(&python, &home.path("otlp"));
    let records: BTreeMap<_, _> = home
        .records()
        .into_iter()
        .map(|record| (record["id"].as_str().expect("an id").to_owned(), record))
        .collect();
    let mut ids = Vec::new();
    for log in &logs {
        let id = log["attributes"]["log.record.uid"].as_str().expect("an id");
        assert_eq!(
            log["body"],
            without_null(&records[id]),
            "the body is the record"
        );
        assert_eq!(log["resource"]["service.name"], "agtrack");
        ids.push(id.to_owned());
    }
    nothing_is_missing(&home, &ids);
    assert!(ids.len() >= least(), "{}", ids.len());
    Ok(())
}

/// A value of OTLP that is null, Python takes for one that is not there.
fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_null(value)))
            .collect(),
        Value::Array(values) => values.iter().map(without_null).collect(),
        _ => value.clone(),
    }
}

fn tool_calls_are_spans_of_their_sessions_trace() -> Outcome {
    let python = python()?;
    let port = free_port();
    let (group, home) = recorder("-sink-traces", |_| {
        [sink(port, "logs"), sink(port, "traces")].concat()
    });
    let mut receiver = start(&home, port);
    let daemon = home.start();
    work(&group, "w", 3);
    drop(group);
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    caught_up(&home);
    receiver.kill();
    let (spans, logs): (Vec<_>, Vec<_>) = read(&python, &home.path("otlp"))
        .into_iter()
        .partition(|entry| entry["span"] == true);
    let ended = |kind: &str| {
        let records = home.records().into_iter();
        records
            .filter(|r| r["kind"] == kind && r["change"] == "end")
            .count()
    };
    assert_eq!(
        spans.len(),
        ended("tool_call") + ended("session"),
        "{spans:?}"
    );
    let session = spans.iter().find(|span| span["parent_span_id"] == "");
    let session = session.expect("a session ended");
    assert!(
        session["name"]
            .as_str()
            .expect("a name")
            .starts_with("invoke_agent")
    );
    let unlink = logs
        .iter()
        .find(|log| log["event_name"] == "agtrack.file.unlink");
    let unlink = unlink.expect("an unlink");
    assert_eq!(
        unlink["trace_id"], session["trace_id"],
        "they name the trace"
    );
    for call in spans.iter().filter(|span| span["parent_span_id"] != "") {
        assert_eq!(call["attributes"]["gen_ai.operation.name"], "execute_tool");
        assert!(call["end"].as_u64() >= call["start"].as_u64(), "{call}");
    }
    Ok(())
}

/// A rotel that takes OTLP at one port and passes it on to another.
fn rotel(home: &Home, (http, grpc): (u16, u16), behind: u16) -> Result<Receiver, Unable> {
    let program = here::receiver("lib/*/site-packages/rotel/rotel-agent");
    let program = program.ok_or_else(|| Unable("rotel is not installed here".to_owned()))?;
    let mut command = Command::new(program);
    command.args([
        "start",
        "--exporter",
        "otlp",
        "--otlp-exporter-protocol",
        "http",
    ]);
    for (flag, value) in [
        ("--otlp-http-endpoint", format!("127.0.0.1:{http}")),
        ("--otlp-grpc-endpoint", format!("127.0.0.1:{grpc}")),
        (
            "--otlp-exporter-endpoint",
            format!("http://127.0.0.1:{behind}"),
        ),
        ("--pid-file", home.path("rotel.pid").display().to_string()),
        ("--log-file", home.path("rotel.log").display().to_string()),
    ] {
        command.args([flag.to_owned(), value]);
    }
    command.stdout(Stdio::null());
    Ok(Receiver::listening(command, http))
}

/// rotel passes on, in its own encoding, what it could read.
fn a_collector_that_others_wrote_takes_logs_and_traces() -> Outcome {
    let python = python()?;
    let (http, behind) = (free_port(), free_port());
    let (group, home) = recorder("-sink-rotel", |_| {
        [sink(http, "logs"), sink(http, "traces")].concat()
    });
    let mut receiver = start(&home, behind);
    let _rotel = rotel(&home, (http, free_port()), behind)?;
    let daemon = home.start();
    work(&group, "w", 20);
    drop(group);
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let listed = caught_up(&home);
    for sink in listed["sinks"].as_array().expect("a list") {
        assert_eq!(sink["refused"], 0, "{listed}");
    }
    let (spans, ids) = passed_on(&python, &home);
    receiver.kill();
    nothing_is_missing(&home, &ids);
    assert!(
        spans.iter().any(|span| span["parent_span_id"] == ""),
        "{spans:?}"
    );
    Ok(())
}

/// What a collector passed on, once that is all: spans, and the ids of log records.
fn passed_on(python: &Path, home: &Home) -> (Vec<Value>, Vec<String>) {
    let records = home.records();
    let expect: BTreeSet<_> = records.iter().filter_map(|r| r["id"].as_str()).collect();
    let id = |log: &Value| {
        let id = log["attributes"]["log.record.uid"].as_str();
        id.map(str::to_owned)
    };
    let until = Instant::now() + here::patience();
    loop {
        let entries = read(python, &home.path("otlp")).into_iter();
        let (spans, logs): (Vec<_>, Vec<_>) = entries.partition(|entry| entry["span"] == true);
        let ids: Vec<_> = logs.iter().filter_map(id).collect();
        let found: BTreeSet<_> = ids.iter().map(String::as_str).collect();
        if found.is_superset(&expect) && !spans.is_empty() {
            return (spans, ids);
        }
        let (found, all, spans) = (found.len(), expect.len(), spans.len());
        assert!(Instant::now() < until, "{found} of {all}, {spans} spans");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn a_collector_has_each_record_by_grpc_though_the_way_to_it_and_the_daemon_are_killed() -> Outcome {
    let python = python()?;
    let (grpc, way, behind) = (free_port(), free_port(), free_port());
    let by_grpc = |signal: &str| sink(way, signal) + "protocol = \"grpc\"\n";
    let (group, home) = recorder("-sink-grpc", |_| {
        [by_grpc("logs"), by_grpc("traces")].concat()
    });
    let mut receiver = start(&home, behind);
    let _rotel = rotel(&home, (free_port(), grpc), behind)?;
    let open = || Receiver::at_port("--gate", way, &grpc.to_string());
    let mut gate = open();
    let (code, said) = tried(&home, "logs");
    assert!(code == Some(0) && said.contains("took it"), "{said}");
    let daemon = endure(group, &home, |turn| {
        match turn {
            Turn::Kill => gate.kill(),
            Turn::Start => gate = open(),
        }
        Ok(())
    })?;
    delivered(daemon, &home);
    let (spans, ids) = passed_on(&python, &home);
    receiver.kill();
    gate.kill();
    let ids: Vec<_> = ids
        .into_iter()
        .filter(|id| !id.starts_with("test:"))
        .collect();
    nothing_is_missing(&home, &ids);
    assert!(ids.len() >= least(), "{}", ids.len());
    assert!(
        spans.iter().any(|span| span["parent_span_id"] == ""),
        "{spans:?}"
    );
    Ok(())
}
