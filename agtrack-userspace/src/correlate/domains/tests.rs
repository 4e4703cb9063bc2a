use super::*;
use crate::record::Question;

const SECOND: u64 = 1_000_000_000;
const SESSION: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn question(id: u16, name: &str) -> Dns {
    Dns {
        peer: Address::Ip {
            ip: "127.0.0.53".parse().unwrap(),
            port: 53,
            proto: "udp".to_owned(),
            domain: None,
        },
        direction: Direction::Outbound,
        dns_id: id,
        opcode: None,
        questions: vec![Question {
            name: name.to_owned(),
            record_type: "A".to_owned(),
        }],
        response_code: None,
        cut_by_server: false,
        answers: Vec::new(),
    }
}

fn answer(id: u16, name: &str, records: &[(&str, &str, u32, &str)]) -> Dns {
    let records = records.iter().map(|(owner, kind, ttl, data)| Answer {
        name: (*owner).to_owned(),
        record_type: (*kind).to_owned(),
        ttl: *ttl,
        data: Some((*data).to_owned()),
    });
    Dns {
        direction: Direction::Inbound,
        response_code: Some("NOERROR".to_owned()),
        answers: records.collect(),
        ..question(id, name)
    }
}

fn name(domains: &Domains, session: Uuid, ip: &str, time: u64) -> Option<String> {
    let name = domains.name(session, ip.parse().unwrap(), time);
    name.map(str::to_owned)
}

/// Session 1 asks at second 0 by socket 5, and gets that.
fn asked(name: &str, records: &[(&str, &str, u32, &str)]) -> Domains {
    let mut domains = Domains::default();
    domains.saw(SESSION, 5, 0, &question(9, name));
    domains.saw(SESSION, 5, 0, &answer(9, name, records));
    domains
}

#[test]
fn the_name_that_was_asked_for_is_the_name_of_what_it_is_an_alias_of() {
    let domains = asked(
        "a.example",
        &[
            ("a.example", "CNAME", 9, "b.example"),
            ("b.example", "CNAME", 9, "c.example"),
            ("c.example", "A", 9, "192.0.2.1"),
            ("c.example", "AAAA", 9, "2001:db8::1"),
            ("other.example", "A", 9, "192.0.2.2"),
        ],
    );
    for ip in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        assert_eq!(name(&domains, SESSION, ip, 1).as_deref(), Some("a.example"));
    }
    assert_eq!(
        name(&domains, SESSION, "192.0.2.2", 1),
        None,
        "of another name"
    );
    assert_eq!(
        name(&domains, OTHER, "192.0.2.1", 1),
        None,
        "another session"
    );
    asked("a", &[("a", "CNAME", 9, "b"), ("b", "CNAME", 9, "a")]);
}

/// A connection is told at its end, when the address may have got another name.
#[test]
fn what_was_asked_later_names_nothing_that_began_before() {
    let ask = |domains: &mut Domains, name: &str, time: u64| {
        let records = [(name, "A", 9, "::ffff:192.0.2.1")];
        domains.saw(SESSION, 5, time, &question(9, name));
        domains.saw(SESSION, 5, time, &answer(9, name, &records));
    };
    let mut domains = Domains::default();
    ask(&mut domains, "a.example", 10);
    ask(&mut domains, "b.example", 20);
    let at = |time| name(&domains, SESSION, "192.0.2.1", time);
    assert_eq!(at(9), None);
    assert_eq!(at(19).as_deref(), Some("a.example"));
    assert_eq!(at(20).as_deref(), Some("b.example"));
}

#[test]
fn an_address_has_as_many_names_as_are_kept_and_no_more() {
    let mut domains = Domains::default();
    for time in 0..100 {
        let asked = format!("{}{time}.example", "x".repeat(200));
        let records = [(&*asked, "A", 9, "192.0.2.1")];
        domains.saw(SESSION, 5, time, &question(9, &asked));
        domains.saw(SESSION, 5, time, &answer(9, &asked, &records));
    }
    let session = &domains.sessions[&SESSION];
    assert_eq!(session.order.len(), OF_ADDRESS);
    assert_eq!(session.names.values().flatten().count(), OF_ADDRESS);
    let bytes = session
        .names
        .values()
        .flatten()
        .map(|named| named.name.len());
    assert_eq!(bytes.sum::<usize>(), session.bytes);
    assert_eq!(name(&domains, SESSION, "192.0.2.1", 50), None);
}

