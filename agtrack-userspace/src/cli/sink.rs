//! `agtrack sink`: how far each has come, and whether one would work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::{self, Config, DEFAULT_FILE};
use crate::journal::{self, Error, Journal, Reader};
use crate::record::printable;
use crate::sink::{self, Cursor, Settings};
use crate::terminal::{Output, styled};

/// Arguments of `agtrack sink`.
#[derive(Debug, clap::Args)]
pub(super) struct SinkArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the sinks of the configuration, and how far each has come
    ///
    /// Read from their cursors, which are at most a second old, and from the journal; needs no daemon.
    /// A record is delivered when the receiver confirmed it; what stands for that where a transport has
    /// no such answer is said beside. `behind` are records of the journal that were not delivered yet,
    /// those not meant for the sink included. The sums are of all time since the sink began, those sent
    /// again included. A sink that fails tries again by itself.
    List {
        /// The configuration
        #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
        config: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send one marked record to a sink and say what came of it
    ///
    /// The record has `"test": true` and is in no journal; the sink's cursor stays where it is. Exit code
    /// 1 where the receiver did not take it.
    Test {
        /// The sink's name in the configuration
        name: String,
        /// The configuration
        #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
        config: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: &SinkArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::List { config, json } => list(&config::load(config)?.config, *json),
        Command::Test { name, config, json } => {
            test(&config::load(config)?.config, (name, config), *json)
        }
    }
}

