//! Addresses of sockets, as strace writes them.

use std::net::Ipv6Addr;

use super::line::{Call, behind, string};
use super::place;

/// Of a listening or accepted socket, from what its descriptor leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// Its own address.
    pub(super) local: String,
    /// The other one's.
    pub(super) peer: Option<String>,
}

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}` and its like. A name of
/// AF_UNIX is below that directory.
pub(super) fn asked(address: &str, directory: &str) -> String {
    let behind = |mark: &str| address.split_once(mark).map(|(_, rest)| rest);
    if let Some(path) = behind("sun_path=@") {
        return format!("@{}", string(path));
    }
    if let Some(path) = behind("sun_path=") {
        return place::at(directory, &string(path));
    }
    let port = behind("htons(").and_then(|rest| rest.split(')').next());
    let ip = behind("inet_addr(").or_else(|| behind("inet_pton(AF_INET6, "));
    match (ip, port) {
        (Some(ip), Some(port)) => format!("{} {port}", plain(&string(ip))),
        _ => behind("sa_family=")
            .and_then(|rest| rest.split([',', '}']).next())
            .unwrap_or("unnamed")
            .to_owned(),
    }
}

/// `TCP:[127.0.0.1:80->127.0.0.1:4711]`, `UNIX-STREAM:[12->13,"name"]`. `None`: strace does not know
/// more than a number.
pub(super) fn ends(description: &str, directory: &str) -> Option<Ends> {
    let (kind, inner) = description.split_once(":[")?;
    let inner = inner.strip_suffix(']')?;
    if kind.starts_with("UNIX") {
        let (_, name) = inner.split_once(',').unwrap_or((inner, ""));
        let text = string(name);
        let local = match name.strip_prefix('@') {
            Some(_) => format!("@{text}"),
            None if text.is_empty() => String::new(),
            None => place::at(directory, &text),
        };
        return Some(Ends { local, peer: None });
    }
    let (local, peer) = match inner.split_once("->") {
        Some((local, peer)) => (local, Some(peer)),
        None => (inner, None),
    };
    Some(Ends {
        local: end(local)?,
        peer: peer.and_then(end),
    })
}

/// Where a socket was put that asked for any port: the next call on it tells.
pub(super) fn given(descriptor: &str, later: &[Call], directory: &str) -> Option<String> {
    let number = descriptor.split('<').next()?;
    let of = |call: &&Call| call.argument(0).split('<').next() == Some(number);
    let next = later.iter().find(of)?;
    Some(ends(&behind(next.argument(0)), directory)?.local)
}

fn end(text: &str) -> Option<String> {
    let (ip, port) = text.rsplit_once(':')?;
    Some(format!("{} {port}", plain(ip.trim_matches(['[', ']']))))
}

/// There are several ways to write an address of version 6.
fn plain(ip: &str) -> String {
    match ip.parse::<Ipv6Addr>() {
        Ok(ip) => ip.to_string(),
        Err(_) => ip.to_owned(),
    }
}

/// Addresses as strace writes them.
pub(super) fn check() {
    let inet = r#"{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}"#;
    assert_eq!(asked(inet, "/"), "127.0.0.1 80");
    let local = r#"{sa_family=AF_UNIX, sun_path="here"}"#;
    assert_eq!(asked(local, "/tmp"), "/tmp/here");
    assert_eq!(asked("{sa_family=AF_NETLINK, nl_pid=0}", "/"), "AF_NETLINK");
    let both = ends("TCPv6:[[::1]:80->[::ffff:1.2.3.4]:9]", "/").unwrap();
    assert_eq!(both.local, "::1 80");
    assert_eq!(both.peer.unwrap(), "::ffff:1.2.3.4 9");
    assert_eq!(ends("TCP:[4711]", "/"), None);
    let local = ends(r#"UNIX-STREAM:[7->8,@"name"]"#, "/").unwrap();
    assert_eq!((&*local.local, local.peer), ("@name", None));
}