#[test]
fn the_last_answer_counts() {
    let mut domains = asked("a.example", &[("a.example", "A", 9, "192.0.2.1")]);
    domains.saw(SESSION, 6, 0, &question(1, "z.example"));
    let records = [("z.example", "A", 9, "192.0.2.1")];
    domains.saw(SESSION, 6, 0, &answer(1, "z.example", &records));
    let last = name(&domains, SESSION, "192.0.2.1", 1);
    assert_eq!(last.as_deref(), Some("z.example"));
}

#[test]
fn what_was_not_asked_is_not_learned() {
    let mut domains = Domains::default();
    domains.saw(SESSION, 5, 0, &question(9, "a.example"));
    let records = [("a.example", "A", 9, "192.0.2.1")];
    let right = answer(9, "a.example", &records);
    let mut elsewhere = right.clone();
    elsewhere.peer = Address::Ip {
        ip: "10.0.0.9".parse().unwrap(),
        port: 53,
        proto: "udp".to_owned(),
        domain: None,
    };
    let sent = Dns {
        direction: Direction::Outbound,
        ..right.clone()
    };
    let refused = Dns {
        response_code: Some("REFUSED".to_owned()),
        ..right.clone()
    };
    for (socket, dns) in [
        (6, &right),
        (5, &answer(8, "a.example", &records)),
        (5, &answer(9, "b.example", &records)),
        (5, &elsewhere),
        (5, &sent),
        (5, &refused),
    ] {
        domains.saw(SESSION, socket, 0, dns);
        assert_eq!(name(&domains, SESSION, "192.0.2.1", 1), None, "{dns:?}");
    }
    domains.saw(SESSION, 5, 0, &right);
    assert!(name(&domains, SESSION, "192.0.2.1", 1).is_some());
}

#[test]
fn a_name_is_forgotten_when_its_answer_holds_no_longer() {
    let check = |ttl, lasts: u64| {
        let domains = asked(
            "a",
            &[("a", "CNAME", 7_200, "b"), ("b", "A", ttl, "192.0.2.1")],
        );
        assert!(name(&domains, SESSION, "192.0.2.1", lasts * SECOND).is_some());
        assert!(name(&domains, SESSION, "192.0.2.1", lasts * SECOND + 1).is_none());
    };
    check(0, 600);
    check(3_600, 3_600);
    check(9_999, 7_200);
    let domains = asked("a", &[("a", "A", u32::MAX, "192.0.2.1")]);
    assert!(name(&domains, SESSION, "192.0.2.1", MOST + 1).is_none());
}

#[test]
fn memory_has_an_end_for_each_session() {
    let mut domains = asked("kept.example", &[("kept.example", "A", 9, "192.0.2.1")]);
    for number in 0..5_000_u32 {
        let records = [("x", "A", 9, &*std::net::Ipv4Addr::from(number).to_string())];
        domains.saw(OTHER, 5, 0, &question(9, "x"));
        domains.saw(OTHER, 5, 0, &answer(9, "x", &records));
    }
    let session = &domains.sessions[&OTHER];
    assert_eq!(session.names.len(), NAMES);
    assert_eq!(session.order.len(), NAMES);
    assert_eq!(session.asked.len(), QUESTIONS);
    assert!(
        name(&domains, OTHER, "0.0.19.135", 1).is_some(),
        "the last one"
    );
    assert!(
        name(&domains, SESSION, "192.0.2.1", 1).is_some(),
        "of another session"
    );
    for session in 3..1_000 {
        domains.saw(Uuid::from_u128(session), 5, 0, &question(9, "x"));
    }
    assert_eq!(domains.sessions.len(), SESSIONS);
    assert_eq!(domains.order.len(), SESSIONS);
}

#[test]
fn names_are_the_same_whatever_the_case_of_their_letters() {
    let mut domains = Domains::default();
    domains.saw(SESSION, 5, 0, &question(9, "A.Example"));
    let records = [
        ("a.EXAMPLE", "CNAME", 9, "b.example"),
        ("B.example", "A", 9, "192.0.2.1"),
    ];
    domains.saw(SESSION, 5, 0, &answer(9, "a.example", &records));
    let last = name(&domains, SESSION, "192.0.2.1", 1);
    assert_eq!(last.as_deref(), Some("A.Example"), "as it was asked for");
}
