//! A record as a message of RFC 5424.

use serde::{Deserialize, Serialize};

use super::super::batch::Item;

/// The structured data that a receiver knows records by. 32473 is the number that RFC 5612 keeps for
/// whoever has none.
const DATA: &str = "agtrack@32473";

/// Who is speaking, in terms of syslog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // RFC 5424, table 1.
pub enum Facility {
    User = 1,
    Daemon = 3,
    Auth = 4,
    AuthPriv = 10,
    Audit = 13,
    #[default]
    Local0 = 16,
    Local1,
    Local2,
    Local3,
    Local4,
    Local5,
    Local6,
    Local7,
}

/// Severities of RFC 5424, table 2.
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;

/// The message without its frame; what it says is the record.
pub(super) fn write(item: &Item, facility: Facility) -> Vec<u8> {
    let head = &item.head;
    let severity = match head.kind.as_str() {
        "tamper" | "gap" => WARNING,
        _ => INFORMATIONAL,
    };
    let what = head.action.as_deref().unwrap_or(&head.kind);
    let mut message = format!(
        "<{}>1 {} {} agtrack - {} [{DATA} id=\"{}\" seq=\"{}\"] ",
        facility as u8 * 8 + severity,
        time(&head.time),
        word(&head.host.name, 255),
        word(what, 32),
        value(&head.id),
        item.seq,
    )
    .into_bytes();
    message.extend_from_slice(&item.body);
    message
}

/// To the microsecond, which is as fine as it may be.
fn time(time: &str) -> String {
    let shape = |text: &str| {
        let fit = |byte: u8| byte.is_ascii_digit() || b"-:T.".contains(&byte);
        text.bytes().all(fit)
    };
    let Some(text) = time.strip_suffix('Z').filter(|text| shape(text)) else {
        return "-".to_owned();
    };
    match text.split_once('.') {
        Some((second, fraction)) => {
            let fraction = fraction.get(..6).unwrap_or(fraction);
            format!("{second}.{fraction}Z")
        }
        None => format!("{text}Z"),
    }
}

/// Printable ASCII without spaces, at most so many.
fn word(text: &str, longest: usize) -> String {
    let word: String = text
        .chars()
        .map(|letter| {
            if letter.is_ascii_graphic() {
                letter
            } else {
                '?'
            }
        })
        .take(longest)
        .collect();
    if word.is_empty() {
        "-".to_owned()
    } else {
        word
    }
}

/// In a value `"`, `\` and `]` are escaped.
fn value(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '"' | '\\' | ']') {
            value.push('\\');
        }
        value.push(letter);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::batch::{Head, Host};

    fn item(head: Head) -> Item {
        Item {
            seq: 7,
            head,
            body: br#"{"seq":7}"#.to_vec(),
        }
    }

    fn check(head: Head, expect: &str) {
        let message = write(&item(head), Facility::default());
        assert_eq!(String::from_utf8(message).unwrap(), expect);
    }

    #[test]
    fn a_record_is_a_message_with_id_and_number() {
        let head = Head {
            id: "0193:7".to_owned(),
            time: "2026-11-22T21:03:11.482913004Z".to_owned(),
            kind: "action".to_owned(),
            action: Some("net.connect".to_owned()),
            host: Host {
                name: "web-1".to_owned(),
                ..Host::default()
            },
            ..Head::default()
        };
        check(
            head,
            r#"<134>1 2026-11-22T21:03:11.482913Z web-1 agtrack - net.connect [agtrack@32473 id="0193:7" seq="7"] {"seq":7}"#,
        );
    }

    #[test]
    fn nothing_in_a_record_can_end_a_field_of_the_message_early() {
        let head = Head {
            id: "a\"] <1>\\".to_owned(),
            time: "yesterday evening".to_owned(),
            kind: "gap".to_owned(),
            action: Some("a b\nc".to_owned()),
            host: Host {
                name: "h\u{e4} \u{7}".to_owned(),
                ..Host::default()
            },
            ..Head::default()
        };
        check(
            head,
            "<132>1 - h??? agtrack - a?b?c [agtrack@32473 id=\"a\\\"\\] <1>\\\\\" seq=\"7\"] {\"seq\":7}",
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_record_says_of_itself_its_message_can_be_taken_apart(
            id in ".*", time in ".*", kind in ".*", action in proptest::option::of(".*"), name in ".*"
        ) {
            let host = Host {
                name,
                ..Host::default()
            };
            let head = Head { id: id.clone(), time, kind, action, host, ..Head::default() };
            let message = String::from_utf8(write(&item(head), Facility::default())).unwrap();
            let mut words = message.splitn(7, ' ');
            for _ in 0..6 {
                let word = words.next().unwrap();
                proptest::prop_assert!(!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            let rest = words.next().unwrap();
            let data = rest.strip_prefix("[agtrack@32473 id=\"").unwrap();
            let data = data.strip_suffix("\" seq=\"7\"] {\"seq\":7}").unwrap();
            let mut read = String::new();
            let mut letters = data.chars();
            while let Some(letter) = letters.next() {
                proptest::prop_assert!(letter != '"' && letter != ']');
                read.push(if letter == '\\' { letters.next().unwrap() } else { letter });
            }
            proptest::prop_assert_eq!(read, id);
        }
    }
}
