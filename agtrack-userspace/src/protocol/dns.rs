//! Messages of the domain name system (RFC 1035): what is asked, and the records of the answer
//! section. Each part is read by itself, so that what cannot be read hides nothing before it.

use hickory_proto::op::{Header, MessageType, OpCode, Query};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, DecodeError};

use super::stream::{Step, Then};
use super::{Flow, Found};
use crate::record::{Answer, Dns, Object, Question, zone};

/// Questions of a message that are kept; others than one are not usual.
const QUESTIONS: usize = 8;
/// Records of an answer that are kept.
const ANSWERS: usize = 64;
/// Bytes of all names that are kept, as they are written: two bytes can stand for a long one that was
/// there before. The questions fit.
const NAMES: usize = 8 * 1024;
/// Bytes of a header, and so of the shortest message.
const SHORTEST: usize = 12;
/// Offsets in a message have 16 bits.
const LONGEST: usize = 65_535;

/// A message of a stream: its length stands before it.
pub(super) fn read(data: &[u8], flow: Flow, cut: bool) -> Step {
    let Some((length, rest)) = data.split_first_chunk::<2>() else {
        return if cut { Step::Not } else { Step::More };
    };
    let length = u16::from_be_bytes(*length);
    if usize::from(length) < SHORTEST {
        return Step::Not;
    }
    let read = match rest.get(..usize::from(length)) {
        Some(whole) => message(whole, flow, false),
        None if cut => message(rest, flow, true),
        None => return Step::More,
    };
    Step::Done(read.map(Box::new), Then::At(u64::from(length) + 2))
}

/// A message, of which the end is missing where it was cut. `None`: it is none.
pub(super) fn message(bytes: &[u8], flow: Flow, cut: bool) -> Option<Found> {
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    let mut decoder = BinDecoder::new(bytes);
    let header = Header::read(&mut decoder).ok()?;
    let is_answer = header.message_type == MessageType::Response;
    let mut dns = Dns {
        peer: flow.peer(),
        direction: flow.direction(),
        dns_id: header.id,
        opcode: opcode(header.op_code),
        questions: Vec::new(),
        response_code: is_answer.then(|| response_code(header.response_code.low())),
        cut_by_server: is_answer && header.truncation,
        answers: Vec::new(),
    };
    let whole = fill(&mut dns, &header, &mut decoder);
    // What asks nothing and does not answer is something else that uses this port.
    if dns.questions.is_empty() && (!is_answer || header.counts.queries > 0) {
        return None;
    }
    Some(Found {
        action: if is_answer {
            "net.dns_answer"
        } else {
            "net.dns_query"
        },
        object: Object::Dns(dns),
        truncated: cut || !whole,
        notes: Vec::new(),
    })
}

/// Whether all was read and kept.
fn fill(dns: &mut Dns, header: &Header, decoder: &mut BinDecoder<'_>) -> bool {
    let (questions, answers) = (header.counts.queries, header.counts.answers);
    let mut room = NAMES;
    let mut fits = |name: &str, data: Option<&str>| {
        let left = room.checked_sub(name.len() + data.map_or(0, str::len));
        room = left.unwrap_or(0);
        left.is_some()
    };
    for number in 0..usize::from(questions) {
        let Ok(query) = Query::read(decoder) else {
            return false;
        };
        if number >= QUESTIONS {
            return false;
        }
        let name = name(&query.name);
        if !fits(&name, None) {
            return false;
        }
        dns.questions.push(Question {
            name,
            record_type: record_type(query.query_type),
        });
    }
    if dns.response_code.is_none() {
        return true;
    }
    for number in 0..usize::from(answers) {
        match record(decoder) {
            Ok(answer) if number < ANSWERS && fits(&answer.name, answer.data.as_deref()) => {
                dns.answers.push(answer);
            }
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

/// A record; of its data only what is an address or a name.
fn record(decoder: &mut BinDecoder<'_>) -> Result<Answer, DecodeError> {
    let owner = Name::read(decoder)?;
    let kind = RecordType::read(decoder)?;
    DNSClass::read(decoder)?;
    let ttl = u32::read(decoder)?;
    let length = usize::from(u16::read(decoder)?);
    // Names in the data may point to what stands before it.
    let mut inside = decoder.clone(u16::try_from(decoder.index()).unwrap_or(u16::MAX));
    let data = decoder.read_slice(length)?.unverified(/* any bytes will do */);
    Ok(Answer {
        name: name(&owner),
        record_type: record_type(kind),
        ttl,
        data: value(kind, data, &mut inside),
    })
}

fn value(kind: RecordType, data: &[u8], inside: &mut BinDecoder<'_>) -> Option<String> {
    let before = match kind {
        RecordType::A => {
            let bytes: [u8; 4] = data.try_into().ok()?;
            return Some(std::net::Ipv4Addr::from(bytes).to_string());
        }
        RecordType::AAAA => {
            let bytes: [u8; 16] = data.try_into().ok()?;
            return Some(std::net::Ipv6Addr::from(bytes).to_string());
        }
        RecordType::CNAME | RecordType::NS | RecordType::PTR => 0,
        RecordType::Unknown(DNAME) => 0,
        // A preference; a priority, a weight and a port.
        RecordType::MX => 2,
        RecordType::SRV => 6,
        _ => return None,
    };
    let start = inside.index();
    inside.read_slice(before).ok()?;
    let target = Name::read(inside).ok()?;
    (inside.index() - start <= data.len()).then(|| name(&target))
}

/// Number of the type `DNAME`.
const DNAME: u16 = 39;

fn record_type(kind: RecordType) -> String {
    match kind {
        RecordType::Unknown(DNAME) => "DNAME".to_owned(),
        RecordType::Unknown(number) => format!("TYPE{number}"),
        known => known.to_string(),
    }
}

fn opcode(code: OpCode) -> Option<String> {
    match code {
        OpCode::Query => None,
        OpCode::Unknown(number) => Some(number.to_string()),
        known => Some(known.to_string()),
    }
}

/// As IANA's registry has them; the twelve bits of EDNS are not looked at.
fn response_code(code: u8) -> String {
    let names = [
        "NOERROR",
        "FORMERR",
        "SERVFAIL",
        "NXDOMAIN",
        "NOTIMP",
        "REFUSED",
        "YXDOMAIN",
        "YXRRSET",
        "NXRRSET",
        "NOTAUTH",
        "NOTZONE",
        "DSOTYPENI",
    ];
    let known = names.get(usize::from(code));
    known.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

/// A name as in zone files. Its letters keep their case as long as secrets may be in it: names are
/// the same whatever it is (RFC 4343), secrets are not.
fn name(name: &Name) -> String {
    let mut text = String::new();
    for label in name.iter() {
        if !text.is_empty() {
            text.push('.');
        }
        zone::push(label, &mut text);
    }
    if text.is_empty() {
        ".".to_owned()
    } else {
        text
    }
}
