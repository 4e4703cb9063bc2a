//! What `_bulk` answers, and what becomes of the records.

use super::*;
use crate::sink::batch::made;
use crate::sink::http::tests::{Double, settings};
use serde_json::json;

fn transport(double: &Double) -> Box<dyn Transport> {
    let keys = json!({"index": "agtrack-records"});
    open(&settings("elasticsearch", &double.url, &keys)).unwrap()
}

/// What comes of a batch of three that is answered so.
async fn check(status: &'static str, body: Value) -> Result<Accepted, Trouble> {
    let double = Double::new(vec![(status, body.to_string())]);
    transport(&double).deliver(&made(1..=3)).await
}

fn item(status: u16, kind: &str) -> Value {
    match status {
        201 => json!({"create": {"status": 201}}),
        _ => json!({"create": {"status": status, "error": {"type": kind, "reason": "because"}}}),
    }
}

#[tokio::test]
async fn each_record_is_created_under_its_own_id() {
    let all = [201, 201].map(|status| item(status, ""));
    let double = Double::new(vec![("200 OK", json!({"items": all}).to_string())]);
    let mut sink = transport(&double);
    sink.deliver(&made(7..=8)).await.unwrap();
    let asked = double.asked();
    assert!(asked[0].head.starts_with("POST /agtrack-records/_bulk?"));
    let text = String::from_utf8(asked[0].body.clone()).unwrap();
    assert!(text.ends_with('\n'), "the interface wants it so");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0], json!({"create": {"_id": "log:7"}}));
    assert_eq!(
        lines[1],
        json!({"@timestamp": "2026-11-22T21:03:11.482913004Z", "seq": 7, "id": "log:7"})
    );
    assert_eq!(
        (lines.len(), &lines[2]["create"]["_id"]),
        (4, &json!("log:8"))
    );
}

#[tokio::test]
async fn what_is_there_already_is_delivered_and_each_error_is_its_records_own() {
    let accepted = check(
        "200 OK",
        json!({"errors": true, "items": [
            item(409, "version_conflict_engine_exception"),
            item(400, "mapper_parsing_exception"),
            item(429, "es_rejected_execution_exception"),
        ]}),
    )
    .await
    .unwrap();
    assert_eq!(accepted.refused.len(), 1);
    let (seq, reason) = &accepted.refused[0];
    assert!(
        *seq == 2 && reason.contains("mapper_parsing_exception: because"),
        "{reason}"
    );
    let (seqs, trouble) = accepted.later.unwrap();
    assert_eq!(seqs, [3]);
    assert!(matches!(trouble, Trouble::Later { .. }), "{trouble:?}");
}

#[tokio::test]
async fn errors_that_are_no_records_fault_put_nothing_aside() {
    for (status, kind, is_later) in [
        (400, "validation_exception", true),
        (403, "cluster_block_exception", true),
        (400, "invalid_index_name_exception", false),
        (404, "index_not_found_exception", false),
        (403, "security_exception", false),
        (503, "unavailable_shards_exception", true),
    ] {
        let items = [item(201, ""), item(status, kind), item(201, "")];
        let accepted = check("200 OK", json!({"items": items})).await.unwrap();
        assert!(accepted.refused.is_empty(), "{kind}");
        let (seqs, trouble) = accepted.later.unwrap();
        assert_eq!(seqs, [2], "{kind}");
        assert_eq!(matches!(trouble, Trouble::Later { .. }), is_later, "{kind}");
    }
}

#[tokio::test]
async fn a_request_is_refused_in_the_words_of_the_interface_or_the_url_is_wrong() {
    let fault =
        json!({"error": {"type": "illegal_argument_exception", "reason": "no"}, "status": 400});
    let trouble = check("400 Bad Request", fault).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Refused(_)), "{trouble:?}");
    // What a proxy says that was spoken to without TLS, and a server of something else.
    for (status, body) in [
        (
            "400 Bad Request",
            json!("The plain HTTP request was sent to HTTPS port"),
        ),
        ("200 OK", json!({"hello": "world"})),
    ] {
        let trouble = check(status, body).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Misconfigured(_)), "{trouble:?}");
    }
    let few = json!({"items": [item(201, "")]});
    let trouble = check("200 OK", few).await.unwrap_err();
    assert!(trouble.reason().contains("1 records, and 3"), "{trouble:?}");
}
