//! Splunk: the HTTP Event Collector.
//!
//! Acknowledgement: an indexer wrote the records, where the token has indexer acknowledgement; otherwise
//! that Splunk received them, which it says before they are on any disk.

mod code;

use std::time::Duration;

use hyper::header::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::batch::{Batch, Item};
use super::http::{Answer, Client, Meaning};
use super::settings::{Encoding, Settings};
use super::transport::{Accepted, Doing, PATIENCE, Transport, Trouble};

const CONTENT: &str = "application/json";
const EVENTS: &str = "/services/collector/event";
const ACKS: &str = "/services/collector/ack";
/// Acknowledgements are kept apart by this: one channel a sink.
const CHANNEL: &str = "x-splunk-request-channel";
/// How long an indexer has where nothing is said, in milliseconds.
const ACK_MS: u64 = 60_000;
/// How often it is asked: first soon, then less and less.
const ASK_FIRST: Duration = Duration::from_millis(100);
const ASK_LAST: Duration = Duration::from_secs(2);

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let mut client = Client::new(settings, "Splunk")?;
    let channel = Uuid::new_v4().to_string();
    let channel = HeaderValue::from_str(&channel).map_err(|error| {
        // A fault of agtrack; nothing of it is a secret.
        Trouble::Misconfigured(format!("no channel can be made: {error}"))
    })?;
    client.set(CHANNEL, channel);
    let sourcetype = settings.sourcetype.clone();
    Ok(Box::new(Collector {
        client,
        index: settings.index.clone(),
        sourcetype: sourcetype.unwrap_or_else(|| {
            match settings.encoding {
                Encoding::Native => "agtrack",
                Encoding::Ocsf => "agtrack:ocsf",
            }
            .to_owned()
        }),
        require_ack: settings.require_ack.unwrap_or_default(),
        within: Duration::from_millis(settings.ack_ms.unwrap_or(ACK_MS)),
    }))
}

struct Collector {
    client: Client,
    index: Option<String>,
    sourcetype: String,
    require_ack: bool,
    within: Duration,
}

/// What is answered to events.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    text: String,
    code: Option<u16>,
    #[serde(rename = "ackId")]
    ack: Option<u64>,
    /// The first event that is not taken, counted from 0.
    #[serde(rename = "invalid-event-number")]
    invalid: Option<usize>,
}

/// What is answered to a question for acknowledgements.
#[derive(Deserialize)]
struct Acks {
    acks: std::collections::BTreeMap<String, bool>,
}

