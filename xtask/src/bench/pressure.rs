//! The daemon under load: what it loses, what it costs, what it holds.
//!
//! Comes in: a rate, or as much as the machine gives. Goes out: rows of what was reached beside
//! what is wanted. A load runs in a cgroup of its own, which the daemon's configuration names.

mod burst;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::foreign;
use super::load::{FILES, Load};
use super::process::Agtrack;
use super::recorder::{Bench, done};
use super::table::{median, spread};
use crate::run;
use burst::{Burst, Work};

/// How long everything lasts.
#[derive(Clone, Copy)]
pub(super) struct Lengths {
    /// Processes started one after the other.
    pub(super) exec: u32,
    /// Files opened at a rate.
    pub(super) open: u32,
    /// Files opened as fast as possible.
    pub(super) storm: u32,
    /// How many storms, and how many starts.
    pub(super) rounds: u32,
}

/// A line of the second table.
pub(super) struct Row {
    pub(super) what: String,
    pub(super) goal: String,
    pub(super) reached: String,
    /// Whether the goal was reached; unknown where it was not measured, or has none.
    pub(super) holds: Option<bool>,
}

impl Row {
    fn new(what: impl Into<String>, goal: &str, reached: String, holds: bool) -> Row {
        Row {
            what: what.into(),
            goal: goal.to_owned(),
            reached,
            holds: Some(holds),
        }
    }

    /// A line that has only a reason.
    pub(super) fn unmeasured(what: impl Into<String>, goal: &str, why: &str) -> Row {
        Row {
            what: what.into(),
            goal: goal.to_owned(),
            reached: format!("not measured: {why}"),
            holds: None,
        }
    }
}

/// Whom it is done to, and with what.
struct Trial<'b> {
    subjects: Vec<&'b Agtrack>,
    loader: &'b Path,
    lengths: Lengths,
}

/// Rows of each subject, in the order of the subjects.
type Part = fn(&Trial<'_>) -> Vec<Vec<Row>>;

const PARTS: [Part; 5] = [execs, opens, files, storm, start];

/// All of it; and beside each row the same of an earlier agtrack, where there is one.
pub(super) fn measure(bench: &Bench, lengths: Lengths) -> (Vec<Row>, Vec<Row>) {
    let earlier = bench.earlier.as_ref().map(|earlier| &earlier.agtrack);
    let trial = Trial {
        subjects: std::iter::once(&bench.agtrack).chain(earlier).collect(),
        loader: &bench.loader,
        lengths,
    };
    let (mut now, mut then) = (Vec::new(), Vec::new());
    for part in PARTS {
        let mut rows = part(&trial).into_iter();
        now.extend(rows.next().unwrap_or_default());
        then.extend(rows.next().unwrap_or_default());
    }
    (now, then)
}

impl Trial<'_> {
    fn burst(&self, subject: &Agtrack, work: Work) -> Result<Burst> {
        burst::burst(subject, self.loader, work)
    }

    /// Each subject has its turn again and again: what disturbs for a while disturbs all of them.
    fn in_turn<T>(&self, measure: impl Fn(&Agtrack) -> Result<T>) -> Vec<Result<Vec<T>>> {
        let mut all: Vec<_> = self.subjects.iter().map(|_| Ok(Vec::new())).collect();
        for _ in 0..self.lengths.rounds {
            for (subject, so_far) in self.subjects.iter().zip(&mut all) {
                let Ok(done) = so_far else { continue };
                match calm(|| measure(subject)) {
                    Ok(one) => done.push(one),
                    Err(error) => *so_far = Err(error),
                }
            }
        }
        all
    }
}

fn execs(trial: &Trial<'_>) -> Vec<Vec<Row>> {
    let seconds = trial.lengths.exec;
    let work = Work::new(Load::Exec, seconds, 1000);
    let cpu = 0.8 * f64::from(seconds) / 20.0;
    paced(trial, work, "fork+exec+exit", cpu)
}

fn opens(trial: &Trial<'_>) -> Vec<Vec<Row>> {
    let seconds = trial.lengths.open;
    let work = Work::new(Load::OpenRead, seconds, 20_000);
    let cpu = 0.5 * f64::from(seconds) / 10.0;
    paced(trial, work, "open+read+close", cpu)
}

