//! Tables: what to look at, files, hosts.

use super::bits::{bytes, calls, cell, clock, hash, head, more, number, section, unhashed, unseen};
use super::write::Html;
use crate::report::model::{FileDone, Finding, HostDone, Report, Weight};
use crate::run::summary::came_and_went;

pub(super) fn findings(html: &mut Html, report: &Report) {
    let found = &report.findings;
    section(html, ("findings", "To look at"), found.total(), |html| {
        if found.items.is_empty() {
            html.word(
                "p",
                "faint",
                "No credential was touched, nothing was refused or killed, nobody reached for the \
                 recorder, and no program ran that is no file or brings other code.",
            );
            return;
        }
        html.node("ul", &[("class", "findings")], |html| {
            found.items.iter().for_each(|one| finding(html, one));
        });
        more(html, found);
    });
}

fn finding(html: &mut Html, finding: &Finding) {
    let class = match finding.weight {
        Weight::Bad => "bad",
        Weight::Warning => "warn",
        Weight::Note => "note",
    };
    html.node("li", &[("class", class)], |html| {
        html.word("b", "", &finding.what);
        html.node("span", &[], |html| {
            html.word("code", "", &finding.name.escaped());
            html.text(" ");
            html.word("span", "faint", &finding.detail);
        });
        html.node("span", &[("class", "where")], |html| {
            if let Some(time) = &finding.time {
                html.text(&clock(time));
                html.text(" ");
            }
            if let Some(seq) = finding.seq {
                html.text(&format!("record {seq} "));
            }
            calls(html, &finding.calls);
        });
    });
}

pub(super) fn files(html: &mut Html, report: &Report) {
    let files = &report.files;
    let group = |is: fn(&FileDone) -> bool| -> Vec<&FileDone> {
        files.items.iter().filter(|file| is(file)).collect()
    };
    let plain = group(|file| !file.came_and_went() && !file.of_tool);
    let of_tools = group(|file| !file.came_and_went() && file.of_tool);
    let gone = group(FileDone::came_and_went);
    section(
        html,
        ("files", "Files changed"),
        plain.len() as u64,
        |html| {
            if plain.is_empty() {
                html.word(
                    "p",
                    "faint",
                    "None that stayed, outside the folders of tools.",
                );
            } else {
                rows(html, &plain);
            }
            let tools = number(of_tools.len() as u64, "file");
            let tools = format!("{tools} in folders of tools (.git, node_modules …)");
            let left = names_left(report.effects.temporary, gone.len() as u64);
            for (list, said) in [(of_tools, tools), (gone, left)] {
                if list.is_empty() {
                    continue;
                }
                html.node("details", &[("class", "fold")], |html| {
                    html.word("summary", "", &said);
                    rows(html, &list);
                });
            }
            more(html, files);
        },
    );
}

/// Names that were new and are nobody's any more: of files that came and went, and of those that got
/// another name.
fn names_left(temporary: u64, names: u64) -> String {
    match temporary {
        0 => format!(
            "{} that files were created under and left",
            number(names, "name")
        ),
        count if count == names => came_and_went(count),
        count => format!(
            "{}, {} in all with those that files left for another",
            came_and_went(count),
            number(names, "name")
        ),
    }
}

fn rows(html: &mut Html, files: &[&FileDone]) {
    html.node("table", &[], |html| {
        head(html, &["File", "What", "Size", "SHA-256", "Call"]);
        html.node("tbody", &[], |html| {
            files.iter().for_each(|one| file(html, one));
        });
    });
}

fn file(html: &mut Html, file: &FileDone) {
    html.node("tr", &[], |html| {
        html.node("th", &[("scope", "row")], |html| {
            html.word("code", "", &file.path.escaped());
            if let Some(other) = &file.other {
                let way = if file.gone { " → " } else { " ← " };
                html.text(way);
                html.word("code", "", &other.escaped());
            }
        });
        cell(html, "What", |html| html.text(&file.told()));
        cell(html, "Size", |html| {
            html.text(&file.size.map_or(String::new(), bytes));
        });
        cell(html, "SHA-256", |html| hashes(html, file));
        cell(html, "Call", |html| calls(html, &file.calls));
    });
}

fn hashes(html: &mut Html, file: &FileDone) {
    if let Some(sha256) = &file.sha256 {
        if file.gone {
            html.word("small", "faint", "last ");
        }
        hash(html, sha256);
        if file.changed_since {
            html.word("small", "warn", " changed while it was read");
        }
    } else if let Some(reason) = file.unhashed {
        html.word("small", "faint", unhashed(reason));
    }
    if let Some(before) = &file.previous_sha256 {
        html.node("span", &[("class", "before")], |html| {
            html.word("small", "faint", "before ");
            hash(html, before);
        });
    }
}

pub(super) fn hosts(html: &mut Html, report: &Report) {
    let (sockets, hosts): (Vec<_>, Vec<_>) = report
        .hosts
        .items
        .iter()
        .partition(|host| host.proto == "unix");
    section(html, ("hosts", "Hosts"), hosts.len() as u64, |html| {
        if hosts.is_empty() {
            html.word("p", "faint", "None.");
        } else {
            host_rows(html, &hosts);
        }
        if !sockets.is_empty() {
            html.node("details", &[("class", "fold")], |html| {
                let count = number(sockets.len() as u64, "socket");
                html.word("summary", "", &format!("{count} of this machine"));
                host_rows(html, &sockets);
            });
        }
        more(html, &report.hosts);
    });
}

fn host_rows(html: &mut Html, hosts: &[&HostDone]) {
    html.node("table", &[], |html| {
        head(
            html,
            &[
                "Host",
                "Connections",
                "Sent",
                "Received",
                "In the open",
                "Call",
            ],
        );
        html.node("tbody", &[], |html| {
            hosts.iter().for_each(|one| host(html, one));
        });
    });
}

fn host(html: &mut Html, host: &HostDone) {
    html.node("tr", &[], |html| {
        html.node("th", &[("scope", "row")], |html| {
            for name in &host.names {
                html.word("code", "", name);
                html.text(" ");
            }
            html.word("code", "", &host.address.escaped());
            html.word("small", "faint", &format!(" {}", host.proto));
        });
        cell(html, "Connections", |html| {
            html.text(&host.connections.to_string());
            if host.failed > 0 {
                html.word("small", "warn", &format!(" {} failed", host.failed));
            }
            if let Some(unseen) = unseen(host) {
                html.word("small", "warn", &format!(" {unseen}"));
            }
            if host.inbound {
                html.word("small", "faint", " inbound");
            }
            if host.listens {
                html.word("small", "warn", " listens");
            }
        });
        cell(html, "Sent", |html| html.text(&bytes(host.bytes_out)));
        cell(html, "Received", |html| html.text(&bytes(host.bytes_in)));
        cell(html, "In the open", |html| {
            for said in &host.said {
                html.word("div", "said", said);
            }
        });
        cell(html, "Call", |html| calls(html, &host.calls));
    });
}
