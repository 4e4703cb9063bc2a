//! `agtrack tail`: the newest records, and those that come.
//!
//! Comes in: a journal. Goes out: a line for people per record, or the record itself. Never: takes
//! the journal's lock, or shows what is not committed yet.

mod call;
pub(super) mod choice;
mod fold;
mod object;
mod printer;
pub(super) mod story;
mod written;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::encoding::Encoding;
use crate::journal::{Committed, Error, Extent, Journal, Reader, Start};
use crate::terminal::{self, Output};
use fold::Folded;
use printer::Printer;

/// How often a signal or the end of the reader is looked for while nothing comes.
const GLANCE: Duration = Duration::from_millis(200);

/// Arguments of `agtrack tail`.
#[derive(Debug, clap::Args)]
pub(super) struct TailArgs {
    /// Go on showing records as they come, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Begin with the newest N records, or `all`; folded ones do not count
    #[arg(long, short = 'n', value_name = "N", default_value = "10", value_parser = count)]
    lines: u64,
    /// Show every record, also the everyday ones that are only counted otherwise
    ///
    /// Four kinds of records are folded without this: they are only counted, in lines that begin with
    /// `…`: reads of system files (shared libraries, the loader's cache, locales, certificates,
    /// libraries of Python, Node and others, a process's own /proc, opens of /dev/null and its
    /// like), opens for reading of what is not there, forks, and exits with code 0. Never folded
    /// is what writes, starts a program, connects, is refused or touches a well-known credential.
    #[arg(long)]
    all: bool,
    /// The journal's directory [default: the daemon's or the newest of `agtrack run`, whichever
    /// was written last]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Print the records themselves, all of them, one JSON object a line
    #[arg(long)]
    json: bool,
    /// Print the records as JSON in this encoding, all of them, one object a line
    #[arg(long, value_enum)]
    encoding: Option<Encoding>,
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
    let encoding = Encoding::asked(args.json, args.encoding);
    let dir = choice::journal(args.journal.as_deref(), encoding.is_some())?;
    let mut out = Output::new();
    let mut printer = Printer::new(encoding, args.all, out.palette);
    let mut reader = show_newest(&dir, args.lines, &mut printer, &mut out)?;
    printer.rest(&mut out)?;
    out.finish()?;
    if args.follow {
        follow(&mut reader, &mut printer, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Records that are read for each that is asked for, where most may be folded.
const READ: u64 = 16;

/// Shows the newest records and returns the place behind them.
fn show_newest(
    dir: &Path,
    most: u64,
    printer: &mut Printer,
    out: &mut Output,
) -> anyhow::Result<Reader> {
    let committed = Journal::committed(dir)?;
    let mut window = most;
    loop {
        let mut reader = open(dir, committed, window)?;
        if window == ALL {
            return show_all(dir, reader, printer, out);
        }
        let newest = Newest::read(&mut reader, most, printer)?;
        let is_enough = newest.lines.len() as u64 >= most;
        if is_enough || window > committed.seq {
            newest.print(window > committed.seq, printer, out)?;
            return Ok(reader);
        }
        window = window.saturating_mul(READ).min(committed.seq + 1);
    }
}

/// Shows all that is there and returns the place behind it.
fn show_all(
    dir: &Path,
    mut reader: Reader,
    printer: &mut Printer,
    out: &mut Output,
) -> anyhow::Result<Reader> {
    for hole in Extent::open(dir)?.holes()? {
        terminal::tell(&format!("{hole}; what they said is not known"));
    }
    loop {
        match reader.next_line() {
            Ok(Some(line)) => printer.print(line.bytes, out)?,
            Ok(None) => return Ok(reader),
            // Told above: it goes on behind it.
            Err(Error::Gone { first, .. }) => reader = Reader::open(dir, Start::Seq(first))?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The newest records, each with what is folded before it.
#[derive(Default)]
struct Newest {
    lines: VecDeque<(Folded, Vec<u8>)>,
    /// Folded behind the last.
    after: Folded,
    /// There are older ones that were asked for no more.
    is_cut: bool,
}

impl Newest {
    // A writer that died may have left records behind the committed ones, so that there are more
    // than were asked for.
    fn read(reader: &mut Reader, most: u64, printer: &Printer) -> anyhow::Result<Newest> {
        let mut newest = Newest::default();
        while let Some(line) = reader.next_line()? {
            if let Some(kind) = printer.folds(line.bytes) {
                newest.after.add(kind);
                continue;
            }
            let before = std::mem::take(&mut newest.after);
            newest.lines.push_back((before, line.bytes.to_vec()));
            if newest.lines.len() as u64 > most {
                newest.lines.pop_front();
                newest.is_cut = true;
            }
        }
        Ok(newest)
    }

    /// `whole`: it was read from the journal's beginning.
    fn print(self, whole: bool, printer: &mut Printer, out: &mut Output) -> anyhow::Result<()> {
        let begins = whole && !self.is_cut;
        let is_empty = self.lines.is_empty();
        for (index, (before, line)) in self.lines.into_iter().enumerate() {
            // What is folded before the first was not asked for.
            if index > 0 || begins {
                printer.fold(before);
            }
            printer.print(&line, out)?;
        }
        if !is_empty || begins {
            printer.fold(self.after);
        }
        Ok(())
    }
}

fn open(dir: &Path, committed: Committed, most: u64) -> anyhow::Result<Reader> {
    let from = (committed.seq + 1).saturating_sub(most);
    match Reader::open(dir, Start::Seq(from)) {
        // Older ones were removed by retention, as they may be.
        Err(Error::Gone { .. }) => Ok(Reader::open(dir, Start::Beginning)?),
        other => Ok(other?),
    }
}

fn follow(reader: &mut Reader, printer: &mut Printer, out: &mut Output) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot take signals")?;
    }
    while !stop.load(Ordering::Relaxed) && !out.is_abandoned() {
        if !reader.wait(GLANCE)? {
            // Nothing comes for a moment: time for what was only counted.
            printer.rest(out)?;
            out.finish()?;
            continue;
        }
        while let Some(line) = reader.next_line()? {
            printer.print(line.bytes, out)?;
        }
        out.finish()?;
    }
    Ok(())
}
