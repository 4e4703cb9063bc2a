//! A tool call in a line.

use super::object;
use crate::record::{
    CallClass, Change, Effects, Item, Listed, ToolCallChange, UnseenCall, WhyOver, printable,
};
use crate::run::summary::{NO_CONNECTION, contact};

/// Names of a list that are shown.
const SHOWN: usize = 3;

/// Safe for a terminal.
pub(super) fn line(call: &ToolCallChange) -> String {
    let class = match call.class {
        CallClass::Tool => "tool call",
        CallClass::Housekeeping => "housekeeping",
        CallClass::Service => "service",
    };
    let what = match call.change {
        Change::End => end(call.unseen),
        Change::Start => "begins",
        Change::Suspend => "goes on without this recorder",
        Change::Resume => "is recorded again",
        Change::Report
        | Change::Reload
        | Change::ReloadRefused
        | Change::CaptureStart
        | Change::CaptureEnd
        | Change::Tag
        | Change::Untag => "goes on",
    };
    let command = object::command(&call.tool_call.command);
    let mut told = format!("{class} {what}: {command}");
    if call.change == Change::Start {
        return told;
    }
    let mut rest = Vec::new();
    rest.extend(ended(call));
    rest.extend(
        call.duration
            .map(|duration| format!("{:.1} s", seconds(duration))),
    );
    rest.extend((call.processes > 1).then(|| format!("{} processes", call.processes)));
    rest.extend(
        (!call.child_sessions.is_empty()).then(|| match call.child_sessions.len() {
            1 => "1 agent started".to_owned(),
            count => format!("{count} agents started"),
        }),
    );
    rest.extend((call.running > 0).then(|| format!("{} running", call.running)));
    rest.extend(call.effects.as_ref().map(effects).unwrap_or_default());
    told.push_str(&format!("; {}", rest.join("; ")));
    told
}

/// An end that nobody saw is not always one.
fn end(unseen: Option<UnseenCall>) -> &'static str {
    let Some(unseen) = unseen else {
        return "ends";
    };
    match unseen.why {
        WhyOver::CgroupGone | WhyOver::ProcessesGone | WhyOver::Reboot => {
            "is over, and no recorder saw its end"
        }
        WhyOver::NotConfigured
        | WhyOver::RecorderGone
        | WhyOver::Reload
        | WhyOver::UntaggedByRequest => "may go on and cannot be recorded any further",
    }
}

fn ended(call: &ToolCallChange) -> Option<String> {
    let exit = call.exit.as_ref()?;
    let code = exit.code.map(|code| format!("code {code}"));
    code.or_else(|| exit.signal.as_deref().map(printable))
}

fn seconds(nanoseconds: u64) -> f64 {
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}

fn effects(effects: &Effects) -> Vec<String> {
    [
        ("credentials", &effects.credentials),
        ("created", &effects.created),
        ("written", &effects.written),
        ("deleted", &effects.deleted),
        ("renamed", &effects.renamed),
        ("peers", &effects.peers),
        ("refused", &effects.refused),
        ("killed", &effects.killed),
    ]
    .into_iter()
    .filter(|(_, list)| !list.is_empty())
    .map(|(title, list)| format!("{title} {}", names(list)))
    .collect()
}

fn names(list: &Listed) -> String {
    let mut names: Vec<_> = list.items.iter().take(SHOWN).map(name).collect();
    let folder = |item: &Item| item.name.0.ends_with(b"/");
    let told = |item: &Item| if folder(item) { item.count } else { 1 };
    let told: u64 = list.items.iter().take(SHOWN).map(told).sum();
    let more = list.total.saturating_sub(told) + list.beyond;
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

fn name(item: &Item) -> String {
    let name = item.name.printable();
    match &item.to {
        Some(to) => format!("{name} -> {}", to.printable()),
        None if contact(&item.ways).iter().any(|way| way == NO_CONNECTION) => {
            format!("{name} ({NO_CONNECTION})")
        }
        None => name,
    }
}
