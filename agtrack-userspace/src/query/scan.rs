//! All of a journal on all processors. In: what is committed and a query; out: what is told of each
//! record that matches, in their order and in bounded memory.
//!
//! Each worker takes every n-th block and hands over what it found through a channel of its own, so
//! that taking from the channels in turn gives the order back, and a worker that is ahead waits.

mod block;
mod plan;

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::Query;
use super::sieve::Sieve;
use crate::journal::{Error, Extent};
use crate::record::Record;
use block::Blocks;
use plan::Unit;

/// Blocks that a worker may be ahead.
const AHEAD: usize = 2;
/// More workers than this only wait for memory or disk.
const WORKERS: usize = 32;

/// What is to be known beside the matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Lines that may match and are no records of this version.
    pub unknown: u64,
    /// Segments that were removed before they were read to their end.
    pub gone: u64,
    /// `take` broke off.
    pub stopped: bool,
}

/// What one block gives.
struct Found<T> {
    told: Vec<T>,
    unknown: u64,
    gone: bool,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Found {
            told: Vec::new(),
            unknown: 0,
            gone: false,
        }
    }
}

/// Looks for a query's matches. `tell` makes of each record and its line what `take` gets, in the
/// journal's order and many at a time; `tell` runs on other threads. Ends early where `take` breaks.
///
/// # Errors
/// A segment cannot be read.
pub fn scan<T: Send>(
    extent: &Extent,
    query: &Query,
    tell: impl Fn(&Record, &[u8]) -> T + Sync,
    mut take: impl FnMut(Vec<T>) -> ControlFlow<()>,
) -> Result<Told, Error> {
    let plan = plan::plan(extent, &query.period)?;
    let seeker = Seeker {
        extent,
        query,
        sieve: Sieve::new(query),
        units: &plan.units,
        tell: &tell,
    };
    let mut told = Told {
        gone: plan.gone,
        ..Told::default()
    };
    let committed = thread::scope(|scope| {
        let workers = workers().min(plan.units.len());
        let mut channels = Vec::with_capacity(workers);
        for first in 0..workers {
            let (sender, receiver) = sync_channel(AHEAD);
            let seeker = &seeker;
            scope.spawn(move || seeker.work(first, workers, &sender));
            channels.push(receiver);
        }
        collect(&channels, plan.units.len(), &mut told, &mut take)
    });
    committed?;
    if !told.stopped {
        seeker.left(&mut told, &mut take)?;
    }
    Ok(told)
}

fn workers() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(WORKERS))
}

/// Takes from the workers in turn. Returning drops the channels, which ends the workers.
fn collect<T>(
    channels: &[Receiver<Result<Found<T>, Error>>],
    units: usize,
    told: &mut Told,
    take: &mut impl FnMut(Vec<T>) -> ControlFlow<()>,
) -> Result<(), Error> {
    for channel in channels.iter().cycle().take(units) {
        // A worker ends early only with an error, which it sends, or a panic, which the scope raises.
        let Ok(found) = channel.recv() else { break };
        let found = found?;
        told.unknown += found.unknown;
        told.gone += u64::from(found.gone);
        if !found.told.is_empty() && take(found.told).is_break() {
            told.stopped = true;
            break;
        }
    }
    Ok(())
}

/// What every worker shares.
struct Seeker<'a, F> {
    extent: &'a Extent,
    query: &'a Query,
    sieve: Sieve,
    units: &'a [Unit],
    tell: &'a F,
}

impl<F> Seeker<'_, F> {
    fn work<T>(&self, first: usize, step: usize, sender: &SyncSender<Result<Found<T>, Error>>)
    where
        F: Fn(&Record, &[u8]) -> T,
    {
        let mut blocks = Blocks::new(self.extent);
        for unit in self.units.iter().skip(first).step_by(step) {
            let found = blocks.read(*unit).map(|block| match block {
                Some(block) => self.seek(block),
                None => Found {
                    gone: unit.ends,
                    ..Found::default()
                },
            });
            let failed = found.is_err();
            // Where nobody takes it any more, nobody wants the rest.
            if sender.send(found).is_err() || failed {
                return;
            }
        }
    }

    fn seek<T>(&self, block: &[u8]) -> Found<T>
    where
        F: Fn(&Record, &[u8]) -> T,
    {
        let mut found = Found::default();
        let _ = self.sieve.sift(block, |line| {
            self.judge(line, &mut found);
            ControlFlow::Continue(())
        });
        found
    }

    fn judge<T>(&self, line: &[u8], found: &mut Found<T>)
    where
        F: Fn(&Record, &[u8]) -> T,
    {
        if !self.query.may_match(line) {
            return;
        }
        match serde_json::from_slice::<Record>(line) {
            Ok(record) if self.query.matches(&record) => {
                found.told.push((self.tell)(&record, line));
            }
            Ok(_) => {}
            Err(_) => found.unknown += 1,
        }
    }

    /// Whole lines that a dead writer left.
    fn left<T>(
        &self,
        told: &mut Told,
        take: &mut impl FnMut(Vec<T>) -> ControlFlow<()>,
    ) -> Result<(), Error>
    where
        F: Fn(&Record, &[u8]) -> T,
    {
        let Some((mut reader, most)) = self.extent.left()? else {
            return Ok(());
        };
        let mut passed = 0;
        // A new writer may be at work by now: what it adds was not asked for.
        while passed < most {
            let Some(line) = reader.next_line()? else {
                break;
            };
            passed += line.bytes.len() as u64 + 1;
            let found = self.seek(line.bytes);
            told.unknown += found.unknown;
            if !found.told.is_empty() && take(found.told).is_break() {
                told.stopped = true;
                break;
            }
        }
        Ok(())
    }
}
