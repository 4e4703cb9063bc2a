//! Records that are no actions: what they become, and why.

use serde_json::{Value, json};

use super::class::{API, Activity, Class, FINDING, LIFECYCLE};
use super::fields::{Fields, duration, text};
use super::severity::{self, Severity};
use super::{Placed, actor, place, subject};
use crate::record::{
    Change, Gap, Handoff, Lifecycle, Object, Outcome, OutcomeResult, Record, SessionChange, Tamper,
    ToolCallChange,
};

const CREATE: Activity = Activity(1, "Create");
const UPDATE: Activity = Activity(3, "Update");
const START: Activity = Activity(3, "Start");
const STOP: Activity = Activity(4, "Stop");

fn placed(class: Class, activity: Activity, fields: Fields) -> Placed {
    Placed {
        class,
        activity,
        severity: Severity::Informational,
        fields,
    }
}

/// `status_id` and its like.
pub(super) fn status(outcome: &Outcome) -> Fields {
    let (id, word) = match outcome.result {
        OutcomeResult::Success => (1, "Success"),
        OutcomeResult::Failure => (2, "Failure"),
        OutcomeResult::InProgress => (99, "in_progress"),
        OutcomeResult::Unknown => (0, "Unknown"),
    };
    Fields::default()
        .with("status_id", id)
        .with("status", word)
        .maybe("status_code", outcome.errno.clone())
}

/// An agent's run is an application that starts and stops.
pub(super) fn session(record: &Record, change: &SessionChange) -> Placed {
    let agent = record.agent.as_deref();
    let app = agent.map_or_else(tracker, actor::application);
    let app = app.maybe("vendor_name", agent.and_then(|agent| agent.owner.clone()));
    placed(
        LIFECYCLE,
        lived(change.change),
        Fields::default().with("app", app),
    )
}

/// agtrack itself, as a product.
fn tracker() -> Fields {
    Fields::default()
        .with("name", "agtrack")
        .with("vendor_name", "agtrack")
}

/// What a change is in the life of an application. Where OCSF has no activity, its own word stands
/// there: `Disable` would say that the agent was, not its recording.
fn lived(change: Change) -> Activity {
    match change {
        Change::Start => START,
        Change::End => STOP,
        Change::Report => Activity::other("Report"),
        Change::Suspend => Activity::other("Suspend"),
        Change::Resume => Activity::other("Resume"),
        Change::Reload => Activity::other("Reload"),
        Change::ReloadRefused => Activity::other("Reload refused"),
        Change::CaptureStart => Activity::other("Capture start"),
        Change::CaptureEnd => Activity::other("Capture end"),
        Change::Tag => Activity::other("Tag"),
        Change::Untag => Activity::other("Untag"),
    }
}

/// A tool call is one to an interface: the program it starts is told by `process.exec` already, and as
/// a launch of a process it would be counted twice.
pub(super) fn tool_call(record: &Record, change: &ToolCallChange) -> Placed {
    let activity = match change.change {
        Change::Start => CREATE,
        Change::Report => UPDATE,
        Change::End => Activity::other("End"),
        Change::Suspend
        | Change::Resume
        | Change::Reload
        | Change::ReloadRefused
        | Change::CaptureStart
        | Change::CaptureEnd
        | Change::Tag
        | Change::Untag => Activity::other(subject::word(change.change)),
    };
    let call = &change.tool_call;
    let command: Vec<_> = call.command.iter().map(text).collect();
    let code = change.exit.as_ref().and_then(|exit| exit.code);
    let signal = change.exit.as_ref().and_then(|exit| exit.signal.clone());
    let response = Fields::default().maybe("code", code).maybe("error", signal);
    let ended = change.exit.as_ref().map(|_| response);
    let api = Fields::default()
        .with("operation", "execute_tool")
        .with(
            "request",
            json!({"uid": call.id, "data": {"command": command}}),
        )
        .maybe("response", ended);
    let (id, word) = match &change.exit {
        None => (0, "Unknown"),
        Some(_) if code == Some(0) => (1, "Success"),
        Some(_) => (2, "Failure"),
    };
    let fields = Fields::default()
        .with("api", api)
        .with("src_endpoint", actor::endpoint(&record.host))
        .with("status_id", id)
        .with("status", word)
        .maybe("duration", change.duration.map(duration));
    placed(API, activity, fields)
}

