//! Records as events of OCSF 1.8.0.
//!
//! Comes in: a record. Goes out: an event that the published schema allows, without extensions: what
//! it has no attribute for stands under `unmapped.agtrack`, which is the record without what is
//! placed in full, so nothing is lost. What becomes what is a table (`ocsf/table.rs`), and
//! `docs/ocsf.md` is made of it. Never: decides what is recorded, or fails.

mod actor;
pub mod class;
pub mod document;
mod fields;
mod note;
mod place;
pub mod severity;
mod subject;
pub mod table;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::record::{Action, Agent, Body, Process, Record, ToolCall};
use class::{Activity, Class};
use fields::{Fields, milliseconds};
use place::Deed;
use severity::Severity;

/// The version of the schema.
pub const VERSION: &str = "1.8.0";

/// What a body becomes: what is special to its class.
struct Placed {
    class: Class,
    activity: Activity,
    severity: Severity,
    fields: Fields,
}

/// A record as an event of OCSF.
///
/// A record whose object does not fit its action, or whose action this version does not know, becomes
/// a `base_event` (class 0), which has everything under `unmapped`.
#[must_use]
pub fn event(record: &Record) -> Value {
    let placed = place(record);
    let (class, activity) = (placed.class, placed.activity);
    let severity = severity::of(&record.body, placed.severity);
    let type_uid = u64::from(class.uid) * 100 + u64::from(activity.0);
    let common = Fields::default()
        .with("class_uid", class.uid)
        .with("class_name", class.name)
        .with("category_uid", class.category_uid())
        .with("category_name", class.category)
        .with("activity_id", activity.0)
        .with("activity_name", activity.1)
        .with("type_uid", type_uid)
        .with(
            "type_name",
            format!("{}: {}", class.name, caption(activity)),
        )
        .with("severity_id", severity as u32)
        .with("severity", severity.name())
        .with("time", milliseconds(&record.time).unwrap_or_default())
        .with("message", subject::message(record))
        .with("device", actor::device(&record.host));
    let event = common
        .all(who(record, class))
        .all(placed.fields)
        .with("unmapped", unmapped(record));
    let metadata = metadata(record, class, &event);
    event.with("metadata", metadata).into()
}

/// In `type_name` the activity's own name in the schema stands.
fn caption(activity: Activity) -> &'static str {
    match activity {
        Activity(99, _) => "Other",
        Activity(_, name) => name,
    }
}

fn place(record: &Record) -> Placed {
    match &record.body {
        Body::Action(action) => deed(record, action),
        Body::Session(change) => note::session(record, change),
        Body::ToolCall(change) => note::tool_call(record, change),
        Body::Handoff(handoff) => note::handoff(record, handoff),
        Body::Tamper(tamper) => note::tamper(record, tamper),
        Body::Gap(gap) => note::gap(record, gap),
        Body::Lifecycle(change) => note::lifecycle(change),
        Body::Heartbeat(_) => note::heartbeat(),
    }
}

fn deed(record: &Record, action: &Action) -> Placed {
    let deed = Deed {
        action,
        agent: record.agent.as_deref(),
        host: &record.host,
        time: milliseconds(&record.time).unwrap_or_default(),
        boot_time: record.boot_time,
    };
    let count = action.completeness.count;
    let common = note::status(&action.outcome).with("count", count);
    let found = table::rows(action).find_map(|row| Some((row, row.place.fields(deed)?)));
    match found {
        Some((row, fields)) => Placed {
            class: row.class,
            activity: row.activity.of(action),
            severity: row.severity,
            fields: common.all(fields),
        },
        None => Placed {
            class: class::BASE,
            activity: Activity::other("Unknown action"),
            severity: Severity::Low,
            fields: common,
        },
    }
}

/// Who did it, and whose agent that is.
fn who(record: &Record, class: Class) -> Fields {
    let agent = record.agent.as_deref();
    let process = process(record).map(actor::process);
    let some = agent.is_some() || process.is_some();
    let fields = Fields::default().maybe("actor", some.then(|| actor::actor(agent, process)));
    match agent.filter(|_| class.ai) {
        Some(agent) => {
            let context = actor::message_context(agent, tool_call(record));
            fields.with("message_context", context)
        }
        None => fields,
    }
}

