//! The work that is timed: one small thing, again and again.
//!
//! Runs as a process of its own (`xtask load NAME`), so that a recorder can be put around it.
//! Comes in: what to do, for how long, how fast, in how many processes. Goes out: one line with the
//! nanoseconds of an operation, the number of operations, and the seconds they took.

mod tls;
mod work;

use std::fmt;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;

use work::Place;

pub(super) use work::FILES;

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
    /// Write to an open file
    Write,
    /// Unlink
    Unlink,
    /// Rename
    Rename,
    /// Send a datagram, receive it
    Udp,
    /// Connect, accept, close on the loopback
    Connect,
    /// Connect and shake hands in TLS, both ends, close
    Tls,
    /// Fork, exec, exit, wait
    Exec,
    /// Write a thousand files at once; once only
    Files,
}

/// Options of the hidden `xtask load`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Options {
    load: Load,
    /// For how long
    #[arg(long, default_value_t = 400)]
    millis: u64,
    /// Operations a second, of all processes together; 0 for as many as possible
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// In how many processes
    #[arg(long, default_value_t = 1)]
    processes: u32,
}

/// What a load says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Done {
    /// Nanoseconds of one operation in one process, pauses included.
    pub(crate) nanoseconds: f64,
    /// How many there were; those of the warm-up are included.
    pub(crate) operations: u64,
    /// How many a second there were, of all processes.
    pub(crate) rate: f64,
}

impl Done {
    /// So many in this time, and so many with those that were not timed.
    fn of(timed: u32, time: Duration, all: u32) -> Done {
        let (count, seconds) = (f64::from(timed), time.as_secs_f64());
        Done {
            nanoseconds: seconds * 1e9 / count,
            operations: all.into(),
            rate: count / seconds,
        }
    }
}

impl Load {
    /// Those that are done again and again, with and without a recorder.
    pub(crate) fn compared() -> impl Iterator<Item = Load> {
        let all = Load::value_variants().iter().copied();
        all.filter(|load| *load != Load::Files)
    }

    /// What an operation is.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Load::Getppid => "getppid",
            Load::Open => "open+close",
            Load::OpenRead => "open+read+close",
            Load::Create => "create+write+close+unlink",
            Load::Write => "write to an open file",
            Load::Unlink => "unlink",
            Load::Rename => "rename",
            Load::Udp => "sendto+recv (UDP)",
            Load::Connect => "connect+accept+close",
            Load::Tls => "connect+TLS handshake+close (Python)",
            Load::Exec => "fork+exec+exit",
            Load::Files => "write a file of 64 KiB",
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
    if options.processes > 1 {
        return shared(options);
    }
    let place = Place::new()?;
    let pace = Pace::new(options);
    match options.load {
        Load::Getppid => pace.measure(1000, work::getppid),
        Load::Open => {
            let file = place.file("read", b"some bytes")?;
            pace.measure(100, || work::open(&file))
        }
        Load::OpenRead => {
            let file = place.file("read", b"some bytes")?;
            pace.measure(100, || work::open_read(&file))
        }
        Load::Create => {
            let file = place.path("created");
            pace.measure(20, || work::create(&file))
        }
        Load::Write => {
            let mut file = work::Written::new(&place.path("written"))?;
            pace.measure(1000, || file.write())
        }
        Load::Unlink => {
            let files: Vec<_> = (0..100).map(|n| place.path(&n.to_string())).collect();
            pace.measure_prepared(&files, |file| work::make(file), |file| work::unlink(file))
        }
        Load::Rename => {
            let (mut one, mut two) = (place.file("one", b"")?, place.path("two"));
            pace.measure(20, || {
                work::rename(&one, &two)?;
                std::mem::swap(&mut one, &mut two);
                Ok(())
            })
        }
        Load::Udp => {
            let socket = work::Datagrams::new()?;
            pace.measure(20, || socket.send())
        }
        Load::Tls => tls::measure(&place, options.millis),
        Load::Connect => {
            let mut listener = work::Listener::new()?;
            pace.measure(5, || listener.connect())
        }
        Load::Exec => pace.measure(1, work::exec),
        Load::Files => work::files(&place),
    }
}

/// Lets several processes do it, which share nothing that could slow them down by itself.
fn shared(options: &Options) -> Result<Done> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(this);
    command
        .arg("load")
        .arg(options.load.to_string())
        .args(["--millis", &options.millis.to_string()])
        .args(["--rate", &(options.rate / options.processes).to_string()])
        .stdout(Stdio::piped());
    let children = (0..options.processes)
        .map(|_| command.spawn().context("cannot start a part of the load"))
        .collect::<Result<Vec<_>>>()?;
    let mut sum = Done {
        nanoseconds: 0.0,
        operations: 0,
        rate: 0.0,
    };
    for child in children {
        let output = child.wait_with_output().context("cannot read its result")?;
        let line = String::from_utf8_lossy(&output.stdout);
        let done: Done = line.parse().context("a part of the load failed")?;
        sum.nanoseconds += done.nanoseconds / f64::from(options.processes);
        sum.operations += done.operations;
        sum.rate += done.rate;
    }
    Ok(sum)
}

