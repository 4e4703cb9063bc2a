//! A record as a log record.

use serde_json::Value;

use super::attribute;
use super::message::{AnyValue, LogRecord, Severity};
use super::span::{self, nanos};
use crate::sink::batch::Item;

/// The log record: what is known there as attributes, the whole record in the body.
pub(super) fn record(item: &Item) -> Option<LogRecord> {
    let record: Value = serde_json::from_slice(&item.body).ok()?;
    let time = nanos(&item.head.time).unwrap_or_default();
    let (severity, word) = severity(&item.head.kind);
    let (trace_id, span_id) = span::place(&record).unwrap_or_default();
    let what = item.head.action.as_ref().unwrap_or(&item.head.kind);
    let mut attributes = attribute::of_record(&record);
    if !attributes.iter().any(|known| known.key == "log.record.uid") {
        // In other encodings it has another name.
        attributes.push(attribute::text("log.record.uid", &item.head.id));
    }
    Some(LogRecord {
        time_unix_nano: time,
        severity_number: severity.into(),
        severity_text: word.to_owned(),
        body: Some(AnyValue {
            value: attribute::any(&record),
        }),
        attributes,
        trace_id,
        span_id,
        observed_time_unix_nano: time,
        event_name: format!("agtrack.{what}"),
    })
}

fn severity(kind: &str) -> (Severity, &'static str) {
    match kind {
        // Something may be missing, or somebody meddles.
        "gap" | "tamper" => (Severity::Warn, "WARN"),
        _ => (Severity::Info, "INFO"),
    }
}
