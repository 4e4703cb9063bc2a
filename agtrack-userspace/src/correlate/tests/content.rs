use agtrack_common::event::{Excerpt, excerpt_class};

use super::*;
use crate::record::Address;

const UDP: u16 = 17;

/// A datagram between socket 5 and the resolver of the machine.
fn excerpt(time: u64, outbound: bool, bytes: &[u8]) -> Known {
    let address = |last: u8| {
        let mut address = [0; 16];
        address[..4].copy_from_slice(&[127, 0, 0, last]);
        address
    };
    let body = Excerpt {
        socket: 5,
        local: address(1),
        peer: address(53),
        total: bytes.len() as u32,
        family: 2,
        local_port: 40_000,
        peer_port: 53,
        protocol: UDP,
        class: excerpt_class::DNS,
        outbound: u16::from(outbound),
        ..Excerpt::default()
    };
    known(time, What::Happened(Payload::Excerpt(body)), bytes)
}

fn connect(time: u64, session: u64, address: [u8; 4]) -> Known {
    let mut body = Connect {
        family: 2,
        port: 443,
        protocol: 6,
        ..Connect::default()
    };
    body.address[..4].copy_from_slice(&address);
    let known = known(time, What::Happened(Payload::Connect(body)), b"");
    let mut agent = (*known.agent).clone();
    if session != known.session {
        agent.session = Uuid::from_u128(session.into());
    }
    Known {
        session,
        agent: Shared::new(agent),
        ..known
    }
}

fn domain(done: &Done) -> Option<&str> {
    match &done.action.object {
        Object::Connect(Address::Ip { domain, .. }) => domain.as_deref(),
        other => panic!("{other:?}"),
    }
}

const QUERY: &[u8] = include_bytes!("../../../../tests/fuzz/corpus/dns/query");
/// Its case is of use until secrets are out.
const AS_ASKED: &str = "WWW.Example.ORG";
const ANSWER: &[u8] = include_bytes!("../../../../tests/fuzz/corpus/dns/answer");

#[test]
fn a_peer_has_the_name_the_session_asked_for() {
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    for event in [
        connect(1, 1, [192, 0, 2, 7]),
        excerpt(2, true, QUERY),
        excerpt(3, false, ANSWER),
        connect(4, 1, [192, 0, 2, 7]),
        connect(5, 1, [192, 0, 2, 8]),
        connect(6, 1, [192, 0, 2, 9]),
        connect(7, 2, [192, 0, 2, 7]),
    ] {
        correlator.push(event, &mut done);
    }
    let actions: Vec<_> = done.iter().map(|done| &*done.action.action).collect();
    assert_eq!(
        actions[..4],
        [
            "net.connect",
            "net.dns_query",
            "net.dns_answer",
            "net.connect"
        ]
    );
    assert_eq!(domain(&done[0]), None, "not asked yet");
    for at in [3, 4] {
        assert_eq!(domain(&done[at]), Some(AS_ASKED));
    }
    assert_eq!(domain(&done[5]), None, "another address");
    assert_eq!(domain(&done[6]), None, "another session");
}

#[test]
fn a_hello_has_the_name_too_and_is_told_even_when_its_end_never_comes() {
    let hello = include_bytes!("../../../../tests/fuzz/corpus/tls/client-1.3");
    let mut begun = excerpt(4, true, &hello[..300]);
    if let What::Happened(Payload::Excerpt(body)) = &mut begun.event.what {
        body.peer[..4].copy_from_slice(&[192, 0, 2, 7]);
        (body.peer_port, body.protocol, body.socket) = (443, 6, 9);
        body.class = excerpt_class::TLS;
    }
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    for event in [excerpt(2, true, QUERY), excerpt(3, false, ANSWER), begun] {
        correlator.push(event, &mut done);
    }
    assert_eq!(done.len(), 2, "its end may come");
    correlator.give_up(60_000_000_000, &mut done);
    let last = &done[2];
    assert_eq!((&*last.action.action, last.time), ("net.tls_hello", 4));
    assert!(last.action.completeness.truncated);
    let Object::Tls(hello) = &last.action.object else {
        panic!("{last:?}");
    };
    assert_eq!(hello.server_name, Some("api.example.org".into()));
    let Address::Ip { domain, .. } = &hello.peer else {
        panic!("{last:?}");
    };
    assert_eq!(domain.as_deref(), Some(AS_ASKED));
}

#[test]
fn what_a_process_was_saying_is_told_before_its_end() {
    let hello = include_bytes!("../../../../tests/fuzz/corpus/tls/client-1.3");
    let mut begun = excerpt(4, true, &hello[..300]);
    if let What::Happened(Payload::Excerpt(body)) = &mut begun.event.what {
        (body.peer_port, body.protocol) = (443, 6);
        body.class = excerpt_class::TLS;
    }
    let mut exit = known(5, What::Happened(Payload::Exit(Exit::default())), b"");
    exit.event.header.tgid = begun.process.pid;
    let (mut correlator, mut done) = (Correlator::default(), Vec::new());
    correlator.push(begun, &mut done);
    correlator.push(exit, &mut done);
    let actions: Vec<_> = done.iter().map(|done| &*done.action.action).collect();
    assert_eq!(actions, ["net.tls_hello", "process.exit"]);
}

#[test]
fn what_is_no_packet_of_the_internet_is_nothing() {
    for (family, protocol) in [(1, UDP), (2, 1), (0, 0)] {
        let mut event = excerpt(1, true, QUERY);
        if let What::Happened(Payload::Excerpt(body)) = &mut event.event.what {
            (body.family, body.protocol) = (family, protocol);
        }
        let (mut correlator, mut done) = (Correlator::default(), Vec::new());
        correlator.push(event, &mut done);
        assert!(done.is_empty());
    }
}
