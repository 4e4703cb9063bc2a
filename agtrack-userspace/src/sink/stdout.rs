//! Standard output: for a daemon that runs in the foreground.
//!
//! Acknowledgement: the kernel took the bytes. What a pipe still holds when its reader dies is lost.

use std::io::Write;

use super::batch::Batch;
use super::settings::Settings;
use super::transport::{Accepted, Doing, Transport, Trouble, apart};

/// systemd says by this where standard output leads (systemd.exec(5)).
const JOURNAL: &str = "JOURNAL_STREAM";

pub(super) fn open(_: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    if std::env::var_os(JOURNAL).is_some() {
        return Err(Trouble::Misconfigured(
            "standard output leads to systemd's journal, where records would be cut; use a sink of type \
             `journald` or `file`"
                .to_owned(),
        ));
    }
    Ok(Box::new(Stdout))
}

struct Stdout;

impl Transport for Stdout {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        let lines = batch.lines();
        Box::pin(apart(move || {
            let mut stdout = std::io::stdout().lock();
            stdout
                .write_all(&lines)
                .and_then(|()| stdout.flush())
                .map_err(|error| {
                    Trouble::later(format!("cannot write to standard output: {error}"))
                })?;
            Ok(Accepted::default())
        }))
    }
}
