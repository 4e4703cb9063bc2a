//! One request to an HTTP/1.1 server on a socket of AF_UNIX, and its answer.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// How long all of it may take.
const DEADLINE: Duration = Duration::from_secs(2);
/// Bytes of an answer, with its headers.
const LONGEST: usize = 1 << 20;
/// Headers of an answer.
const HEADERS: usize = 64;

/// What a server said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Asks for a path, which holds nothing but what may stand in a request as it is.
///
/// # Errors
/// In words: nobody listens, or it does not answer in time or as HTTP does.
pub(super) fn get(socket: &Path, path: &str) -> Result<Reply, String> {
    let begun = Instant::now();
    let mut stream = open(socket)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: agtrack\r\nConnection: close\r\n\r\n"
    );
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "it does not answer".to_owned(),
        _ => error.to_string(),
    };
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let left = DEADLINE.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err("it does not answer in 2 s".to_owned());
        }
        stream.set_read_timeout(Some(left)).map_err(failed)?;
        let length = stream.read(&mut piece).map_err(failed)?;
        bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
        if bytes.len() > LONGEST {
            return Err("its answer is too long".to_owned());
        }
        if let Some(reply) = read(&bytes, length == 0)? {
            return Ok(reply);
        }
        if length == 0 {
            return Err("its answer is cut off".to_owned());
        }
    }
}

/// A socket whose queue is full holds up whoever connects: not for longer than the deadline.
fn open(path: &Path) -> Result<UnixStream, String> {
    let words = |error: rustix::io::Errno| std::io::Error::from(error).to_string();
    let address = SocketAddrUnix::new(path).map_err(words)?;
    let flags = SocketFlags::CLOEXEC;
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(words)?;
    set_socket_timeout(&socket, Timeout::Send, Some(DEADLINE)).map_err(words)?;
    connect(&socket, &address).map_err(words)?;
    Ok(UnixStream::from(socket))
}

/// The answer, once it is whole; `ended`: there are no more bytes.
fn read(bytes: &[u8], ended: bool) -> Result<Option<Reply>, String> {
    let wrong = |error: httparse::Error| format!("its answer is no HTTP ({error})");
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes).map_err(wrong)? else {
        return Ok(None);
    };
    let header = |name: &str| {
        let mut found = response.headers.iter();
        let found = found.find(|header| header.name.eq_ignore_ascii_case(name))?;
        str::from_utf8(found.value).ok()
    };
    let status = response.code.unwrap_or_default();
    let rest = bytes.get(length..).unwrap_or_default();
    let is_chunked = header("transfer-encoding")
        .is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
    let body = if is_chunked {
        chunks(rest)?
    } else if let Some(length) = header("content-length") {
        let length: usize = length
            .trim()
            .parse()
            .map_err(|_| "the length of its answer is no number".to_owned())?;
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        ended.then(|| rest.to_vec())
    };
    Ok(body.map(|body| Reply { status, body }))
}

/// What is said in chunks; none where the last has not come.
fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(rest)
            .map_err(|_| "its answer is in chunks without a size".to_owned())?;
        let httparse::Status::Complete((begin, size)) = size else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let chunk = usize::try_from(size)
            .ok()
            .filter(|size| *size <= LONGEST)
            .ok_or_else(|| "its answer is too long".to_owned())?;
        let Some(piece) = rest.get(begin..begin + chunk) else {
            return Ok(None);
        };
        body.extend_from_slice(piece);
        // The line's end behind it.
        let Some(next) = rest.get(begin + chunk + 2..) else {
            return Ok(None);
        };
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Option<Reply>, String> {
        read(text.as_bytes(), true)
    }

    fn check(text: &str, status: u16, body: &str) {
        let expect = Reply {
            status,
            body: body.as_bytes().to_vec(),
        };
        assert_eq!(whole(text), Ok(Some(expect)), "{text}");
    }

    #[test]
    fn bodies_end_as_the_headers_say() {
        check(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rest",
            200,
            "{}",
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n",
            200,
            "{}",
        );
        check("HTTP/1.1 404 Not Found\r\n\r\nno", 404, "no");
    }

    #[test]
    fn what_has_not_come_yet_is_waited_for() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        for end in 0..text.len() - 3 {
            let part = text.get(..end).unwrap();
            assert_eq!(read(part.as_bytes(), false), Ok(None), "{part:?}");
        }
        assert_eq!(
            read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", true),
            Ok(None)
        );
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\n{}", false), Ok(None));
    }

    proptest::proptest! {
        /// Whatever a server says, in whatever pieces.
        #[test]
        fn no_bytes_break_it(
            begin in "(HTTP/1.1 200 OK\r\n(Transfer-Encoding: chunked|Content-Length: [0-9a-f]{1,20})\r\n\r\n)?",
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            ended in proptest::bool::ANY,
        ) {
            let bytes = [begin.as_bytes(), &rest].concat();
            if let Ok(Some(reply)) = read(&bytes, ended) {
                proptest::prop_assert!(reply.body.len() <= bytes.len());
            }
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for text in [
            "nonsense\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
        ] {
            assert!(whole(text).is_err(), "{text}: {:?}", whole(text));
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS + 1));
        assert!(whole(&many).is_err());
    }
}