/// A load at a rate that must not lose anything.
fn paced(trial: &Trial<'_>, work: Work, operation: &str, cpu: f64) -> Vec<Vec<Row>> {
    let what = format!("{operation} {}/s for {} s", work.rate, work.seconds);
    let goal = format!("0 lost, ≤ {cpu:.2} CPU s");
    eprintln!("bench: {what}");
    let row = |bursts: Result<Vec<Burst>>| match bursts {
        Ok(bursts) => paced_reached(&what, &goal, &bursts, cpu),
        Err(error) => Row::unmeasured(&*what, &goal, &format!("{error:#}")),
    };
    let all = trial.in_turn(|subject| trial.burst(subject, work));
    all.into_iter().map(|bursts| vec![row(bursts)]).collect()
}

/// The processor's time of all bursts, the rest of the worst one.
fn paced_reached(what: &str, goal: &str, bursts: &[Burst], most: f64) -> Row {
    let cpu: Vec<_> = bursts.iter().map(|burst| burst.cpu).collect();
    let Some(worst) = bursts.iter().max_by_key(|burst| burst.lost()) else {
        return Row::unmeasured(what, goal, "nothing was done");
    };
    let holds = bursts.iter().all(Burst::is_complete) && median(&cpu) <= most;
    let reached = format!(
        "{:.0}/s; {}; process events lost {}; recorder {} CPU s{}",
        worst.done.rate,
        worst.loss(),
        worst.lifecycle_lost(),
        spread(&cpu),
        worst.disturbed()
    );
    Row::new(what, goal, reached, holds)
}

/// Files whose hashes are wanted all at once.
fn files(trial: &Trial<'_>) -> Vec<Vec<Row>> {
    let all = trial.subjects.iter();
    all.map(|subject| vec![files_of(trial, subject)]).collect()
}

fn files_of(trial: &Trial<'_>, subject: &Agtrack) -> Row {
    let what = format!("{FILES} files of 64 KiB written at once");
    let goal = "0 lost, every file hashed, done before 2 s are over";
    eprintln!("bench: {what}");
    let work = Work {
        processes: 1,
        ..Work::new(Load::Files, 1, 0)
    };
    match calm(|| trial.burst(subject, work)) {
        Ok(burst) => {
            let hashed = burst.hashed();
            // The load itself ends two seconds after the last file.
            let holds = burst.is_complete() && hashed == u64::from(FILES) && burst.settled < 0.5;
            let reached = format!(
                "written in {:.2} s; {}; {hashed} hashed; recorder {:.2} CPU s, idle {:.1} s after the \
                 load's end{}",
                burst.done.nanoseconds * f64::from(FILES) / 1e9,
                burst.loss(),
                burst.cpu,
                burst.settled,
                burst.disturbed()
            );
            Row::new(what, goal, reached, holds)
        }
        Err(error) => Row::unmeasured(what, goal, &format!("{error:#}")),
    }
}

const STORM: &str = "rate ≥ 0.46 of free, every loss counted, no process event lost";

/// Opens from every core, with and without the daemon in turn.
fn storm(trial: &Trial<'_>) -> Vec<Vec<Row>> {
    let seconds = trial.lengths.storm;
    let what = format!("open+read+close from every core for {seconds} s");
    eprintln!("bench: {what}");
    let work = Work {
        processes: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        ..Work::new(Load::OpenRead, seconds, 0)
    };
    let all = trial.in_turn(|subject| {
        let free = done(&mut work.command(trial.loader))?.rate;
        let burst = trial.burst(subject, work)?;
        Ok((burst.done.rate / free, burst))
    });
    let rows = |bursts: Result<Vec<(f64, Burst)>>| match bursts {
        Ok(bursts) => storms(&what, bursts),
        Err(error) => vec![Row::unmeasured(&*what, STORM, &format!("{error:#}"))],
    };
    all.into_iter().map(rows).collect()
}

