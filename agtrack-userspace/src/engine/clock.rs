//! The only place that reads clocks.

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::input::Clock;

/// Both clocks now.
pub(crate) fn now() -> Clock {
    Clock {
        boot: nanoseconds(clock_gettime(ClockId::Boottime)),
        wall: nanoseconds(clock_gettime(ClockId::Realtime)),
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}
