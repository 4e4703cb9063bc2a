//! Results.

use agtrack_common::event::Payload;
use nix::errno::Errno;

use crate::decode::What;
use crate::enrich::Known;
use crate::record::{Outcome, OutcomeResult};

/// From a system call's return value; `None`: it was not seen.
pub(super) fn outcome(known: &Known, ret: Option<i32>) -> Outcome {
    let connects = matches!(known.event.what, What::Happened(Payload::Connect(_)));
    ended(ret, connects)
}

/// The same of what cannot go on behind its call.
pub(super) fn of(ret: Option<i32>) -> Outcome {
    ended(ret, false)
}

fn ended(ret: Option<i32>, connects: bool) -> Outcome {
    let Some(ret) = ret else {
        return Outcome {
            result: OutcomeResult::Unknown,
            errno: None,
        };
    };
    if ret >= 0 {
        return Outcome {
            result: OutcomeResult::Success,
            errno: None,
        };
    }
    let errno = Errno::from_raw(-ret);
    let goes_on = matches!(errno, Errno::EINPROGRESS | Errno::EINTR | Errno::EALREADY)
        || RESTARTS.iter().any(|(number, _)| *number == -ret);
    Outcome {
        result: if goes_on && connects {
            OutcomeResult::InProgress
        } else {
            OutcomeResult::Failure
        },
        errno: Some(name(errno, -ret)),
    }
}

/// The kernel's own numbers, which user space never gets to see: a signal came while the call
/// waited (include/linux/errno.h).
const RESTARTS: &[(i32, &str)] = &[
    (512, "ERESTARTSYS"),
    (513, "ERESTARTNOINTR"),
    (514, "ERESTARTNOHAND"),
    (516, "ERESTART_RESTARTBLOCK"),
];

fn name(errno: Errno, number: i32) -> String {
    match errno {
        Errno::UnknownErrno => RESTARTS
            .iter()
            .find(|(restart, _)| *restart == number)
            .map_or_else(|| format!("E{number}"), |(_, name)| (*name).to_owned()),
        known => format!("{known:?}"),
    }
}
