//! A real nats-server with JetStream, which keeps its streams on disk.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use agtrack_tests::here;
use serde_json::{Value, json};

use super::receiver::{Receiver, free_port};
use super::trial::{Turn, batches, delivered, endure, least};
use super::{nothing_is_missing, recorder, tried};
use crate::{Outcome, Unable, tests};

tests![
    each_record_is_in_the_stream_once_though_server_and_daemon_are_killed,
    what_a_server_does_not_know_is_told,
];

const TOKEN: &str = "a-token-of-tests";

fn server(port: u16, store: &Path) -> Result<Receiver, Unable> {
    let program = here::receiver("bin/nats-server");
    let program = program.ok_or_else(|| Unable("nats-server is not installed here".to_owned()))?;
    let mut command = Command::new(program);
    command.args(["-js", "-a", "127.0.0.1", "--auth", TOKEN, "-p"]);
    command.arg(port.to_string()).arg("-sd").arg(store);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Receiver::listening(command, port))
}

/// A connection that asks in the words of the protocol.
struct Asking(BufReader<TcpStream>);

impl Asking {
    fn new(port: u16) -> Asking {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let mut asking = Asking(BufReader::new(stream));
        let hello = json!({"verbose": false, "headers": true, "auth_token": TOKEN});
        asking.say(&format!(
            "CONNECT {hello}\r\nSUB inbox 1\r\nSUB records 2\r\n"
        ));
        asking
    }

    fn say(&mut self, text: &str) {
        let stream = self.0.get_mut();
        stream.write_all(text.as_bytes()).expect("it reads");
    }

    /// Asks something of JetStream, and waits for its answer.
    fn ask(&mut self, what: &str, body: &Value) -> Value {
        let body = body.to_string();
        let length = body.len();
        self.say(&format!("PUB $JS.API.{what} inbox {length}\r\n{body}\r\n"));
        let (subject, _, answer) = self.next();
        assert_eq!(subject, "inbox");
        serde_json::from_slice(&answer).expect("JSON")
    }

    /// Subject, headers and text of the next message.
    fn next(&mut self) -> (String, String, Vec<u8>) {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("it answers");
            let words: Vec<_> = line.split_whitespace().collect();
            let number = |back: usize| {
                words[words.len() - back]
                    .parse::<usize>()
                    .expect("a number")
            };
            let (head, whole) = match words.first().copied() {
                Some("HMSG") => (number(2), number(1)),
                Some("MSG") => (0, number(1)),
                Some("PING") => {
                    self.say("PONG\r\n");
                    continue;
                }
                _ => continue,
            };
            let mut bytes = vec![0; whole + 2];
            self.0.read_exact(&mut bytes).expect("it is whole");
            let text = bytes[head..whole].to_vec();
            let headers = String::from_utf8_lossy(&bytes[..head]).into_owned();
            return (words[1].to_owned(), headers, text);
        }
    }
}

fn make_stream(port: u16) {
    let stream = json!({"name": "AGTRACK", "subjects": ["agtrack.*"], "storage": "file"});
    let made = Asking::new(port).ask("STREAM.CREATE.AGTRACK", &stream);
    assert_eq!(made["error"], Value::Null, "{made}");
}

/// All messages of the stream: id by the header, and record.
fn stored(port: u16) -> Vec<(String, Value)> {
    let mut asking = Asking::new(port);
    let info = asking.ask("STREAM.INFO.AGTRACK", &json!({}));
    let count = info["state"]["messages"].as_u64().expect("a number");
    let consumer = json!({"stream_name": "AGTRACK", "config": {
        "deliver_subject": "records", "deliver_policy": "all", "ack_policy": "none",
        // Bits a second: a reader that falls behind is cut off.
        "rate_limit_bps": 100_000_000,
    }});
    let length = consumer.to_string().len();
    asking.say(&format!(
        "PUB $JS.API.CONSUMER.CREATE.AGTRACK inbox {length}\r\n{consumer}\r\n"
    ));
    let mut messages = Vec::new();
    while (messages.len() as u64) < count {
        let (_, headers, text) = asking.next();
        // The answer about the consumer comes among them.
        if let Some(id) = headers
            .lines()
            .find_map(|line| line.strip_prefix("Nats-Msg-Id: "))
        {
            messages.push((id.to_owned(), serde_json::from_slice(&text).expect("JSON")));
        }
    }
    messages
}

fn sink(port: u16, token: &Path) -> String {
    let text = format!(
        "[[sinks]]\nname = \"bus\"\ntype = \"nats\"\nurl = \"nats://127.0.0.1:{port}\"\n\
         subject = \"agtrack.records\"\ntoken = {token:?}\n"
    );
    text + &batches(50)
}

fn each_record_is_in_the_stream_once_though_server_and_daemon_are_killed() -> Outcome {
    let port = free_port();
    let (group, home) = recorder("-sink-nats", |home| {
        let token = home.path("token");
        std::fs::write(&token, TOKEN).expect("a file");
        sink(port, &token)
    });
    let store = home.path("nats");
    let mut nats = server(port, &store)?;
    make_stream(port);
    let (code, said) = tried(&home, "bus");
    assert!(
        code == Some(0) && said.contains("a stream stored it"),
        "{said}"
    );
    let daemon = endure(group, &home, |turn| {
        match turn {
            Turn::Kill => nats.kill(),
            Turn::Start => nats = server(port, &store)?,
        }
        Ok(())
    })?;
    delivered(daemon, &home);
    let messages = stored(port);
    for (id, record) in &messages {
        assert_eq!(record["id"], id.as_str());
    }
    let ids: Vec<_> = messages.into_iter().map(|(id, _)| id).collect();
    let ids: Vec<_> = ids
        .into_iter()
        .filter(|id| !id.starts_with("test:"))
        .collect();
    nothing_is_missing(&home, &ids);
    assert!(ids.len() >= least(), "{}", ids.len());
    if here::soak().is_none() {
        // All of it took less than the two minutes of the duplicate window.
        assert_eq!(ids.len(), home.records().len(), "none is there twice");
    }
    nats.kill();
    Ok(())
}

fn what_a_server_does_not_know_is_told() -> Outcome {
    let port = free_port();
    let (_group, home) = recorder("-sink-nats-token", |home| {
        let (right, wrong) = (home.path("right"), home.path("wrong"));
        std::fs::write(&right, TOKEN).expect("a file");
        std::fs::write(&wrong, "hunter2-hunter2").expect("a file");
        let stranger = sink(port, &wrong).replace("\"bus\"", "\"stranger\"");
        [sink(port, &right), stranger].concat()
    });
    let _nats = server(port, &home.path("nats"))?;
    let (code, said) = tried(&home, "bus");
    assert!(
        code == Some(1) && said.contains("no stream") && said.contains("`agtrack.records`"),
        "{said}"
    );
    let (code, said) = tried(&home, "stranger");
    assert!(
        code == Some(1) && said.contains("look at `token`"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    Ok(())
}
