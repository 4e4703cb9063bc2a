//! What is known to be missing, and what that was compared with.

use jiff::tz::TimeZone;

use super::bits::{clock, moment, more};
use super::write::Html;
use crate::report::completeness::Completeness;
use crate::report::model::Report;

pub(super) fn section_title(told: &Completeness) -> &'static str {
    match told.is_whole() {
        true => "Nothing is known to be missing.",
        false => "Something is missing, or may be.",
    }
}

pub(super) fn section(html: &mut Html, report: &Report) {
    let told = &report.completeness;
    super::bits::section(html, ("completeness", "Completeness"), 0, |html| {
        html.word("p", "", section_title(told));
        html.node("dl", &[("class", "facts checks")], |html| {
            for (name, value) in checks(told) {
                html.node("div", &[], |html| {
                    html.word("dt", "", name);
                    html.word("dd", "", &value);
                });
            }
        });
        gaps(html, told);
        hooks(html, told);
    });
}

fn checks(told: &Completeness) -> Vec<(&'static str, String)> {
    let numbers = match &told.numbers.broken {
        None => format!(
            "records {} to {} are all there, each with the number that is its turn",
            told.numbers.first, told.numbers.last
        ),
        Some(broken) => broken.clone(),
    };
    let lost = match told.lost {
        0 => "none on record; what a hook counts and does not arrive is a gap".to_owned(),
        lost => format!("{lost}, each told as a gap below"),
    };
    let skipped = match told.skipped {
        0 => "none".to_owned(),
        count => format!("up to {count}, for all processes of the host"),
    };
    let unknown = || "not on record".to_owned();
    let mut checks = vec![
        ("Journal", numbers),
        ("Events lost", lost),
        ("Runs the kernel skipped", skipped),
        ("Back end", told.backend.clone().unwrap_or_else(unknown)),
        ("Kernel", told.kernel.clone().unwrap_or_else(unknown)),
    ];
    if told.unreadable > 0 {
        let said = format!("{}, damaged or of a newer agtrack", told.unreadable);
        checks.push(("Lines that cannot be read", said));
    }
    for restart in &told.restarts.items {
        let said = format!("{}: {}", moment(&restart.time), restart.words());
        checks.push(("Restarted", said));
    }
    if let Some(order) = told.ordered {
        checks.push(("Recorded no more", order.words().to_owned()));
    }
    if told.unwatched {
        let said = "no recorder is at work, and the session's end is not on record";
        checks.push(("Since then", said.to_owned()));
    }
    let holes = told.holes.iter();
    checks.extend(holes.map(|hole| ("Removed", hole.to_string())));
    checks.push((
        "Not checked",
        "that nobody rewrote the journal as a whole: its records are numbered, not signed"
            .to_owned(),
    ));
    checks
}

fn gaps(html: &mut Html, told: &Completeness) {
    if told.gaps.total() == 0 {
        return;
    }
    html.word("h3", "", "Gaps");
    html.node("ul", &[("class", "findings")], |html| {
        for gap in &told.gaps.items {
            html.node("li", &[("class", "warn")], |html| {
                let reason = serde_json::to_value(gap.reason).ok();
                let reason = reason.and_then(|reason| reason.as_str().map(str::to_owned));
                html.word("b", "", &reason.unwrap_or_default().replace('_', " "));
                html.node("span", &[], |html| {
                    html.text(&gap.detail);
                    let action = gap.action.as_deref();
                    let words = [
                        gap.count.map(|count| count.to_string()),
                        action.map(str::to_owned),
                        Some(
                            if gap.own {
                                "this session"
                            } else {
                                "any session"
                            }
                            .to_owned(),
                        ),
                    ];
                    let words: Vec<_> = words.into_iter().flatten().collect();
                    html.text(&format!(". May be missing: {}. ", gap.missing));
                    html.word("span", "faint", &words.join(" · "));
                });
                let when = gap.between.map(|between| between.words(&TimeZone::UTC));
                let when = when.unwrap_or_else(|| clock(&gap.time));
                let place = format!("{when} record {}", gap.seq);
                html.word("span", "where", &place);
            });
        }
    });
    more(html, &told.gaps);
}

fn hooks(html: &mut Html, told: &Completeness) {
    if told.hooks_missing.is_empty() && told.passed_over.is_empty() {
        if told.hooks > 0 {
            let said = format!("All {} hooks were attached.", told.hooks);
            html.word("p", "faint", &said);
        }
        return;
    }
    html.node("details", &[("class", "fold")], |html| {
        let said = match told.hooks_missing.len() {
            0 => format!("All {} hooks of this back end were attached", told.hooks),
            count => format!("{count} of {} hooks were not attached", told.hooks),
        };
        html.word("summary", "", &said);
        html.node("ul", &[], |html| {
            for lack in &told.hooks_missing {
                html.node("li", &[], |html| {
                    html.word("code", "", &lack.action);
                    html.text(&format!(" {} ", lack.hook));
                    html.word("span", "faint", lack.reason.as_deref().unwrap_or_default());
                });
            }
            for passed in &told.passed_over {
                html.word("li", "faint", &format!("passed over: {passed}"));
            }
        });
    });
}
