//! `agtrack query`: the records that match.
//!
//! Comes in: a journal and what is asked for. Goes out: a line for people per record, the record
//! itself, or numbers. Never: takes the journal's lock, or shows what is not committed yet.

mod action;
mod ask;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::tail::{choice, story};
use crate::journal::Extent;
use crate::query::{Query, Row, Tally, Told, scan};
use crate::record::{Text, printable};
use crate::terminal::{self, Output, Unwritten, styled};
pub(super) use ask::session;

pub(super) const EXAMPLES: &str = "\
Examples:
  Who touched this file, or anything below this directory?
    agtrack query --path /etc/passwd
    agtrack query --path /etc/ --since 2h
  Who talked to this host, asked for its name, or reached this network?
    agtrack query --host github.com --host .github.com
    agtrack query --host 10.0.0.0/8:443
  What did this session change?
    agtrack query --session 0193a5c2-7e10 --changes
  Which programs wrote below .aws, and how often?
    agtrack query --path '**/.aws/*' --action file.close --summary
  What is missing?
    agtrack query --kind gap --since 1d";

/// Arguments of `agtrack query`.
#[derive(Debug, clap::Args)]
pub(super) struct QueryArgs {
    #[command(flatten)]
    ask: ask::Ask,
    /// Show the first N matches only
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    limit: Option<u64>,
    /// Print only how many records match
    #[arg(long, conflicts_with = "summary", help_heading = OUTPUT)]
    count: bool,
    /// Print how many records match of each agent, session and program
    #[arg(long, help_heading = OUTPUT)]
    summary: bool,
    /// Print the records as they are, one JSON object a line; with --summary the rows
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
    /// The journal's directory [default: the daemon's or the newest of `agtrack run`, whichever
    /// was written last]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    journal: Option<PathBuf>,
}

const OUTPUT: &str = "Output";

pub(super) fn run(args: &QueryArgs) -> anyhow::Result<ExitCode> {
    let query = args.ask.query()?;
    let dir = choice::journal(args.journal.as_deref(), args.json)?;
    let extent = Extent::open(&dir)?;
    let mut out = Output::new();
    let (told, found) = if args.count {
        count(&extent, &query, args.limit, &mut out)?
    } else if args.summary {
        summary(&extent, &query, args, &mut out)?
    } else {
        show(&extent, &query, args, &mut out)?
    };
    out.finish()?;
    say(&dir, told, found);
    Ok(ExitCode::SUCCESS)
}

/// What people must know beside the records.
fn say(dir: &Path, told: Told, found: u64) {
    if found == 0 {
        let dir = Text::from(dir.as_os_str().as_encoded_bytes().to_vec());
        terminal::tell(&format!("nothing matches in {}", dir.printable()));
    }
    if told.unknown > 0 {
        terminal::tell(&format!(
            "{} that may match could not be read: written by a newer agtrack, perhaps; look at the \
             files of the journal",
            number(told.unknown, "line")
        ));
    }
    if told.gone > 0 {
        terminal::tell(&format!(
            "{} of the journal went away meanwhile: what was in there was not searched; ask again",
            number(told.gone, "segment")
        ));
    }
}

fn number(count: u64, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// Records as lines, as they are found.
fn show(
    extent: &Extent,
    query: &Query,
    args: &QueryArgs,
    out: &mut Output,
) -> anyhow::Result<(Told, u64)> {
    let (palette, json) = (out.palette, args.json);
    let limit = args.limit.unwrap_or(u64::MAX);
    let (mut shown, mut unwritten) = (0, None);
    let told = scan(
        extent,
        query,
        |record, line| match json {
            true => line.to_vec(),
            false => story::line(record, palette).into_bytes(),
        },
        |lines| match print(&lines, json, limit, &mut shown, out) {
            Ok(flow) => flow,
            Err(error) => {
                unwritten = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    match unwritten {
        Some(error) => Err(error.into()),
        None => Ok((told, shown)),
    }
}

fn print(
    lines: &[Vec<u8>],
    json: bool,
    limit: u64,
    shown: &mut u64,
    out: &mut Output,
) -> Result<ControlFlow<()>, Unwritten> {
    for line in lines {
        if *shown >= limit {
            break;
        }
        *shown += 1;
        match json {
            true => out.json_line(line)?,
            false => out.line(line)?,
        }
    }
    // Who waits for the first match does not wait for the end of the journal.
    out.finish()?;
    Ok(match *shown >= limit {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    })
}

fn count(
    extent: &Extent,
    query: &Query,
    limit: Option<u64>,
    out: &mut Output,
) -> anyhow::Result<(Told, u64)> {
    let limit = limit.unwrap_or(u64::MAX);
    let mut found = 0u64;
    let told = scan(
        extent,
        query,
        |_, _| (),
        |more| {
            found = found.saturating_add(more.len() as u64).min(limit);
            until(found, limit)
        },
    )?;
    out.line(found.to_string())?;
    Ok((told, found))
}

fn until(found: u64, limit: u64) -> ControlFlow<()> {
    match found >= limit {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

fn summary(
    extent: &Extent,
    query: &Query,
    args: &QueryArgs,
    out: &mut Output,
) -> anyhow::Result<(Told, u64)> {
    let limit = args.limit.unwrap_or(u64::MAX);
    let (mut tally, mut found) = (Tally::default(), 0);
    let told = scan(
        extent,
        query,
        |record, _| Row::of(record),
        |rows| {
            for row in rows {
                if found < limit {
                    found += 1;
                    tally.add(row);
                }
            }
            until(found, limit)
        },
    )?;
    let (rows, beyond) = tally.finish();
    for (row, count) in rows {
        print_row(&row, count, args.json, out)?;
    }
    if beyond > 0 {
        print_row(&Row::default(), beyond, args.json, out)?;
        terminal::tell("there are more rows than are kept apart; the last one has the rest");
    }
    Ok((told, found))
}

fn print_row(row: &Row, count: u64, json: bool, out: &mut Output) -> Result<(), Unwritten> {
    if json {
        let (agent, session, exe) = (&row.agent, &row.session, &row.exe);
        let row = serde_json::json!({
            "count": count, "agent": agent, "session": session, "exe": exe,
        });
        return out.json_line(row.to_string().as_bytes());
    }
    let word = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), printable);
    let count = styled(out.palette.strong, format!("{count:>9}"));
    let line = format!(
        "{count} {} {} {}",
        word(&row.agent),
        word(&row.session),
        word(&row.exe)
    );
    out.line(line)
}
