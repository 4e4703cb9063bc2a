//! All of a journal on all processors. In: what is committed and a query; out: what is told of each
//! record that matches, in their order and in bounded memory.
//!
//! Each worker takes every n-th block and hands over what it found through a channel of its own, so
//! that taking from the channels in turn gives the order back, and a worker that is ahead waits.

mod block;
mod plan;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use memchr::memchr_iter;

use super::sieve::Sieve;
use super::{Period, Query};
use crate::journal::{Error, Extent, Hole};
use crate::record::{Record, Text};
use block::Blocks;
use plan::Unit;

/// Blocks that a worker may be ahead.
const AHEAD: usize = 2;
/// More workers than this only wait for memory or disk.
const WORKERS: usize = 32;

/// What is to be known beside the matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Lines that may match and are no records of this version.
    pub unknown: u64,
    /// Changes that were asked for, of files that the kernel makes.
    pub kernel_made: u64,
    /// Records that are about other paths with the names at their ends that were asked for, as callers
    /// gave them: what links in them lead to is not known.
    pub elsewhere: u64,
    /// Segments that were removed before they were read to their end.
    pub gone: u64,
    /// Records that the journal has no more, though they may match.
    pub holes: Vec<Hole>,
    /// Segments of which records were cut out, or into which lines were put.
    pub uneven: Vec<Uneven>,
    /// `take` broke off.
    pub stopped: bool,
}

/// A segment that has not as many lines as its records' numbers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uneven {
    /// Its file.
    pub path: PathBuf,
    /// Lines that it has.
    pub lines: u64,
    /// Records that should be there.
    pub records: u64,
}

impl fmt::Display for Uneven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Text(self.path.as_os_str().as_encoded_bytes().to_vec());
        write!(
            f,
            "{} has {} lines where {} records should be: it was changed",
            path.printable(),
            self.lines,
            self.records
        )
    }
}

/// What one block gives.
pub struct Found<T> {
    /// What was made of it, in its order.
    pub told: Vec<T>,
    /// Lines that are no records of this version.
    pub unknown: u64,
    kernel_made: u64,
    elsewhere: u64,
    gone: bool,
    lines: u64,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Found {
            told: Vec::new(),
            unknown: 0,
            kernel_made: 0,
            elsewhere: 0,
            gone: false,
            lines: 0,
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
    take: impl FnMut(Vec<T>) -> ControlFlow<()>,
) -> Result<Told, Error> {
    let sieve = Sieve::new(query);
    let read = |block: &[u8]| {
        let mut found = Found::default();
        let _ = sieve.sift(block, |line| {
            judge(query, line, &tell, &mut found);
            ControlFlow::Continue(())
        });
        found
    };
    sweep(extent, &query.period, read, take)
}

/// Reads all that may be of this period: `read` makes of each block of whole lines what `take` gets,
/// in the journal's order; `read` runs on other threads. Ends early where `take` breaks.
///
/// # Errors
/// A segment cannot be read.
pub fn sweep<T: Send>(
    extent: &Extent,
    period: &Period,
    read: impl Fn(&[u8]) -> Found<T> + Sync,
    mut take: impl FnMut(Vec<T>) -> ControlFlow<()>,
) -> Result<Told, Error> {
    let plan = plan::plan(extent, period)?;
    let seeker = Seeker {
        extent,
        units: &plan.units,
        read: &read,
    };
    let mut told = Told {
        gone: plan.gone,
        holes: holes(extent, &plan.units)?,
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
        collect(&channels, &plan.units, &mut told, &mut take)
    });
    let lines = committed?;
    if !told.stopped {
        told.uneven = uneven(extent, &lines, &told.holes);
        seeker.left(&mut told, &mut take)?;
    }
    Ok(told)
}

fn judge<T>(query: &Query, line: &[u8], tell: impl Fn(&Record, &[u8]) -> T, found: &mut Found<T>) {
    if !query.may_match(line) {
        return;
    }
    match serde_json::from_slice::<Record>(line) {
        Ok(record) if query.matches(&record) => found.told.push(tell(&record, line)),
        Ok(record) => {
            found.kernel_made += u64::from(query.is_of_kernel(&record));
            found.elsewhere += u64::from(query.is_elsewhere(&record));
        }
        Err(_) => found.unknown += 1,
    }
}