/// What is asked for is not seen, so it is no creation, nor anything else OCSF has.
pub(super) fn handoff(record: &Record, handoff: &Handoff) -> Placed {
    let api = json!({
        "operation": handoff.via,
        "service": {"name": handoff.channel},
    });
    let reached = text(&handoff.reached);
    let fields = Fields::default()
        .with("api", api)
        .with("src_endpoint", actor::endpoint(&record.host))
        .with(
            "dst_endpoint",
            json!({"name": reached, "svc_name": handoff.channel}),
        )
        .with(
            "resources",
            json!([{"name": reached, "role_id": 1, "role": "Target"}]),
        )
        .with("status_detail", handoff.can.clone());
    placed(API, Activity::other("Handoff"), fields)
}

/// Whoever reaches for the recorder is a finding, whatever came of it.
pub(super) fn tamper(record: &Record, tamper: &Tamper) -> Placed {
    let title = match tamper.expected {
        true => "agtrack was reached for by who started it",
        false => "Somebody reached for agtrack",
    };
    let info = json!({
        "uid": record.id,
        "title": title,
        "desc": format!("{} {}", tamper.action, subject::object(&tamper.object)),
        "types": [tamper.action],
        "analytic": {"name": tamper.action, "type_id": 1, "type": "Rule"},
    });
    let process = actor::process(&tamper.process);
    let brief = Fields::default()
        .maybe("uid", process.get("uid").cloned())
        .maybe("pid", process.get("pid").cloned())
        .maybe("name", process.get("name").cloned());
    let evidence = Fields::default()
        .with("process", brief)
        .maybe("file", place::file_object(&tamper.object, &tamper.action))
        .maybe("resources", target(&tamper.object).map(|one| vec![one]));
    // Of a finding the status is what became of the finding; how the attempt ended is a detail.
    let (id, word) = match tamper.expected {
        true => (3, "Suppressed"),
        false => (1, "New"),
    };
    let outcome = serde_json::to_value(tamper.outcome.result).unwrap_or_default();
    let fields = Fields::default()
        .with("status_id", id)
        .with("status", word)
        .with("status_detail", outcome)
        .maybe("status_code", tamper.outcome.errno.clone())
        .with("finding_info", info)
        .with("is_alert", !tamper.expected)
        .with("count", tamper.completeness.count)
        .with("evidences", Value::Array(vec![evidence.into()]));
    placed(FINDING, CREATE, fields)
}

/// The recorder, as what was acted on.
fn target(object: &Object) -> Option<Value> {
    let uid = match object {
        Object::Request { target_uid, .. } | Object::Cgroup { target_uid, .. } => target_uid,
        _ => return None,
    };
    Some(json!({
        "uid": uid.as_ref()?, "name": "agtrack", "type": "process", "role_id": 1, "role": "Target",
    }))
}

/// Something that is missing is told of the recorder, as something that failed.
pub(super) fn gap(record: &Record, gap: &Gap) -> Placed {
    let ago = |boot: u64| duration(record.boot_time.saturating_sub(boot));
    let now = super::fields::milliseconds(&record.time).unwrap_or_default();
    let at = |boot: u64| {
        i64::try_from(ago(boot))
            .ok()
            .map(|ago| now.saturating_sub(ago))
    };
    let fields = Fields::default()
        .with("app", tracker())
        .with("status_id", 2)
        .with("status", "Failure")
        .with("status_code", word(gap))
        .with("status_detail", gap.detail.clone())
        .maybe("count", gap.count)
        .maybe("start_time", at(gap.from))
        .maybe("end_time", at(gap.until));
    Placed {
        severity: severity::gap(gap.reason),
        ..placed(LIFECYCLE, Activity::other("Gap"), fields)
    }
}

/// The reason as it stands in records.
fn word(gap: &Gap) -> Value {
    serde_json::to_value(gap.reason).unwrap_or_default()
}

pub(super) fn lifecycle(change: &Lifecycle) -> Placed {
    let app = tracker().with("version", change.version.clone());
    let refused = change.change == Change::ReloadRefused;
    let (id, word) = match refused {
        true => (2, "Failure"),
        false => (1, "Success"),
    };
    let fields = Fields::default()
        .with("app", app)
        .with("status_id", id)
        .with("status", word)
        .maybe("status_detail", change.detail.clone());
    placed(LIFECYCLE, lived(change.change), fields)
}

pub(super) fn heartbeat() -> Placed {
    let fields = Fields::default().with("app", tracker());
    placed(LIFECYCLE, Activity::other("Heartbeat"), fields)
}
