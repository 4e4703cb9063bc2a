//! NATS JetStream.
//!
//! Acknowledgement: a stream stored the message, each by itself. `Nats-Msg-Id` is the record's id, so that
//! a stream stores each once within its duplicate window.

use std::error::Error;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::{ContextBuilder, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions};
use tokio::time::sleep;

use super::batch::{Batch, Item};
use super::settings::Settings;
use super::tls::Tls;
use super::transport::{Accepted, Doing, Transport, Trouble};
use super::url::{NATS, Url};

/// How long the server has to answer a call.
const CALL: Duration = Duration::from_secs(10);
/// How long a stream has to acknowledge.
const ACK: Duration = Duration::from_secs(10);
/// How often to look whether the connection holds.
const LOOK: Duration = Duration::from_millis(200);
/// So many messages wait for their acknowledgement at a time; fewer than the client lets wait.
const AT_A_TIME: usize = 1000;

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let missing = |key: &str| Trouble::Misconfigured(format!("no `{key}` is given"));
    let url = settings.url.as_deref().ok_or_else(|| missing("url"))?;
    let url = Url::parse(url, NATS).map_err(Trouble::Misconfigured)?;
    let subject = settings.subject.clone();
    Ok(Box::new(Stream {
        subject: subject.ok_or_else(|| missing("subject"))?,
        options: options(settings, &url)?,
        url,
        open: None,
    }))
}

/// How a connection is made; not how one is kept, which the sink sees to.
fn options(settings: &Settings, url: &Url) -> Result<ConnectOptions, Trouble> {
    let mut options = ConnectOptions::new()
        .name("agtrack")
        .connection_timeout(CALL)
        // Otherwise a server could name others, and we would go there with our secret.
        .ignore_discovered_servers()
        .max_reconnects(1);
    if url.is_encrypted {
        let tls = Tls::new(settings, &url.address.host)?;
        options = options
            .require_tls(true)
            .tls_client_config(tls.config().clone());
    }
    let has_secret = settings.has_secret();
    if let (true, Some(wrong)) = (has_secret, url.wrong_for_secrets()) {
        return Err(Trouble::Misconfigured(wrong));
    }
    if let Some(token) = &settings.token {
        options = options.token(token.text()?);
    }
    if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
        options = options.user_and_password(user.clone(), password.text()?);
    }
    if let Some(credentials) = &settings.credentials {
        // Not the library's words: they could hold what it found.
        options = options.credentials(&credentials.text()?).map_err(|_| {
            Trouble::Misconfigured(format!(
                "{credentials} holds no credentials of NATS (.creds)"
            ))
        })?;
    }
    Ok(options)
}

struct Stream {
    subject: String,
    options: ConnectOptions,
    url: Url,
    open: Option<Open>,
}

/// A connection.
struct Open {
    client: Client,
    context: Context,
}

impl Open {
    /// Ends when the connection does, which those that wait for an acknowledgement are not told.
    async fn ended(&self) {
        while self.client.connection_state() != State::Disconnected {
            sleep(LOOK).await;
        }
    }
}

