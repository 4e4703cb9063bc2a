//! Delivers a batch: tries again, takes it apart, gives up what nobody takes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::batch::Batch;
use super::refused::Letter;
use super::task::{Task, dice};
use super::transport::{Accepted, Trouble};
use super::window::Window;

/// How long to wait where somebody has to change something first.
const SLOW: Duration = Duration::from_secs(60);

/// How long to wait between the last attempts of a sink that is to stop.
const LAST: Duration = Duration::from_millis(500);

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Every record of it was acknowledged or given up.
    All,
    /// A connection broke: what was sent from this record on may be lost, and is to be sent again.
    Back(u64),
}

impl Task {
    /// Delivers a batch, however long that takes.
    pub(super) async fn deliver(&mut self, batch: Batch) -> Delivered {
        if batch.items.is_empty() {
            return Delivered::All;
        }
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            self.place.board.tries(&self.settings.name);
            let result = self.attempt(&part).await;
            self.place.board.tried(&self.settings.name, None);
            match result {
                Ok(accepted) => {
                    if let Some((rest, trouble)) = self.accept(part, accepted).await {
                        self.lose(&trouble);
                        self.pause(&trouble).await;
                        parts.push(rest);
                    }
                }
                Err(Trouble::Refused(reason)) => match part.split() {
                    Ok((first, second)) => parts.extend([second, first]),
                    Err(alone) => self.give_up(&alone, &reason).await,
                },
                Err(trouble) => {
                    let lost = self.lose(&trouble);
                    self.pause(&trouble).await;
                    if lost {
                        return Delivered::Back(self.cursor.next_seq);
                    }
                    parts.push(part);
                }
            }
        }
        Delivered::All
    }

    async fn attempt(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        self.settle().await?;
        if self.transport.is_none() {
            let row = self.settings.kind.row();
            let row =
                row.ok_or_else(|| Trouble::Misconfigured("there is no such type".to_owned()))?;
            let transport = (row.open)(&self.settings)?;
            self.window = Window::new(transport.unsure());
            self.transport = Some(transport);
        }
        let Some(transport) = &mut self.transport else {
            return Err(Trouble::later("there is no connection"));
        };
        let patience = transport.patience();
        match timeout(patience, transport.deliver(batch)).await {
            Ok(result) => result,
            Err(_) => {
                let seconds = patience.as_secs();
                Err(Trouble::later(format!("no answer within {seconds} s")))
            }
        }
    }

    /// Counts what was taken and puts aside what was refused. Gives what is to be sent again, and why.
    async fn accept(&mut self, mut batch: Batch, accepted: Accepted) -> Option<(Batch, Trouble)> {
        let Accepted { refused, later, .. } = accepted;
        let refused: BTreeMap<_, _> = refused.into_iter().collect();
        let letters: Vec<_> = batch
            .items
            .iter()
            .filter_map(|item| {
                let reason = refused.get(&item.seq)?;
                Some(Letter {
                    seq: item.seq,
                    reason: reason.clone(),
                    body: item.body.clone(),
                })
            })
            .collect();
        let waiting = later.as_ref().map_or(0, |(seqs, _)| seqs.len());
        let settled = batch.items.len().saturating_sub(waiting);
        self.cursor.delivered += settled.saturating_sub(letters.len()) as u64;
        match (&later, settled) {
            (None, _) => self.recover(),
            (Some(_), 0) => {}
            (Some(_), _) => self.backoff.reset(),
        }
        if !letters.is_empty() {
            self.tell(&format!(
                "{} records were refused, the first for: {}",
                letters.len(),
                super::transport::shown(letters.first().map_or("", |letter| &letter.reason))
            ));
            self.bury(letters).await;
        }
        match later {
            None => {
                self.pass_behind(&batch);
                None
            }
            Some((seqs, trouble)) => {
                batch.keep(&seqs);
                Some((batch, trouble))
            }
        }
    }

    async fn give_up(&mut self, batch: &Batch, reason: &str) {
        let letters = batch.items.iter().map(|item| Letter {
            seq: item.seq,
            reason: reason.to_owned(),
            body: item.body.clone(),
        });
        let reason = super::transport::shown(reason);
        self.tell(&format!("a record was refused: {reason}"));
        self.bury(letters.collect()).await;
        self.pass_behind(batch);
    }

    fn pass_behind(&mut self, batch: &Batch) {
        let now = Instant::now();
        self.window.take(now, batch.next);
        self.cursor.sent_seq = batch.next;
        if let Some(sure) = self.window.settle_at_once() {
            self.cursor.next_seq = sure;
        }
    }

    /// Notes a failure; whether records that were taken may be lost by it.
    fn lose(&mut self, trouble: &Trouble) -> bool {
        self.fail(trouble);
        if matches!(trouble, Trouble::Misconfigured(_)) {
            // Its files are read again, in case that they were changed.
            self.transport = None;
        }
        let lost = self.window.lose();
        if lost {
            self.cursor.sent_seq = self.cursor.next_seq;
        }
        lost
    }

    /// A connection broke while there was nothing to send. Gives where to go on.
    pub(super) async fn fail_idle(&mut self, trouble: Trouble) -> u64 {
        let lost = self.lose(&trouble);
        self.pause(&trouble).await;
        if lost {
            self.cursor.next_seq
        } else {
            self.next
        }
    }

    async fn pause(&mut self, trouble: &Trouble) {
        let asked = match trouble {
            Trouble::Misconfigured(_) => Some(SLOW),
            Trouble::Later { after, .. } => *after,
            Trouble::Refused(_) => None,
        };
        let mut wait = self.backoff.wait(asked, dice());
        // The pause may be long, and who looks meanwhile is to see why.
        self.place.board.post(&self.settings.name, &self.cursor);
        self.save().await;
        let next = Instant::now() + wait;
        self.place.board.tried(&self.settings.name, Some(next));
        let is_stopping = self.stop.borrow().is_some();
        if is_stopping {
            wait = wait.min(LAST);
        }
        tokio::select! {
            () = sleep(wait) => {}
            // One more attempt before the end.
            stopped = self.stop.changed(), if !is_stopping => drop(stopped),
        }
        self.remember().await;
    }
}
