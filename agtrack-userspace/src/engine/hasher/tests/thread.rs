//! The thread, and who asks it.

use super::*;

/// The thread answers what it is asked, in order, and says at once what it has no room for.
#[test]
fn nothing_that_is_asked_stays_unanswered() {
    let bench = Bench::new();
    let path = bench.write("file", b"abc");
    let mut hasher = Hasher::new(MAX).unwrap();
    let asked = question(&path, written());
    for ticket in 0..3 * MOST as u64 {
        hasher.ask(vec![HashWanted {
            ticket,
            ..asked.clone()
        }]);
    }
    let mut answers = Vec::new();
    let until = Instant::now() + Duration::from_secs(60);
    while answers.len() < 3 * MOST && Instant::now() < until {
        answers.extend(hasher.answers());
        std::thread::yield_now();
    }
    let mut tickets: Vec<_> = answers.iter().map(|answer| answer.ticket).collect();
    tickets.sort_unstable();
    assert!(tickets.into_iter().eq(0..3 * MOST as u64));
    let busy = unhashed(3, Unhashed::Busy);
    let is_busy = |answer: &&Hashed| answer.file.as_ref() == Some(&busy);
    assert!(answers.iter().filter(is_busy).count() >= MOST);
    assert!(answers.iter().filter(|answer| !is_busy(answer)).count() >= MOST);
}

/// A file system that does not answer holds its thread, and not the others that are asked later.
#[test]
fn a_thread_that_is_stuck_is_replaced() {
    let bench = Bench::new();
    let path = bench.write("file", b"abc");
    let mut hasher = Hasher::new(MAX).unwrap();
    let stuck = Arc::clone(&hasher.worker.as_ref().unwrap().since);
    let held = Arc::clone(&hasher.alive);
    assert!(hasher.answers().is_empty());
    stuck.store(1, Ordering::Relaxed);
    hasher.began = Instant::now().checked_sub(2 * STUCK).unwrap();
    assert!(hasher.answers().is_empty());
    let fresh = &hasher.worker.as_ref().unwrap().since;
    assert!(!Arc::ptr_eq(&stuck, fresh), "another one");
    // As many as may be are stuck: none is begun any more, and whoever asks is told.
    let all: Vec<_> = (0..MOST_STUCK).map(|_| Arc::clone(&held)).collect();
    hasher
        .worker
        .as_ref()
        .unwrap()
        .since
        .store(1, Ordering::Relaxed);
    assert!(hasher.answers().is_empty() && hasher.worker.is_none());
    hasher.ask(vec![question(&path, written())]);
    let answers = hasher.answers();
    assert_eq!(answers[0].file, Some(unhashed(3, Unhashed::Busy)));
    drop((all, held));
    let until = Instant::now() + Duration::from_secs(60);
    while hasher.worker.is_none() && Instant::now() < until {
        assert!(hasher.answers().is_empty());
        std::thread::yield_now();
    }
    hasher.ask(vec![question(&path, written())]);
    let answer = hasher.worker.as_ref().unwrap().answers.recv().unwrap();
    assert_eq!(answer.file, Some(hashed(b"abc")));
}

/// Who has lost its name by now is not looked for by it.
#[test]
fn what_leaves_in_the_same_breath_is_not_looked_for() {
    let bench = Bench::new();
    let path = bench.write("file", b"abc");
    let removed = HashWanted {
        ticket: 2,
        ..question(&path, Deed::Removed)
    };
    let mut hasher = Hasher::new(MAX).unwrap();
    // It is still there, so only the second question tells that it is not meant.
    hasher.ask(vec![question(&path, written()), removed]);
    let answers = &hasher.worker.as_ref().unwrap().answers;
    let next = || answers.recv_timeout(Duration::from_secs(60)).unwrap();
    let (first, second) = (next(), next());
    assert_eq!((first.ticket, second.ticket), (1, 2));
    assert_eq!(first.file, Some(unhashed(3, Unhashed::Gone)));
    assert_eq!(second.file, None);
}

/// Of many at once some find room.
#[test]
fn what_there_is_no_room_for_is_refused_alone() {
    let bench = Bench::new();
    let path = bench.write("file", b"abc");
    let mut hasher = Hasher::new(MAX).unwrap();
    hasher.ask(vec![question(&path, written()); MOST + 3]);
    let mut answers = Vec::new();
    let until = Instant::now() + Duration::from_secs(60);
    while answers.len() < MOST + 3 && Instant::now() < until {
        answers.extend(hasher.answers());
        std::thread::yield_now();
    }
    let busy = unhashed(3, Unhashed::Busy);
    let refused = answers.iter().filter(|it| it.file.as_ref() == Some(&busy));
    assert_eq!((refused.count(), answers.len()), (3, MOST + 3));
}