fn list(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let (log, head) = match log(&config.journal.dir) {
        Ok((log, head)) => (Some(log), head),
        Err(Error::NotAJournal { .. }) => (None, 0),
        Err(error) => return Err(error.into()),
    };
    let directory = sink::directory(&config.journal.dir);
    let find = |settings: &Settings| find(&directory, settings, log);
    let mut out = Output::new();
    if json {
        let sinks = config
            .sinks
            .iter()
            .map(|sink| Ok(as_json(sink, &find(sink)?, head)));
        let sinks = sinks.collect::<anyhow::Result<Vec<_>>>()?;
        out.json(&json!({"journal_seq": head, "sinks": sinks}))?;
    } else if config.sinks.is_empty() {
        out.line("no sinks; add [[sinks]] to the configuration, as docs/sinks.md shows")?;
    }
    for settings in config.sinks.iter().filter(|_| !json) {
        let (text, error) = describe(settings, &find(settings)?, head);
        out.line(text)?;
        if let Some(error) = error {
            out.line(styled(out.palette.bad, error))?;
        }
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Which log the journal is, and its last record.
fn log(dir: &Path) -> Result<(Uuid, u64), Error> {
    let log = Reader::open(dir, journal::Start::Beginning)?.log_id();
    Ok((log, Journal::committed(dir)?.seq))
}

/// What there is of a sink's cursor.
enum Found {
    Cursor(Cursor),
    /// It has one of this other log only.
    Other(Uuid),
    Nothing,
}

impl Found {
    fn cursor(&self) -> Option<&Cursor> {
        match self {
            Found::Cursor(cursor) => Some(cursor),
            Found::Other(_) | Found::Nothing => None,
        }
    }

    fn other(&self) -> Option<Uuid> {
        match self {
            Found::Other(other) => Some(*other),
            Found::Cursor(_) | Found::Nothing => None,
        }
    }
}

/// Looks for the cursor of a sink in this log, if there is one yet.
fn find(directory: &Path, settings: &Settings, log: Option<Uuid>) -> anyhow::Result<Found> {
    let read = |log| Cursor::read(directory, &settings.name, log);
    let cursor = log.map(read).transpose().with_context(|| {
        format!(
            "cannot read the cursor of sink {} in {}; run it with sudo, or look whether the file is whole",
            settings.name,
            directory.display()
        )
    })?;
    if let Some(cursor) = cursor.flatten() {
        return Ok(Found::Cursor(cursor));
    }
    let others = Cursor::others(directory, &settings.name, log);
    let other = others.first().copied();
    Ok(other.map_or(Found::Nothing, Found::Other))
}

/// A line for people, and another one where something is wrong.
fn describe(settings: &Settings, found: &Found, head: u64) -> (String, Option<String>) {
    let who = format!("{} ({})", settings.name, settings.kind.name());
    let start = settings.start;
    let cursor = match found {
        Found::Cursor(cursor) => cursor,
        Found::Other(other) => {
            let text = format!(
                "{who}: its cursor is of another journal ({other}); it begins at `{start}` of this one"
            );
            return (text, None);
        }
        Found::Nothing => return (format!("{who}: has not begun; begins at `{start}`"), None),
    };
    let delivered = cursor.next_seq.saturating_sub(1);
    let behind = head.saturating_sub(delivered);
    let mut text = format!("{who}: delivered up to record {delivered} of {head}, {behind} behind");
    let unsure = cursor.sent_seq.saturating_sub(cursor.next_seq);
    if unsure > 0 {
        text.push_str(&format!(
            ", {unsure} of them sent and sure once the connection has held for a while"
        ));
    }
    let row = settings.kind.row();
    let means = row.map_or("", |row| row.acknowledgement);
    // What is counted is what the receiver was handed.
    let is_unsure = row.is_some_and(|row| row.knows.contains(&"resend_ms"));
    let counted = if is_unsure { "sent" } else { "delivered" };
    text.push_str(&format!(
        " (\"delivered\" means: {means}); since it began {} {counted}, those sent again included, {} refused",
        cursor.delivered, cursor.refused
    ));
    if cursor.missed > 0 {
        text.push_str(&format!(", {} no longer kept", cursor.missed));
    }
    let error = cursor.error.as_ref().map(|fault| {
        let (since, reason) = (printable(&fault.since), printable(&fault.reason));
        format!("  fails since {since}: {reason}; {AGAIN}")
    });
    (text, error)
}

/// When the next attempt is made: `sink/backoff.rs` decides that, and no cursor knows it.
const AGAIN: &str = "a running daemon tries again by itself, first after less than a second, then at \
                     most a minute apart, unless the receiver asks for a longer pause";

fn as_json(settings: &Settings, found: &Found, head: u64) -> Value {
    let cursor = found.cursor();
    let delivered = cursor.map(|cursor| cursor.next_seq.saturating_sub(1));
    json!({
        "name": settings.name,
        "type": settings.kind.name(),
        "log_id": cursor.map(|cursor| cursor.log_id),
        "other_log_id": found.other(),
        "delivered_seq": delivered,
        "sent_seq": cursor.map(|cursor| cursor.sent_seq.saturating_sub(1)),
        "behind": delivered.map(|seq| head.saturating_sub(seq)),
        "delivered": cursor.map(|cursor| cursor.delivered),
        "refused": cursor.map(|cursor| cursor.refused),
        "missed": cursor.map(|cursor| cursor.missed),
        "error": cursor.and_then(|cursor| cursor.error.clone()),
    })
}

fn test(config: &Config, (name, file): (&str, &Path), json: bool) -> anyhow::Result<ExitCode> {
    let Some(settings) = config.sinks.iter().find(|sink| sink.name == name) else {
        let known: Vec<_> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
        let known = match known.len() {
            0 => "it has none".to_owned(),
            _ => format!("it has {}", known.join(", ")),
        };
        bail!(
            "no sink is called {} in {}; {known}",
            printable(name),
            file.display()
        );
    };
    let host = rustix::system::uname();
    let result = sink::attempt(settings, &host.nodename().to_string_lossy());
    let row = settings.kind.row();
    let acknowledged = row.map_or("", |row| row.acknowledgement);
    let mut out = Output::new();
    match &result {
        Ok(trial) if json => out.json(&json!({
            "name": name, "ok": true, "id": trial.id, "said": trial.said,
            "acknowledgement": acknowledged, "error": null,
        }))?,
        Err(error) if json => {
            out.json(&json!({"name": name, "ok": false, "error": format!("{error:#}")}))?;
        }
        Ok(trial) => {
            let said = match trial.said.as_str() {
                "" => String::new(),
                said => format!(" ({said})"),
            };
            out.line(format!(
                "sink {name}: record {} was sent; {acknowledged}{said}",
                trial.id
            ))?;
        }
        Err(_) => {}
    }
    out.finish()?;
    match result {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(_) if json => Ok(ExitCode::FAILURE),
        Err(error) => Err(error.context(format!("sink {name} did not take a test record"))),
    }
}
