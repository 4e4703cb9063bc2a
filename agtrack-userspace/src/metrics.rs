//! Metrics for Prometheus: the numbers of `agtrack status --json`, as text over HTTP.
//!
//! In: requests from this host, at a loopback address or a socket. Out: one page, `/metrics`. Never:
//! listens to other hosts, reads more than a short request, or waits for the recorder.

mod page;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use serve::Server;

/// Where metrics are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Listen {
    /// A loopback address and a port.
    Address(SocketAddr),
    /// A socket of the file system, absolute.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.starts_with('/') {
                true => Ok(Listen::Unix(path.into())),
                false => Err("the path behind `unix:` must be absolute".to_owned()),
            };
        }
        let address = text.parse::<SocketAddr>().map_err(|_| {
            "is neither an address with a port (`127.0.0.1:9464`, `[::1]:9464`) nor `unix:` and a path"
                .to_owned()
        })?;
        match address.ip().is_loopback() {
            true => Ok(Listen::Address(address)),
            false => Err(
                "is no loopback address: metrics are for this host; have a collector here pass them on"
                    .to_owned(),
            ),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Listen, String> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> String {
        match listen {
            Listen::Address(address) => address.to_string(),
            Listen::Unix(path) => format!("unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_listened_to() {
        for text in [
            "127.0.0.1:9464",
            "[::1]:9464",
            "unix:/run/agtrack/metrics.sock",
        ] {
            assert_eq!(String::from(text.parse::<Listen>().unwrap()), text);
        }
        for (text, why) in [
            ("0.0.0.0:9464", "no loopback"),
            ("[::]:1", "no loopback"),
            ("10.0.0.1:9464", "no loopback"),
            ("localhost:9464", "neither"),
            ("127.0.0.1", "neither"),
            ("unix:run", "absolute"),
            ("", "neither"),
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
