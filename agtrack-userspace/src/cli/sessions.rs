//! `agtrack sessions`: the sessions of a journal, a row each.
//!
//! Comes in: a journal and which sessions are wanted. Goes out: a table for people, or the rows as
//! JSON. Never: takes the journal's lock, or shows what is not committed yet.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::query::{hints, say, time, word};
use super::table::{self, Column};
use super::tail::choice;
use crate::journal::Extent;
use crate::query::{Glob, Query};
use crate::record::{Binding, printable};
use crate::sessions::{self, Row, Sessions, State, Wanted};
use crate::terminal::{self, Output, cut};

pub(super) const EXAMPLES: &str = "\
Examples:
  agtrack sessions                      all of the journal, the newest last
  agtrack sessions --since 1d           those of which something was recorded since yesterday
  agtrack report --session 0193a5c2-7e10
                                        one of them as a whole";

/// Arguments of `agtrack sessions`.
#[derive(Debug, clap::Args)]
pub(super) struct SessionsArgs {
    /// Id or name of the agent
    #[arg(long, value_name = "GLOB", value_parser = word())]
    agent: Vec<Glob>,
    /// Something of it was recorded at this time or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Print the rows as JSON, one object a line, with whole ids and UTC times
    #[arg(long)]
    json: bool,
    /// The journal's directory [default: the daemon's or the newest of `agtrack run`, whichever
    /// was written last]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
}

pub(super) fn run(args: &SessionsArgs) -> anyhow::Result<ExitCode> {
    let dir = choice::journal(args.journal.as_deref(), args.json)?;
    let extent = Extent::open(&dir)?;
    let wanted = Wanted {
        agents: args.agent.clone(),
        since: args.since,
    };
    let (found, told) = sessions::list(&extent, &wanted)?;
    let mut out = Output::new();
    match args.json {
        true => {
            for row in &found.rows {
                out.json_line(serde_json::to_string(row)?.as_bytes())?;
            }
        }
        false => {
            let zone = TimeZone::system();
            let rows: Vec<_> = found.rows.iter().map(|row| cells(row, &zone)).collect();
            table::print(COLUMNS, &rows, &mut out)?;
        }
    }
    out.finish()?;
    say(&dir, &told, found.rows.len() as u64);
    note(&found);
    if found.rows.is_empty() {
        let query = Query {
            agents: args.agent.clone(),
            ..Query::default()
        };
        let hints = hints(&extent, &query)?;
        hints.iter().for_each(|hint| terminal::tell(hint));
    }
    Ok(ExitCode::SUCCESS)
}

/// What people must know beside the rows.
fn note(found: &Sessions) {
    if found.is_cut {
        terminal::tell("there are older sessions than can be kept apart; they are not listed");
    }
    if found.is_rough {
        terminal::tell(
            "there is too much to be looked at to compare it all: of some sessions the findings \
             are too many, or gaps and attempts on the recorder too few; `agtrack report` has them",
        );
    }
}

const COLUMNS: [Column; 10] = [
    ("SESSION", false),
    ("AGENT", false),
    ("BEGAN", false),
    ("ENDED", false),
    ("BY", false),
    ("CALLS", true),
    ("ACTIONS", true),
    ("FINDINGS", true),
    ("GAPS", true),
    ("WHAT", false),
];
/// Characters of an id: its millisecond, and what keeps those of one millisecond apart.
const ID: usize = 18;
/// Characters of a name, and of what bound a session.
const NAME: usize = 32;
const WHAT: usize = 60;

fn cells(row: &Row, zone: &TimeZone) -> [String; 10] {
    let agent = match &row.program {
        Some(program) => format!("{}/{program}", row.agent),
        None => row.agent.clone(),
    };
    let ended = match (&row.state, &row.ended) {
        (_, Some(ended)) => moment(ended, zone),
        (State::Running, None) => "running".to_owned(),
        (State::Suspended, None) => "suspended".to_owned(),
        (State::Ended | State::NotTold, None) => "not told".to_owned(),
    };
    [
        row.session.to_string().chars().take(ID).collect(),
        cut(&printable(&agent), NAME),
        moment(&row.began, zone),
        ended,
        binding(row.binding).to_owned(),
        row.tool_calls.to_string(),
        row.actions.to_string(),
        row.findings.to_string(),
        row.gaps.to_string(),
        cut(&row.bound, WHAT),
    ]
}

fn moment(time: &str, zone: &TimeZone) -> String {
    crate::report::text::time(time, zone, "%Y-%m-%d %H:%M:%S")
}

/// As in records.
fn binding(binding: Binding) -> &'static str {
    match binding {
        Binding::Launcher => "launcher",
        Binding::Cgroup => "cgroup",
        Binding::Container => "container",
        Binding::Executable => "executable",
        Binding::User => "user",
        Binding::Inferred => "inferred",
    }
}
