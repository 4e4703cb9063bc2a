//! `agtrack query`: the records that match.
//!
//! Comes in: a journal and what is asked for. Goes out: a line for people per record, the record
//! itself, or numbers. Never: takes the journal's lock, or shows what is not committed yet.

mod ask;
mod hint;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::encoding::Encoding;
use super::table::{self, Column};
use super::tail::{choice, story};
use crate::journal::Extent;
use crate::query::{Query, Row, Tally, Told, scan};
use crate::record::{Text, printable};
use crate::terminal::{self, Output, Unwritten};
pub(super) use ask::{pid, session, time, word};
pub(super) use hint::hints;

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
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = OUTPUT
    )]
    limit: Option<u64>,
    /// Print only how many records match
    #[arg(long, conflicts_with = "summary", help_heading = OUTPUT)]
    count: bool,
    /// Print a row for each agent, session and program: how many records of it match
    #[arg(long, help_heading = OUTPUT)]
    summary: bool,
    /// Print the records as they are, one JSON object a line; with --summary the rows
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
    /// Print the records as JSON in this encoding, one object a line
    #[arg(
        long,
        value_enum,
        conflicts_with_all = ["count", "summary"],
        help_heading = OUTPUT
    )]
    encoding: Option<Encoding>,
    /// The journal's directory [default: the daemon's or the newest of `agtrack run`, whichever
    /// was written last]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    journal: Option<PathBuf>,
}

const OUTPUT: &str = "Output";

impl QueryArgs {
    fn encoding(&self) -> Option<Encoding> {
        Encoding::asked(self.json, self.encoding)
    }

    fn is_json(&self) -> bool {
        self.encoding().is_some()
    }
}

pub(super) fn run(args: &QueryArgs) -> anyhow::Result<ExitCode> {
    let query = args.ask.query()?;
    let dir = choice::journal(args.journal.as_deref(), args.is_json())?;
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
    say(&dir, &told, found);
    if told.elsewhere > 0 {
        terminal::tell(&hint::elsewhere(told.elsewhere, &query));
    }
    if found == 0 {
        let hints = hints(&extent, &query)?;
        hints.iter().for_each(|hint| terminal::tell(hint));
    } else if let Some(merged) = hint::merged(&extent, &query)? {
        terminal::tell(&merged);
    }
    Ok(ExitCode::SUCCESS)
}

/// Holes of a journal that are named one by one.
const HOLES: usize = 5;

/// What people must know beside the records.
pub(super) fn say(dir: &Path, told: &Told, found: u64) {
    if found == 0 {
        let dir = Text::from(dir.as_os_str().as_encoded_bytes().to_vec());
        terminal::tell(&format!("nothing matches in {}", dir.printable()));
    }
    if told.unknown > 0 {
        terminal::tell(&format!(
            "{} that may match could not be read: damaged, or written by a newer agtrack; look at the \
             files of the journal",
            number(told.unknown, "line")
        ));
    }
    if told.kernel_made > 0 {
        terminal::tell(&format!(
            "{} to files that the kernel makes (/dev/null and its like, /proc/PID, cgroup.procs) changed \
             nothing that lasts and are not among the changes; without --changes they are shown",
            number(told.kernel_made, "write")
        ));
    }
    if told.gone > 0 {
        terminal::tell(&format!(
            "{} of the journal went away meanwhile: what was in there was not searched; ask again",
            number(told.gone, "segment")
        ));
    }
    for uneven in told.uneven.iter().take(HOLES) {
        terminal::tell(&uneven.to_string());
    }
    for hole in told.holes.iter().take(HOLES) {
        terminal::tell(&format!("{hole}; what they said is not known"));
    }
    let more = told.holes.len().saturating_sub(HOLES) as u64;
    if more > 0 {
        terminal::tell(&format!("and {} of that kind", number(more, "more hole")));
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
    let (palette, encoding) = (out.palette, args.encoding());
    let limit = args.limit.unwrap_or(u64::MAX);
    let (mut shown, mut unwritten) = (0, None);
    let told = scan(
        extent,
        query,
        |record, line| match encoding {
            Some(encoding) => encoding.of(record, line),
            None => story::line(record, palette).into_bytes(),
        },
        |lines| match print(&lines, encoding.is_some(), limit, &mut shown, out) {
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
    let rest = (beyond > 0).then(|| (Row::default(), beyond));
    let rows: Vec<_> = rows.into_iter().chain(rest).collect();
    match args.json {
        true => rows
            .iter()
            .try_for_each(|(row, count)| out.json_line(as_json(row, *count).as_bytes()))?,
        false => {
            let cells: Vec<_> = rows.iter().map(|(row, count)| cells(row, *count)).collect();
            table::print(COLUMNS, &cells, out)?;
        }
    }
    if beyond > 0 {
        terminal::tell("there are more rows than are kept apart; the last one has the rest");
    }
    Ok((told, found))
}

/// A row of a summary: so many records of one agent, session and program.
const COLUMNS: [Column; 4] = [
    ("RECORDS", true),
    ("AGENT", false),
    ("SESSION", false),
    ("PROGRAM", false),
];

fn cells(row: &Row, count: u64) -> [String; 4] {
    let word = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), printable);
    let [agent, session, exe] = [&row.agent, &row.session, &row.exe].map(word);
    [count.to_string(), agent, session, exe]
}

fn as_json(row: &Row, count: u64) -> String {
    let (agent, session, exe) = (&row.agent, &row.session, &row.exe);
    let row = serde_json::json!({
        "count": count, "agent": agent, "session": session, "exe": exe,
    });
    row.to_string()
}
