//! Who is called over TCP, encrypted or not.

use std::fmt;
use std::io;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tls::{Tls, is_about_certificates};
use super::transport::Trouble;

/// How long the other side has to answer a call.
const CALL: Duration = Duration::from_secs(10);
/// How long the other side's kernel may leave what was sent unanswered.
const SILENCE_MS: u32 = 8_000;
/// When a silent connection is first asked whether it still holds.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Name or number, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// `name:port`, `1.2.3.4:port` or `[::1]:port`.
    pub(super) fn new(text: &str) -> Result<Address, Trouble> {
        Address::parse(text).map_err(Trouble::Misconfigured)
    }

    /// The same, or what is wrong.
    pub(super) fn parse(text: &str) -> Result<Address, String> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok().filter(|port| *port > 0)?;
            let bare = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            let host = bare.unwrap_or(host);
            let fit = !host.is_empty() && (bare.is_some() || !host.contains(':'));
            fit.then(|| (host.to_owned(), port))
        });
        let (host, port) = parts.ok_or_else(|| {
            format!(
                "`{text}` is no address; write a host and a port, as in `siem.example.org:6514`"
            )
        })?;
        Ok(Address { host, port })
    }

    /// Whether what is sent there unencrypted stays on this machine.
    pub(super) fn is_here(&self) -> bool {
        let number = self.host.parse().ok();
        self.host == "localhost" || number.is_some_and(|ip: std::net::IpAddr| ip.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A connection, encrypted or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// Who is called, and how.
pub(super) struct Peer {
    pub(super) address: Address,
    /// None where it is not encrypted.
    pub(super) tls: Option<Tls>,
}

impl Peer {
    /// Calls it.
    pub(super) async fn connect(&self) -> Result<Box<dyn Duplex>, Trouble> {
        let call = async {
            let Address { host, port } = &self.address;
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            // So that a host that is gone is noticed before what was sent to it counts as delivered.
            sockopt::set_tcp_user_timeout(&stream, SILENCE_MS)?;
            sockopt::set_socket_keepalive(&stream, true)?;
            sockopt::set_tcp_keepidle(&stream, KEEPALIVE)?;
            Ok(match &self.tls {
                Some(tls) => Box::new(tls.connect(stream).await?) as Box<dyn Duplex>,
                None => Box::new(stream),
            })
        };
        let called = match timeout(CALL, call).await {
            Ok(called) => called,
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        };
        called.map_err(|error| self.failed("connect to", &error))
    }

    /// What to say where something did not work with it.
    pub(super) fn failed(&self, doing: &str, error: &io::Error) -> Trouble {
        let reason = format!("cannot {doing} {}: {error}", self.address);
        if is_about_certificates(error) {
            return Trouble::Misconfigured(format!(
                "{reason}; look at `ca_file`, `cert_file` and `server_name`"
            ));
        }
        Trouble::later(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_brackets() {
        for text in [
            "siem.example.org:6514",
            "192.0.2.1:514",
            "[2001:db8::1]:6514",
        ] {
            assert_eq!(Address::new(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "siem",
            "siem:",
            ":514",
            "siem:0",
            "siem:70000",
            "2001:db8::1:6514",
        ] {
            let trouble = Address::new(text).unwrap_err();
            assert!(matches!(trouble, Trouble::Misconfigured(_)), "{text}");
        }
    }
}
