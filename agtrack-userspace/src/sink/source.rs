//! From the journal to batches. Blocks on the disk: never called by the thread that serves all sinks.

use std::path::PathBuf;

use super::batch::{Batch, Head, Item};
use super::choice::Choice;
use super::encode::{encode, unreadable};
use super::refused::Letter;
use super::settings::{Encoding, Settings};
use crate::journal::{self, Reader, Start};

/// So many records are passed over before it is looked whether anything else is to be done.
const MOST_PASSED: usize = 100_000;

/// Why no more was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The batch has all that goes at a time.
    Full,
    /// So many were passed over: there may be more.
    Passed,
    /// There is no more in the journal.
    End,
    /// Records are not kept any more: so many.
    Missed(u64),
}

/// A place in a journal, and what is wanted of it.
pub(super) struct Source {
    directory: PathBuf,
    reader: Option<Reader>,
    choice: Choice,
    encoding: Encoding,
    most_records: usize,
    most_bytes: usize,
    /// A record that had no room in the batch before.
    held: Option<Item>,
    /// The record to read next.
    next: u64,
    /// Records that could not be made what the receiver wants.
    pub(super) unfit: Vec<Letter>,
}

impl Source {
    /// # Errors
    /// A glob that is none; the configuration has none.
    pub(super) fn new(directory: PathBuf, settings: &Settings) -> Result<Source, globset::Error> {
        Ok(Source {
            directory,
            reader: None,
            choice: Choice::new(settings)?,
            encoding: settings.encoding,
            most_records: settings.batch_records,
            most_bytes: settings.batch_bytes,
            held: None,
            next: 1,
            unfit: Vec::new(),
        })
    }

    /// Goes to a record.
    pub(super) fn go_to(&mut self, seq: u64) {
        self.next = seq;
        self.reader = None;
        self.held = None;
    }

    /// Goes to a record, if that is not where it is.
    pub(super) fn go_on(&mut self, seq: u64) {
        let held = self.held.as_ref().map(|item| item.seq);
        if held.unwrap_or(self.next) != seq {
            self.go_to(seq);
        }
    }

    /// Adds what there is to a batch.
    ///
    /// # Errors
    /// The journal cannot be read on; what was read stays in the batch.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> Result<Read, journal::Error> {
        if let Some(item) = self.held.take() {
            batch.next = item.seq + 1;
            batch.push(item);
        }
        let mut passed = 0;
        while self.has_room(batch) {
            if passed >= MOST_PASSED {
                return Ok(Read::Passed);
            }
            let item = match self.read()? {
                Taken::Item(item) => item,
                Taken::Passed => {
                    passed += 1;
                    batch.next = self.next;
                    continue;
                }
                Taken::End => return Ok(Read::End),
                Taken::Missed(count) => {
                    batch.next = self.next;
                    return Ok(Read::Missed(count));
                }
            };
            let fits = batch.items.is_empty() || batch.bytes + item.body.len() <= self.most_bytes;
            if !fits {
                self.held = Some(item);
                return Ok(Read::Full);
            }
            batch.next = self.next;
            batch.push(item);
        }
        Ok(Read::Full)
    }

    fn has_room(&self, batch: &Batch) -> bool {
        batch.items.len() < self.most_records && batch.bytes < self.most_bytes
    }

    /// Reads one record.
    fn read(&mut self) -> Result<Taken, journal::Error> {
        let reader = match self.open()? {
            Opened::Reader => self.reader.as_mut(),
            Opened::Missed(count) => return Ok(Taken::Missed(count)),
        };
        let Some(line) = reader.map_or(Ok(None), Reader::next_line)? else {
            return Ok(Taken::End);
        };
        let seq = line.seq;
        self.next = seq + 1;
        let made = make(line.bytes, seq, &self.choice, self.encoding);
        if let Err(reason) = &made {
            let (reason, body) = (reason.clone(), line.bytes.to_vec());
            self.unfit.push(Letter { seq, reason, body });
        }
        Ok(match made {
            Ok(Some(item)) => Taken::Item(item),
            Ok(None) | Err(_) => Taken::Passed,
        })
    }

    fn open(&mut self) -> Result<Opened, journal::Error> {
        if self.reader.is_some() {
            return Ok(Opened::Reader);
        }
        match Reader::open(&self.directory, Start::Seq(self.next)) {
            Ok(reader) => {
                self.reader = Some(reader);
                Ok(Opened::Reader)
            }
            Err(journal::Error::Gone { first, .. }) if first > self.next => {
                let missed = first - self.next;
                self.next = first;
                Ok(Opened::Missed(missed))
            }
            Err(error) => Err(error),
        }
    }
}

