//! What recording may cost, from the design's table of budgets.

use std::fmt;

use super::load::Load;
use super::recorder::Recorder;

/// The most that a measurement may show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Budget {
    /// Times the cost without a recorder.
    Times(f64),
    /// Nanoseconds more than without a recorder.
    More(f64),
}

/// Ratios cannot be told from 1 below this: the spread of measuring nothing twice.
const NOISE: f64 = 0.03;

impl Budget {
    /// What is granted to agtrack; nothing is to others, who stand beside it for comparison.
    pub(super) fn of(recorder: Recorder, load: Load, backend: &str) -> Option<Budget> {
        match recorder {
            Recorder::DaemonIdle => Some(Budget::Times(1.0)),
            Recorder::Beside if backend == "tracepoint" => match load {
                Load::Getppid => Some(Budget::More(30.0)),
                Load::Open => Some(Budget::Times(1.20)),
                _ => None,
            },
            Recorder::Beside => match load {
                Load::Open => Some(Budget::Times(1.05)),
                Load::Getppid => Some(Budget::Times(1.02)),
                _ => None,
            },
            Recorder::Tagged => match load {
                Load::Getppid
                | Load::Open
                | Load::Write
                | Load::Unlink
                | Load::Udp
                | Load::Tls
                | Load::Files => None,
                Load::OpenRead => Some(Budget::Times(1.7)),
                Load::Create => Some(Budget::Times(1.25)),
                Load::Rename => Some(Budget::Times(1.2)),
                Load::Connect => Some(Budget::Times(1.15)),
                Load::Exec => Some(Budget::Times(1.05)),
            },
            Recorder::Earlier | Recorder::Strace | Recorder::Auditd => None,
        }
    }

    /// Whether these nanoseconds are within it, as far as can be measured.
    pub(super) fn holds(self, free: f64, ratio: f64) -> bool {
        match self {
            Budget::Times(most) => ratio <= most + NOISE,
            Budget::More(most) => (ratio - 1.0) * free <= most + NOISE * free,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Budget::Times(most) => write!(f, "≤ {most:.2}"),
            Budget::More(most) => write!(f, "≤ +{most:.0} ns"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_in_nanoseconds_is_measured_in_nanoseconds() {
        let budget = Budget::of(Recorder::Beside, Load::Getppid, "tracepoint").unwrap();
        assert!(budget.holds(80.0, 1.30));
        assert!(!budget.holds(80.0, 1.50));
        assert!(!budget.holds(800.0, 1.10));
    }

    #[test]
    fn what_noise_does_is_not_held_against_anyone() {
        assert!(Budget::Times(1.0).holds(80.0, 1.02));
        assert!(!Budget::Times(1.0).holds(80.0, 1.05));
    }

    #[test]
    fn others_have_no_budget() {
        assert_eq!(
            Budget::of(Recorder::Auditd, Load::OpenRead, "tracepoint"),
            None
        );
    }
}
