//! Where a receiver is that is named by a URL.

use std::fmt;

use hyper::Uri;

use super::peer::Address;
use super::table::Kind;

/// The schemes of an interface, encrypted and not, with the ports that go without saying.
pub(super) type Schemes = [(&'static str, u16); 2];

/// HTTP.
pub(super) const HTTP: Schemes = [("https", 443), ("http", 80)];
/// NATS, which begins TLS in the middle of the first talk.
pub(super) const NATS: Schemes = [("tls", 4222), ("nats", 4222)];

/// `https://host:port/path`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    scheme: &'static str,
    /// Whether it is the encrypted one of the two.
    pub(super) is_encrypted: bool,
    pub(super) address: Address,
    /// What stands before the paths of the interface; no slash at its end.
    pub(super) path: String,
}

impl Url {
    /// The URL of a receiver with one of these schemes, or what is wrong with it.
    pub(super) fn parse(text: &str, schemes: Schemes) -> Result<Url, String> {
        let [(encrypted, _), (plain, _)] = schemes;
        let example = if encrypted == "tls" { 4222 } else { 9200 };
        let wrong = |what: &str| {
            format!(
                "{what}; write scheme, host and port, as in `{encrypted}://siem.example.org:{example}`"
            )
        };
        // Not the text itself: people put passwords there.
        let uri: Uri = text.parse().map_err(|_| wrong("it is no URL"))?;
        let scheme = schemes
            .into_iter()
            .find(|(scheme, _)| uri.scheme_str() == Some(scheme));
        let (scheme, usual) = scheme.ok_or_else(|| {
            wrong(&format!(
                "it begins with neither `{encrypted}://` nor `{plain}://`"
            ))
        })?;
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "it holds a user, which has a key of its own (`user`, and `password` for where that is \
                 kept)",
            ));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("it goes on behind the path"));
        }
        let host = authority.host();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host).to_owned();
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(usual),
            // None where it is no number, or too large a one.
            _ => authority.port_u16().filter(|port| *port > 0),
        };
        let port = port.ok_or_else(|| wrong("its port is none"))?;
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        Ok(Url {
            scheme,
            is_encrypted: scheme == encrypted,
            address: Address { host, port },
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// What is wrong with speaking gRPC there, if anything.
    pub(super) fn wrong_for_grpc(&self) -> Option<String> {
        (!self.path.is_empty()).then(|| {
            "it goes on behind the port, which gRPC has no place for; leave that out".to_owned()
        })
    }

    /// What is wrong with sending a secret there, if anything.
    pub(super) fn wrong_for_secrets(&self) -> Option<String> {
        (!self.is_encrypted && !self.address.is_here()).then(|| {
            let other = if self.scheme == "nats" { "tls" } else { "https" };
            format!(
                "with `{}://` everybody on the way could read the secret; write `{other}://`, or leave the \
                 secret out",
                self.scheme
            )
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.address, self.path)
    }
}

/// What is wrong with the URL of a sink of this type, if anything; with `has_secret` one goes there.
#[must_use]
pub fn wrong_url(
    kind: Kind,
    text: &str,
    protocol: Option<&str>,
    has_secret: bool,
) -> Option<String> {
    let schemes = if kind == Kind::Nats { NATS } else { HTTP };
    match Url::parse(text, schemes) {
        Ok(url) if protocol == Some("grpc") && url.wrong_for_grpc().is_some() => {
            url.wrong_for_grpc()
        }
        Ok(url) if has_secret => url.wrong_for_secrets(),
        Ok(_) => None,
        Err(wrong) => Some(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_hosts_ports_and_paths() {
        for (text, is_encrypted, address, path) in [
            ("https://siem.example.org", true, "siem.example.org:443", ""),
            ("http://127.0.0.1:9200/", false, "127.0.0.1:9200", ""),
            ("https://[::1]:8088/a/b/", true, "[::1]:8088", "/a/b"),
            ("tls://nats.example.org", true, "nats.example.org:4222", ""),
            ("nats://127.0.0.1:4223", false, "127.0.0.1:4223", ""),
        ] {
            let schemes = if text.starts_with("http") { HTTP } else { NATS };
            let url = Url::parse(text, schemes).unwrap();
            let told = (url.is_encrypted, url.address.to_string(), url.path.as_str());
            assert_eq!(told, (is_encrypted, address.to_owned(), path), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_receiver_is_told_without_its_words() {
        for text in [
            "",
            "siem.example.org",
            "ftp://siem",
            "https://",
            "https://siem:0",
            "https://siem:",
            "https://siem:70000",
            "https://hunter2:hunter3@siem",
            "https://siem/?token=hunter2",
            "https://siem/#hunter2",
            "/services",
            "nats://siem",
        ] {
            let wrong = Url::parse(text, HTTP).unwrap_err();
            assert!(!wrong.contains("hunter"), "{text}: {wrong}");
        }
    }

    #[test]
    fn secrets_go_encrypted_or_stay_here() {
        for (text, is_wrong) in [
            ("https://siem.example.org", false),
            ("http://siem.example.org", true),
            ("http://192.0.2.1", true),
            ("http://localhost:8088", false),
            ("http://127.0.0.2:8088", false),
            ("http://[::1]:8088", false),
        ] {
            let wrong = Url::parse(text, HTTP).unwrap().wrong_for_secrets();
            assert_eq!(wrong.is_some(), is_wrong, "{text}");
        }
    }
}
