//! Results.

use agtrack_common::event::Payload;
use nix::errno::Errno;

use crate::decode::What;
use crate::enrich::Known;
use crate::record::{Outcome, OutcomeResult};

/// From a system call's return value; `None`: it was not seen.
pub(super) fn outcome(known: &Known, ret: Option<i32>) -> Outcome {
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
    let begun = matches!(known.event.what, What::Happened(Payload::Connect(_)))
        && matches!(errno, Errno::EINPROGRESS | Errno::EINTR | Errno::EALREADY);
    Outcome {
        result: if begun {
            OutcomeResult::InProgress
        } else {
            OutcomeResult::Failure
        },
        errno: Some(name(errno, -ret)),
    }
}

fn name(errno: Errno, number: i32) -> String {
    match errno {
        // The kernel's own numbers, which user space never gets to see.
        Errno::UnknownErrno => format!("E{number}"),
        known => format!("{known:?}"),
    }
}
