//! What is made of records, and what becomes of them. Whether others can read it, the end-to-end test
//! asks the Python package opentelemetry-proto.

use serde_json::{Value, json};

use super::message::{Any, KeyValue, LogRecord, PartialSuccess, Span};
use super::*;
use crate::sink::batch::{Batch, Item, made};
use crate::sink::http::tests::{Double, settings};

const SESSION: &str = "01a20a25-cc90-72f3-9f54-5af0371a6899";

fn item(record: &Value) -> Item {
    let body = record.to_string().into_bytes();
    Item {
        seq: 7,
        head: serde_json::from_slice(&body).unwrap(),
        body,
    }
}

fn ended(kind: &str) -> Value {
    json!({
        "id": "log:7", "kind": kind, "change": "end", "time": "2026-11-23T20:42:59.139944657Z",
        "host": {"name": "vm", "id": "1eb7"},
        "agent": {"id": "fixture", "name": "Fixture", "session": SESSION},
        "tool_call": {"id": "0b8985de-28583-7857233", "command": ["/usr/bin/git", "push"]},
        "duration": 5_139_626, "exit": {"code": 1, "signal": null}, "process": {"pid": 12, "cwd": null},
    })
}

fn value(attributes: &[KeyValue], key: &str) -> Option<Any> {
    let found = attributes.iter().find(|known| known.key == key)?;
    found.value.clone()?.value
}

fn text(word: &str) -> Option<Any> {
    Some(Any::Text(word.to_owned()))
}

#[test]
fn a_record_is_a_log_record_with_the_names_of_the_conventions_and_whole_in_the_body() {
    let log: LogRecord = log::record(&item(&ended("tool_call"))).unwrap();
    let attribute = |key| value(&log.attributes, key);
    assert_eq!(attribute("log.record.uid"), text("log:7"));
    assert_eq!(attribute("gen_ai.conversation.id"), text(SESSION));
    assert_eq!(attribute("gen_ai.tool.name"), text("git"));
    assert_eq!(attribute("process.pid"), Some(Any::Int(12)));
    assert_eq!(
        attribute("process.working_directory"),
        None,
        "it is not known"
    );
    assert_eq!(log.event_name, "agtrack.tool_call");
    assert_eq!(log.time_unix_nano, 1_795_466_579_139_944_657);
    let Some(Any::Map(body)) = log.body.unwrap().value else {
        panic!("a map");
    };
    assert_eq!(value(&body.values, "duration"), Some(Any::Int(5_139_626)));
    assert_eq!(value(&body.values, "kind"), text("tool_call"));
}

#[test]
fn a_tool_call_is_a_span_of_its_sessions_trace_and_log_records_name_it() {
    let call: Span = span::of(&item(&ended("tool_call"))).unwrap();
    let session = span::of(&item(&ended("session"))).unwrap();
    assert_eq!(call.name, "execute_tool git");
    assert_eq!(session.name, "invoke_agent Fixture");
    assert_eq!(
        call.trace_id,
        uuid::Uuid::parse_str(SESSION).unwrap().as_bytes()
    );
    assert_eq!(call.trace_id, session.trace_id);
    assert_eq!(call.parent_span_id, session.span_id);
    assert!(session.parent_span_id.is_empty());
    assert_eq!(
        call.end_time_unix_nano - call.start_time_unix_nano,
        5_139_626
    );
    // To the millisecond, by the session's id.
    assert_eq!(session.start_time_unix_nano, 1_795_466_579_088_000_000);
    assert_eq!(call.status.unwrap().message, "exit code 1");
    let log = log::record(&item(&ended("tool_call"))).unwrap();
    assert_eq!((log.trace_id, log.span_id), (call.trace_id, call.span_id));
    let begun = json!({"change": "start"});
    let mut start = ended("tool_call");
    start["change"] = begun["change"].clone();
    assert_eq!(span::of(&item(&start)), None);
    assert_eq!(span::of(&item(&ended("action"))), None);
}

async fn check(status: &str, answer: Vec<u8>, signal: &str) -> Result<Accepted, Trouble> {
    // Answers of these messages are text, by luck.
    let answer = String::from_utf8(answer).unwrap();
    let double = Double::new(vec![(status, answer)]);
    let keys = json!({"signal": signal});
    let mut sink = open(&settings("otlp", &double.url, &keys)).unwrap();
    sink.deliver(&made(1..=3)).await
}

#[tokio::test]
async fn what_is_refused_in_part_is_put_aside_and_not_sent_again() {
    let exported = |rejected| Exported {
        partial_success: Some(PartialSuccess {
            rejected,
            error_message: "too old".to_owned(),
        }),
    };
    let accepted = check("200 OK", exported(1).encode_to_vec(), "logs");
    let accepted = accepted.await.unwrap();
    assert_eq!(accepted.refused.len(), 3);
    let reason = &accepted.refused[0].1;
    assert!(
        reason.contains("refused 1 of the 3") && reason.contains("too old"),
        "{reason}"
    );
    // A word of warning.
    let accepted = check("200 OK", exported(0).encode_to_vec(), "logs");
    let accepted = accepted.await.unwrap();
    assert_eq!(
        (accepted.refused.len(), accepted.said.as_str()),
        (0, "too old")
    );
}

#[tokio::test]
async fn a_request_is_refused_in_the_words_of_otlp_or_the_url_is_wrong() {
    let status = Status {
        code: 3,
        message: "no".to_owned(),
    };
    let trouble = check("400 Bad Request", status.encode_to_vec(), "logs");
    assert!(matches!(trouble.await.unwrap_err(), Trouble::Refused(_)));
    let trouble = check("400 Bad Request", b"<html>".to_vec(), "logs");
    assert!(matches!(
        trouble.await.unwrap_err(),
        Trouble::Misconfigured(_)
    ));
    let trouble = check("200 OK", b"<html>".to_vec(), "logs");
    assert!(matches!(
        trouble.await.unwrap_err(),
        Trouble::Misconfigured(_)
    ));
    let trouble = check("503 Busy", Vec::new(), "logs");
    assert!(matches!(trouble.await.unwrap_err(), Trouble::Later { .. }));
}

#[tokio::test]
async fn where_no_record_makes_a_span_nothing_is_sent() {
    let mut sink = open(&settings(
        "otlp",
        "http://127.0.0.1:1",
        &json!({"signal": "traces"}),
    ))
    .unwrap();
    let batch: Batch = made(1..=3);
    assert!(sink.deliver(&batch).await.is_ok());
}
