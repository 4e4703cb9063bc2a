//! The client with a cluster that behaves as it is told.

mod tls;

use krafka::testing::{ApiKey, Control, FakeBroker};
use serde_json::{Value, json};

use super::*;
use crate::sink::batch::made;
use crate::sink::http::tests::{is_misconfigured, secret};

/// What krafka says of a batch that is too large, before it gives it up: it and its halves, and theirs.
const HALVES: u64 = 1 + 2 + 4;

fn keys(brokers: &[&str], keys: &Value) -> Settings {
    let mut settings = json!({
        "name": "x", "type": "kafka", "brokers": brokers, "topic": "agents", "protocol": "tcp",
    });
    let all = settings.as_object_mut().unwrap();
    all.extend(keys.as_object().unwrap().clone());
    serde_json::from_value(settings).unwrap()
}

async fn cluster() -> (FakeBroker, Box<dyn Transport>) {
    let broker = FakeBroker::start().await.unwrap();
    broker.create_topic("agents", 3);
    let address = broker.bootstrap_servers();
    let sink = open(&keys(&[&address], &json!({}))).unwrap();
    (broker, sink)
}

/// The records that a cluster holds, by their header `id`.
fn stored(broker: &FakeBroker) -> Vec<String> {
    let records = broker.all_records("agents").unwrap();
    let id = |record: &krafka::ConsumerRecord| {
        let (name, value) = record.headers.first().unwrap();
        assert_eq!(name, "id");
        String::from_utf8(value.clone().unwrap().to_vec()).unwrap()
    };
    records.iter().map(id).collect()
}

#[tokio::test]
async fn records_of_a_host_are_in_one_partition_in_order() {
    let (broker, mut sink) = cluster().await;
    let mut batch = made(1..=200);
    for item in &mut batch.items {
        item.head.host.id = "a-host".to_owned();
    }
    let accepted = sink.deliver(&batch).await.unwrap();
    assert!(
        accepted.refused.is_empty() && accepted.later.is_none(),
        "{accepted:?}"
    );
    let records = broker.all_records("agents").unwrap();
    assert_eq!(records.len(), 200);
    for (record, item) in records.iter().zip(&batch.items) {
        assert_eq!(record.partition, records[0].partition);
        assert_eq!(record.value.as_deref(), Some(&item.body[..]));
        assert_eq!(record.key.as_deref(), Some(&b"a-host"[..]));
        assert_eq!(record.timestamp, 1_795_381_391_482);
    }
    let ids: Vec<_> = batch
        .items
        .iter()
        .map(|item| item.head.id.clone())
        .collect();
    assert_eq!(stored(&broker), ids);
}

#[tokio::test]
async fn of_records_that_are_refused_together_only_the_one_is_that_is_refused_alone() {
    let (broker, mut sink) = cluster().await;
    broker.on(ApiKey::Produce, |request| match request.api_call_index {
        index if index < HALVES || index == HALVES + 5 => {
            Control::Error(krafka::error::ErrorCode::MessageTooLarge)
        }
        _ => Control::Pass,
    });
    let accepted = sink.deliver(&made(1..=8)).await.unwrap();
    let [(6, reason)] = &accepted.refused[..] else {
        panic!("{accepted:?}");
    };
    assert!(reason.contains("MessageTooLarge"), "{reason}");
    assert!(accepted.later.is_none(), "{accepted:?}");
    let mut ids = stored(&broker);
    ids.sort();
    assert_eq!(ids, [1, 2, 3, 4, 5, 7, 8].map(|seq| format!("log:{seq}")));
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_and_nothing_is_missing() {
    let (broker, mut sink) = cluster().await;
    sink.deliver(&made(1..=5)).await.unwrap();
    broker.on_once(ApiKey::Produce, |_| Control::Disconnect);
    let accepted = sink.deliver(&made(6..=9)).await.unwrap();
    assert!(accepted.later.is_none(), "{accepted:?}");
    let ids = stored(&broker);
    for seq in 1..=9 {
        assert!(ids.contains(&format!("log:{seq}")), "{seq}: {ids:?}");
    }
}

#[tokio::test]
async fn what_a_cluster_does_not_allow_or_have_is_told_and_nothing_put_aside() {
    for (code, part) in [
        (
            krafka::error::ErrorCode::TopicAuthorizationFailed,
            "kafka-acls",
        ),
        (
            krafka::error::ErrorCode::UnknownTopicOrPartition,
            "no topic `agents`",
        ),
    ] {
        let (broker, mut sink) = cluster().await;
        broker.on(ApiKey::Metadata, move |request| {
            match request.api_call_index {
                // The list of the brokers.
                0 => Control::Pass,
                _ => Control::Error(code),
            }
        });
        broker.delete_topic("agents");
        let trouble = sink.deliver(&made(1..=3)).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Misconfigured(_)), "{trouble:?}");
        assert!(trouble.reason().contains(part), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_password_that_is_refused_is_told_without_it() {
    let broker = FakeBroker::start().await.unwrap();
    broker.create_topic("agents", 1);
    broker.require_sasl_plain("agtrack", "right");
    let (_file, place) = secret("hunter2");
    let address = broker.bootstrap_servers();
    let mut settings = keys(&[&address], &json!({"user": "agtrack"}));
    settings.password = Some(place.try_into().unwrap());
    let mut sink = open(&settings).unwrap();
    // SCRAM, which this cluster does not have.
    let trouble = sink.deliver(&made(1..=1)).await.unwrap_err();
    is_misconfigured(&trouble, "`mechanism`");
}

#[test]
fn what_cannot_work_is_told_before_anybody_is_called() {
    let (_file, place) = secret("hunter2");
    let key = json!({"protocol": "tls", "ca_file": place});
    for (brokers, keys_, part) in [
        (
            &["192.0.2.1:9092"][..],
            json!({"user": "u", "password": place}),
            "`tls`",
        ),
        (
            &["127.0.0.1:9092"][..],
            json!({"user": "u", "password": place, "mechanism": "plain"}),
            "`mechanism`",
        ),
        (&["127.0.0.1"][..], json!({}), "host and a port"),
        (&[][..], json!({}), "`brokers`"),
        (&["127.0.0.1:9092"][..], key, "no certificate"),
    ] {
        let trouble = open(&keys(brokers, &keys_)).err().unwrap();
        is_misconfigured(&trouble, part);
    }
}

#[tokio::test]
async fn nobody_there_is_told_with_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut sink = open(&keys(&[&address], &json!({}))).unwrap();
    let trouble = sink.deliver(&made(1..=1)).await.unwrap_err();
    assert!(matches!(trouble, Trouble::Later { .. }), "{trouble:?}");
    assert!(trouble.reason().contains(&address), "{trouble:?}");
}
