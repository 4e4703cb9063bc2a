use super::*;

fn questions(dns: &Dns) -> Vec<(&str, &str)> {
    let questions = dns.questions.iter();
    questions
        .map(|question| (&*question.name, &*question.record_type))
        .collect()
}

fn answers(dns: &Dns) -> Vec<(&str, &str, u32, Option<&str>)> {
    let answers = dns.answers.iter();
    answers
        .map(|answer| {
            let Answer {
                name,
                record_type,
                ttl,
                data,
            } = answer;
            (&**name, &**record_type, *ttl, data.as_deref())
        })
        .collect()
}
use crate::record::Answer;

#[test]
fn a_question() {
    let found = one(&[datagram(53, true, corpus!("dns/query"))]);
    assert_eq!(found.action, "net.dns_query");
    assert!(!found.truncated);
    let dns = as_dns(&found);
    assert_eq!(dns.dns_id, 0x1234);
    assert_eq!(dns.direction, Direction::Outbound);
    let as_asked = [("WWW.Example.ORG", "A")];
    assert_eq!(questions(dns), as_asked, "secrets are told by their case");
    assert_eq!((&dns.response_code, &dns.opcode), (&None, &None));
    let peer = Address::Ip {
        ip: "192.0.2.7".parse().unwrap(),
        port: 53,
        proto: "udp".into(),
        domain: None,
    };
    assert_eq!(dns.peer, peer);
}

#[test]
fn an_answer_with_aliases() {
    let found = one(&[datagram(53, false, corpus!("dns/answer"))]);
    assert_eq!(found.action, "net.dns_answer");
    let dns = as_dns(&found);
    assert_eq!(dns.response_code.as_deref(), Some("NOERROR"));
    assert_eq!(
        answers(dns),
        [
            ("www.example.org", "CNAME", 300, Some("web.cdn.example.net")),
            (
                "web.cdn.example.net",
                "CNAME",
                60,
                Some("edge.cdn.example.net")
            ),
            ("edge.cdn.example.net", "A", 30, Some("192.0.2.7")),
            ("edge.cdn.example.net", "A", 20, Some("192.0.2.8")),
        ]
    );
}

#[test]
fn answers_of_other_kinds() {
    let found = |bytes| one(&[datagram(53, false, bytes)]);
    let none = found(corpus!("dns/nxdomain"));
    assert_eq!(as_dns(&none).response_code.as_deref(), Some("NXDOMAIN"));
    assert_eq!(answers(as_dns(&none)), [], "the authority's record is none");
    let six = found(corpus!("dns/aaaa"));
    let expect = ("www.example.org", "AAAA", 60, Some("2001:db8::7"));
    assert_eq!(answers(as_dns(&six)), [expect]);
    let mail = found(corpus!("dns/mx"));
    assert_eq!(
        answers(as_dns(&mail)),
        [
            ("example.org", "MX", 300, Some("mail.example.org")),
            ("example.org", "TXT", 300, None),
        ]
    );
    let https = found(corpus!("dns/https"));
    assert_eq!(questions(as_dns(&https)), [("example.org", "HTTPS")]);
    let update = one(&[datagram(53, true, corpus!("dns/update"))]);
    assert_eq!(as_dns(&update).opcode.as_deref(), Some("UPDATE"));
}

#[test]
fn bytes_in_names_are_escaped() {
    let found = one(&[datagram(53, true, corpus!("dns/bytes"))]);
    let expect = r"a\046b\000\255\032.c\092d";
    assert_eq!(questions(as_dns(&found)), [(expect, "TXT")]);
}

#[test]
fn a_message_that_is_cut_is_told_as_far_as_it_goes() {
    let whole = corpus!("dns/answer");
    for length in 0..whole.len() {
        let found = read(&[datagram(53, false, &whole[..length])]);
        // The question ends at 33, the last answer before the last 11 bytes.
        match (length, &found[..]) {
            (..33, found) => assert!(found.is_empty(), "{length}"),
            (_, [found]) => {
                assert_eq!(found.truncated, length < whole.len() - 11, "{length}");
                assert_eq!(questions(as_dns(found)), [("www.example.org", "A")]);
            }
            (_, found) => panic!("{length}: {found:?}"),
        }
    }
    let cut = Segment {
        total: 4096,
        ..datagram(53, false, whole)
    };
    assert!(one(&[cut]).truncated);
}

#[test]
fn names_that_run_in_circles_end() {
    let mut bytes = corpus!("dns/query")[..12].to_vec();
    bytes.extend([0xc0, 12, 0, 1, 0, 1]);
    assert_eq!(read(&[datagram(53, true, &bytes)]), []);
}

#[test]
fn what_is_no_dns_is_nothing() {
    for bytes in [
        &b""[..],
        b"x",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 12],
        &[0xff; 40],
    ] {
        assert_eq!(read(&[datagram(53, true, bytes)]), []);
    }
    assert_eq!(read(&[datagram(4000, true, corpus!("dns/query"))]), []);
}

#[test]
fn a_stream_has_messages_one_behind_the_other() {
    let stream = corpus!("dns/stream");
    for size in 1..=stream.len() {
        let found = read(&pieces(53, stream, size));
        let names: Vec<_> = found.iter().map(|found| questions(as_dns(found))).collect();
        assert_eq!(
            names,
            [[("one.example", "A")], [("two.example", "AAAA")]],
            "{size}"
        );
    }
}

#[test]
fn a_stream_goes_on_behind_a_hole() {
    let stream = corpus!("dns/stream");
    let many: Vec<u8> = stream.repeat(20);
    let mut segments = pieces(53, &many, stream.len());
    segments.remove(3);
    assert_eq!(read(&segments).len(), 2 * 19);
}

/// An answer of `count` records, each an alias of the question's own name for itself: four bytes a
/// name, that stand for as many as one can have.
fn repeated(count: u8) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0];
    for length in [63, 63, 63, 61] {
        bytes.push(length);
        bytes.resize(bytes.len() + usize::from(length), 1);
    }
    bytes.extend([0, 0, 1, 0, 1]);
    for _ in 0..count {
        bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0xc0, 12]);
    }
    bytes
}

#[test]
fn a_small_message_does_not_become_a_large_one() {
    let short = one(&[datagram(53, false, &repeated(3))]);
    assert_eq!(as_dns(&short).answers.len(), 3);
    assert!(!short.truncated);
    let found = one(&[datagram(53, false, &repeated(53))]);
    assert!(found.truncated);
    let dns = as_dns(&found);
    assert_eq!((dns.questions.len(), dns.answers.len()), (1, 3));
}
