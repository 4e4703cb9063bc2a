//! syslog (RFC 5424): UDP, TCP with octet counting (RFC 6587), TLS (RFC 5425).
//!
//! Acknowledgement: the protocol has none. TCP and TLS: the kernel took the bytes, and the connection held
//! for `resend_ms` after them; what was sent within that time before it broke is sent again. UDP: the
//! datagram left.

mod link;
mod message;

use std::io;
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};

use super::batch::Batch;
use super::peer::Address;
use super::protocol::Protocol;
use super::settings::Settings;
use super::transport::{Accepted, Doing, Transport, Trouble};
use super::unix::{RESEND_MS, is_too_long};
use link::Link;
pub use message::Facility;

/// What is wrong with an address, if anything.
#[must_use]
pub fn wrong_address(text: &str) -> Option<String> {
    Address::parse(text).err()
}

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let address = settings.address.clone();
    let address =
        address.ok_or_else(|| Trouble::Misconfigured("no `address` is given".to_owned()))?;
    let address = Address::new(&address)?;
    let facility = settings.facility.unwrap_or_default();
    Ok(match settings.protocol.unwrap_or_default() {
        Protocol::Udp => Box::new(Datagrams {
            address,
            facility,
            open: None,
        }),
        protocol => Box::new(Stream {
            link: Link::new(address, protocol, settings)?,
            facility,
            unsure: Duration::from_millis(settings.resend_ms.unwrap_or(RESEND_MS)),
        }),
    })
}

struct Stream {
    link: Link,
    facility: Facility,
    unsure: Duration,
}

impl Stream {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let mut bytes = Vec::with_capacity(batch.bytes + 256 * batch.items.len());
        for item in &batch.items {
            let message = message::write(item, self.facility);
            bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
            bytes.extend_from_slice(&message);
        }
        self.link.send(&bytes).await?;
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
        Box::pin(self.link.holds())
    }
}

struct Datagrams {
    address: Address,
    facility: Facility,
    open: Option<UdpSocket>,
}

impl Datagrams {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        let failed = |error: io::Error| {
            Trouble::later(format!("cannot send to {} by UDP: {error}", self.address))
        };
        let socket = match self.open.take() {
            Some(socket) => socket,
            None => connect(&self.address).await.map_err(failed)?,
        };
        let mut accepted = Accepted::default();
        for item in &batch.items {
            let message = message::write(item, self.facility);
            match socket.send(&message).await {
                Ok(_) => {}
                Err(error) if is_too_long(&error) => {
                    let length = message.len();
                    let reason = format!("it has {length} bytes, which no datagram can have");
                    accepted.refused.push((item.seq, reason));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        self.open = Some(socket);
        Ok(accepted)
    }
}

impl Transport for Datagrams {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }
}

async fn connect(address: &Address) -> io::Result<UdpSocket> {
    let mut error = io::Error::other("the name has no address");
    for there in lookup_host((address.host.as_str(), address.port)).await? {
        let any = if there.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).await?;
        match socket.connect(there).await {
            Ok(()) => return Ok(socket),
            Err(other) => error = other,
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use serde_json::json;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::sink::batch::made;

    fn sink(protocol: &str, address: SocketAddr) -> Box<dyn Transport> {
        let settings = json!({
            "name": "s", "type": "syslog", "protocol": protocol, "address": address.to_string(),
        });
        open(&serde_json::from_value(settings).unwrap()).unwrap()
    }

    /// The messages of a stream, each as long as it says.
    fn messages(mut stream: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while !stream.is_empty() {
            let space = stream.iter().position(|byte| *byte == b' ').unwrap();
            let length: usize = std::str::from_utf8(&stream[..space])
                .unwrap()
                .parse()
                .unwrap();
            let (message, rest) = stream[space + 1..].split_at(length);
            messages.push(message.to_vec());
            stream = rest;
        }
        messages
    }

    #[tokio::test]
    async fn in_a_stream_each_message_has_its_length_before_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sink = sink("tcp", listener.local_addr().unwrap());
        let batch = made(1..=3);
        sink.deliver(&batch).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(sink);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let expect = batch
            .items
            .iter()
            .map(|item| message::write(item, Facility::default()));
        assert_eq!(messages(&bytes), expect.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_receiver_that_closes_is_noticed_and_called_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sink = sink("tcp", listener.local_addr().unwrap());
        sink.deliver(&made(1..=1)).await.unwrap();
        drop(listener.accept().await.unwrap());
        // The news of it travels.
        while sink.holds().await.is_ok() {
            tokio::task::yield_now().await;
        }
        sink.deliver(&made(1..=1)).await.unwrap();
        listener.accept().await.unwrap();
    }

    #[tokio::test]
    async fn by_datagram_each_message_is_one_and_too_long_ones_are_refused() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut sink = sink("udp", receiver.local_addr().unwrap());
        let mut batch = made(1..=2);
        batch.items[0].body = vec![b'x'; 70_000];
        let accepted = sink.deliver(&batch).await.unwrap();
        assert_eq!(accepted.refused.len(), 1);
        assert_eq!(accepted.refused[0].0, 1);
        let mut buffer = [0; 2048];
        let length = receiver.recv(&mut buffer).await.unwrap();
        assert_eq!(
            buffer[..length],
            message::write(&batch.items[1], Facility::default())
        );
    }
}
