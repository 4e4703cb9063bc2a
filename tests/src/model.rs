//! A model server that says what a script tells it: for real agent programs, without a network.
//!
//! It speaks the three interfaces that they use, over plain HTTP/1.1 with server-sent events: the
//! Messages interface of Anthropic, the Responses and the Chat Completions interface of OpenAI. How
//! far a conversation is, it reads from the conversation itself.

mod dialect;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// What the model wants done.
#[derive(Clone, Debug)]
pub enum Step {
    /// A command for the shell.
    Shell(String),
    /// A new file with this content, made by the agent program itself.
    Write {
        /// Its path.
        path: String,
        /// One line.
        line: String,
    },
}

/// A server that runs as long as the test does.
#[derive(Debug)]
pub struct Model {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Model {
    /// Starts one on loopback.
    ///
    /// # Panics
    /// There is no loopback.
    pub fn start(steps: Vec<Step>) -> Model {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is up");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (steps, log) = (Arc::new(steps), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (steps, log) = (Arc::clone(&steps), Arc::clone(&log));
                // A client that goes away is its own business.
                std::thread::spawn(move || serve(stream, &steps, &log));
            }
        });
        Model { address, asked }
    }

    /// What was asked for so far: method and target.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Answers one request. Nothing when the client does not speak HTTP.
fn serve(stream: TcpStream, steps: &[Step], log: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let body = body(&mut reader)?;
    let asked = first.rsplit_once(' ')?.0.to_owned();
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(asked.clone());
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (kind, answer) = match asked.split_once(' ')? {
        ("POST", target) => dialect::answer(target, &body, steps),
        _ => ("application/json", "{\"data\":[],\"models\":[]}".to_owned()),
    };
    let length = answer.len();
    let answer = if asked.starts_with("HEAD") {
        ""
    } else {
        &answer
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{answer}"
    )
    .ok()
}

/// Headers, and the body that they announce.
fn body(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
    }
    let mut body = Vec::new();
    loop {
        if chunked {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            length = u64::from_str_radix(size.trim(), 16).ok()?;
        }
        reader.by_ref().take(length).read_to_end(&mut body).ok()?;
        if !chunked {
            return Some(body);
        }
        reader.read_line(&mut String::new()).ok()?;
        if length == 0 {
            return Some(body);
        }
    }
}
