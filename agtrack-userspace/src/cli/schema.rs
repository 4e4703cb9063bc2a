//! `agtrack schema`: the JSON Schema of the records, as `docs/record.schema.json` has it.

use std::process::ExitCode;

use crate::record;
use crate::terminal::Output;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut out = Output::new();
    out.json(&record::schema())?;
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}
