//! What is wrong with a part, if anything is.

use std::time::{Duration, Instant};

use super::Part;
use crate::engine::HasherLoad;
use crate::journal::Status;
use crate::record::Condition;

/// The recording thread begins ten rounds a second at least.
const SILENT: Duration = Duration::from_secs(5);
/// A disk that is well takes a batch in much less.
const STALLED: Duration = Duration::from_secs(5);
/// Files that wait to be hashed, from which on records go without.
const MANY: u64 = 1024;

fn part(name: &str, state: Condition, detail: String) -> Part {
    Part {
        name: name.to_owned(),
        state,
        detail,
    }
}

/// The rings that the kernel fills: `lost` events within the last minute had no room in them.
pub(super) fn rings(lost: u64) -> Part {
    match lost {
        0 => part(
            "rings",
            Condition::Ok,
            "nothing lost within the last minute".to_owned(),
        ),
        lost => part(
            "rings",
            Condition::Failing,
            format!("{lost} events lost within the last minute; gap records say which"),
        ),
    }
}

/// The recording thread, which was `silent` for so long and has `held` events that wait in order.
pub(super) fn pipeline(silent: Duration, held: u64) -> Part {
    match silent >= SILENT {
        false => part("pipeline", Condition::Ok, format!("{held} events wait")),
        true => part(
            "pipeline",
            Condition::Hung,
            format!(
                "the recording thread has done nothing for {} s: nothing is recorded; restart the daemon \
                 (`systemctl restart agtrack`) and report it with its log",
                silent.as_secs()
            ),
        ),
    }
}

/// The thread that writes the journal.
pub(super) fn journal(status: &Status, is_crowded: bool, now: Instant) -> Part {
    let waiting = status.queued_bytes;
    let waited = |since: Instant| now.saturating_duration_since(since);
    let (state, detail) = match (&status.error, status.waiting.map(waited)) {
        (Some(error), _) => {
            let since = status.since.map(waited).unwrap_or_default().as_secs();
            let detail = format!("fails for {since} s, {waiting} bytes wait: {error}");
            (Condition::Failing, detail)
        }
        (None, Some(waited)) if waited >= STALLED => (
            Condition::Hung,
            format!(
                "the disk has not answered for {} s, {waiting} bytes wait; look at the file system of \
                 the journal",
                waited.as_secs()
            ),
        ),
        (None, _) if is_crowded => (
            Condition::Slow,
            format!("the disk is slower than what comes, {waiting} bytes wait"),
        ),
        (None, _) => (Condition::Ok, format!("{waiting} bytes wait")),
    };
    part("journal", state, detail)
}

/// The threads that hash files; none where that is not wanted.
pub(super) fn hasher(load: Option<HasherLoad>) -> Part {
    let Some(load) = load else {
        return part(
            "hasher",
            Condition::Ok,
            "off (`hash_max_bytes = 0`)".to_owned(),
        );
    };
    let waiting = format!("{} files wait", load.waiting);
    let (state, detail) = match (load.hung, load.is_full) {
        (hung, true) => (
            Condition::Hung,
            format!(
                "all {hung} threads hang in a file system that does not answer: nothing is hashed"
            ),
        ),
        (0, false) if load.waiting >= MANY => (Condition::Slow, waiting),
        (0, false) => (Condition::Ok, waiting),
        (hung, false) => (
            Condition::Slow,
            format!("{waiting}; {hung} threads hang in a file system that does not answer"),
        ),
    };
    part("hasher", state, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stands_still_is_named() {
        assert_eq!(pipeline(Duration::from_secs(1), 3).state, Condition::Ok);
        let hung = pipeline(Duration::from_secs(12), 3);
        assert_eq!(hung.state, Condition::Hung);
        assert!(hung.detail.contains("for 12 s"), "{}", hung.detail);
    }

    #[test]
    fn a_disk_that_refuses_one_that_hangs_and_one_that_is_slow_are_told_apart() {
        let now = Instant::now();
        let ago = |seconds| now.checked_sub(Duration::from_secs(seconds));
        let well = Status {
            queued_bytes: 7,
            waiting: ago(1),
            ..Status::default()
        };
        assert_eq!(journal(&well, false, now).state, Condition::Ok);
        assert_eq!(journal(&well, true, now).state, Condition::Slow);
        let stalled = Status {
            waiting: ago(9),
            ..well.clone()
        };
        let told = journal(&stalled, true, now);
        assert_eq!(told.state, Condition::Hung);
        assert!(told.detail.contains("for 9 s"), "{}", told.detail);
        let refused = Status {
            error: Some("no space left".to_owned()),
            since: ago(4),
            ..stalled
        };
        let told = journal(&refused, false, now);
        assert_eq!(told.state, Condition::Failing);
        assert!(told.detail.contains("no space left"), "{}", told.detail);
    }

    #[test]
    fn hashing_that_stopped_is_told() {
        let load = |waiting, hung, is_full| HasherLoad {
            waiting,
            hung,
            is_full,
        };
        assert_eq!(hasher(None).state, Condition::Ok);
        assert_eq!(hasher(Some(load(3, 0, false))).state, Condition::Ok);
        assert_eq!(hasher(Some(load(3000, 0, false))).state, Condition::Slow);
        assert_eq!(hasher(Some(load(3, 1, false))).state, Condition::Slow);
        assert_eq!(hasher(Some(load(0, 4, true))).state, Condition::Hung);
    }

    #[test]
    fn losses_are_told() {
        assert_eq!(rings(0).state, Condition::Ok);
        assert_eq!(rings(5).state, Condition::Failing);
    }
}
