//! `agtrack replay`: an input log through the same rooms again.
//!
//! Comes in: a file that `agtrack daemon --input-log` wrote. Goes out: the records, one JSON
//! object a line, numbered from 1 in a log whose id is all zeros; the same file always gives the
//! same bytes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use uuid::Uuid;

use crate::input::{Input, InputReader, Start};
use crate::pipeline::Pipeline;
use crate::record::Draft;
use crate::record::Stamper;
use crate::terminal::Output;

/// Arguments of `agtrack replay`.
#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    /// The input log
    file: PathBuf,
}

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot open {name}"))?;
    let mut out = Output::new();
    replay(BufReader::new(file), |line| Ok(out.json_line(line)?))
        .with_context(|| format!("cannot replay {name}"))?;
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Hands each record to `print`.
fn replay<R: BufRead>(
    log: R,
    mut print: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut inputs = InputReader::new(log);
    let start = begin(&mut inputs)?;
    let mut stamper = Stamper::new(start.host.clone(), Uuid::nil());
    let mut drafts = Vec::new();
    let mut seq = 0;
    let mut pipeline = Pipeline::new(start, &mut drafts);
    loop {
        let clock = pipeline.time();
        for draft in drafts.drain(..) {
            seq += 1;
            print(line(&mut stamper, draft, seq, clock)?)?;
        }
        match inputs.next() {
            Some(input) => pipeline.accept(input?, &mut drafts),
            None => return Ok(()),
        }
    }
}

fn line(
    stamper: &mut Stamper,
    draft: Draft,
    seq: u64,
    clock: crate::input::Clock,
) -> anyhow::Result<&[u8]> {
    stamper
        .line(draft, seq, clock)
        .context("a record cannot be written as JSON")
}

fn begin<R: BufRead>(inputs: &mut InputReader<R>) -> anyhow::Result<Start> {
    match inputs.next().transpose()? {
        Some(Input::Start(start)) => Ok(*start),
        Some(_) => bail!(
            "it does not begin with the recorder's start, so its beginning is cut off; what is left \
             cannot be replayed"
        ),
        None => bail!("it is empty: nothing was recorded, or it is not written yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::InputWriter;

    fn records(log: &[u8]) -> anyhow::Result<Vec<serde_json::Value>> {
        let mut records = Vec::new();
        replay(log, |line| {
            records.push(serde_json::from_slice(line)?);
            Ok(())
        })?;
        Ok(records)
    }

    #[test]
    fn a_log_becomes_numbered_records() {
        let mut log = Vec::new();
        let mut writer = InputWriter::new(&mut log);
        writer.write(&Input::Start(Box::default())).unwrap();
        writer.write(&Input::Stop).unwrap();
        let records = records(&log).unwrap();
        let numbers: Vec<_> = records
            .iter()
            .map(|record| record["seq"].as_u64())
            .collect();
        assert_eq!(
            numbers,
            (1..=records.len() as u64).map(Some).collect::<Vec<_>>()
        );
        assert_eq!(records[0]["change"], "start");
        assert_eq!(records.last().unwrap()["change"], "end");
    }

    #[test]
    fn what_is_no_log_is_refused() {
        assert_eq!(
            records(b"").unwrap_err().to_string(),
            "it is empty: nothing was recorded, or it is not written yet"
        );
        let error = records(b"{\"input\":\"stop\"}\n").unwrap_err().to_string();
        assert!(error.contains("does not begin"), "{error}");
        assert!(
            records(b"MZ\0\n")
                .unwrap_err()
                .to_string()
                .contains("line 1")
        );
    }
}
