//! Two lists of deeds side by side.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::deed::{Deed, Deeds};
use crate::rule::{self, Rule};

/// Differences that are printed; a mistake in reading makes thousands.
const SHOWN: usize = 60;

/// How often an action was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    /// By strace, without what rules leave out.
    pub(crate) strace: u64,
    /// By agtrack.
    pub(crate) agtrack: u64,
    /// By both, alike in every detail.
    pub(crate) both: u64,
    /// By strace, and left out by a rule.
    pub(crate) left_out: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// Of each action.
    pub(crate) counts: BTreeMap<&'static str, Count>,
    /// How often each rule was applied, by its name.
    pub(crate) rules: BTreeMap<&'static str, u64>,
    differences: Vec<String>,
}

impl Comparison {
    pub(crate) fn of(strace: Deeds, agtrack: Deeds) -> Comparison {
        let mut comparison = Comparison::default();
        let mut expected = Deeds::new();
        let mut unseen = Vec::new();
        for (mut deed, times) in strace {
            if let Some(known) = rule::known(&mut deed) {
                *comparison.rules.entry(known.name).or_default() += times;
            }
            if let Some(rule) = rule::of(&deed) {
                comparison.leave_out(rule, deed.action, times);
            } else if deed.result == "?" {
                unseen.push((deed, times));
            } else {
                *expected.entry(deed).or_default() += times;
            }
        }
        let mut found = Deeds::new();
        for (mut deed, times) in agtrack {
            rule::known(&mut deed);
            *found.entry(deed).or_default() += times;
        }
        for (deed, times) in unseen {
            comparison.leave_out(&rule::UNSEEN, deed.action, times);
            remove(&mut found, &expected, &deed, times);
        }
        comparison.leave_out_not_begun(&expected, &mut found);
        comparison.count(&expected, &found);
        comparison
    }

    fn leave_out(&mut self, rule: &Rule, action: &'static str, times: u64) {
        *self.rules.entry(rule.name).or_default() += times;
        self.counts.entry(action).or_default().left_out += times;
    }

    /// At most one call of a process is left out: it was killed at it.
    fn leave_out_not_begun(&mut self, expected: &Deeds, found: &mut Deeds) {
        let killed = expected.keys().filter(|deed| is_killed(deed));
        for process in killed {
            let not_begun = |deed: &&Deed| {
                deed.pid == process.pid && deed.result == "ENOSYS" && !expected.contains_key(*deed)
            };
            if let Some(deed) = found.keys().find(not_begun).cloned() {
                *self.rules.entry(rule::NOT_BEGUN.name).or_default() += 1;
                take_one(found, &deed);
            }
        }
    }

    fn count(&mut self, expected: &Deeds, found: &Deeds) {
        let all: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        for deed in all {
            let of = |deeds: &Deeds| deeds.get(deed).copied().unwrap_or_default();
            let (strace, agtrack) = (of(expected), of(found));
            let count = self.counts.entry(deed.action).or_default();
            count.strace += strace;
            count.agtrack += agtrack;
            count.both += strace.min(agtrack);
            if strace != agtrack {
                self.differences
                    .push(format!("strace {strace}, agtrack {agtrack}: {deed:?}"));
            }
        }
    }

    /// All that strace saw and no rule leaves out.
    pub(crate) fn deeds(&self) -> u64 {
        self.counts.values().map(|count| count.strace).sum()
    }

    /// The differences, if there are any.
    pub(crate) fn differences(&self) -> Option<String> {
        let first = self.differences.first()?;
        let mut text = format!("{} deeds differ:\n{first}", self.differences.len());
        for difference in self.differences.iter().skip(1).take(SHOWN) {
            let _ = write!(text, "\n{difference}");
        }
        Some(text)
    }
}

/// Takes out what agtrack knows of deeds whose end strace did not see.
fn remove(found: &mut Deeds, expected: &Deeds, unseen: &Deed, times: u64) {
    let same = |deed: &&Deed| {
        deed.pid == unseen.pid && deed.action == unseen.action && !expected.contains_key(*deed)
    };
    for _ in 0..times {
        let Some(deed) = found.keys().find(same).cloned() else {
            return;
        };
        take_one(found, &deed);
    }
}

fn take_one(found: &mut Deeds, deed: &Deed) {
    match found.get_mut(deed) {
        Some(left) if *left > 1 => *left -= 1,
        _ => drop(found.remove(deed)),
    }
}

/// How strace says it: `killed by SIGTERM`.
fn is_killed(deed: &Deed) -> bool {
    deed.action == "process.exit" && deed.what.iter().any(|end| end.starts_with("killed by"))
}

/// Deeds are matched one by one.
pub(crate) fn check() {
    let deed = |pid, result: &str| Deed {
        pid,
        action: "file.unlink",
        what: vec!["/x".to_owned()],
        result: result.to_owned(),
    };
    let strace = Deeds::from([
        (deed(1, "success"), 2),
        (deed(2, "ENOENT"), 5),
        (deed(3, "?"), 1),
        (deed(4, "EACCES"), 1),
    ]);
    let agtrack = Deeds::from([
        (deed(1, "success"), 1),
        (deed(3, "success"), 1),
        (deed(4, "EACCES"), 1),
        (deed(5, "success"), 1),
    ]);
    let comparison = Comparison::of(strace, agtrack);
    let count = comparison.counts["file.unlink"];
    assert_eq!((count.strace, count.agtrack, count.both), (3, 3, 2));
    assert_eq!((count.left_out, comparison.rules["probing"]), (6, 5));
    let differences = comparison.differences().unwrap();
    assert_eq!(differences.lines().count(), 3, "{differences}");
    not_begun(deed);
    let none = Comparison::of(Deeds::new(), Deeds::new());
    assert!(none.differences().is_none());
}

/// Only of a process that was killed, and only one call of it.
fn not_begun(deed: impl Fn(u32, &str) -> Deed) {
    let end = |pid, end: &str| Deed {
        pid,
        action: "process.exit",
        what: vec![end.to_owned()],
        result: "success".to_owned(),
    };
    let ends = Deeds::from([
        (end(1, "killed by SIGKILL"), 1),
        (end(2, "killed by SIGTERM"), 1),
        (end(3, "exited with 0"), 1),
    ]);
    let mut agtrack = ends.clone();
    agtrack.extend([
        (deed(1, "ENOSYS"), 1),
        (deed(2, "ENOSYS"), 2),
        (deed(3, "ENOSYS"), 1),
    ]);
    let comparison = Comparison::of(ends, agtrack);
    assert_eq!(comparison.rules[rule::NOT_BEGUN.name], 2);
    assert_eq!(comparison.counts["file.unlink"].agtrack, 2);
}
