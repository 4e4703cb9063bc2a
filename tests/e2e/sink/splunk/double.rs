//! A double of Splunk's HTTP Event Collector, after its documentation: what it has received and not yet
//! indexed dies with it, it indexes a moment later, and now and then it is busy.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sink::web::{self, Answer, Request};

/// The token that it knows.
pub(super) const TOKEN: &str = "0f0e0d0c-1111-2222-3333-444444444444";

/// How long an indexer takes.
const INDEXING: Duration = Duration::from_millis(150);
/// One in so many requests comes when it is busy.
const BUSY: u64 = 7;

/// What was received, under its acknowledgement: when, and the events.
type Waiting = BTreeMap<u64, (Instant, Vec<Value>)>;

struct Collector {
    store: Mutex<File>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
}

/// Collects at a port, and indexes into a file, a line an event.
pub(crate) fn serve(port: &str, store: &str) {
    let mut options = File::options();
    let store = options.create(true).append(true).open(store);
    let mut store = store.expect("the store can be written");
    // The one before may have been killed in the middle of a line.
    store.write_all(b"\n").expect("the disk has room");
    let collector = Collector {
        store: Mutex::new(store),
        waiting: Mutex::default(),
        next: AtomicU64::new(0),
    };
    web::serve(port, move |request| collector.answer(request));
}

fn told(status: u16, code: u16, text: &str) -> Answer {
    answer(status, &json!({"text": text, "code": code}))
}

fn answer(status: u16, body: &Value) -> Answer {
    (status, "application/json", body.to_string().into_bytes())
}

impl Collector {
    fn answer(&self, request: &Request) -> Answer {
        let Some(authorization) = request.header("authorization") else {
            return told(401, 2, "Token is required");
        };
        let Some(token) = authorization.strip_prefix("Splunk ") else {
            return told(401, 3, "Invalid authorization");
        };
        if token != TOKEN {
            return told(403, 4, "Invalid token");
        }
        if request.header("x-splunk-request-channel").is_none() {
            return told(400, 10, "Data channel is missing");
        }
        match request.path.as_str() {
            "/services/collector/event" => self.receive(&request.body),
            "/services/collector/ack" => self.acknowledge(&request.body),
            _ => answer(
                404,
                &json!({"text": "The requested URL was not found on this server."}),
            ),
        }
    }

    fn receive(&self, body: &[u8]) -> Answer {
        let ack = self.next.fetch_add(1, Ordering::Relaxed);
        if ack % BUSY == BUSY - 1 {
            return told(503, 9, "Server is busy");
        }
        let mut events = Vec::new();
        for event in serde_json::Deserializer::from_slice(body).into_iter::<Value>() {
            let Ok(event) = event else {
                let invalid = json!({
                    "text": "Invalid data format", "code": 6, "invalid-event-number": events.len(),
                });
                return answer(400, &invalid);
            };
            match (&event["event"], &event["index"]) {
                (Value::Null, _) => return told(400, 12, "Event field is required"),
                (_, Value::String(_)) => return told(400, 7, "Incorrect index"),
                _ => events.push(event),
            }
        }
        if events.is_empty() {
            return told(400, 5, "No data");
        }
        let mut waiting = self.waiting.lock().expect("nobody panicked");
        waiting.insert(ack, (Instant::now(), events));
        answer(200, &json!({"text": "Success", "code": 0, "ackId": ack}))
    }

    /// Indexes what has waited long enough, and says which of these have.
    fn acknowledge(&self, body: &[u8]) -> Answer {
        let question: Value = serde_json::from_slice(body).expect("JSON");
        let mut acks = BTreeMap::new();
        for ack in question["acks"].as_array().expect("a list") {
            let ack = ack.as_u64().expect("a number");
            acks.insert(ack.to_string(), self.is_indexed(ack));
        }
        answer(200, &json!({"acks": acks}))
    }

    fn is_indexed(&self, ack: u64) -> bool {
        let mut waiting = self.waiting.lock().expect("nobody panicked");
        let is_due = |(since, _): &(Instant, Vec<Value>)| since.elapsed() >= INDEXING;
        if !waiting.get(&ack).is_some_and(is_due) {
            return false;
        }
        // An acknowledgement is given once.
        let (_, events) = waiting.remove(&ack).expect("it is there");
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let mut store = self.store.lock().expect("nobody panicked");
        store
            .write_all(lines.as_bytes())
            .expect("the disk has room");
        true
    }
}