impl Collector {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let body = self.body(batch);
        let answer = self.client.post(EVENTS, CONTENT, body).await?;
        let told: Option<Told> = serde_json::from_slice(&answer.body).ok();
        let told = told.filter(|told| told.code.is_some());
        let Some(told) = told else {
            return Err(self.not_splunk(&answer));
        };
        if !answer.status.is_success() || told.code != Some(code::SUCCESS) {
            return self.refusal(batch, &answer, &told);
        }
        match told.ack {
            Some(ack) => {
                self.wait(ack).await?;
                Ok(said("an indexer acknowledged it"))
            }
            None if self.require_ack => Err(Trouble::Misconfigured(
                "Splunk received records and will not say when they are written, as the token has no \
                 indexer acknowledgement: turn it on there, or `require_ack` off here"
                    .to_owned(),
            )),
            None => Ok(said("received; the token has no indexer acknowledgement")),
        }
    }

    fn not_splunk(&self, answer: &Answer) -> Trouble {
        if answer.status.is_success() || answer.status == 400 {
            return Trouble::Misconfigured(
                "what answers is not Splunk's HTTP Event Collector; look at `url`".to_owned(),
            );
        }
        self.client.trouble(answer, &answer.text())
    }

    /// What it means that Splunk does not take them.
    fn refusal(&self, batch: &Batch, answer: &Answer, told: &Told) -> Result<Accepted, Trouble> {
        let code = told.code.unwrap_or_default();
        let said = self.client.without_secret(&told.text);
        let said = format!("{said} (code {code})");
        match code::meaning(code) {
            None => Err(self.client.trouble(answer, &said)),
            Some(Meaning::Refused) => {
                let reason = format!("Splunk refuses it: {said}");
                Err(Trouble::Refused(reason)).or_else(|trouble| alone(batch, told, trouble))
            }
            Some(Meaning::Later) => Err(Trouble::Later {
                reason: format!("Splunk does not take records now: {said}"),
                after: answer.after,
            }),
            Some(_) => Err(Trouble::Misconfigured(format!(
                "Splunk refuses the token or what it is used for: {said}; look at `token` and `index`"
            ))),
        }
    }

    /// Waits until an indexer says that it wrote what was sent.
    async fn wait(&mut self, ack: u64) -> Result<(), Trouble> {
        let until = Instant::now() + self.within;
        let mut pause = ASK_FIRST;
        let question = json!({"acks": [ack]}).to_string().into_bytes();
        while Instant::now() < until {
            sleep(pause).await;
            pause = (pause * 2).min(ASK_LAST);
            let answer = self.client.post(ACKS, CONTENT, question.clone()).await?;
            if !answer.status.is_success() {
                return Err(self.client.trouble(&answer, &answer.text()));
            }
            let told: Acks = serde_json::from_slice(&answer.body).map_err(|error| {
                Trouble::later(format!("it cannot be told what is acknowledged: {error}"))
            })?;
            if told.acks.get(&ack.to_string()) == Some(&true) {
                return Ok(());
            }
        }
        let seconds = self.within.as_secs();
        Err(Trouble::later(format!(
            "no indexer acknowledged within {seconds} s what was sent"
        )))
    }

    fn body(&self, batch: &Batch) -> Vec<u8> {
        let mut body = Vec::with_capacity(batch.bytes + 256 * batch.items.len());
        for item in &batch.items {
            // Around the record as it is: not read and written again.
            let around = self.around(item).to_string();
            body.extend_from_slice(around.strip_suffix('}').unwrap_or(&around).as_bytes());
            body.extend_from_slice(b",\"event\":");
            body.extend_from_slice(&item.body);
            body.extend_from_slice(b"}\n");
        }
        body
    }

    fn around(&self, item: &Item) -> Value {
        let mut around = json!({
            "host": item.head.host.name,
            "source": "agtrack",
            "sourcetype": self.sourcetype,
            // Indexed, so that a search can deduplicate without reading the event.
            "fields": {"id": item.head.id},
        });
        if let Some(time) = seconds(&item.head.time) {
            around["time"] = time;
        }
        if let Some(index) = &self.index {
            around["index"] = index.as_str().into();
        }
        around
    }
}

/// Where Splunk says which one it is, that one alone is refused, and the others are sent again.
fn alone(batch: &Batch, told: &Told, whole: Trouble) -> Result<Accepted, Trouble> {
    let invalid = told.invalid.and_then(|number| batch.items.get(number));
    let Some(invalid) = invalid else {
        return Err(whole);
    };
    let others = batch.items.iter().map(|item| item.seq);
    let others: Vec<_> = others.filter(|seq| *seq != invalid.seq).collect();
    let later = Trouble::later("Splunk refused one record; the others are sent again");
    Ok(Accepted {
        refused: vec![(invalid.seq, whole.reason())],
        later: (!others.is_empty()).then_some((others, later)),
        ..Accepted::default()
    })
}

fn said(what: &str) -> Accepted {
    Accepted {
        said: what.to_owned(),
        ..Accepted::default()
    }
}

/// Seconds since 1970 with the digits of milliseconds, as text: no float has the digits of nanoseconds.
fn seconds(time: &str) -> Option<Value> {
    let time: jiff::Timestamp = time.parse().ok()?;
    let (seconds, millis) = (time.as_second(), time.subsec_millisecond());
    Some(format!("{seconds}.{millis:03}").into())
}

impl Transport for Collector {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }

    fn patience(&self) -> Duration {
        PATIENCE + self.within
    }
}

#[cfg(test)]
mod tests;