fn process(record: &Record) -> Option<&Process> {
    match &record.body {
        Body::Action(action) => Some(&action.process),
        Body::Session(change) => change.process.as_ref(),
        Body::ToolCall(change) => Some(&change.process),
        Body::Handoff(handoff) => Some(&handoff.process),
        Body::Tamper(tamper) => Some(&tamper.process),
        Body::Gap(_) | Body::Lifecycle(_) | Body::Heartbeat(_) => None,
    }
}

fn tool_call(record: &Record) -> Option<&ToolCall> {
    match &record.body {
        Body::Action(action) => action.tool_call.as_deref(),
        Body::Session(change) => change.tool_call.as_deref(),
        Body::ToolCall(change) => Some(&change.tool_call),
        Body::Handoff(handoff) => handoff.tool_call.as_deref(),
        Body::Tamper(_) | Body::Gap(_) | Body::Lifecycle(_) | Body::Heartbeat(_) => None,
    }
}

fn metadata(record: &Record, class: Class, event: &Fields) -> Fields {
    let product = json!({
        "name": "agtrack",
        "vendor_name": "agtrack",
        "version": env!("CARGO_PKG_VERSION"),
    });
    let agent = record.agent.as_deref();
    let (labels, truncated) = match &record.body {
        Body::Action(action) => (labels(action), action.completeness.truncated),
        Body::Tamper(tamper) => (Vec::new(), tamper.completeness.truncated),
        Body::Session(_)
        | Body::ToolCall(_)
        | Body::Handoff(_)
        | Body::Gap(_)
        | Body::Lifecycle(_)
        | Body::Heartbeat(_) => (Vec::new(), false),
    };
    Fields::default()
        .with("version", VERSION)
        .with("product", product)
        .with("uid", record.id.clone())
        .with("sequence", record.seq)
        .with("event_code", subject::code(&record.body))
        .with("log_name", "agtrack")
        .with("log_version", record.v.to_string())
        .with("original_time", record.time.clone())
        .maybe(
            "correlation_uid",
            agent.map(|agent| agent.session.to_string()),
        )
        .maybe("is_truncated", truncated.then_some(true))
        .list("labels", labels)
        .list("tags", agent.map(tags).unwrap_or_default())
        .list("profiles", profiles(class, event))
}

/// What an eye that runs over many events should not overlook.
fn labels(action: &Action) -> Vec<Value> {
    let credential = place::credential(action).map(|what| format!("credential:{what}"));
    let redacted = action
        .redacted
        .iter()
        .map(|rule| format!("redacted:{rule}"));
    let marks = match &action.object {
        crate::record::Object::Exec { brought, .. } => brought.marks(),
        _ => Vec::new(),
    };
    let all = credential.into_iter().chain(marks).chain(redacted);
    all.map(Value::from).collect()
}

/// What the configuration says of the agent.
fn tags(agent: &Agent) -> Vec<Value> {
    let labels = agent.labels.iter();
    labels
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}

/// Sets of attributes that the event makes use of, and the class has only then.
fn profiles(class: Class, event: &Fields) -> Vec<Value> {
    let users = event.get("actor").is_some() || event.get("process").is_some();
    let contains = |value: &Value| value.pointer("/process/container").is_some();
    let actor = event.get("actor");
    let process = event.get("process").and_then(|it| it.get("container"));
    let container = actor.is_some_and(contains) || process.is_some();
    let all = [
        (class.host, "host"),
        (users, "linux/linux_users"),
        (container, "container"),
        (event.get("message_context").is_some(), "ai_operation"),
    ];
    let used = all.into_iter().filter(|(used, _)| *used);
    used.map(|(_, name)| Value::from(name)).collect()
}

/// The record without what stands elsewhere in full.
fn unmapped(record: &Record) -> Value {
    // Serialisation of a record does not fail.
    let Ok(Value::Object(whole)) = serde_json::to_value(record) else {
        return Value::Null;
    };
    let mut rest = Fields::from(whole);
    for name in ["v", "seq", "id", "host"] {
        rest.take(name);
    }
    let cgroup = rest.take("process").and_then(|mut process| {
        let cgroup = process.get_mut("cgroup").map(Value::take);
        cgroup.filter(|cgroup| !cgroup.is_null())
    });
    json!({ "agtrack": Value::from(rest.maybe("cgroup", cgroup)) })
}
