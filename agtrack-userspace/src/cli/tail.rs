//! `agtrack tail`: the newest records, and those that come.
//!
//! Comes in: a journal. Goes out: a line for people per record, or the record itself. Never: takes
//! the journal's lock, or shows what is not committed yet.

mod choice;
mod object;
mod story;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::journal::{Committed, Error, Journal, Reader, Start};
use crate::terminal::{Output, Palette, Unwritten};

/// How often a signal or the end of the reader is looked for while nothing comes.
const GLANCE: Duration = Duration::from_millis(200);

/// Arguments of `agtrack tail`.
#[derive(Debug, clap::Args)]
pub(super) struct TailArgs {
    /// Go on showing records as they come, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Begin with the newest N records, or `all`
    #[arg(long, short = 'n', value_name = "N", default_value = "10", value_parser = count)]
    lines: u64,
    /// The journal's directory [default: the daemon's or the newest of `agtrack run`, whichever
    /// was written last]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Print the records themselves, one JSON object a line
    #[arg(long)]
    json: bool,
}

/// More than any journal has.
const ALL: u64 = u64::MAX;

fn count(text: &str) -> Result<u64, String> {
    match text {
        "all" => Ok(ALL),
        text => text
            .parse()
            .map_err(|_| "give a number, or `all`".to_owned()),
    }
}

pub(super) fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let dir = match &args.journal {
        Some(dir) => dir.clone(),
        None => choice::newest(Path::new(choice::STATE))?,
    };
    let mut out = Output::new();
    let printer = Printer {
        json: args.json,
        palette: out.palette,
    };
    let mut reader = show_newest(&dir, args.lines, &printer, &mut out)?;
    out.finish()?;
    if args.follow {
        follow(&mut reader, &printer, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How records are shown.
struct Printer {
    json: bool,
    palette: Palette,
}

impl Printer {
    fn print(&self, record: &[u8], out: &mut Output) -> Result<(), Unwritten> {
        match self.json {
            true => out.json_line(record),
            false => out.line(story::line(record, self.palette)),
        }
    }
}

/// Shows the newest records and returns the place behind them.
fn show_newest(
    dir: &Path,
    most: u64,
    printer: &Printer,
    out: &mut Output,
) -> anyhow::Result<Reader> {
    let committed = Journal::committed(dir)?;
    let mut reader = open(dir, committed, most)?;
    // A writer that died may have left records behind the committed ones, so that there are more
    // than were asked for.
    let mut newest: VecDeque<Vec<u8>> = VecDeque::new();
    while let Some(line) = reader.next_line()? {
        if most == ALL {
            printer.print(line.bytes, out)?;
            continue;
        }
        newest.push_back(line.bytes.to_vec());
        if newest.len() as u64 > most {
            newest.pop_front();
        }
    }
    for line in newest {
        printer.print(&line, out)?;
    }
    Ok(reader)
}

fn open(dir: &Path, committed: Committed, most: u64) -> anyhow::Result<Reader> {
    let from = (committed.seq + 1).saturating_sub(most);
    match Reader::open(dir, Start::Seq(from)) {
        // Older ones were removed by retention, as they may be.
        Err(Error::Gone { .. }) => Ok(Reader::open(dir, Start::Beginning)?),
        other => Ok(other?),
    }
}

fn follow(reader: &mut Reader, printer: &Printer, out: &mut Output) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot take signals")?;
    }
    while !stop.load(Ordering::Relaxed) && !out.is_abandoned() {
        if !reader.wait(GLANCE)? {
            continue;
        }
        while let Some(line) = reader.next_line()? {
            printer.print(line.bytes, out)?;
        }
        out.finish()?;
    }
    Ok(())
}
