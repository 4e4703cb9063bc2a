//! The work that is timed: one small thing, again and again.
//!
//! Runs as a process of its own (`xtask load NAME`), so that a recorder can be put around it.
//! Comes in: what to do, for how long, how fast, on how many threads. Goes out: one line with the
//! nanoseconds of an operation, the number of operations, and the seconds they took.

mod work;

use std::fmt;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;

use work::Place;

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Load {
    /// A system call that nobody records
    Getppid,
    /// Open, close
    Open,
    /// Open, read, close
    OpenRead,
    /// Create, write, close, unlink
    Create,
    /// Rename
    Rename,
    /// Connect, accept, close on the loopback
    Connect,
    /// Fork, exec, exit, wait
    Exec,
}

/// Options of the hidden `xtask load`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Options {
    load: Load,
    /// For how long
    #[arg(long, default_value_t = 400)]
    millis: u64,
    /// Operations a second, of all threads together; 0 for as many as possible
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// On how many threads
    #[arg(long, default_value_t = 1)]
    threads: u32,
}

/// What a load says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Done {
    /// Nanoseconds of one operation on one thread, pauses included.
    pub(crate) nanoseconds: f64,
    /// How many there were, those of the warm-up included.
    pub(crate) operations: u64,
    /// How many a second there were, of all threads.
    pub(crate) rate: f64,
}

impl Load {
    /// What an operation is.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Load::Getppid => "getppid",
            Load::Open => "open+close",
            Load::OpenRead => "open+read+close",
            Load::Create => "create+write+close+unlink",
            Load::Rename => "rename",
            Load::Connect => "connect+accept+close",
            Load::Exec => "fork+exec+exit",
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} {} {:.1}",
            self.nanoseconds, self.operations, self.rate
        )
    }
}

impl FromStr for Done {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Done> {
        let mut words = line.split_whitespace();
        let mut next = || words.next().ok_or_else(|| anyhow!("it is too short"));
        let done = Done {
            nanoseconds: next()?.parse()?,
            operations: next()?.parse()?,
            rate: next()?.parse()?,
        };
        Ok(done)
    }
}

/// Works and prints what it did.
///
/// # Errors
/// An operation fails.
pub(crate) fn main(options: &Options) -> Result<()> {
    println!("{}", perform(options)?);
    Ok(())
}

fn perform(options: &Options) -> Result<Done> {
    let place = Place::new()?;
    let threads = options.threads.max(1);
    let results: Vec<Result<Done>> = thread::scope(|scope| {
        // The first is the main thread: a load of one thread stays a process of one thread.
        let others: Vec<_> = (1..threads)
            .map(|number| scope.spawn(|| one(options, &place, number)).into_handle())
            .collect();
        let mut results = vec![one(options, &place, 0)];
        results.extend(others.into_iter().map(|other| {
            let result = other.join();
            result.unwrap_or_else(|_| Err(anyhow!("a thread of the load panicked")))
        }));
        results
    });
    let all = results.into_iter().collect::<Result<Vec<Done>>>()?;
    Ok(Done {
        nanoseconds: all.iter().map(|done| done.nanoseconds).sum::<f64>() / f64::from(threads),
        operations: all.iter().map(|done| done.operations).sum(),
        rate: all.iter().map(|done| done.rate).sum(),
    })
}
