//! How much a record deserves to be looked at. What agtrack sees is no verdict: most is
//! informational, and only what is rare and powerful, refused, or missing stands above that.

use super::place;
use crate::record::{Action, Body, Change, GapReason, Handoff, Object, Tamper};

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;

/// `severity_id` of OCSF, as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Everyday.
    Informational = 1,
    /// Worth a look when something else is wrong.
    Low = 2,
    /// Worth a look.
    Medium = 3,
    /// To be looked at.
    High = 4,
}

impl Severity {
    /// Its name in OCSF.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Informational => "Informational",
            Severity::Low => "Low",
            Severity::Medium => "Medium",
            Severity::High => "High",
        }
    }
}

/// Of a record; `usual` is that of its action's row.
pub(super) fn of(body: &Body, usual: Severity) -> Severity {
    match body {
        Body::Action(action) => usual.max(self::action(action)),
        Body::Session(_) | Body::ToolCall(_) | Body::Heartbeat(_) => Severity::Informational,
        Body::Handoff(handoff) => self::handoff(handoff),
        Body::Tamper(tamper) => self::tamper(tamper),
        Body::Gap(gap) => self::gap(gap.reason),
        Body::Lifecycle(lifecycle) => match lifecycle.change {
            Change::ReloadRefused => Severity::Medium,
            Change::Reload
            | Change::CaptureStart
            | Change::CaptureEnd
            | Change::Tag
            | Change::Untag => Severity::Low,
            Change::Start | Change::End | Change::Report | Change::Suspend | Change::Resume => {
                Severity::Informational
            }
        },
    }
}

/// What lifts an action above others of its name.
fn action(action: &Action) -> Severity {
    if let Object::Exec { brought, .. } = &action.object {
        if brought.fileless {
            return Severity::High;
        }
        if brought.deleted || !brought.loader_env.is_empty() {
            return Severity::Medium;
        }
    }
    if place::credential(action).is_some() || lends_identity(action) {
        return Severity::Medium;
    }
    match action.outcome.errno.as_deref() {
        Some("EACCES" | "EPERM") => Severity::Low,
        _ => Severity::Informational,
    }
}

/// A program that is given permissions runs as somebody, whoever starts it.
fn lends_identity(action: &Action) -> bool {
    let Object::File { change, .. } = &action.object else {
        return false;
    };
    let mode = change.mode.as_deref();
    let mode = mode.and_then(|mode| u32::from_str_radix(mode, 8).ok());
    let bits = mode.is_some_and(|mode| mode & (SETUID | SETGID) != 0);
    let attribute = change.attribute.as_ref();
    let capable = attribute.is_some_and(|name| name.0 == b"security.capability");
    (bits && action.action == "file.chmod") || (capable && action.action == "file.setxattr")
}

fn handoff(handoff: &Handoff) -> Severity {
    match handoff.recorded {
        true => Severity::Low,
        false => Severity::Medium,
    }
}

fn tamper(tamper: &Tamper) -> Severity {
    match tamper.expected {
        true => Severity::Informational,
        false => Severity::High,
    }
}

/// Of something that is missing.
pub(super) fn gap(reason: GapReason) -> Severity {
    match reason {
        GapReason::NotRecording
        | GapReason::UncleanStop
        | GapReason::JournalFull
        | GapReason::JournalRemoved
        | GapReason::TouchesLost
        | GapReason::TornLine => Severity::High,
        GapReason::RingFull
        | GapReason::MapFull
        | GapReason::SessionBudget
        | GapReason::Oversized
        | GapReason::PartsLost
        | GapReason::Unaccounted
        | GapReason::UndecidedFull
        | GapReason::Undecodable => Severity::Medium,
        GapReason::Skipped
        | GapReason::LateTag
        | GapReason::ContainerUnknown
        | GapReason::AmbiguousHandoff => Severity::Low,
    }
}