impl Stream {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        let accepted = tokio::select! {
            accepted = self.publish_all(&open.context, batch) => accepted,
            () = open.ended() => {
                let address = &self.url.address;
                return Err(Trouble::later(format!("the connection to {address} broke")));
            }
        };
        // A connection on which not all was acknowledged is made anew.
        if accepted.later.is_none() {
            self.open = Some(open);
        }
        Ok(accepted)
    }

    async fn publish_all(&self, context: &Context, batch: &Batch) -> Accepted {
        let mut accepted = Accepted::default();
        let mut later: Option<(Vec<u64>, Trouble)> = None;
        for items in batch.items.chunks(AT_A_TIME) {
            for (seq, error) in self.publish(context, items).await {
                match self.meaning(&error) {
                    Trouble::Refused(reason) => accepted.refused.push((seq, reason)),
                    trouble => later.get_or_insert((Vec::new(), trouble)).0.push(seq),
                }
            }
        }
        accepted.later = later;
        accepted
    }

    /// Publishes records; gives those that were not acknowledged, in order, and why.
    async fn publish(&self, context: &Context, items: &[Item]) -> Vec<(u64, PublishError)> {
        let mut sent = Vec::with_capacity(items.len());
        for item in items {
            let message = PublishMessage::build()
                .payload(item.body.clone().into())
                .message_id(&item.head.id);
            let waiting = context.send_publish(self.subject.clone(), message).await;
            sent.push((item.seq, waiting));
        }
        let mut failed = Vec::new();
        for (seq, waiting) in sent {
            let acknowledged = match waiting {
                Ok(waiting) => waiting.await,
                Err(error) => Err(error),
            };
            if let Err(error) = acknowledged {
                failed.push((seq, error));
            }
        }
        failed
    }

    async fn connect(&self) -> Result<Open, Trouble> {
        let options = self.options.clone();
        let server = self.url.to_string();
        let client = options.connect(server).await;
        let client = client.map_err(|error| self.not_connected(&error))?;
        let context = ContextBuilder::new().timeout(ACK).build(client.clone());
        Ok(Open { client, context })
    }

    fn not_connected(&self, error: &ConnectError) -> Trouble {
        let reason = format!("cannot connect to {}: {}", self.url.address, words(error));
        match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                Trouble::Misconfigured(format!(
                    "{reason}; look at `token`, `user` and `password`, or `credentials`"
                ))
            }
            ConnectErrorKind::Tls => Trouble::Misconfigured(format!(
                "{reason}; look at `ca_file`, `cert_file` and the name in the receiver's certificate"
            )),
            _ => Trouble::later(reason),
        }
    }

    fn meaning(&self, error: &PublishError) -> Trouble {
        let (subject, address) = (&self.subject, &self.url.address);
        let reason = format!("{address} did not store a record: {}", words(error));
        match error.kind() {
            PublishErrorKind::StreamNotFound => Trouble::Misconfigured(format!(
                "no stream of {address} takes the subject `{subject}`; make one (`nats stream add`)"
            )),
            PublishErrorKind::MaxPayloadExceeded => Trouble::Refused(reason),
            PublishErrorKind::TimedOut => Trouble::later(format!(
                "{reason}; where that goes on, we may not publish to `{subject}`"
            )),
            _ if code(error) == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM) => {
                Trouble::Refused(reason)
            }
            _ => Trouble::later(reason),
        }
    }
}

/// The number of an error of JetStream.
fn code(error: &PublishError) -> Option<ErrorCode> {
    let source = error.source()?;
    let error = source.downcast_ref::<jetstream::Error>()?;
    Some(error.error_code())
}

fn words(error: &dyn Error) -> String {
    let own = error.to_string();
    match error.source().map(ToString::to_string) {
        Some(source) if !own.contains(&source) => format!("{own}: {source}"),
        _ => own,
    }
}

impl Transport for Stream {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }

    fn patience(&self) -> Duration {
        CALL + ACK + ACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::http::tests::{is_misconfigured, secret, settings};
    use serde_json::json;

    #[test]
    fn what_cannot_work_is_told_before_anybody_is_called() {
        let (_file, place) = secret("hunter2");
        for (url, keys, part) in [
            (
                "nats://192.0.2.1",
                json!({"subject": "a", "token": place}),
                "tls://",
            ),
            (
                "nats://127.0.0.1",
                json!({"subject": "a", "credentials": place}),
                ".creds",
            ),
            ("nats://127.0.0.1", json!({}), "subject"),
            ("https://127.0.0.1", json!({"subject": "a"}), "nats://"),
        ] {
            let trouble = open(&settings("nats", url, &keys)).err().unwrap();
            is_misconfigured(&trouble, part);
        }
    }

    #[tokio::test]
    async fn nobody_there_is_told_with_the_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let keys = settings(
            "nats",
            &format!("nats://{address}"),
            &json!({"subject": "a"}),
        );
        let mut sink = open(&keys).unwrap();
        let batch = crate::sink::batch::made(1..=1);
        let trouble = sink.deliver(&batch).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Later { .. }), "{trouble:?}");
        assert!(trouble.reason().contains(&address), "{trouble:?}");
    }
}
