//! Small pieces that more than one part of the page has.

use jiff::tz::TimeZone;

use super::write::Html;
use crate::record::{Sha256, Unhashed};
use crate::report::model::{Capped, HostDone};
use crate::report::text;
use crate::run::summary::NO_CONNECTION;

/// `12:03:04.123`.
pub(super) fn clock(time: &str) -> String {
    text::time(time, &TimeZone::UTC, "%H:%M:%S%.3f")
}

/// `2026-11-29 12:03:04 UTC`.
pub(super) fn moment(time: &str) -> String {
    text::time(time, &TimeZone::UTC, "%Y-%m-%d %H:%M:%S UTC")
}

/// `2026-11-29`.
pub(super) fn day(time: &str) -> String {
    text::time(time, &TimeZone::UTC, "%Y-%m-%d")
}

/// Bytes for people.
pub(super) fn bytes(count: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.iter().find(|(unit, _)| count >= *unit) {
        None => format!("{count} B"),
        Some((unit, name)) => {
            let tenths = count / (unit / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
    }
}

/// `1 file`, `2 files`.
pub(super) fn number(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// Of how many connects to a host nothing came, as far as that was seen.
pub(super) fn unseen(host: &HostDone) -> Option<String> {
    match (host.unseen(), host.connections) {
        (0, _) => None,
        (unseen, all) if unseen == all => Some(NO_CONNECTION.to_owned()),
        (unseen, _) => Some(format!("{unseen} {NO_CONNECTION}")),
    }
}

/// A hash in full, which a click copies.
pub(super) fn hash(html: &mut Html, hash: &Sha256) {
    let text = hash.to_string();
    html.node("code", &[("class", "hash"), ("tabindex", "0")], |html| {
        html.text(&text);
    });
}

/// Why there is no hash.
pub(super) fn unhashed(reason: Unhashed) -> &'static str {
    match reason {
        Unhashed::TooLarge => "no hash: too large",
        Unhashed::Gone => "no hash: gone before it was read",
        Unhashed::NotRegular => "no hash: no regular file",
        Unhashed::Busy => "no hash: too much to be read",
        Unhashed::Late => "no hash in time",
        Unhashed::Unreadable => "no hash: unreadable",
    }
}

/// Calls as links; 0 is the main program.
pub(super) fn calls(html: &mut Html, calls: &[u64]) {
    html.node("span", &[("class", "calls")], |html| {
        for (index, call) in calls.iter().enumerate() {
            if index > 0 {
                html.text(", ");
            }
            match call {
                0 => html.word("span", "faint", "main program"),
                call => html.node("a", &[("href", &format!("#call-{call}"))], |html| {
                    html.text(&format!("#{call}"));
                }),
            }
        }
    });
}

/// A section with its title and how many there are.
pub(super) fn section(
    html: &mut Html,
    (id, title): (&str, &str),
    total: u64,
    inner: impl FnOnce(&mut Html),
) {
    let name = format!("{id}-title");
    html.node(
        "section",
        &[("id", id), ("aria-labelledby", &name)],
        |html| {
            html.node("h2", &[("id", &name)], |html| {
                html.text(title);
                if total > 0 {
                    html.text(" ");
                    html.word("span", "count", &total.to_string());
                }
            });
            inner(html);
        },
    );
}

/// What found no room.
pub(super) fn more<T>(html: &mut Html, list: &Capped<T>) {
    if list.more > 0 {
        let said = format!("and {} more, which the journal has", list.more);
        html.word("p", "faint", &said);
    }
}

/// A table's head.
pub(super) fn head(html: &mut Html, columns: &[&str]) {
    html.node("thead", &[], |html| {
        html.node("tr", &[], |html| {
            for column in columns {
                html.node("th", &[("scope", "col")], |html| html.text(column));
            }
        });
    });
}

/// A cell that knows its column's title, for narrow screens.
pub(super) fn cell(html: &mut Html, title: &str, inner: impl FnOnce(&mut Html)) {
    html.node("td", &[("data-title", title)], inner);
}
