//! The timeline: a line for each tool call, and what came of it below.

use super::bits::{bytes, clock, more, number, section, unseen};
use super::write::Html;
use crate::record::{CallClass, Effects, Item, Listed};
use crate::report::model::{Call, Capped, Direct, HostDone, Report, Step};
use crate::report::text::{duration, ended};
use crate::run::summary::{came_and_went, contact};
use crate::terminal::command;

/// Characters of a command in its line, and in full.
const LINE: usize = 200;
const FULL: usize = 4000;
/// Calls that the strip shows; more would be one colour.
const STRIP: usize = 2000;

pub(super) fn timeline(html: &mut Html, report: &Report) {
    let steps = &report.timeline;
    section(html, ("timeline", "Timeline"), 0, |html| {
        if steps.items.is_empty() {
            html.word(
                "p",
                "faint",
                "No tool call, and nothing that the main program left behind.",
            );
            return;
        }
        strip(html, report);
        html.node("div", &[("class", "tools"), ("hidden", "")], |html| {
            html.node("label", &[("for", "filter")], |html| html.text("Filter"));
            html.open(
                "input",
                &[
                    ("id", "filter"),
                    ("type", "search"),
                    ("autocomplete", "off"),
                    ("spellcheck", "false"),
                    ("placeholder", "git, exit 1, github.com, .env …"),
                ],
            );
            html.node("output", &[("id", "shown"), ("for", "filter")], |_| {});
            html.node("button", &[("id", "unfold"), ("type", "button")], |html| {
                html.text("Expand all");
            });
        });
        html.node("ol", &[("class", "steps")], |html| {
            for item in &steps.items {
                html.node("li", &[("class", "step")], |html| match item {
                    Step::Call(call) => self::call(html, call),
                    Step::Direct(direct) => self::direct(html, direct),
                });
            }
        });
        more(html, steps);
    });
}

/// When the calls ran, at a glance.
fn strip(html: &mut Html, report: &Report) {
    let whole = report.session.duration.max(1);
    let place = |at: u64| (u128::from(at) * 10_000 / u128::from(whole)).min(10_000);
    let box_ = [
        ("class", "strip"),
        ("viewBox", "0 0 10000 20"),
        ("preserveAspectRatio", "none"),
        ("aria-hidden", "true"),
    ];
    html.node("svg", &box_, |html| {
        for step in report.timeline.items.iter().take(STRIP) {
            let Step::Call(call) = step else { continue };
            let (x, width) = (place(call.at), place(call.duration.unwrap_or(0)).max(12));
            let class = match (call.failed_at_work(), call.class) {
                (true, _) => "failed",
                (false, CallClass::Tool) => "tool",
                (false, CallClass::Housekeeping | CallClass::Service) => "own",
            };
            let (x, width) = (x.min(9_988).to_string(), width.to_string());
            html.node(
                "rect",
                &[
                    ("class", class),
                    ("x", &x),
                    ("width", &width),
                    ("height", "20"),
                ],
                |_| {},
            );
        }
    });
}

fn call(html: &mut Html, call: &Call) {
    let id = format!("call-{}", call.number);
    html.node("details", &[("id", &id)], |html| {
        html.node("summary", &[], |html| {
            html.word("span", "no", &format!("#{}", call.number));
            time(html, &call.time);
            html.node("span", &[("class", "what")], |html| {
                html.word("code", "", &command(&call.command, LINE));
                html.node("span", &[("class", "marks")], |html| marks(html, call));
            });
            let took = call.duration.map_or(String::new(), duration);
            html.word("span", "took", &took);
            let class = match (call.has_failed(), call.ended) {
                (true, _) => "exit failed",
                (false, true) => "exit",
                (false, false) => "exit running",
            };
            html.word("span", class, &ended(call));
        });
        html.node("div", &[("class", "body")], |html| {
            // The line above has it whole where it is short.
            let full = command(&call.command, FULL);
            if full.chars().count() > LINE {
                html.word("pre", "", &full);
            }
            html.word("p", "faint", &about(call));
            for session in &call.child_sessions {
                let told = format!("Started an agent: session {session}, with a report of its own");
                html.word("p", "", &told);
            }
            effects(html, &call.effects, &call.hosts);
        });
    });
}

fn direct(html: &mut Html, direct: &Direct) {
    html.node("details", &[("class", "direct")], |html| {
        html.node("summary", &[], |html| {
            html.word("span", "no", "");
            time(html, &direct.time);
            html.node("span", &[("class", "what")], |html| {
                html.word("span", "", "main program");
                html.node("span", &[("class", "marks")], |html| {
                    counts(html, &direct.effects, &direct.hosts);
                });
            });
            html.word("span", "took", &duration(direct.duration));
            html.word("span", "exit", "");
        });
        html.node("div", &[("class", "body")], |html| {
            html.word("p", "faint", &number(direct.actions, "action"));
            effects(html, &direct.effects, &direct.hosts);
        });
    });
}

fn time(html: &mut Html, time: &str) {
    html.node("time", &[("datetime", time)], |html| {
        html.text(&clock(time))
    });
}