/// Each with its rate, to that of none.
fn storms(what: &str, bursts: Vec<(f64, Burst)>) -> Vec<Row> {
    let (ratios, bursts): (Vec<_>, Vec<_>) = bursts.into_iter().unzip();
    let Some(worst) = bursts.iter().max_by_key(|burst| burst.lost()) else {
        return Vec::new();
    };
    let whole = |burst: &Burst| burst.is_accounted_for() && burst.lifecycle_lost() == 0;
    let holds = median(&ratios) >= 0.46 && bursts.iter().all(whole);
    vec![
        Row::new(what, STORM, storm_reached(&ratios, worst), holds),
        written(worst),
        memory(&bursts),
    ]
}

fn storm_reached(ratios: &[f64], worst: &Burst) -> String {
    format!(
        "rate {} of free ({:.0}/s); {}; process events lost {}; recorder {:.1} CPU s, done {:.1} s \
         after the storm{}",
        spread(ratios),
        worst.done.rate,
        worst.loss(),
        worst.lifecycle_lost(),
        worst.cpu,
        worst.settled,
        worst.disturbed()
    )
}

/// What went into the journal while the storm had the same cores.
fn written(worst: &Burst) -> Row {
    Row {
        what: "events into the journal during that storm".to_owned(),
        goal: "(≥ 200 k/s where nothing else runs)".to_owned(),
        reached: format!(
            "{:.0} k/s, fsync on, the cores shared with the storm",
            worst.records_per_second() / 1000.0
        ),
        holds: None,
    }
}

fn memory(bursts: &[Burst]) -> Row {
    let mebibytes = |kibibytes: Option<u64>| kibibytes.unwrap_or(0) as f64 / 1024.0;
    let idle = mebibytes(bursts.iter().map(|burst| burst.memory.idle).max());
    let storm = mebibytes(bursts.iter().map(|burst| burst.memory.greatest).max());
    let after = mebibytes(bursts.iter().map(|burst| burst.memory.after).max());
    Row::new(
        "memory of the daemon (RssAnon)",
        "≤ 40 MiB idle, ≤ 100 MiB under storm",
        format!("{idle:.1} MiB idle, {storm:.1} MiB under storm, {after:.1} MiB after it"),
        idle <= 40.0 && storm <= 100.0,
    )
}

/// From the start of `agtrack run` until its command, which is recorded, tells the time.
fn start(trial: &Trial<'_>) -> Vec<Vec<Row>> {
    eprintln!("bench: start to first event");
    let all = trial.subjects.iter();
    all.map(|subject| start_of(subject, trial.lengths.rounds))
        .collect()
}

fn start_of(subject: &Agtrack, rounds: u32) -> Vec<Row> {
    let mut run = Vec::new();
    let mut ready = Vec::new();
    let measured = (0..rounds.max(3)).try_for_each(|_| -> Result<()> {
        run.push(until_first_event(subject)?);
        let begun = std::time::Instant::now();
        let daemon = subject.daemon(None)?;
        ready.push(begun.elapsed().as_secs_f64());
        drop(daemon);
        Ok(())
    });
    let goal = "≤ 1 s";
    let what = "start to first event";
    if let Err(error) = measured {
        return vec![Row::unmeasured(what, goal, &format!("{error:#}"))];
    }
    let row = |what: &str, samples: &[f64]| {
        let holds = median(samples) <= 1.0;
        Row::new(what, goal, format!("{} s", spread(samples)), holds)
    };
    vec![
        row("`agtrack run`: start to the command's first event", &run),
        row("`agtrack daemon`: start to ready", &ready),
    ]
}

fn until_first_event(agtrack: &Agtrack) -> Result<f64> {
    let mut command = agtrack.run()?;
    command.args(["date", "+%s%N"]);
    let begun = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let printed = run::output(&mut command)?;
    let nanoseconds: u64 = printed.trim().parse().context("date prints no number")?;
    let first = Duration::from_nanos(nanoseconds);
    Ok(first.saturating_sub(begun).as_secs_f64())
}

/// Tries again, once, what others disturbed.
fn calm<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let watch = foreign::Watch::begin();
    let first = work()?;
    if watch.cores() <= foreign::LIMIT {
        return Ok(first);
    }
    eprintln!("bench: others used {:.1} cores: once more", watch.cores());
    work()
}