/// How long and how fast.
struct Pace {
    time: Duration,
    /// Pause between the beginnings of two batches, and operations of a batch.
    beat: Option<(Duration, u32)>,
}

impl Pace {
    fn new(options: &Options) -> Pace {
        let beat = match options.rate {
            0 => None,
            // A beat of a millisecond where there is more than one operation in it.
            rate @ 1..2000 => Some((Duration::from_secs(1) / rate, 1)),
            rate => Some((Duration::from_secs(1) / (rate / (rate / 1000)), rate / 1000)),
        };
        Pace {
            time: Duration::from_millis(options.millis),
            beat,
        }
    }

    /// Does `work` for the time, after a tenth of it to warm up, in batches between which it looks
    /// at the clock.
    fn measure(&self, batch: u32, mut work: impl FnMut() -> Result<()>) -> Result<Done> {
        let warmed = self.repeat(self.time / 10, batch, &mut work)?;
        let started = Instant::now();
        let done = self.repeat(self.time, batch, &mut work)?;
        let timed = u32::try_from(done).context("too many operations")?;
        let all = u32::try_from(warmed + done).context("too many operations")?;
        Ok(Done::of(timed, started.elapsed(), all))
    }

    /// As [`Pace::measure`], of something that needs `prepare` before, which is not timed. Each
    /// thing is worked on once in its turn.
    fn measure_prepared<T>(
        &self,
        things: &[T],
        mut prepare: impl FnMut(&T) -> Result<()>,
        mut work: impl FnMut(&T) -> Result<()>,
    ) -> Result<Done> {
        if self.beat.is_some() {
            bail!("this load knows no rate");
        }
        let mut turn = |limit: Duration| -> Result<(u32, Duration)> {
            let (mut done, mut spent) = (0, Duration::ZERO);
            while spent < limit || done == 0 {
                things.iter().try_for_each(&mut prepare)?;
                let started = Instant::now();
                things.iter().try_for_each(&mut work)?;
                spent += started.elapsed();
                done += u32::try_from(things.len()).context("too many things")?;
            }
            Ok((done, spent))
        };
        let (warmed, _) = turn(self.time / 10)?;
        let (done, spent) = turn(self.time)?;
        Ok(Done::of(done, spent, warmed + done))
    }

    fn repeat(
        &self,
        time: Duration,
        batch: u32,
        work: &mut impl FnMut() -> Result<()>,
    ) -> Result<u64> {
        let (pause, batch) = self.beat.unwrap_or((Duration::ZERO, batch));
        let started = Instant::now();
        let mut due = Duration::ZERO;
        let mut done = 0;
        while started.elapsed() < time || done == 0 {
            for _ in 0..batch {
                work()?;
            }
            done += u64::from(batch);
            due += pause;
            // Late is late: what did not fit into its beat follows without a pause.
            if let Some(early) = due.checked_sub(started.elapsed()) {
                std::thread::sleep(early);
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(load: Load) -> Options {
        Options {
            load,
            millis: 1,
            rate: 0,
            processes: 1,
        }
    }

    #[test]
    fn every_load_works() {
        for &load in Load::value_variants() {
            let done = perform(&options(load)).unwrap();
            assert!(done.operations > 0 && done.nanoseconds > 0.0, "{load}");
        }
    }

    #[test]
    fn a_failing_operation_ends_the_measurement() {
        let pace = Pace::new(&options(Load::Open));
        assert!(pace.measure(1, || anyhow::bail!("no")).is_err());
    }

    #[test]
    fn a_rate_is_not_exceeded() {
        for (rate, most) in [(500, 61), (20_000, 2300)] {
            let paced = Options {
                millis: 100,
                rate,
                ..options(Load::Getppid)
            };
            let done = perform(&paced).unwrap();
            assert!(done.operations <= most, "{rate}: {done}");
        }
    }

    #[test]
    fn a_result_can_be_read_back() {
        let done = Done {
            nanoseconds: 812.5,
            operations: 9,
            rate: 1230.8,
        };
        assert_eq!(done.to_string().parse::<Done>().unwrap(), done);
        assert!("".parse::<Done>().is_err());
        assert!("1 2".parse::<Done>().is_err());
    }
}
