//! Batches that a receiver takes in part.

use super::*;
use crate::sink::batch::{Batch, made};
use crate::sink::transport::{Accepted, Doing, Transport, Trouble};

/// A receiver that has no room for some records the first time, and refuses one.
struct Choosy {
    /// What came each time.
    came: Arc<Mutex<Vec<Vec<u64>>>>,
    busy_for: Vec<u64>,
    refuses: u64,
}

impl Transport for Choosy {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(async {
            let seqs: Vec<_> = batch.items.iter().map(|item| item.seq).collect();
            self.came.lock().unwrap().push(seqs.clone());
            let busy_for = std::mem::take(&mut self.busy_for);
            let refused = seqs.iter().filter(|seq| **seq == self.refuses);
            Ok(Accepted {
                refused: refused.map(|seq| (*seq, "no".to_owned())).collect(),
                later: (!busy_for.is_empty()).then(|| (busy_for, Trouble::later("busy"))),
                ..Accepted::default()
            })
        })
    }
}

#[tokio::test]
async fn what_a_receiver_has_no_room_for_is_sent_again_alone() {
    let (mut task, state, _host) = task().await;
    let came = Arc::new(Mutex::new(Vec::new()));
    task.transport = Some(Box::new(Choosy {
        came: Arc::clone(&came),
        busy_for: vec![2, 5],
        refuses: 4,
    }));
    let delivered = task.deliver(made(1..=6)).await;
    assert_eq!(delivered, delivery::Delivered::All);
    assert_eq!(*came.lock().unwrap(), [vec![1, 2, 3, 4, 5, 6], vec![2, 5]]);
    let cursor = &task.cursor;
    assert_eq!(
        (cursor.next_seq, cursor.delivered, cursor.refused),
        (7, 5, 1)
    );
    assert_eq!(cursor.error, None);
    let letters = std::fs::read_to_string(state.join("p.refused.jsonl")).unwrap();
    assert_eq!(letters.lines().count(), 1, "{letters}");
}
