//! `agtrack events`: the event table for people, or as JSON.

use std::process::ExitCode;

use agtrack_common::event::{DERIVED, HOOKS, Kind, Row, TABLE};
use serde::Serialize;

use crate::load::{Backend, BackendChoice};
use crate::terminal::{Output, Palette, styled};

/// Arguments of `agtrack events`.
#[derive(Debug, clap::Args)]
pub(super) struct EventsArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An event as it is printed.
#[derive(Serialize)]
struct Event {
    name: &'static str,
    description: &'static str,
    /// The event whose bytes it is read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_from: Option<&'static str>,
    hooks: Vec<BackendHooks>,
}

/// The hooks of an event with one back end.
#[derive(Serialize)]
struct BackendHooks {
    backend: Backend,
    hooks: Vec<String>,
}

pub(super) fn run(args: &EventsArgs) -> anyhow::Result<ExitCode> {
    let mut out = Output::new();
    let events = events();
    if args.json {
        out.json(&events)?;
    } else {
        for line in lines(&events, out.palette) {
            out.line(line)?;
        }
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// All of the table, each with what is read from it.
fn events() -> Vec<Event> {
    let rows = TABLE.iter().map(|row| (row.kind, event(row)));
    rows.flat_map(|(kind, event)| {
        let derived = derived(kind);
        [event].into_iter().chain(derived)
    })
    .collect()
}

/// The actions that are read from an event.
fn derived(kind: Kind) -> impl Iterator<Item = Event> {
    let derived = DERIVED.iter().filter(move |derived| derived.kind == kind);
    derived.map(|derived| Event {
        name: derived.action,
        description: derived.description,
        read_from: Some(derived.kind.row().action),
        hooks: event(derived.kind.row()).hooks,
    })
}

fn event(row: &Row) -> Event {
    let hooks = |backend: Backend| {
        let bit = backend.bit();
        let of = HOOKS
            .iter()
            .filter(|hook| hook.kind == row.kind && hook.backends & bit != 0);
        BackendHooks {
            backend,
            hooks: of.map(|hook| hook.attach.to_string()).collect(),
        }
    };
    Event {
        name: row.action,
        description: row.description.trim(),
        read_from: None,
        hooks: BackendChoice::Auto
            .candidates()
            .into_iter()
            .map(hooks)
            .collect(),
    }
}

fn lines(events: &[Event], palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    for event in events {
        lines.push(format!(
            "{}  {}",
            styled(palette.strong, event.name),
            event.description
        ));
        if let Some(from) = event.read_from {
            lines.push(format!("    {:<12}{from}", "read from"));
            continue;
        }
        let alike = event
            .hooks
            .windows(2)
            .all(|pair| pair[0].hooks == pair[1].hooks);
        let shown = if alike {
            &event.hooks[..event.hooks.len().min(1)]
        } else {
            &event.hooks
        };
        for hooks in shown {
            let name = if alike {
                "always"
            } else {
                hooks.backend.name()
            };
            lines.push(format!("    {name:<12}{}", hooks.hooks.join(", ")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_hooks_with_every_back_end() {
        for event in TABLE.iter().map(event) {
            for of in event.hooks {
                assert!(
                    !of.hooks.is_empty(),
                    "{} with {}",
                    event.name,
                    of.backend.name()
                );
            }
        }
    }

    #[test]
    fn hooks_that_are_always_the_same_are_shown_once() {
        let events = events();
        let text = lines(&events, Palette::default()).join("\n");
        assert!(text.contains("process.exec  A process replaced its program.\n    always      "));
        assert!(text.contains("    tracepoint  tp_btf sys_exit"), "{text}");
    }
}
