//! OpenSearch and Elasticsearch: the `_bulk` interface.
//!
//! Acknowledgement: the record is in the index, each by itself. The id of its document is that of the
//! record and it is only created, never replaced, so one that is sent again is answered by 409: it is
//! there already.

use serde::Deserialize;
use serde_json::Value;

use super::batch::{Batch, Item};
use super::http::{Answer, Client, Meaning, meaning};
use super::settings::Settings;
use super::transport::{Accepted, Doing, Transport, Trouble};

const CONTENT: &str = "application/x-ndjson";
/// Of an answer only this is read.
const WANTED: &str = "filter_path=items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";
/// There is such a document already.
const CONFLICT: u16 = 409;

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let index = settings.index.as_deref();
    let index = index.ok_or_else(|| Trouble::Misconfigured("no `index` is given".to_owned()))?;
    Ok(Box::new(Bulk {
        client: Client::new(settings, "ApiKey")?,
        path: format!("/{index}/_bulk?{WANTED}"),
    }))
}

struct Bulk {
    client: Client,
    path: String,
}

/// What is answered for a request that was taken.
#[derive(Deserialize)]
struct Answered {
    items: Vec<Created>,
}

#[derive(Deserialize)]
struct Created {
    create: Outcome,
}

/// What became of a record.
#[derive(Deserialize)]
struct Outcome {
    status: u16,
    #[serde(default)]
    error: Option<Fault>,
}

/// What is wrong, of a record or of the whole request.
#[derive(Debug, Default, Deserialize)]
struct Fault {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    caused_by: Option<Box<Fault>>,
}

/// Errors that are told with the status of another kind.
const KINDS: &[(&str, Meaning)] = &[
    // No room for a further shard, a disk that is full, an index that somebody closed.
    ("validation_exception", Meaning::Later),
    ("cluster_block_exception", Meaning::Later),
    ("index_closed_exception", Meaning::Later),
    ("invalid_index_name_exception", Meaning::Wrong),
    ("index_not_found_exception", Meaning::Wrong),
];

impl Fault {
    fn meaning(&self, status: u16) -> Meaning {
        let row = KINDS.iter().find(|(kind, _)| *kind == self.kind);
        row.map_or_else(|| meaning(status), |(_, meaning)| *meaning)
    }

    fn text(&self) -> String {
        let cause = self.caused_by.as_ref().map(|cause| cause.reason.as_str());
        let words = [
            self.kind.as_str(),
            self.reason.as_str(),
            cause.unwrap_or(""),
        ];
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        words.join(": ")
    }
}

impl Bulk {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let answer = self.client.post(&self.path, CONTENT, body(batch)).await?;
        if !answer.status.is_success() {
            return Err(self.whole(&answer));
        }
        let answered: Answered = serde_json::from_slice(&answer.body).map_err(|error| {
            Trouble::Misconfigured(format!(
                "what answers is not the `_bulk` interface ({error}); look at `url`"
            ))
        })?;
        if answered.items.len() != batch.items.len() {
            return Err(Trouble::later(format!(
                "it answers for {} records, and {} were sent",
                answered.items.len(),
                batch.items.len()
            )));
        }
        Ok(self.sort(batch, answered, &answer))
    }

    /// What each record's own answer means.
    fn sort(&self, batch: &Batch, answered: Answered, answer: &Answer) -> Accepted {
        let mut accepted = Accepted::default();
        let mut waiting = Vec::new();
        let mut why = None;
        for (item, Created { create }) in batch.items.iter().zip(answered.items) {
            let Outcome { status, error } = create;
            if (200..=299).contains(&status) || status == CONFLICT {
                continue;
            }
            let fault = error.unwrap_or_default();
            let reason = self.client.without_secret(&fault.text());
            let reason = format!("it answers {status} for a record: {reason}");
            match fault.meaning(status) {
                Meaning::Refused => accepted.refused.push((item.seq, reason)),
                Meaning::Later => {
                    waiting.push(item.seq);
                    why.get_or_insert(Trouble::Later {
                        reason,
                        after: answer.after,
                    });
                }
                Meaning::Stranger | Meaning::Elsewhere | Meaning::Wrong => {
                    waiting.push(item.seq);
                    why = Some(Trouble::Misconfigured(reason));
                }
            }
        }
        accepted.later = why.map(|why| (waiting, why));
        accepted
    }

    /// What it means that a request is not taken as a whole.
    fn whole(&self, answer: &Answer) -> Trouble {
        #[derive(Deserialize)]
        struct Whole {
            error: Value,
        }
        let told = serde_json::from_slice::<Whole>(&answer.body).ok();
        let fault = told.as_ref().map(|whole| match &whole.error {
            Value::String(text) => text.clone(),
            error => Fault::deserialize(error).unwrap_or_default().text(),
        });
        let said = fault.clone().unwrap_or_else(|| answer.text());
        match self.client.trouble(answer, &said) {
            // Not in the words of this interface: whoever says so has not seen the records.
            Trouble::Refused(reason) if fault.is_none() && answer.status != 413 => {
                Trouble::Misconfigured(format!("{reason}; look at `url`"))
            }
            trouble => trouble,
        }
    }
}

/// Two lines a record: what to do with it, and the record with the time under the name that data streams
/// want.
fn body(batch: &Batch) -> Vec<u8> {
    let mut body = Vec::with_capacity(batch.bytes + 160 * batch.items.len());
    for item in &batch.items {
        let line = serde_json::json!({"create": {"_id": item.head.id}});
        body.extend_from_slice(line.to_string().as_bytes());
        body.push(b'\n');
        body.extend_from_slice(&document(item));
        body.push(b'\n');
    }
    body
}

fn document(item: &Item) -> Vec<u8> {
    let time = Value::from(item.head.time.as_str());
    let start = format!("{{\"@timestamp\":{time}");
    match item.body.strip_prefix(b"{") {
        Some(b"}") => [start.as_bytes(), b"}"].concat(),
        Some(rest) => [start.as_bytes(), b",", rest].concat(),
        None => item.body.clone(),
    }
}

impl Transport for Bulk {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }
}

#[cfg(test)]
mod tests;
