//! A session as a trace, and its tool calls as spans of it.
//!
//! Ids are made of what they stand for, so that a span that comes twice is the same one, and log records
//! can name it: the trace's is the session's id, the span's of a session the latter half of that, the
//! span's of a tool call the beginning of the SHA-256 of its id.

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::attribute;
use super::message::{Span, SpanKind, SpanStatus};
use crate::sink::batch::Item;

const SPAN_BYTES: usize = 8;
/// `STATUS_CODE_ERROR`.
const ERROR: i32 = 2;

/// The span of a record that tells the end of a tool call or a session; none of others.
pub(super) fn of(item: &Item) -> Option<Span> {
    let record: Value = serde_json::from_slice(&item.body).ok()?;
    if record.get("change")? != "end" {
        return None;
    }
    let end = nanos(&item.head.time)?;
    match item.head.kind.as_str() {
        "tool_call" => call(&record, end),
        "session" => session(&record, end),
        _ => None,
    }
}

fn call(record: &Value, end: u64) -> Option<Span> {
    let (trace_id, span_id) = place(record)?;
    let parent = session_of(record)?;
    let took = record.get("duration").and_then(Value::as_u64);
    let tool = attribute::tool(record).unwrap_or("?");
    Some(Span {
        trace_id,
        span_id,
        parent_span_id: root(parent),
        name: format!("execute_tool {tool}"),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: end.saturating_sub(took.unwrap_or_default()),
        end_time_unix_nano: end,
        attributes: attributes(record, "execute_tool"),
        status: failure(record),
    })
}

fn session(record: &Value, end: u64) -> Option<Span> {
    let session = session_of(record)?;
    let name = record.pointer("/agent/name").and_then(Value::as_str);
    Some(Span {
        trace_id: session.as_bytes().to_vec(),
        span_id: root(session),
        parent_span_id: Vec::new(),
        name: format!("invoke_agent {}", name.unwrap_or("?")),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: began(session).unwrap_or(end).min(end),
        end_time_unix_nano: end,
        attributes: attributes(record, "invoke_agent"),
        status: None,
    })
}

fn attributes(record: &Value, operation: &str) -> Vec<super::message::KeyValue> {
    let mut attributes = attribute::of_record(record);
    attributes.push(attribute::text("gen_ai.operation.name", operation));
    attributes
}

/// Where a call did not end well.
fn failure(record: &Value) -> Option<SpanStatus> {
    let exit = record.get("exit")?;
    let code = exit.get("code").and_then(Value::as_u64);
    let message = match (code, exit.get("signal").and_then(Value::as_str)) {
        (_, Some(signal)) => format!("ended by {signal}"),
        (Some(code @ 1..), None) => format!("exit code {code}"),
        _ => return None,
    };
    Some(SpanStatus {
        message,
        code: ERROR,
    })
}

/// The trace and the span that a record belongs to; none without a session.
pub(super) fn place(record: &Value) -> Option<(Vec<u8>, Vec<u8>)> {
    let session = session_of(record)?;
    let call = record.pointer("/tool_call/id").and_then(Value::as_str);
    let span = match call {
        Some(call) => Sha256::digest(call.as_bytes())
            .iter()
            .copied()
            .take(SPAN_BYTES)
            .collect(),
        None => root(session),
    };
    Some((session.as_bytes().to_vec(), span))
}

fn session_of(record: &Value) -> Option<Uuid> {
    let session = record.pointer("/agent/session")?.as_str()?;
    Uuid::parse_str(session).ok()
}

fn root(session: Uuid) -> Vec<u8> {
    let (_, latter) = session.as_u64_pair();
    latter.to_be_bytes().to_vec()
}

/// When a session began, which its id says (UUID version 7, to the millisecond).
fn began(session: Uuid) -> Option<u64> {
    let (seconds, nanos) = session.get_timestamp()?.to_unix();
    seconds
        .checked_mul(1_000_000_000)?
        .checked_add(u64::from(nanos))
}

/// Nanoseconds since 1970.
pub(super) fn nanos(time: &str) -> Option<u64> {
    let time: jiff::Timestamp = time.parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok()
}
