//! Records as JSON, for programs: which encoding, and a record in it.

use std::borrow::Cow;
use std::io::{BufRead, BufReader};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::record::Record;
pub(super) use crate::sink::Encoding;
use crate::sink::ocsf;
use crate::terminal::Output;

impl Encoding {
    /// What is asked for by `--json` and `--encoding`; `None`: lines for people.
    pub(super) fn asked(json: bool, encoding: Option<Encoding>) -> Option<Encoding> {
        encoding.or(json.then_some(Encoding::Native))
    }

    /// A record that stands in the journal as `line`.
    pub(super) fn of(self, record: &Record, line: &[u8]) -> Vec<u8> {
        match self {
            Encoding::Native => line.to_vec(),
            Encoding::Ocsf => ocsf::event(record).to_string().into_bytes(),
        }
    }

    /// A line of the journal. `None`: it is no record of this version, and cannot be written so.
    pub(super) fn line(self, line: &[u8]) -> Option<Cow<'_, [u8]>> {
        match self {
            Encoding::Native => Some(Cow::Borrowed(line)),
            Encoding::Ocsf => {
                let record: Record = serde_json::from_slice(line).ok()?;
                Some(Cow::Owned(self.of(&record, line)))
            }
        }
    }
}

/// Arguments of `agtrack encode`.
#[derive(Debug, clap::Args)]
pub(super) struct EncodeArgs {
    /// Into what
    #[arg(long, value_enum)]
    encoding: Encoding,
}

/// Records from standard input, one JSON object a line, in another encoding.
pub(super) fn run(args: &EncodeArgs) -> anyhow::Result<ExitCode> {
    let mut out = Output::new();
    let lines = BufReader::new(std::io::stdin().lock()).split(b'\n');
    for (line, number) in lines.zip(1u64..) {
        let line = line.context("cannot read standard input")?;
        match args.encoding.line(&line) {
            Some(encoded) => out.json_line(&encoded)?,
            None => bail!("line {number} is no record of this version of agtrack"),
        }
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}