enum Opened {
    Reader,
    Missed(u64),
}

enum Taken {
    Item(Item),
    Passed,
    End,
    Missed(u64),
}

/// A record as the receiver gets it; none where the sink is not for it.
fn make(
    line: &[u8],
    seq: u64,
    choice: &Choice,
    encoding: Encoding,
) -> Result<Option<Item>, String> {
    let head: Head = serde_json::from_slice(line).map_err(unreadable)?;
    if !choice.takes(&head) {
        return Ok(None);
    }
    let body = encode(line, encoding, choice)?;
    Ok(Some(Item { seq, head, body }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Journal, Options};
    use serde_json::{Value, json};

    fn journal(records: u64) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("journal");
        let (mut journal, opened) = Journal::open(&dir, Options::default()).unwrap();
        for seq in 1..=records {
            let action = if seq % 2 == 0 {
                "net.connect"
            } else {
                "file.open"
            };
            let record = json!({
                "v": 1, "seq": seq, "id": format!("{}:{seq}", opened.log_id),
                "time": "2026-11-22T21:03:11.482913004Z",
                "kind": "action", "action": action, "process": {"pid": 7, "ancestry": []},
            });
            journal.append(record.to_string().as_bytes()).unwrap();
        }
        journal.close().unwrap();
        (home, dir)
    }

    fn source(dir: PathBuf, keys: Value) -> Source {
        let mut settings = json!({"name": "x", "type": "stdout"});
        let all = settings.as_object_mut().unwrap();
        all.extend(keys.as_object().unwrap().clone());
        Source::new(dir, &serde_json::from_value(settings).unwrap()).unwrap()
    }

    fn seqs(batch: &Batch) -> Vec<u64> {
        batch.items.iter().map(|item| item.seq).collect()
    }

    #[test]
    fn batches_have_at_most_so_many_records_and_none_is_left_out() {
        let (_home, dir) = journal(10);
        let mut source = source(dir, json!({"batch_records": 4}));
        let mut all = Vec::new();
        for expect in [Read::Full, Read::Full, Read::End] {
            let mut batch = Batch::default();
            assert_eq!(source.fill(&mut batch).unwrap(), expect);
            all.extend(seqs(&batch));
        }
        assert_eq!(all, (1..=10).collect::<Vec<_>>());
    }

    #[test]
    fn batches_have_at_most_so_many_bytes() {
        let (_home, dir) = journal(50);
        let mut source = source(dir, json!({"batch_bytes": 1024}));
        let mut all = Vec::new();
        loop {
            let mut batch = Batch::default();
            let read = source.fill(&mut batch).unwrap();
            assert!(batch.bytes <= 1024, "{}", batch.bytes);
            assert!(batch.next == batch.items.last().unwrap().seq + 1);
            all.extend(seqs(&batch));
            if read == Read::End {
                break;
            }
        }
        assert_eq!(all, (1..=50).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_passed_over_is_behind_the_batch_too() {
        let (_home, dir) = journal(9);
        let mut source = source(
            dir,
            json!({"actions": ["net.*"], "drop": ["process.ancestry"]}),
        );
        let mut batch = Batch::default();
        assert_eq!(source.fill(&mut batch).unwrap(), Read::End);
        assert_eq!((seqs(&batch), batch.next), (vec![2, 4, 6, 8], 10));
        let body: Value = serde_json::from_slice(&batch.items[0].body).unwrap();
        assert_eq!(body["process"], json!({"pid": 7}));
    }

    #[test]
    fn it_can_go_back() {
        let (_home, dir) = journal(5);
        let mut source = source(dir, json!({"batch_records": 2}));
        source.fill(&mut Batch::default()).unwrap();
        source.go_to(2);
        let mut batch = Batch::default();
        source.fill(&mut batch).unwrap();
        assert_eq!(seqs(&batch), [2, 3]);
    }
}
