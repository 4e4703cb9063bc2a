//! The tree of processes.

use std::collections::{HashMap, HashSet};

use super::bits::{calls, more, section};
use super::write::Html;
use crate::record::{Text, printable};
use crate::report::model::{ProcessDone, Report};
use crate::report::text::duration;
use crate::terminal::command;

/// Characters of a command.
const COMMAND: usize = 160;
/// Deeper ones stand at this depth: a chain of forks has no end, a page has.
const DEEPEST: usize = 40;

/// Children by the uids of their parents, in their order.
type Children<'a> = HashMap<&'a str, Vec<&'a ProcessDone>>;

pub(super) fn processes(html: &mut Html, report: &Report) {
    let list = &report.processes;
    section(html, ("processes", "Processes"), list.total(), |html| {
        let known: HashSet<&str> = list.items.iter().map(|one| &*one.uid).collect();
        let mut children = Children::new();
        let mut roots = Vec::new();
        for process in &list.items {
            match process.parent_uid.as_deref() {
                Some(parent) if known.contains(parent) && parent != process.uid => {
                    children.entry(parent).or_default().push(process);
                }
                Some(_) | None => roots.push(process),
            }
        }
        html.node("ul", &[("class", "tree")], |html| {
            for root in roots {
                branch(html, root, &mut children, 0);
            }
        });
        more(html, list);
    });
}

/// A process with those below it. Each is taken out, so that nothing is told twice.
fn branch<'a>(
    html: &mut Html,
    process: &'a ProcessDone,
    children: &mut Children<'a>,
    depth: usize,
) {
    let below = children.remove(&*process.uid).unwrap_or_default();
    html.node("li", &[], |html| {
        if below.is_empty() {
            html.node("div", &[], |html| line(html, process));
            return;
        }
        // The first level shows what the main program started.
        let open: &[(&'static str, &str)] = if depth == 0 { &[("open", "")] } else { &[] };
        html.node("details", open, |html| {
            html.node("summary", &[], |html| line(html, process));
            html.node("ul", &[], |html| {
                if depth < DEEPEST {
                    for child in below {
                        branch(html, child, children, depth + 1);
                    }
                } else {
                    flat(html, below, children);
                }
            });
        });
    });
}

fn flat<'a>(html: &mut Html, below: Vec<&'a ProcessDone>, children: &mut Children<'a>) {
    let mut waiting = below;
    while let Some(process) = waiting.pop() {
        waiting.extend(children.remove(&*process.uid).unwrap_or_default());
        html.node("li", &[], |html| {
            html.node("div", &[], |html| line(html, process));
        });
    }
}

fn line(html: &mut Html, process: &ProcessDone) {
    html.word("code", "", &told(process));
    for mark in &process.marks {
        html.text(" ");
        html.word("i", "warn", mark);
    }
    let mut words = vec![process.pid.to_string()];
    if !process.before.is_empty() {
        let before = process.before.iter().map(name);
        words.push(format!("after {}", before.collect::<Vec<_>>().join(", ")));
    }
    words.extend(process.duration.map(duration));
    if let Some(exit) = &process.exit {
        match (exit.code, &exit.signal) {
            (Some(0), _) | (None, None) => {}
            (Some(code), _) => words.push(format!("exit {code}")),
            (None, Some(signal)) => words.push(printable(signal)),
        }
    }
    html.text(" ");
    html.word("span", "faint", &words.join(" · "));
    if let Some(call) = process.call {
        html.text(" ");
        calls(html, &[call]);
    }
}

/// File name of a program.
fn name(exe: &Text) -> String {
    let exe = exe.escaped();
    exe.rsplit('/').next().unwrap_or(&exe).to_owned()
}

/// Program and arguments, as far as they fit.
fn told(process: &ProcessDone) -> String {
    let exe = process.exe.as_ref();
    let Some(exe) = exe else {
        return command(&process.args, COMMAND);
    };
    let rest = process.args.get(1..).unwrap_or_default();
    let words: Vec<_> = [exe].into_iter().chain(rest).cloned().collect();
    command(&words, COMMAND)
}
