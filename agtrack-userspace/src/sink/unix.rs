//! A local socket, of streams or of messages.
//!
//! Acknowledgement: the kernel took the bytes for the receiver, and the connection held for
//! `resend_ms` after them. What was sent within that time before it broke is sent again.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixDatagram, UnixStream};
use tokio::time::timeout;

use super::batch::Batch;
use super::settings::{Framing, Settings, SocketKind};
use super::transport::{Accepted, Doing, Transport, Trouble};

/// How far back records are sent again where nothing is said, in milliseconds.
pub(super) const RESEND_MS: u64 = 10_000;
const CLOSED: &str = "the receiver has closed the connection";
/// So much of what a receiver says unasked is read at a look.
const MOST_SAID: usize = 64 << 10;

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let path = settings.path.clone();
    let path = path.ok_or_else(|| Trouble::Misconfigured("no `path` is given".to_owned()))?;
    let unsure = Duration::from_millis(settings.resend_ms.unwrap_or(RESEND_MS));
    Ok(match settings.socket.unwrap_or_default() {
        SocketKind::Stream => Box::new(Stream {
            path,
            framing: settings.framing.unwrap_or_default(),
            unsure,
            open: None,
        }),
        SocketKind::Datagram => Box::new(Messages {
            path,
            unsure,
            open: None,
        }),
    })
}

struct Stream {
    path: PathBuf,
    framing: Framing,
    unsure: Duration,
    open: Option<UnixStream>,
}

impl Stream {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => UnixStream::connect(&self.path)
                .await
                .map_err(|error| failed(&self.path, "connect to", &error))?,
        };
        look(&mut stream)
            .await
            .map_err(|error| failed(&self.path, "send to", &error))?;
        stream
            .write_all(&framed(batch, self.framing))
            .await
            .map_err(|error| failed(&self.path, "send to", &error))?;
        // Only now: one that was left in the middle of a record is of no use any more.
        self.open = Some(stream);
        Ok(Accepted::default())
    }
}

impl Transport for Stream {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }

    fn unsure(&self) -> Duration {
        self.unsure
    }

    fn holds(&mut self) -> Doing<'_, Result<(), Trouble>> {
        Box::pin(async {
            let result = match &mut self.open {
                Some(stream) => look(stream).await,
                None => return Ok(()),
            };
            result.map_err(|error| {
                self.open = None;
                failed(&self.path, "send to", &error)
            })
        })
    }
}

/// Whether the other side still listens. What it says is nothing that was asked for.
///
/// # Errors
/// It has closed, or the connection broke.
pub(super) async fn look(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut said = [0; 4096];
    let mut total = 0;
    while total < MOST_SAID {
        match timeout(Duration::ZERO, stream.read(&mut said)).await {
            // Nothing to read: it is there.
            Err(_) => return Ok(()),
            Ok(Ok(0)) => return Err(io::Error::other(CLOSED)),
            Ok(Ok(length)) => total += length,
            // By TLS without a last word.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(io::Error::other(CLOSED));
            }
            Ok(Err(error)) => return Err(error),
        }
    }
    Ok(())
}

fn framed(batch: &Batch, framing: Framing) -> Vec<u8> {
    match framing {
        Framing::Newline => batch.lines(),
        Framing::Length => {
            let mut bytes = Vec::with_capacity(batch.bytes + 4 * batch.items.len());
            for item in &batch.items {
                // No record comes near 4 GiB: the journal takes lines of a few MiB.
                let length = u32::try_from(item.body.len()).unwrap_or(u32::MAX);
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(&item.body);
            }
            bytes
        }
    }
}

struct Messages {
    path: PathBuf,
    unsure: Duration,
    open: Option<UnixDatagram>,
}

impl Messages {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let socket = match self.open.take() {
            Some(socket) => socket,
            None => connect(&self.path)?,
        };
        let mut accepted = Accepted::default();
        for item in &batch.items {
            match socket.send(&item.body).await {
                Ok(_) => {}
                Err(error) if is_too_long(&error) => {
                    let reason = format!(
                        "it has {} bytes, which is more than a message can have there",
                        item.body.len()
                    );
                    accepted.refused.push((item.seq, reason));
                }
                Err(error) => return Err(failed(&self.path, "send to", &error)),
            }
        }
        self.open = Some(socket);
        Ok(accepted)
    }
}