fn about(call: &Call) -> String {
    let mut words = vec![format!("process {}", call.pid)];
    let cwd = call.cwd.as_ref();
    words.extend(cwd.map(|cwd| format!("in {}", cwd.escaped())));
    if call.processes > 1 {
        words.push(format!("{} processes", call.processes));
    }
    words.push(number(call.actions, "action"));
    words.push(format!("call {}", call.id));
    words.join(" · ")
}

/// What a line says beside its command.
fn marks(html: &mut Html, call: &Call) {
    match call.class {
        CallClass::Tool => {}
        CallClass::Housekeeping => html.word("i", "", "housekeeping"),
        CallClass::Service => html.word("i", "", "service"),
    }
    counts(html, &call.effects, &call.hosts);
}

fn counts(html: &mut Html, effects: &Effects, hosts: &Capped<HostDone>) {
    let [created, written, deleted, renamed] = [
        &effects.created,
        &effects.written,
        &effects.deleted,
        &effects.renamed,
    ]
    .map(|list| list.total);
    let files = created + written + deleted + renamed;
    let hosts = hosts.items.iter();
    let hosts = hosts.filter(|host| host.proto != "unix" && host.is_reached());
    let hosts = hosts.count() as u64;
    for (class, count, what) in [
        ("warn", effects.credentials.total, "credential"),
        ("warn", effects.refused.total, "refusal"),
        ("warn", effects.killed.total, "killed"),
        ("", files, "file"),
        ("", hosts, "host"),
    ] {
        match (count, what) {
            (0, _) => {}
            (count, "killed") => html.word("i", class, &format!("{count} killed")),
            (count, what) => html.word("i", class, &number(count, what)),
        }
    }
}

/// What came of it, list by list.
fn effects(html: &mut Html, effects: &Effects, hosts: &Capped<HostDone>) {
    html.node("dl", &[("class", "effects")], |html| {
        for (title, list) in [
            ("Credentials", &effects.credentials),
            ("Could use", &effects.offered),
            ("Refused", &effects.refused),
            ("Killed", &effects.killed),
            ("Created", &effects.created),
            ("Written", &effects.written),
            ("Deleted", &effects.deleted),
            ("Renamed", &effects.renamed),
        ] {
            listed(html, title, list);
        }
        if hosts.total() > 0 {
            html.word("dt", "", "Hosts");
            html.node("dd", &[], |html| {
                html.node("ul", &[], |html| {
                    hosts.items.iter().for_each(|one| host(html, one));
                });
                more(html, hosts);
            });
        }
        listed(html, "Programs", &effects.programs);
        besides(html, effects);
    });
}

fn besides(html: &mut Html, effects: &Effects) {
    let mut words = Vec::new();
    if effects.temporary > 0 {
        words.push(came_and_went(effects.temporary));
    }
    let failures = effects.failures.iter();
    words.extend(failures.map(|(errno, count)| format!("{errno} {count}")));
    if !words.is_empty() {
        html.word("dt", "", "Besides");
        html.word("dd", "", &words.join(", "));
    }
}

fn listed(html: &mut Html, title: &str, list: &Listed) {
    if list.is_empty() {
        return;
    }
    html.word("dt", "", title);
    html.node("dd", &[], |html| {
        html.node("ul", &[], |html| {
            list.items.iter().for_each(|one| item(html, one));
        });
        let folder = |item: &Item| item.name.0.ends_with(b"/");
        let told = |item: &Item| if folder(item) { item.count } else { 1 };
        let told: u64 = list.items.iter().map(told).sum();
        let more = list.total.saturating_sub(told) + list.beyond;
        if more > 0 {
            html.word("p", "faint", &format!("and {more} more"));
        }
    });
}

fn item(html: &mut Html, item: &Item) {
    html.node("li", &[], |html| {
        html.word("code", "", &item.name.escaped());
        if let Some(to) = &item.to {
            html.text(" → ");
            html.word("code", "", &to.escaped());
        }
        let mut how = Vec::new();
        how.extend((!item.what.is_empty()).then(|| item.what.clone()));
        how.extend(contact(&item.ways));
        how.extend((!item.by.0.is_empty()).then(|| format!("by {}", item.by.escaped())));
        if item.name.0.ends_with(b"/") {
            how.push(number(item.count, "file"));
        } else if item.count > 1 {
            how.push(format!("{} times", item.count));
        }
        how.extend(item.size.map(bytes));
        if !how.is_empty() {
            html.text(" ");
            html.word("span", "faint", &how.join(", "));
        }
        if let Some(sha256) = &item.sha256 {
            html.text(" ");
            super::bits::hash(html, sha256);
        }
    });
}

fn host(html: &mut Html, host: &HostDone) {
    html.node("li", &[], |html| {
        for name in &host.names {
            html.word("code", "", name);
            html.text(" ");
        }
        html.word("code", "", &host.address.escaped());
        let mut how = vec![host.proto.clone()];
        if host.bytes_out + host.bytes_in > 0 {
            how.push(format!(
                "{} out, {} in",
                bytes(host.bytes_out),
                bytes(host.bytes_in)
            ));
        }
        how.extend((host.failed > 0).then(|| format!("{} failed", host.failed)));
        how.extend(unseen(host));
        how.extend(host.inbound.then(|| "connected to the agent".to_owned()));
        html.text(" ");
        html.word("span", "faint", &how.join(", "));
        if !host.said.is_empty() {
            html.text(" ");
            html.word("span", "said", &host.said.join(" · "));
        }
    });
}