fn workers() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(WORKERS))
}

/// What is missing behind the begin of what is read: there may be matches in it.
fn holes(extent: &Extent, units: &[Unit]) -> Result<Vec<Hole>, Error> {
    let first = units.first().map_or(0, |unit| unit.segment);
    let oldest = extent.segments().first().copied();
    let mut holes = extent.holes()?;
    // Just before the first that is read there is nothing of that time, or what is before it were read too.
    holes.retain(|hole| hole.last >= first || oldest == Some(first));
    Ok(holes)
}

/// Which of these segments have not as many lines as their numbers say.
fn uneven(extent: &Extent, lines: &BTreeMap<u64, u64>, holes: &[Hole]) -> Vec<Uneven> {
    let next = |segment: u64| {
        let later = extent.segments().iter().find(|first| **first > segment);
        later.map_or(extent.committed() + 1, |first| *first)
    };
    let odd = |(segment, lines): (&u64, &u64)| {
        let end = next(*segment);
        let missing = |hole: &Hole| {
            let first = hole.first.max(*segment);
            hole.last.saturating_add(1).min(end).saturating_sub(first)
        };
        let missing: u64 = holes.iter().map(missing).sum();
        let records = end.saturating_sub(*segment).saturating_sub(missing);
        (*lines != records).then(|| Uneven {
            path: extent.path(*segment),
            lines: *lines,
            records,
        })
    };
    lines.iter().filter_map(odd).collect()
}

/// Takes from the workers in turn, and counts the lines of each segment. Returning drops the channels,
/// which ends the workers.
fn collect<T>(
    channels: &[Receiver<Result<Found<T>, Error>>],
    units: &[Unit],
    told: &mut Told,
    take: &mut impl FnMut(Vec<T>) -> ControlFlow<()>,
) -> Result<BTreeMap<u64, u64>, Error> {
    let mut lines = BTreeMap::new();
    for (channel, unit) in channels.iter().cycle().zip(units) {
        // A worker ends early only with an error, which it sends, or a panic, which the scope raises.
        let Ok(found) = channel.recv() else { break };
        let found = found?;
        told.unknown += found.unknown;
        told.kernel_made += found.kernel_made;
        told.elsewhere += found.elsewhere;
        told.gone += u64::from(found.gone);
        *lines.entry(unit.segment).or_default() += found.lines;
        if !found.told.is_empty() && take(found.told).is_break() {
            told.stopped = true;
            break;
        }
    }
    Ok(lines)
}

/// What every worker shares.
struct Seeker<'a, F> {
    extent: &'a Extent,
    units: &'a [Unit],
    read: &'a F,
}

impl<F> Seeker<'_, F> {
    fn work<T>(&self, first: usize, step: usize, sender: &SyncSender<Result<Found<T>, Error>>)
    where
        F: Fn(&[u8]) -> Found<T>,
    {
        let mut blocks = Blocks::new(self.extent);
        for unit in self.units.iter().skip(first).step_by(step) {
            let found = blocks.read(*unit).map(|block| match block {
                Some(block) => Found {
                    lines: memchr_iter(b'\n', block).count() as u64,
                    ..(self.read)(block)
                },
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

    /// Whole lines that a dead writer left.
    fn left<T>(
        &self,
        told: &mut Told,
        take: &mut impl FnMut(Vec<T>) -> ControlFlow<()>,
    ) -> Result<(), Error>
    where
        F: Fn(&[u8]) -> Found<T>,
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
            let found = (self.read)(line.bytes);
            told.unknown += found.unknown;
            told.kernel_made += found.kernel_made;
            told.elsewhere += found.elsewhere;
            if !found.told.is_empty() && take(found.told).is_break() {
                told.stopped = true;
                break;
            }
        }
        Ok(())
    }
}
