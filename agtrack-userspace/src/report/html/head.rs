//! The top of the page: whose session, what came of it, whether anything is missing.

use jiff::tz::TimeZone;

use super::bits::{moment, number};
use super::write::Html;
use crate::container;
use crate::record::CallClass;
use crate::report::model::{Call, Ended, Report, Step};
use crate::report::text::{binding, duration};
use crate::terminal::command;

/// Characters of the command in the title.
const COMMAND: usize = 240;

pub(super) fn header(html: &mut Html, report: &Report) {
    let session = &report.session;
    html.node("header", &[], |html| {
        html.node("div", &[("class", "top")], |html| {
            html.word("p", "eyebrow", "agtrack session report");
            let attributes = [("id", "theme"), ("type", "button"), ("hidden", "")];
            html.node("button", &attributes, |html| html.text("Light or dark"));
        });
        html.word("h1", "", &session.agent.name);
        if !session.command.is_empty() {
            html.word("code", "command", &command(&session.command, COMMAND));
        }
        html.node("dl", &[("class", "facts")], |html| facts(html, report));
        verdict(html, report);
        html.node("nav", &[("aria-label", "Sections")], |html| {
            figures(html, report);
        });
    });
}

fn facts(html: &mut Html, report: &Report) {
    let session = &report.session;
    let ended = match session.ended {
        Ended::Yes => match session.why {
            Some(why) => format!("{} ({})", moment(&session.end), why.words()),
            None => moment(&session.end),
        },
        Ended::No => "its end is not on record yet".to_owned(),
        Ended::BrokenOff => format!("recording broke off after {}", moment(&session.end)),
    };
    let begin = match session.begin_missing {
        true => format!("before {} (no longer kept)", moment(&session.begin)),
        false => moment(&session.begin),
    };
    let host = &session.host;
    let mut told = vec![
        ("Session", session.agent.session.to_string()),
        ("Agent", session.agent.id.clone()),
        ("Recognised by", binding(report).to_owned()),
        ("Host", format!("{} ({})", host.name, host.id)),
        ("Began", begin),
        ("Ended", ended),
        ("Took", duration(session.duration)),
    ];
    told.extend(session.agent.owner.clone().map(|owner| ("Owner", owner)));
    let container = session.container.as_ref();
    told.extend(container.map(|it| ("Container", container::shown(it))));
    let cgroup = session.cgroup.as_ref();
    told.extend(cgroup.map(|cgroup| ("cgroup", cgroup.escaped().into_owned())));
    let labels = session.agent.labels.iter();
    let labels: Vec<_> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    told.extend((!labels.is_empty()).then(|| ("Labels", labels.join(", "))));
    told.extend((session.still_running > 0).then(|| {
        let said = match session.still_running {
            1 => "1 process".to_owned(),
            count => format!("{count} processes"),
        };
        ("Left running", said)
    }));
    for (name, value) in told {
        html.node("div", &[], |html| {
            html.word("dt", "", name);
            html.word("dd", "", &value);
        });
    }
}

fn verdict(html: &mut Html, report: &Report) {
    let told = &report.completeness;
    let class = match told.is_whole() {
        true => "verdict good",
        false => "verdict bad",
    };
    html.node("p", &[("class", class)], |html| {
        let said = match (told.is_whole(), told.lost) {
            (true, _) => "Nothing is known to be missing.".to_owned(),
            (false, 0) => "This record may not be whole.".to_owned(),
            (false, lost) => format!("{} known to be missing.", lost_events(lost)),
        };
        html.word("strong", "", &said);
        html.text(" ");
        if let Some(between) = told.doubtful() {
            html.text(&format!("{} UTC. ", between.words(&TimeZone::UTC)));
        }
        html.node("a", &[("href", "#completeness")], |html| {
            html.text("What was checked");
        });
    });
}

fn lost_events(lost: u64) -> String {
    match lost {
        1 => "1 event is".to_owned(),
        lost => format!("{lost} events are"),
    }
}

fn figures(html: &mut Html, report: &Report) {
    let calls: Vec<&Call> = report.timeline.items.iter().filter_map(call).collect();
    let failed = calls.iter().filter(|call| call.failed_at_work());
    let failed = failed.count();
    let own = calls.iter().filter(|call| call.class != CallClass::Tool);
    let own = own.count();
    let mut beside = Vec::new();
    beside.extend((failed > 0).then(|| format!("{failed} failed")));
    beside.extend((own > 0).then(|| format!("{own} service or housekeeping")));
    let persists = |file: &&crate::report::FileDone| !file.came_and_went() && !file.of_tool;
    let files = report.files.items.iter().filter(persists).count() as u64;
    let (reached, not_reached) = hosts(report);
    let credentials = report.effects.credentials.total;
    let figures = [
        (
            "timeline",
            calls.len() as u64,
            ("tool call", "tool calls"),
            beside.join(", "),
        ),
        (
            "findings",
            report.findings.total(),
            ("to look at", "to look at"),
            credentials_word(credentials),
        ),
        (
            "files",
            files,
            ("file changed", "files changed"),
            String::new(),
        ),
        ("hosts", reached, ("host", "hosts"), not_reached),
        (
            "processes",
            report.processes.total(),
            ("process", "processes"),
            String::new(),
        ),
    ];
    html.node("ul", &[("class", "figures")], |html| {
        for (id, count, (one, many), beside) in &figures {
            html.node("li", &[], |html| {
                html.node("a", &[("href", &format!("#{id}"))], |html| {
                    html.word("b", "", &count.to_string());
                    html.word("span", "", if *count == 1 { one } else { many });
                    if !beside.is_empty() {
                        html.word("small", "", beside);
                    }
                });
            });
        }
    });
}

/// Hosts that were reached, and in words those that were not.
fn hosts(report: &Report) -> (u64, String) {
    let hosts = report.hosts.items.iter();
    let hosts = hosts.filter(|host| host.proto != "unix");
    let (reached, others): (Vec<_>, Vec<_>) = hosts.partition(|host| host.is_reached());
    let not_reached = match others.len() {
        0 => String::new(),
        count => format!("{count} asked for and not reached"),
    };
    (reached.len() as u64, not_reached)
}

fn credentials_word(count: u64) -> String {
    match count {
        0 => String::new(),
        count => number(count, "credential"),
    }
}

fn call(step: &Step) -> Option<&Call> {
    match step {
        Step::Call(call) => Some(call),
        Step::Direct(_) => None,
    }
}
