//! What the collector answers, and what becomes of the records.

use super::*;
use crate::sink::batch::made;
use crate::sink::http::tests::{Double, secret, settings};

const TOKEN: &str = "00000000-1111-2222-3333-444444444444";

/// What comes of a batch of three that is answered so.
async fn check(
    answers: Vec<(&str, Value)>,
    keys: &Value,
) -> (
    Result<Accepted, Trouble>,
    Vec<crate::sink::http::tests::Asked>,
) {
    let answers = answers
        .into_iter()
        .map(|(head, body)| (head, body.to_string()));
    let double = Double::new(answers.collect());
    let (_file, token) = secret(TOKEN);
    let mut keys = keys.clone();
    keys["token"] = token.into();
    let mut sink = open(&settings("splunk", &double.url, &keys)).unwrap();
    let result = sink.deliver(&made(1..=3)).await;
    (result, double.asked())
}

#[tokio::test]
async fn events_are_acknowledged_by_an_indexer_where_the_token_has_it() {
    let (result, asked) = check(
        vec![
            ("200 OK", json!({"text": "Success", "code": 0, "ackId": 5})),
            ("200 OK", json!({"acks": {"5": false}})),
            ("200 OK", json!({"acks": {"5": true}})),
        ],
        &json!({"index": "agents"}),
    )
    .await;
    assert!(result.unwrap().said.contains("an indexer"));
    let head = &asked[0].head;
    assert!(
        head.starts_with("POST /services/collector/event "),
        "{head}"
    );
    assert!(
        head.contains(&format!("authorization: Splunk {TOKEN}")),
        "{head}"
    );
    let channel = |head: &str| {
        let line = head.lines().find(|line| line.starts_with(CHANNEL));
        line.unwrap().to_owned()
    };
    assert!(
        asked
            .iter()
            .all(|asked| channel(&asked.head) == channel(head))
    );
    let events = serde_json::Deserializer::from_slice(&asked[0].body).into_iter();
    let events: Vec<Value> = events.map(Result::unwrap).collect();
    assert_eq!(events.len(), 3);
    let expect = json!({
        "event": {"id": "log:2", "seq": 2}, "fields": {"id": "log:2"}, "host": "", "index": "agents",
        "source": "agtrack", "sourcetype": "agtrack", "time": "1795381391.482",
    });
    assert_eq!(events[1], expect);
    assert_eq!(asked[2].body, br#"{"acks":[5]}"#);
}

#[tokio::test]
async fn what_is_only_received_counts_unless_more_is_required() {
    let answer = ("200 OK", json!({"text": "Success", "code": 0}));
    let (result, _) = check(vec![answer.clone()], &json!({})).await;
    assert!(result.unwrap().said.contains("no indexer acknowledgement"));
    let (result, _) = check(vec![answer], &json!({"require_ack": true})).await;
    let trouble = result.unwrap_err();
    assert!(matches!(trouble, Trouble::Misconfigured(_)), "{trouble:?}");
}

#[tokio::test]
async fn what_is_not_acknowledged_in_time_is_sent_again() {
    let mut answers = vec![("200 OK", json!({"text": "Success", "code": 0, "ackId": 0}))];
    // 100, 200, 400 and 800 ms later: the last one is behind the second that it has.
    answers.extend((0..4).map(|_| ("200 OK", json!({"acks": {"0": false}}))));
    let (result, _) = check(answers, &json!({"ack_ms": 1000})).await;
    let trouble = result.unwrap_err();
    assert!(matches!(trouble, Trouble::Later { .. }), "{trouble:?}");
    assert!(
        trouble
            .reason()
            .contains("no indexer acknowledged within 1 s"),
        "{trouble:?}"
    );
}

#[tokio::test]
async fn a_record_that_is_refused_goes_alone() {
    let told = json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 1});
    let (result, _) = check(vec![("400 Bad Request", told)], &json!({})).await;
    let accepted = result.unwrap();
    assert_eq!(accepted.refused.len(), 1);
    assert_eq!(accepted.refused[0].0, 2);
    assert_eq!(accepted.later.unwrap().0, [1, 3]);
    // Where Splunk does not say which one it is, it is searched for.
    let told = json!({"text": "Event field is required", "code": 12});
    let (result, _) = check(vec![("400 Bad Request", told)], &json!({})).await;
    assert!(matches!(result.unwrap_err(), Trouble::Refused(_)));
}

#[tokio::test]
async fn every_code_says_what_is_to_be_done() {
    for (status, code, expect) in [
        ("403 Forbidden", 1, "wrong"),
        ("403 Forbidden", 4, "wrong"),
        ("400 Bad Request", 7, "wrong"),
        ("400 Bad Request", 10, "wrong"),
        ("503 Busy", 9, "later"),
        ("429 Full", 24, "later"),
        ("500 Error", 8, "later"),
        ("503 Unknown", 99, "later"),
        ("400 Bad Request", 13, "refused"),
    ] {
        let text = format!("no {TOKEN}");
        let (result, _) = check(
            vec![(status, json!({"text": text, "code": code}))],
            &json!({}),
        )
        .await;
        let trouble = result.unwrap_err();
        let told = match &trouble {
            Trouble::Later { .. } => "later",
            Trouble::Refused(_) => "refused",
            Trouble::Misconfigured(_) => "wrong",
        };
        assert_eq!(told, expect, "{code}");
        assert!(!trouble.reason().contains(TOKEN), "{trouble:?}");
    }
}

#[tokio::test]
async fn what_is_not_splunk_puts_nothing_aside() {
    for status in ["200 OK", "400 Bad Request"] {
        let (result, _) = check(vec![(status, json!("hello"))], &json!({})).await;
        assert!(
            matches!(result.unwrap_err(), Trouble::Misconfigured(_)),
            "{status}"
        );
    }
}
