//! Records on their way: what is sent at a time.

use serde::Deserialize;

/// A record on its way.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its number in the journal.
    pub(super) seq: u64,
    /// What transports need to know of it.
    pub(super) head: Head,
    /// As the receiver gets it: no newline in it.
    pub(super) body: Vec<u8>,
}

/// What every record says of itself, whatever the encoding.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Head {
    /// Unique everywhere.
    pub(super) id: String,
    /// RFC 3339, UTC, nanoseconds.
    pub(super) time: String,
    /// Kind of record.
    pub(super) kind: String,
    /// What was done, in a record of kind `action`.
    #[serde(default)]
    pub(super) action: Option<String>,
    /// On whose account.
    #[serde(default)]
    pub(super) agent: Option<Agent>,
    /// On which machine.
    #[serde(default)]
    pub(super) host: Host,
}

/// The agent of a record.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Agent {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
}

/// The machine of a record.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Host {
    pub(super) id: String,
    pub(super) name: String,
}

/// Records that are sent at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    /// In order.
    pub(super) items: Vec<Item>,
    /// Bytes of all bodies.
    pub(super) bytes: usize,
    /// The record behind the batch, and behind those passed over at its end.
    pub(super) next: u64,
}

impl Batch {
    /// Nothing, before the record of this number.
    pub(super) fn new(next: u64) -> Batch {
        Batch {
            next,
            ..Batch::default()
        }
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.body.len();
        self.items.push(item);
    }

    /// All of it, a newline behind each record.
    pub(super) fn lines(&self) -> Vec<u8> {
        let mut lines = Vec::with_capacity(self.bytes + self.items.len());
        for item in &self.items {
            lines.extend_from_slice(&item.body);
            lines.push(b'\n');
        }
        lines
    }

    /// Takes out all records but these, which are in order.
    pub(super) fn keep(&mut self, seqs: &[u64]) {
        self.items
            .retain(|item| seqs.binary_search(&item.seq).is_ok());
        self.bytes = self.items.iter().map(|item| item.body.len()).sum();
    }

    /// Two halves; none where there is only one record.
    pub(super) fn split(mut self) -> Result<(Batch, Batch), Batch> {
        if self.items.len() < 2 {
            return Err(self);
        }
        let later = self.items.split_off(self.items.len() / 2);
        let bytes = |items: &[Item]| items.iter().map(|item| item.body.len()).sum();
        let between = later.first().map_or(self.next, |item| item.seq);
        let second = Batch {
            bytes: bytes(&later),
            items: later,
            next: self.next,
        };
        let first = Batch {
            bytes: bytes(&self.items),
            items: self.items,
            next: between,
        };
        Ok((first, second))
    }
}

/// Records for tests, of these numbers.
#[cfg(test)]
pub(super) fn made(seqs: std::ops::RangeInclusive<u64>) -> Batch {
    let mut batch = Batch::new(*seqs.end() + 1);
    for seq in seqs {
        let body = format!(r#"{{"seq":{seq},"id":"log:{seq}"}}"#).into_bytes();
        let head = Head {
            id: format!("log:{seq}"),
            time: "2026-11-22T21:03:11.482913004Z".to_owned(),
            kind: "action".to_owned(),
            ..Head::default()
        };
        batch.push(Item { seq, head, body });
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_batch_ends_where_the_whole_did() {
        let mut batch = made(5..=9);
        batch.keep(&[6, 9]);
        let seqs: Vec<_> = batch.items.iter().map(|item| item.seq).collect();
        assert_eq!((seqs, batch.next), (vec![6, 9], 10));
        assert_eq!(batch.bytes, made(6..=6).bytes + made(9..=9).bytes);
    }

    #[test]
    fn halves_hold_the_same_records_and_end_where_the_whole_did() {
        let mut whole = made(5..=9);
        // Two that were passed over.
        whole.next = 12;
        let bytes = whole.bytes;
        let (first, second) = whole.split().unwrap();
        let seqs = |batch: &Batch| batch.items.iter().map(|item| item.seq).collect::<Vec<_>>();
        assert_eq!((seqs(&first), first.next), (vec![5, 6], 7));
        assert_eq!((seqs(&second), second.next), (vec![7, 8, 9], 12));
        assert_eq!(first.bytes + second.bytes, bytes);
        assert!(made(1..=1).split().is_err());
    }
}
