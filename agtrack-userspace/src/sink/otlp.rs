//! OTLP over HTTP or gRPC: records as log records, or sessions and their tool calls as traces.
//!
//! Acknowledgement: the receiver answered that it took the request. What a collector does with it
//! afterwards, it does not say.

mod attribute;
mod grpc;
mod log;
mod message;
mod span;
#[cfg(test)]
mod tests;

use prost::Message;
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::http::Client;
use super::protocol::Protocol;
use super::settings::Settings;
use super::transport::{Accepted, Doing, Transport, Trouble};
use message::{Export, Exported, Grouped, Resource, Scope, Scoped, Status};

const CONTENT: &str = "application/x-protobuf";

/// What is made of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// A log record of each.
    #[default]
    Logs,
    /// A span of each tool call and each session that ended, and nothing of others.
    Traces,
}

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    if settings.protocol == Some(Protocol::Grpc) {
        return grpc::open(settings);
    }
    Ok(Box::new(Exporter {
        client: Client::new(settings, "Bearer")?,
        signal: settings.signal.unwrap_or_default(),
    }))
}

struct Exporter {
    client: Client,
    signal: Signal,
}

impl Exporter {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let (path, body) = match self.signal {
            Signal::Logs => ("/v1/logs", encoded(export(batch, log::record))),
            Signal::Traces => ("/v1/traces", encoded(export(batch, span::of))),
        };
        let Some(body) = body else {
            return Ok(Accepted::default());
        };
        let answer = self.client.post(path, CONTENT, body).await?;
        if answer.status.is_success() {
            let exported = Exported::decode(answer.body.as_slice()).map_err(|error| {
                Trouble::Misconfigured(format!(
                    "what answers does not speak OTLP ({error}); look at `url`"
                ))
            })?;
            return Ok(partial(batch, exported, |said| {
                self.client.without_secret(said)
            }));
        }
        let status = Status::decode(answer.body.as_slice()).ok();
        let status = status.filter(|status| !status.message.is_empty());
        let said = status.as_ref().map(|status| status.message.clone());
        let said = said.unwrap_or_else(|| answer.text());
        match self.client.trouble(&answer, &said) {
            // Not in the words of OTLP: whoever says so has not seen the records.
            Trouble::Refused(reason) if status.is_none() && answer.status != 413 => {
                Err(Trouble::Misconfigured(format!("{reason}; look at `url`")))
            }
            trouble => Err(trouble),
        }
    }
}

/// A receiver says how many it refused, and not which; they must not be sent again. So all that may be
/// among them are put aside.
fn partial(batch: &Batch, exported: Exported, without_secret: impl Fn(&str) -> String) -> Accepted {
    let partial = exported.partial_success.unwrap_or_default();
    let said = without_secret(&partial.error_message);
    if partial.rejected <= 0 {
        return Accepted {
            said,
            ..Accepted::default()
        };
    }
    let (rejected, all) = (partial.rejected, batch.items.len());
    let reason = format!(
        "the receiver refused {rejected} of the {all} records that were sent at a time and does not say \
         which: {said}"
    );
    let refused = batch.items.iter().map(|item| (item.seq, reason.clone()));
    Accepted {
        refused: refused.collect(),
        ..Accepted::default()
    }
}

/// The request with what is made of each record; none where nothing is made of any.
fn export<T: Message + Default + std::fmt::Debug>(
    batch: &Batch,
    made: impl Fn(&super::batch::Item) -> Option<T>,
) -> Option<Export<T>> {
    let entries: Vec<T> = batch.items.iter().filter_map(made).collect();
    if entries.is_empty() {
        return None;
    }
    let host = batch.items.first().map(|item| &item.head.host);
    Some(Export {
        grouped: vec![Grouped {
            resource: Some(Resource {
                attributes: attribute::of_host(host),
            }),
            scoped: vec![Scoped {
                scope: Some(Scope {
                    name: "agtrack".to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                }),
                entries,
            }],
        }],
    })
}

fn encoded(message: Option<impl Message>) -> Option<Vec<u8>> {
    message.map(|message| message.encode_to_vec())
}

impl Transport for Exporter {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }
}
