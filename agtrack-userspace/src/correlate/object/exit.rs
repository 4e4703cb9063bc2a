//! How a process ended, and what it had used.

use std::collections::BTreeMap;

use agtrack_common::event::{self, IO_KNOWN};

use super::flags;
use crate::record::{Object, REPEATED, Usage};

/// The status is a wait status (wait(2)).
pub(super) fn object(body: &event::Exit) -> Object {
    let number = (body.status & 0x7f) as i32;
    let signal = (number != 0).then(|| flags::signal(number));
    Object::Exit {
        code: signal.is_none().then_some((body.status >> 8) as u8),
        signal,
        core: body.status & 0x80 != 0,
        usage: usage(body),
        counted_opens: repeated(body.untold_opens),
    }
}

fn repeated(count: u64) -> BTreeMap<String, u64> {
    let class = (REPEATED.to_owned(), count);
    (count > 0).then_some(class).into_iter().collect()
}

fn usage(body: &event::Exit) -> Usage {
    let [user_time, system_time] = times(body);
    let counted = |bytes| (body.known & IO_KNOWN != 0).then_some(bytes);
    Usage {
        user_time,
        system_time,
        max_memory: body.max_memory,
        read: counted(body.read),
        written: counted(body.written),
        storage_read: counted(body.storage_read),
        storage_written: counted(body.storage_written),
    }
}

/// The time on a processor is exact; the ticks say how it is shared out (kernel/sched/cputime.c,
/// `cputime_adjust`).
fn times(body: &event::Exit) -> [u64; 2] {
    let total = body.run_time;
    let (user, system) = (u128::from(body.user_time), u128::from(body.system_time));
    if system == 0 {
        return [total, 0];
    }
    // No more than the whole, whatever the numbers are.
    let system = (u128::from(total) * system / (user + system)) as u64;
    [total - system, system]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_wait_reads_them() {
        let check = |status, code, signal: Option<&str>, core| {
            let body = event::Exit {
                status,
                ..event::Exit::default()
            };
            let expect = Object::Exit {
                code,
                signal: signal.map(str::to_owned),
                core,
                usage: Usage::default(),
                counted_opens: BTreeMap::new(),
            };
            assert_eq!(object(&body), expect);
        };
        check(0, Some(0), None, false);
        check(0x0300, Some(3), None, false);
        check(9, None, Some("SIGKILL"), false);
        check(0x8b, None, Some("SIGSEGV"), true);
        check(40, None, Some("SIG40"), false);
    }

    #[test]
    fn ticks_share_out_the_time_on_a_processor() {
        let check = |user_time, system_time, run_time, expect| {
            let body = event::Exit {
                user_time,
                system_time,
                run_time,
                ..event::Exit::default()
            };
            assert_eq!(times(&body), expect);
        };
        check(0, 0, 900, [900, 0]);
        check(4, 0, 900, [900, 0]);
        check(0, 4, 900, [0, 900]);
        check(8, 4, 900, [600, 300]);
        check(
            u64::MAX,
            u64::MAX,
            u64::MAX,
            [u64::MAX - u64::MAX / 2, u64::MAX / 2],
        );
    }

    #[test]
    fn bytes_that_nobody_counts_are_not_zero() {
        let mut body = event::Exit {
            read: 7,
            ..event::Exit::default()
        };
        assert_eq!(usage(&body).read, None);
        body.known = IO_KNOWN;
        assert_eq!(
            (usage(&body).read, usage(&body).written),
            (Some(7), Some(0))
        );
    }
}
