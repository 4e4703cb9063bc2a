//! Requests to io_uring and what became of them.

use super::*;

fn request(time: u64, address: u64, path: &str, flags: u32) -> Known {
    let body = Uring {
        request: address,
        path: Path {
            name: path.len() as u32,
            ..Path::default()
        },
        opcode: 18,
        flags,
        ..Uring::default()
    };
    known(time, What::Happened(Payload::Uring(body)), path.as_bytes())
}

fn completed(time: u64, address: u64, ret: i32) -> Known {
    let body = Ended {
        kind: Kind::Uring as u32,
        ret,
        flags: address as u32,
        high: (address >> 32) as u32,
    };
    let mut known = known(time, What::Ended(body), b"");
    // Another thread may see it.
    known.event.header.tid = 8;
    known
}

const FIRST: u64 = 0xffff_8880_0000_1000;
const SECOND: u64 = 0xffff_8881_0000_1000;

/// Many are under way at a time, and end in any order.
#[test]
fn a_request_gets_its_own_result_whatever_thread_sees_it() {
    let events = vec![
        request(1, FIRST, "/a", uring_flag::AWAITED),
        request(2, SECOND, "/b", uring_flag::AWAITED),
        completed(3, SECOND, EACCES),
        completed(4, FIRST, 5),
    ];
    let expect = [
        ("/b", OutcomeResult::Failure),
        ("/a", OutcomeResult::Success),
    ];
    check(events, &expect);
}

#[test]
fn a_request_whose_result_was_not_seen_is_unknown() {
    let events = vec![
        // The kernel does not say which one has ended.
        request(1, FIRST, "/a", 0),
        request(2, FIRST, "/b", uring_flag::AWAITED),
        // The same address, so the one before has ended.
        request(3, FIRST, "/c", uring_flag::AWAITED),
        completed(4, FIRST, 0),
        completed(5, FIRST, 0),
        request(6, FIRST, "/d", uring_flag::AWAITED),
    ];
    let expect = [
        ("/a", OutcomeResult::Unknown),
        ("/b", OutcomeResult::Unknown),
        ("/c", OutcomeResult::Success),
        ("/d", OutcomeResult::Unknown),
    ];
    check(events, &expect);
}

/// A connect through io_uring is announced, and a call that fails before it would be announced says
/// nothing about it.
#[test]
fn a_call_does_not_say_how_a_request_ended() {
    let connect = |time, ret| {
        let body = Connect {
            family: 2,
            ret,
            ..Connect::default()
        };
        let mut known = known(time, What::Happened(Payload::Connect(body)), b"");
        known.event.header.hook = agtrack_common::event::hook::CONNECT_SYSCALL;
        known
    };
    let asked = Uring {
        opcode: 16,
        ..Uring::default()
    };
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    let asked = known(1, What::Happened(Payload::Uring(asked)), b"");
    for event in [asked, connect(2, RET_UNKNOWN), connect(3, EACCES)] {
        correlator.push(event, &mut done);
    }
    let results: Vec<_> = done
        .iter()
        .map(|done| (&*done.action.action, done.action.outcome.result))
        .collect();
    let expect = [
        ("kernel.io_uring", OutcomeResult::Unknown),
        ("net.connect", OutcomeResult::Unknown),
        ("net.connect", OutcomeResult::Failure),
    ];
    assert_eq!(results, expect);
}
