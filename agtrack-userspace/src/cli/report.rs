//! `agtrack report`: a session as a person reads it.
//!
//! Comes in: a journal and which session is meant. Goes out: a few lines, one HTML page, or the
//! report as JSON. Never: takes the journal's lock, or shows what is not committed yet.

mod choice;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::query::session;
use super::tail::choice::journal;
use crate::journal::{Extent, Reader, Start};
use crate::query::{Query, scan};
use crate::record::Record;
use crate::report::{Builder, Report, Source, html, text};
use crate::terminal::{Output, tell};

pub(super) const EXAMPLES: &str = "\
Examples:
  agtrack report                              the newest session, in a few lines
  agtrack report --html report.html           the same as a page
  agtrack report --session 0193a5c2 --json    another one, for programs";

/// Arguments of `agtrack report`.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// Id of the session, or how it begins [default: the one that began last]
    #[arg(long, value_name = "ID", value_parser = session)]
    session: Option<String>,
    /// The journal's directory [default: the daemon's or the newest of `agtrack run`, whichever
    /// was written last]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Write the report to this file (`-`: standard output), as one HTML page that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let dir = journal(args.journal.as_deref(), args.json)?;
    let extent = Extent::open(&dir)?;
    let report = read(&dir, &extent, args.session.as_deref())?;
    if let Some(file) = &args.html {
        let page = html::page(&report);
        if file.as_os_str() == "-" {
            let mut out = Output::new();
            out.line(&page)?;
            out.finish()?;
            return Ok(ExitCode::SUCCESS);
        }
        write(file, &page)?;
        tell(&format!("wrote {}", file.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Output::new();
    if args.json {
        out.json(&report)?;
    } else {
        for line in text::lines(&report, &dir) {
            out.line(line)?;
        }
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a session: its own records first, then those that concern everybody.
fn read(dir: &Path, extent: &Extent, asked: Option<&str>) -> anyhow::Result<Report> {
    let agent = choice::agent(dir, extent, asked)?;
    let session = agent.session.to_string();
    let mut builder = Builder::new(agent);
    let query = Query {
        sessions: vec![session],
        ..Query::default()
    };
    let unreadable = each(extent, &query, |record| builder.add(record))?;
    let query = Query {
        kinds: ["gap", "lifecycle", "tamper"].map(str::to_owned).to_vec(),
        ..Query::default()
    };
    each(extent, &query, |record| builder.note(record))?;
    let broken = builder
        .numbers()
        .and_then(|(first, last)| numbers(dir, first, last).err());
    Ok(builder.finish(Source {
        broken: broken.map(|error| error.to_string()),
        holes: extent.holes()?,
        is_written: extent.has_writer(),
        unreadable,
    }))
}

/// Hands over each record that matches, in order; returns how many lines could not be read.
fn each(extent: &Extent, query: &Query, mut take: impl FnMut(&Record)) -> anyhow::Result<u64> {
    let told = scan(
        extent,
        query,
        |record, _| record.clone(),
        |records| {
            records.iter().for_each(&mut take);
            ControlFlow::Continue(())
        },
    )?;
    Ok(told.unknown)
}

/// Whether all records between these two are there, each with the number that is its turn: the
/// reader looks at each.
fn numbers(dir: &Path, first: u64, last: u64) -> Result<(), crate::journal::Error> {
    let mut reader = Reader::open(dir, Start::Seq(first))?;
    while let Some(line) = reader.next_line()? {
        if line.seq >= last {
            break;
        }
    }
    Ok(())
}

/// The page holds what an agent did with whose files: it is for its owner alone, like the journal.
fn write(file: &Path, page: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let write = || {
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(file)?;
        // One that was there keeps its mode otherwise.
        if out.metadata()?.is_file() {
            out.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        out.write_all(page.as_bytes())
    };
    write().with_context(|| {
        format!(
            "cannot write {}; name a file in a directory that you may write to",
            file.display()
        )
    })
}
