//! From a draft to a line of the journal.

use uuid::Uuid;

use super::{Draft, Host, Record, Shared, VERSION, timestamp};
use crate::input::Clock;

/// Gives drafts their place: number, id and wall time.
#[derive(Debug)]
pub struct Stamper {
    host: Shared<Host>,
    log_id: Uuid,
    line: Vec<u8>,
}

impl Stamper {
    /// For one journal on one machine.
    pub fn new(host: Host, log_id: Uuid) -> Self {
        Stamper {
            host: Shared::new(host),
            log_id,
            line: Vec::new(),
        }
    }

    /// The record with number `seq`.
    pub fn record(&self, draft: Draft, seq: u64, clock: Clock) -> Record {
        Record {
            v: VERSION,
            seq,
            id: format!("{}:{seq}", self.log_id),
            time: timestamp(clock, draft.time),
            boot_time: draft.time,
            host: self.host.clone(),
            agent: draft.agent,
            body: draft.body,
        }
    }

    /// The same as one line of JSON, without the newline.
    ///
    /// # Errors
    /// None is known; serialisation of a record does not fail.
    pub fn line(&mut self, draft: Draft, seq: u64, clock: Clock) -> serde_json::Result<&[u8]> {
        let record = self.record(draft, seq, clock);
        self.line.clear();
        serde_json::to_writer(&mut self.line, &record)?;
        Ok(&self.line)
    }
}