impl Transport for Messages {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }

    fn unsure(&self) -> Duration {
        self.unsure
    }

    fn holds(&mut self) -> Doing<'_, Result<(), Trouble>> {
        Box::pin(async {
            // Of messages the kernel says nothing; but to the socket of a receiver that has ended nobody
            // can connect.
            if self.open.is_some()
                && let Err(trouble) = connect(&self.path)
            {
                self.open = None;
                return Err(trouble);
            }
            Ok(())
        })
    }
}

fn connect(path: &std::path::Path) -> Result<UnixDatagram, Trouble> {
    let socket = UnixDatagram::unbound();
    let connected = socket.and_then(|socket| socket.connect(path).map(|()| socket));
    connected.map_err(|error| failed(path, "connect to", &error))
}

pub(super) fn is_too_long(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    errno == Some(rustix::io::Errno::MSGSIZE)
}

fn failed(path: &std::path::Path, doing: &str, error: &io::Error) -> Trouble {
    let reason = format!("cannot {doing} {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            Trouble::Misconfigured(format!("{reason}; let the daemon write to the socket"))
        }
        // Streams and messages are different kinds of sockets.
        _ if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::PROTOTYPE) => {
            Trouble::Misconfigured(format!("{reason}; set the other kind in `socket`"))
        }
        _ => Trouble::later(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::batch::made;
    use serde_json::json;
    use std::path::Path;
    use tokio::net::UnixListener;

    fn transport(path: &Path, keys: &serde_json::Value) -> Box<dyn Transport> {
        let mut settings = json!({"name": "x", "type": "unix", "path": path});
        let all = settings.as_object_mut().unwrap();
        all.extend(keys.as_object().unwrap().clone());
        open(&serde_json::from_value(settings).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_stream_ends_records_with_newlines_or_begins_them_with_lengths() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let body = br#"{"seq":7,"id":"log:7"}"#;
        let length = [&(body.len() as u32).to_be_bytes()[..], body].concat();
        let newline = [&body[..], b"\n"].concat();
        for (framing, expect) in [("newline", newline), ("length", length)] {
            let mut sink = transport(&path, &json!({"framing": framing}));
            sink.deliver(&made(7..=7)).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(sink);
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, expect, "{framing}");
        }
    }

    #[tokio::test]
    async fn a_receiver_that_has_gone_is_noticed_before_its_records_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let mut sink = transport(&path, &json!({}));
        sink.deliver(&made(1..=1)).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        sink.holds().await.unwrap();
        drop(stream);
        assert!(sink.holds().await.is_err());
        // The next one begins a connection of its own.
        sink.deliver(&made(1..=2)).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(sink);
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, made(1..=2).lines());
    }

    #[tokio::test]
    async fn a_receiver_that_talks_all_the_time_is_not_listened_to_for_ever() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let talking =
            tokio::spawn(async move { while there.write_all(&[b'x'; 4096]).await.is_ok() {} });
        for _ in 0..10 {
            look(&mut here).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(here);
        talking.await.unwrap();
    }

    #[tokio::test]
    async fn a_record_too_long_for_a_message_is_refused_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let mut sink = transport(&path, &json!({"socket": "datagram"}));
        let mut batch = made(1..=3);
        batch.items[1].body = vec![b'x'; 8 << 20];
        let accepted = sink.deliver(&batch).await.unwrap();
        let refused: Vec<_> = accepted.refused.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(refused, [2]);
        let mut buffer = [0; 4096];
        for seq in [1, 3] {
            let length = receiver.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], made(seq..=seq).items[0].body);
        }
    }

    #[tokio::test]
    async fn the_wrong_kind_of_socket_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        let mut sink = transport(&path, &json!({"socket": "datagram"}));
        let trouble = sink.deliver(&made(1..=1)).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Misconfigured(_)), "{trouble:?}");
    }
}
