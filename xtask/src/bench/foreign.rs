//! How much of the machine others use while something is measured.
//!
//! Comes in: /proc/stat and the processor time of every process. Goes out: the cores that neither
//! this program nor what it started was using. Never: a reason to fail; without /proc it is 0.

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

/// Ticks a second in /proc, on every architecture agtrack runs on.
pub(super) const TICKS: f64 = 100.0;

/// More than this many cores used by others spoils a measurement.
pub(super) const LIMIT: f64 = 0.6;

/// Since when others are watched.
pub(super) struct Watch {
    begun: Instant,
    others: u64,
}

impl Watch {
    /// Begins.
    pub(super) fn begin() -> Watch {
        Watch {
            begun: Instant::now(),
            others: others(),
        }
    }

    /// Cores that others used since then.
    pub(super) fn cores(&self) -> f64 {
        let ticks = others().saturating_sub(self.others);
        let seconds = self.begun.elapsed().as_secs_f64();
        seconds_of(ticks) / seconds.max(1.0 / TICKS)
    }
}

/// Processor seconds of a process of ours so far, all threads, ended children left out.
pub(super) fn seconds(pid: u32) -> f64 {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Process::parse(&stat))
        .map_or(0.0, |process| seconds_of(process.own))
}

fn seconds_of(ticks: u64) -> f64 {
    // A machine's ticks stay far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let ticks = ticks as f64;
    ticks / TICKS
}

/// Ticks of the machine that are not of this process and its descendants, ended ones included.
fn others() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let processes = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| Process::parse(&stat))
        .collect::<Vec<_>>();
    busy(&stat).saturating_sub(ours(&processes, std::process::id()))
}

/// User, nice, system and steal of the line for all processors. Interrupts count for nobody.
fn busy(stat: &str) -> u64 {
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    [0, 1, 2, 7]
        .iter()
        .filter_map(|&index| fields.get(index))
        .sum()
}

/// What /proc/PID/stat says of a process.
#[derive(Debug, PartialEq)]
struct Process {
    pid: u32,
    parent: u32,
    /// Works for auditd, hence for us when we started it.
    audit: bool,
    own: u64,
    children: u64,
}

impl Process {
    fn parse(stat: &str) -> Option<Process> {
        // The name may hold anything, brackets and spaces too.
        let (head, tail) = stat.rsplit_once(") ")?;
        let (pid, name) = head.split_once(" (")?;
        let fields: Vec<&str> = tail.split(' ').collect();
        let field = |number: usize| fields.get(number)?.parse::<u64>().ok();
        Some(Process {
            pid: pid.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            audit: name == "kauditd",
            own: field(11)? + field(12)?,
            children: field(13)? + field(14)?,
        })
    }
}

fn ours(processes: &[Process], root: u32) -> u64 {
    let parents: HashMap<u32, u32> = processes
        .iter()
        .map(|process| (process.pid, process.parent))
        .collect();
    let descends = |mut pid: u32| {
        // The table is no snapshot: a cycle is not impossible.
        for _ in 0..parents.len() {
            if pid == root {
                return true;
            }
            match parents.get(&pid) {
                Some(&parent) => pid = parent,
                None => return false,
            }
        }
        false
    };
    processes
        .iter()
        .filter(|process| process.audit || descends(process.pid))
        .map(|process| process.own + process.children)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_time_has_no_idle_and_no_interrupts() {
        assert_eq!(
            busy("cpu  1 10 100 7000 7000 7000 7000 1000 0 0\ncpu0 9 9"),
            1111
        );
        assert_eq!(busy(""), 0);
    }

    #[test]
    fn a_name_with_brackets_and_spaces_is_read() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 10 20 0 0 3 4 50 60 20 0 1 0 99";
        let process = Process::parse(stat).unwrap();
        assert_eq!((process.pid, process.parent), (7, 1));
        assert_eq!((process.own, process.children), (7, 110));
        assert_eq!(Process::parse("7 (a"), None);
    }

    #[test]
    fn descendants_are_ours_and_neighbours_are_not() {
        let process = |pid, parent, own| Process {
            pid,
            parent,
            audit: false,
            own,
            children: 0,
        };
        let processes = [
            process(1, 0, 1000),
            process(5, 1, 1),
            process(6, 5, 10),
            process(7, 6, 100),
            process(8, 1, 5000),
        ];
        assert_eq!(ours(&processes, 5), 111);
    }

    #[test]
    fn this_process_has_used_some_time_or_none() {
        assert!(seconds(std::process::id()) >= 0.0);
        assert!(seconds(0) == 0.0);
    }
}
