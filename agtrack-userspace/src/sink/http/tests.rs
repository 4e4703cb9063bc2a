//! The client with receivers that behave as they please.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

/// A receiver that answers each request with the next of these, each on the same connection unless it is
/// to be closed behind it. Gives what it was asked.
pub(in crate::sink) struct Double {
    pub(in crate::sink) url: String,
    thread: JoinHandle<Vec<Asked>>,
}

/// A request as it came.
#[derive(Debug)]
pub(in crate::sink) struct Asked {
    pub(in crate::sink) head: String,
    pub(in crate::sink) body: Vec<u8>,
}

impl Double {
    /// `answers`: status line and headers, and body; a first line that begins with `!` closes behind it.
    pub(in crate::sink) fn new(answers: Vec<(&str, String)>) -> Double {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: Vec<_> = answers
            .into_iter()
            .map(|(head, body)| (head.to_owned(), body))
            .collect();
        let thread = std::thread::spawn(move || serve(&listener, answers));
        Double { url, thread }
    }

    /// What it was asked, once it has answered all.
    pub(in crate::sink) fn asked(self) -> Vec<Asked> {
        self.thread.join().unwrap()
    }
}

fn serve(listener: &TcpListener, answers: Vec<(String, String)>) -> Vec<Asked> {
    let mut asked = Vec::new();
    let mut open: Option<TcpStream> = None;
    for (head, body) in answers {
        let (stream, request) = loop {
            let mut stream = open.take().unwrap_or_else(|| listener.accept().unwrap().0);
            if let Some(request) = request(&mut stream) {
                break (stream, request);
            }
        };
        asked.push(request);
        let mut stream = stream;
        let (closes, head) = match head.strip_prefix('!') {
            Some(head) => (true, head),
            None => (false, head.as_str()),
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).unwrap();
        open = (!closes).then_some(stream);
    }
    asked
}

/// None where the other side closed.
fn request(stream: &mut TcpStream) -> Option<Asked> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    if head.contains("content-encoding: gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&body[..])
            .read_to_end(&mut plain)
            .unwrap();
        body = plain;
    }
    Some(Asked { head, body })
}

/// Settings of a sink of this type at this receiver.
pub(in crate::sink) fn settings(kind: &str, url: &str, keys: &Value) -> Settings {
    let mut settings = json!({"name": "x", "type": kind, "url": url});
    let all = settings.as_object_mut().unwrap();
    all.extend(keys.as_object().unwrap().clone());
    serde_json::from_value(settings).unwrap()
}

/// A person has to look: at this, and no secret is told.
pub(in crate::sink) fn is_misconfigured(trouble: &Trouble, part: &str) {
    let reason = trouble.reason();
    assert!(matches!(trouble, Trouble::Misconfigured(_)), "{reason}");
    assert!(
        reason.contains(part) && !reason.contains("hunter2"),
        "{reason}"
    );
}

/// A file that holds a secret.
pub(in crate::sink) fn secret(text: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (file, path)
}

fn client(url: &str, keys: &Value) -> Client {
    let keys = settings("elasticsearch", url, keys);
    Client::new(&keys, "ApiKey").unwrap()
}

async fn post(client: &mut Client) -> Result<Answer, Trouble> {
    client.post("/p", "text/plain", b"hello".to_vec()).await
}

#[tokio::test]
async fn a_connection_is_kept_and_made_again_when_it_was_closed() {
    let ok = |head| (head, "fine".to_owned());
    let double = Double::new(vec![ok("200 OK"), ok("!200 OK"), ok("200 OK")]);
    let url = format!("{}/base/", double.url);
    let mut client = client(&url, &json!({}));
    for _ in 0..3 {
        let answer = post(&mut client).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, "fine".to_owned())
        );
    }
    for asked in double.asked() {
        assert!(
            asked.head.starts_with("POST /base/p HTTP/1.1\r\n"),
            "{}",
            asked.head
        );
        assert_eq!(asked.body, b"hello");
        assert!(
            asked.head.contains("content-encoding: gzip"),
            "{}",
            asked.head
        );
    }
}

