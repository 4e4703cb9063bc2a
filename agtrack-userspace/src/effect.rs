//! What came of an action: who can read files is asked for their hashes, and records wait for the
//! answers.
//!
//! Comes in: finished actions, of which some want a hash ([`wanted`]), and drafts in the order in
//! which they are to be recorded. Goes out: questions ([`HashWanted`]), and the same drafts in the
//! same order: one that waits holds back all that come after it, of all sessions, so that the journal
//! keeps the kernel's order and a session's end comes after its last action. Nothing waits longer
//! than they may ([`Queue::new`]), and not more than [`MOST`] drafts do. Never: reads a file, or makes up a hash.

mod calls;
mod settle;
mod wanted;

use std::collections::VecDeque;

use crate::input::{HashWanted, Hashed};
use crate::record::{Draft, Unhashed};

pub use wanted::{of_program, wanted};

/// So many drafts may wait. Whose turn is next then goes without its hash.
pub const MOST: usize = 16 * 1024;

/// A draft in the queue.
#[derive(Debug)]
struct Held {
    draft: Draft,
    /// It waits for its hash until then, boot clock, ns.
    until: Option<u64>,
}

/// Drafts that wait, and what they wait for.
#[derive(Debug, Default)]
pub struct Queue {
    /// Somebody answers questions.
    answered: bool,
    /// How long a draft waits, boot clock, ns.
    patience: u64,
    /// The recorder stops: nothing waits any more.
    ended: bool,
    queue: VecDeque<Held>,
    /// Number of the first draft in the queue. A draft's number is its ticket.
    first: u64,
    /// Questions about drafts that are not in the queue yet, by their places among those that come
    /// next.
    asked: Vec<(usize, HashWanted)>,
    wanted: Vec<HashWanted>,
    calls: calls::Calls,
}

impl Queue {
    /// `answered`: somebody answers questions; without, none are asked. A draft waits for its hash no
    /// longer than `patience`, boot clock, ns.
    pub fn new(answered: bool, patience: u64) -> Queue {
        Queue {
            answered,
            patience,
            ..Queue::default()
        }
    }

    /// Whether questions are answered.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// The draft at this place among those that [`Queue::pass`] is given next wants a hash. Places
    /// come in ascending order.
    pub fn ask(&mut self, place: usize, wanted: HashWanted) {
        self.asked.push((place, wanted));
    }

    /// Takes the questions that came up since the last call.
    pub fn take_wanted(&mut self) -> Vec<HashWanted> {
        std::mem::take(&mut self.wanted)
    }

    /// Whether anything waits.
    pub fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes an answer. One that comes too late, or that nobody asked for, changes nothing.
    pub fn answer(&mut self, hashed: Hashed) {
        let place = hashed.ticket.checked_sub(self.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(held) = place.and_then(|place| self.queue.get_mut(place))
            && held.until.take().is_some()
        {
            settle::put(&mut held.draft, hashed);
        }
    }

    /// From now on nothing waits.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Takes the next drafts in, and hands on all that do not have to wait any more. `boot` is the
    /// time, boot clock, ns.
    pub fn pass(&mut self, fresh: &mut Vec<Draft>, boot: u64, out: &mut Vec<Draft>) {
        if self.queue.is_empty() && self.asked.is_empty() {
            fresh.iter_mut().for_each(|draft| self.calls.see(draft));
            out.append(fresh);
            return;
        }
        let mut asked = std::mem::take(&mut self.asked).into_iter().peekable();
        for (place, draft) in fresh.drain(..).enumerate() {
            let question = asked.next_if(|(asked, _)| *asked == place);
            let until = question
                .is_some()
                .then(|| boot.saturating_add(self.patience));
            self.wanted.extend(question.map(|(_, wanted)| HashWanted {
                ticket: self.first + self.queue.len() as u64,
                ..wanted
            }));
            self.queue.push_back(Held { draft, until });
        }
        self.give_up(boot);
        self.release(out);
    }

    /// Those whose time is over go without.
    fn give_up(&mut self, boot: u64) {
        // The first to come is the first to be due.
        for held in &mut self.queue {
            match held.until {
                Some(until) if until > boot && !self.ended => break,
                Some(_) => {
                    held.until = None;
                    settle::without(&mut held.draft, Unhashed::Late);
                }
                None => {}
            }
        }
    }

    fn release(&mut self, out: &mut Vec<Draft>) {
        while let Some(mut held) = self.queue.pop_front() {
            if held.until.is_some() {
                if self.queue.len() < MOST {
                    self.queue.push_front(held);
                    break;
                }
                settle::without(&mut held.draft, Unhashed::Busy);
            }
            self.first += 1;
            self.calls.see(&mut held.draft);
            out.push(held.draft);
        }
    }
}

#[cfg(test)]
mod tests;
