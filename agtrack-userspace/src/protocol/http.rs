//! Requests of HTTP/1 (RFC 9112): the request line and `Host`. What else it says is looked at only
//! to find where the next one begins, and not kept.

use httparse::{EMPTY_HEADER, Header, Status};

use super::stream::{Step, Then};
use super::{Flow, Found};
use crate::record::{HttpRequest, Object, Text};

/// Of IANA's registry of methods those that are met with; longer ones first tell nothing more.
const METHODS: &[&[u8]] = &[
    b"GET ",
    b"POST ",
    b"PUT ",
    b"HEAD ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
    b"REPORT ",
    b"SEARCH ",
    b"QUERY ",
];
/// How HTTP/2 begins where it is not negotiated (RFC 9113).
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n";
/// Headers that are looked at.
const HEADERS: usize = 128;
/// Bytes kept of the target.
const TARGET: usize = 4096;
/// Bytes kept of the host: a name has 255 at most.
const HOST: usize = 512;

/// Whether a request begins so.
pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PRI * HTTP/2.0") || METHODS.iter().any(|method| bytes.starts_with(method))
}

/// Whether a request may begin so.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    HTTP_2.starts_with(bytes) || METHODS.iter().any(|method| method.starts_with(bytes))
}

pub(super) fn read(data: &[u8], flow: Flow, cut: bool) -> Step {
    if data.starts_with(HTTP_2) {
        let line = Line {
            method: b"PRI",
            target: b"*",
            version: Some("2.0"),
        };
        return Step::Done(Some(found(&line, None, flow, false)), Then::Nothing);
    }
    let Some(end) = memchr::memchr(b'\n', data) else {
        return match Line::begun(data) {
            Some(line) if cut => Step::Done(Some(found(&line, None, flow, true)), Then::Segment),
            _ => Step::More,
        };
    };
    let (line, behind) = data.split_at(end + 1);
    let Some(line) = Line::whole(line) else {
        return Step::Not;
    };
    let mut headers = [EMPTY_HEADER; HEADERS];
    match httparse::parse_headers(behind, &mut headers) {
        Ok(Status::Complete((length, headers))) => {
            let then = after(headers, (end + 1 + length) as u64);
            Step::Done(Some(found(&line, host(headers), flow, false)), then)
        }
        Ok(Status::Partial) if !cut => Step::More,
        // What is wrong with the headers is the server's business; it has been asked all the same.
        Ok(Status::Partial) | Err(_) => {
            let lines = right(behind);
            let mut headers = [EMPTY_HEADER; HEADERS];
            let host = match httparse::parse_headers(&lines, &mut headers) {
                Ok(Status::Complete((_, headers))) => host(headers),
                _ => None,
            };
            Step::Done(Some(found(&line, host, flow, true)), Then::Segment)
        }
    }
}

/// A request line. Its target may be any bytes: what a server takes, only the server knows.
struct Line<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version: Option<&'static str>,
}

impl<'a> Line<'a> {
    /// `None`: it does not end as one of HTTP/1 does.
    fn whole(line: &'a [u8]) -> Option<Line<'a>> {
        let line = line.trim_ascii_end();
        let (rest, version) = line.split_at(memchr::memrchr(b' ', line)?);
        let version = match version {
            b" HTTP/1.1" => "1.1",
            b" HTTP/1.0" => "1.0",
            _ => return None,
        };
        Line::begun(rest).map(|begun| Line {
            version: Some(version),
            ..begun
        })
    }

    fn begun(line: &'a [u8]) -> Option<Line<'a>> {
        let (method, target) = line.split_at(memchr::memchr(b' ', line)?);
        Some(Line {
            method,
            target: target.trim_ascii(),
            version: None,
        })
    }
}

fn found(line: &Line<'_>, host: Option<&[u8]>, flow: Flow, cut: bool) -> Box<Found> {
    let kept = |bytes: &[u8], most: usize| Text(bytes.get(..most).unwrap_or(bytes).to_vec());
    let too_long = line.target.len() > TARGET || host.is_some_and(|host| host.len() > HOST);
    Box::new(Found {
        action: "net.http_request",
        object: Object::Http(HttpRequest {
            peer: flow.peer(),
            direction: flow.direction(),
            method: Text(line.method.to_vec()),
            target: kept(line.target, TARGET),
            host: host.map(|host| kept(host, HOST)),
            http_version: line.version.map(str::to_owned),
        }),
        truncated: cut || too_long,
        notes: Vec::new(),
    })
}

fn header<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    let mut named = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case(name));
    named.next().map(|header| header.value.trim_ascii())
}

fn host<'a>(headers: &[Header<'a>]) -> Option<&'a [u8]> {
    header(headers, "host").filter(|host| !host.is_empty())
}

/// Where the next request may begin: behind the body, whose length is known unless it is chunked.
fn after(headers: &[Header<'_>], length: u64) -> Then {
    if header(headers, "transfer-encoding").is_some() {
        return Then::Segment;
    }
    let body = header(headers, "content-length")
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| value.parse::<u64>().ok());
    Then::At(length.saturating_add(body.unwrap_or(0)))
}

/// The headers up to the first that is wrong, is not whole, or is one too many.
fn right(headers: &[u8]) -> Vec<u8> {
    let up_to = |end: &usize| {
        let lines = headers.get(..=*end).unwrap_or_default();
        [lines, b"\r\n"].concat()
    };
    let is_right = |end: &usize| {
        let mut parsed = [EMPTY_HEADER; HEADERS];
        let lines = up_to(end);
        matches!(
            httparse::parse_headers(&lines, &mut parsed),
            Ok(Status::Complete(_))
        )
    };
    let ends: Vec<_> = memchr::memchr_iter(b'\n', headers).collect();
    let right = ends.partition_point(is_right).checked_sub(1);
    right
        .and_then(|last| ends.get(last))
        .map(up_to)
        .unwrap_or_default()
}