#[tokio::test]
async fn what_is_not_to_be_compressed_is_not() {
    let double = Double::new(vec![("200 OK", String::new())]);
    let mut client = client(&double.url, &json!({"compress": "none"}));
    post(&mut client).await.unwrap();
    let asked = double.asked();
    assert!(!asked[0].head.contains("gzip"), "{}", asked[0].head);
}

#[tokio::test]
async fn answers_say_what_is_to_be_done_and_never_the_secret() {
    let (_file, token) = secret("hunter2-hunter2\n");
    let double = Double::new(vec![
        ("429 Too Many\r\nretry-after: 7", "slow down".to_owned()),
        ("!401 Unauthorized", "who is hunter2-hunter2?".to_owned()),
        (
            "307 Temporary Redirect\r\nlocation: http://192.0.2.1/",
            String::new(),
        ),
        ("413 Too Large", String::new()),
        ("404 Not Found", String::new()),
    ]);
    let mut client = client(&double.url, &json!({"token": token}));
    let mut troubles = Vec::new();
    for _ in 0..5 {
        let answer = post(&mut client).await.unwrap();
        troubles.push(client.trouble(&answer, &answer.text()));
    }
    let after = Some(Duration::from_secs(7));
    assert!(matches!(&troubles[0], Trouble::Later { after: a, .. } if *a == after));
    let Trouble::Misconfigured(reason) = &troubles[1] else {
        panic!("{troubles:?}");
    };
    assert!(
        reason.contains("401") && reason.contains(&token) && reason.contains("<secret>"),
        "{reason}"
    );
    assert!(
        matches!(&troubles[2], Trouble::Misconfigured(_)),
        "{troubles:?}"
    );
    assert!(matches!(&troubles[3], Trouble::Refused(_)), "{troubles:?}");
    assert!(
        matches!(&troubles[4], Trouble::Misconfigured(_)),
        "{troubles:?}"
    );
    assert!(!format!("{troubles:?}").contains("hunter2"), "{troubles:?}");
    let asked = double.asked();
    assert_eq!(asked.len(), 5, "the redirect is not followed");
    let sent = "authorization: ApiKey hunter2-hunter2\r\n";
    assert!(asked.iter().all(|asked| asked.head.contains(sent)));
}

#[tokio::test]
async fn nobody_there_is_told_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut client = client(&format!("http://{address}"), &json!({}));
    let trouble = post(&mut client).await.err().unwrap();
    assert!(matches!(&trouble, Trouble::Later { .. }));
    assert!(
        trouble.reason().contains(&address.to_string()),
        "{trouble:?}"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_not_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let talking = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        request(&mut stream).unwrap();
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).unwrap();
        let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
        while stream.write_all(&chunk).is_ok() {}
    });
    let mut client = client(&url, &json!({}));
    let trouble = post(&mut client).await.err().unwrap();
    assert!(trouble.reason().contains("limit"), "{trouble:?}");
    drop(client);
    let joined = tokio::task::spawn_blocking(move || talking.join());
    joined.await.unwrap().unwrap();
}

#[test]
fn a_secret_does_not_go_unencrypted_to_another_machine() {
    let (_file, token) = secret("hunter2");
    let keys = settings(
        "elasticsearch",
        "http://192.0.2.1",
        &json!({"token": token}),
    );
    let trouble = Client::new(&keys, "ApiKey").err().unwrap();
    assert!(trouble.reason().contains("https://"), "{trouble:?}");
}

#[test]
fn a_token_and_a_user_do_not_go_together_nor_a_secret_that_is_none() {
    let (_file, place) = secret("  \n");
    for keys in [
        json!({"token": place, "user": "u", "password": place}),
        json!({"user": "u"}),
        json!({"password": place}),
        json!({"token": place}),
        json!({"token": "/nonexistent/token"}),
    ] {
        let keys = settings("elasticsearch", "http://127.0.0.1", &keys);
        let trouble = Client::new(&keys, "ApiKey").err().unwrap();
        assert!(matches!(trouble, Trouble::Misconfigured(_)), "{trouble:?}");
    }
}
