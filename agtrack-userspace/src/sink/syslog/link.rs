//! A TCP connection, encrypted or not, that is made again when it breaks.

use std::io;

use tokio::io::AsyncWriteExt;

use crate::sink::peer::{Address, Duplex, Peer};
use crate::sink::protocol::Protocol;
use crate::sink::settings::Settings;
use crate::sink::tls::Tls;
use crate::sink::transport::Trouble;
use crate::sink::unix::look;

/// A connection, once there is something to send.
pub(super) struct Link {
    peer: Peer,
    open: Option<Box<dyn Duplex>>,
}

impl Link {
    pub(super) fn new(
        address: Address,
        protocol: Protocol,
        settings: &Settings,
    ) -> Result<Link, Trouble> {
        let tls = match protocol {
            Protocol::Tls => Some(Tls::new(settings, &address.host)?),
            _ => None,
        };
        Ok(Link {
            peer: Peer { address, tls },
            open: None,
        })
    }

    /// Hands bytes to the connection.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => self.peer.connect().await?,
        };
        let failed = |error: io::Error| self.peer.failed("send to", &error);
        look(&mut stream).await.map_err(failed)?;
        stream.write_all(bytes).await.map_err(failed)?;
        stream.flush().await.map_err(failed)?;
        // Only now: one that was left in the middle of a message is of no use any more.
        self.open = Some(stream);
        Ok(())
    }

    /// Whether the connection holds, if there is one.
    pub(super) async fn holds(&mut self) -> Result<(), Trouble> {
        let Some(mut stream) = self.open.take() else {
            return Ok(());
        };
        let looked = look(&mut stream).await;
        looked.map_err(|error| self.peer.failed("send to", &error))?;
        self.open = Some(stream);
        Ok(())
    }
}
