//! From a draft to a line of the journal.

use uuid::Uuid;

use super::time::Times;
use super::{Draft, Host, Record, Shared, VERSION};
use crate::input::Clock;

/// Gives drafts their place: number, id and wall time.
#[derive(Debug)]
pub struct Stamper {
    host: Shared<Host>,
    /// The log's id with the colon behind it.
    log_id: String,
    times: Times,
    line: Vec<u8>,
}

impl Stamper {
    /// For one journal on one machine.
    pub fn new(host: Host, log_id: Uuid) -> Self {
        Stamper {
            host: Shared::new(host),
            log_id: format!("{log_id}:"),
            times: Times::default(),
            line: Vec::new(),
        }
    }

    /// The record with number `seq`.
    pub fn record(&mut self, draft: Draft, seq: u64, clock: Clock) -> Record {
        Record {
            v: VERSION,
            seq,
            id: self.id(seq),
            time: self.times.at(clock, draft.time),
            boot_time: draft.time,
            host: self.host.clone(),
            agent: draft.agent,
            body: draft.body,
        }
    }

    fn id(&self, seq: u64) -> String {
        let mut digits = itoa::Buffer::new();
        [&*self.log_id, digits.format(seq)].concat()
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
