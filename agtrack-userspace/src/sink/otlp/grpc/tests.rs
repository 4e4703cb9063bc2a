//! The client with a collector that behaves as it is told.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn as answering;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::sink::batch::made;
use crate::sink::http::tests::{is_misconfigured, secret, settings};
use crate::sink::otlp::message::{LogRecord, PartialSuccess};
use crate::sink::tls::front::Keys;

/// What a collector is asked: over which connection, path, `authorization`, and how many log records there
/// are.
type Asked = Arc<Mutex<Vec<(u16, String, String, usize)>>>;

/// A collector that answers each request with this status, and what belongs to it.
async fn collector(
    status: &'static str,
    said: &'static str,
    exported: Exported,
) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let told = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let (told, exported) = (told.clone(), exported.clone());
            let serve = answering(move |request| {
                answer(
                    request,
                    (told.clone(), peer.port()),
                    (status, said),
                    exported.clone(),
                )
            });
            let server = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), serve));
        }
    });
    (url, asked)
}

async fn answer(
    request: Request<Incoming>,
    (told, connection): (Asked, u16),
    (status, said): (&'static str, &'static str),
    exported: Exported,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    let (path, who) = (request.uri().path().to_owned(), header("authorization"));
    assert_eq!(header("content-type"), "application/grpc");
    assert_eq!(header("grpc-encoding"), "");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    // Whether it is compressed, its length, and the message (gRPC over HTTP2, "Requests").
    assert_eq!(
        body[..5],
        [&[0][..], &(body.len() as u32 - 5).to_be_bytes()].concat()
    );
    let export = Export::<LogRecord>::decode(&body[5..]).unwrap();
    let records = export.grouped[0].scoped[0].entries.len();
    told.lock().unwrap().push((connection, path, who, records));
    let message = exported.encode_to_vec();
    let framed = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    trailers.insert("grpc-message", said.parse().unwrap());
    let body = Full::new(Bytes::from(framed));
    let end = async move { Some(Ok::<_, Infallible>(trailers)) };
    let mut response = Response::new(body.with_trailers(end));
    let plain = "application/grpc".parse().unwrap();
    response.headers_mut().insert("content-type", plain);
    Ok(response)
}

fn sink(url: &str, other: &Value) -> Result<Box<dyn Transport>, Trouble> {
    let mut keys = json!({"protocol": "grpc", "compress": "none"});
    let all = keys.as_object_mut().unwrap();
    all.extend(other.as_object().unwrap().clone());
    crate::sink::otlp::open(&settings("otlp", url, &keys))
}

#[tokio::test]
async fn records_go_to_the_service_of_their_signal_with_the_token_over_one_connection() {
    let (_file, place) = secret("hunter2");
    let (url, asked) = collector("0", "", Exported::default()).await;
    let mut logs = sink(&url, &json!({"token": place})).unwrap();
    for _ in 0..2 {
        let accepted = logs.deliver(&made(1..=3)).await.unwrap();
        assert!(accepted.refused.is_empty() && accepted.later.is_none());
    }
    let asked = asked.lock().unwrap();
    let expect = (asked[0].0, LOGS.to_owned(), "Bearer hunter2".to_owned(), 3);
    assert_eq!(*asked, [expect.clone(), expect]);
}

#[tokio::test]
async fn what_is_refused_in_part_is_put_aside() {
    let partial_success = Some(PartialSuccess {
        rejected: 1,
        error_message: "too old".to_owned(),
    });
    let (url, _) = collector("0", "", Exported { partial_success }).await;
    let mut sink = sink(&url, &json!({})).unwrap();
    let accepted = sink.deliver(&made(1..=3)).await.unwrap();
    assert_eq!(accepted.refused.len(), 3);
    assert!(accepted.refused[0].1.contains("too old"), "{accepted:?}");
}

#[tokio::test]
async fn a_status_is_told_without_the_token() {
    let (_file, place) = secret("hunter2");
    let (url, _) = collector("16", "hunter2 is nobody", Exported::default()).await;
    let mut sink = sink(&url, &json!({"token": place})).unwrap();
    let trouble = sink.deliver(&made(1..=3)).await.unwrap_err();
    is_misconfigured(&trouble, "`token`");
}

#[tokio::test]
async fn nobody_or_somebody_else_there_is_told_with_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let url = format!("http://{address}");
    // Speaks another protocol, once; then nobody listens.
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    });
    let mut sink = sink(&url, &json!({})).unwrap();
    for _ in 0..2 {
        let trouble = sink.deliver(&made(1..=3)).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Later { .. }), "{trouble:?}");
        assert!(trouble.reason().contains(&address), "{trouble:?}");
    }
    thread.join().unwrap();
}

#[test]
fn what_cannot_work_is_told_before_anybody_is_called() {
    let (_file, place) = secret("hunter2");
    for (url, keys, part) in [
        (
            "http://192.0.2.1:4317",
            json!({"token": place}),
            "`https://`",
        ),
        (
            "http://127.0.0.1:4317/v1/logs",
            json!({}),
            "behind the port",
        ),
        ("grpc://127.0.0.1:4317", json!({}), "neither `https://`"),
    ] {
        let trouble = sink(url, &keys).err().unwrap();
        is_misconfigured(&trouble, part);
    }
}

#[tokio::test]
async fn by_tls_it_is_said_that_http2_is_spoken() {
    let own = Keys::new();
    let (url, asked) = collector("0", "", Exported::default()).await;
    let behind = Url::parse(&url, HTTP).unwrap().address.port;
    let port = own.front(behind, Some("h2")).await;
    let url = format!("https://127.0.0.1:{port}");
    let keys = |authority: &str| {
        json!({
            "ca_file": own.path(authority), "cert_file": own.path("cert"), "key_file": own.path("key"),
            "token": own.path("password"),
        })
    };
    let mut known = sink(&url, &keys("ca")).unwrap();
    known.deliver(&made(1..=3)).await.unwrap();
    let (_, path, who, records) = asked.lock().unwrap()[0].clone();
    assert_eq!(
        (path.as_str(), who.as_str(), records),
        (LOGS, "Bearer right", 3)
    );
    let mut stranger = sink(&url, &keys("other")).unwrap();
    let trouble = stranger.deliver(&made(1..=3)).await.unwrap_err();
    assert!(trouble.reason().contains("`ca_file`"), "{trouble:?}");
}
