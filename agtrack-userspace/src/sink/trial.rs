//! Whether a sink would work: sends one marked record, which is in no journal.

use std::time::Duration;

use super::batch::{Batch, Item};
use super::choice::Choice;
use super::encode::{encode, unreadable};
use super::settings::Settings;
use super::transport::Trouble;
use crate::record::{Body, Change, Host, Lifecycle, Record, Shared, VERSION};

/// How long the receiver has.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a connection has to hold where the receiver says nothing.
const MOMENT: Duration = Duration::from_millis(500);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The id of the record that was sent.
    pub id: String,
    /// What the receiver said, safe to show; empty where it says nothing.
    pub said: String,
}

/// Sends a record with `"test": true` as a sink with these settings would. It comes from `host`.
///
/// # Errors
/// It was not acknowledged: says why.
pub fn attempt(settings: &Settings, host: &str) -> anyhow::Result<Trial> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, send(settings, host))
            .await
            .unwrap_or_else(|_| {
                let seconds = PATIENCE.as_secs();
                Err(Trouble::later(format!("no answer within {seconds} s")))
            })
    });
    // A thread that hangs in a pipe is left where it is.
    runtime.shutdown_background();
    result.map_err(|trouble| anyhow::anyhow!("{}", trouble.reason()))
}

async fn send(settings: &Settings, host: &str) -> Result<Trial, Trouble> {
    let row = settings.kind.row();
    let row = row.ok_or_else(|| Trouble::Misconfigured("there is no such type".to_owned()))?;
    let mut transport = (row.open)(settings)?;
    let item = record(settings, host).map_err(Trouble::Misconfigured)?;
    let id = item.head.id.clone();
    let mut batch = Batch::new(1);
    batch.push(item);
    let accepted = transport.deliver(&batch).await?;
    if let Some((_, reason)) = accepted.refused.first() {
        return Err(Trouble::Refused(reason.clone()));
    }
    if let Some((_, trouble)) = accepted.later {
        return Err(trouble);
    }
    if !transport.unsure().is_zero() {
        // A refusal of what was sent comes after it.
        tokio::time::sleep(MOMENT).await;
        transport.holds().await?;
    }
    Ok(Trial {
        id,
        said: super::transport::shown(&accepted.said),
    })
}

/// A record that says of itself that it is none: as a daemon's note about itself, with `"test": true`.
fn record(settings: &Settings, host: &str) -> Result<Item, String> {
    let note = Lifecycle {
        change: Change::Report,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        backend: None,
        kernel: None,
        hooks: Vec::new(),
        passed_over: Vec::new(),
        config_sha256: None,
        detail: Some(format!(
            "`agtrack sink test {}`: nothing happened, and this is in no journal",
            settings.name
        )),
        changed: None,
        left_open: None,
        kept: None,
        totals: Vec::new(),
    };
    let record = Record {
        v: VERSION,
        seq: 0,
        id: format!("test:{}", uuid::Uuid::new_v4()),
        time: format!("{:.9}", jiff::Timestamp::now()),
        boot_time: 0,
        host: Shared::new(Host {
            name: host.to_owned(),
            ..Host::default()
        }),
        agent: None,
        body: Body::Lifecycle(Box::new(note)),
    };
    let mut record = serde_json::to_value(&record).map_err(unreadable)?;
    if let Some(members) = record.as_object_mut() {
        members.insert("test".to_owned(), true.into());
    }
    let line = record.to_string().into_bytes();
    let head = serde_json::from_slice(&line).map_err(unreadable)?;
    let choice = Choice::new(settings).map_err(|error| error.to_string())?;
    let body = encode(&line, settings.encoding, &choice)?;
    Ok(Item { seq: 0, head, body })
}
