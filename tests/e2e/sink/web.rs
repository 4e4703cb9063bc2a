//! As much of HTTP/1.1 as the receivers of tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde_json::Value;

/// What a receiver is asked.
pub(super) struct Request {
    /// Without what follows a question mark.
    pub(super) path: String,
    headers: Vec<(String, String)>,
    /// Uncompressed.
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A status, a type of content, and a body.
pub(super) type Answer = (u16, &'static str, Vec<u8>);

/// Answers all requests at a port of this machine, for ever.
pub(super) fn serve(port: &str, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
    let port = port.parse::<u16>().expect("a port");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    let answer = Arc::new(answer);
    for peer in listener.incoming() {
        let (peer, answer) = (peer.expect("a connection"), answer.clone());
        std::thread::spawn(move || {
            let mut reader = BufReader::new(peer.try_clone().expect("a descriptor"));
            while let Some(request) = request(&mut reader) {
                let (status, content, body) = answer(&request);
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} -\r\ncontent-type: {content}\r\ncontent-length: {length}\r\n\r\n"
                );
                let whole = [head.as_bytes(), &body].concat();
                if (&peer).write_all(&whole).is_err() {
                    return;
                }
            }
        });
    }
}

fn request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?;
    let path = path.split('?').next()?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Request {
        path,
        headers,
        body: Vec::new(),
    };
    let length = request.header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = match request.header("content-encoding") {
        Some("gzip") => {
            let mut plain = Vec::new();
            let decoded = GzDecoder::new(&body[..]).read_to_end(&mut plain);
            decoded.expect("it is whole, and compressed as it says");
            plain
        }
        _ => body,
    };
    Some(request)
}

/// What a server answers to a question.
pub(super) fn post(port: u16, path: &str, question: &str) -> Value {
    let (_, body) = ask(port, &format!("POST {path}"), question);
    serde_json::from_str(&body).unwrap_or_else(|_| panic!("JSON: {body}"))
}

/// The status with which a server takes a document of JSON.
pub(super) fn put(port: u16, path: &str, body: &str) -> u16 {
    let (head, _) = ask(port, &format!("PUT {path}"), body);
    let status = head.split(' ').nth(1).expect("a status");
    status.parse().expect("a number")
}

/// Head and body of an answer.
fn ask(port: u16, what: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let length = body.len();
    let question = format!(
        "{what} HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(question.as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}
