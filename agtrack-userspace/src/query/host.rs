//! Whom somebody talked to: a name, an address or a network, and perhaps a port.

use std::net::IpAddr;
use std::str::FromStr;

/// What `--host` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    whom: Whom,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    /// This name, in small letters, without the last dot.
    Name(String),
    /// This name and all below it.
    Domain(String),
    /// Addresses that begin with so many bits of this one.
    Net(IpAddr, u8),
}

/// A peer, or a name or address that was said, as a record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party<'a> {
    /// An address.
    Ip(IpAddr),
    /// A name, or an address as text.
    Name(&'a str),
}

/// A text names no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// It is empty.
    #[error("name a host, an address or a network")]
    Empty,
    /// An address of a resource.
    #[error("`{0}` is a URL: name its host alone, or with a port, as in `example.org:443`")]
    Url(String),
    /// The part behind the colon.
    #[error("`{0}` is no port: 0 to 65535")]
    Port(String),
    /// The part behind the slash.
    #[error("`{0}` is no length of a network's prefix: 0 to {1}")]
    Prefix(String, u8),
    /// What stands before a slash.
    #[error("`{0}` is no address of a network")]
    Net(String),
    /// A name that the domain name system does not have like this.
    #[error(
        "`{0}` is no host name: letters, digits, `-`, `_` and dots; for everything below a name \
         begin with a dot, and write others as they are asked for (`xn--…`)"
    )]
    Name(String),
}

impl FromStr for Host {
    type Err = BadHost;

    /// `NAME`, `.NAME`, `IP`, `IP/BITS`, each with `:PORT` behind; IPv6 with a port in brackets.
    fn from_str(text: &str) -> Result<Host, BadHost> {
        if text.contains("://") {
            return Err(BadHost::Url(text.to_owned()));
        }
        let (whom, port) = split(text);
        let port = match port {
            None => None,
            Some(port) => Some(port.parse().map_err(|_| BadHost::Port(port.to_owned()))?),
        };
        Ok(Host {
            whom: self::whom(whom)?,
            port,
        })
    }
}

impl Host {
    /// Whether it is the name of this host for itself, which resolvers answer without asking.
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        matches!(&self.whom, Whom::Name(name) | Whom::Domain(name) if name == "localhost")
    }
}

/// Host and port; an address of IPv6 has colons of its own.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((inside, behind)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return match behind.strip_prefix(':') {
            Some(port) => (inside, Some(port)),
            None if behind.is_empty() => (inside, None),
            None => (text, None),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

fn whom(text: &str) -> Result<Whom, BadHost> {
    if let Some((address, bits)) = text.split_once('/') {
        let address = address.parse::<IpAddr>();
        let address = address.map_err(|_| BadHost::Net(text.to_owned()))?;
        let most = bits_of(address);
        let bits = bits.parse().ok().filter(|bits| *bits <= most);
        let bits = bits.ok_or_else(|| BadHost::Prefix(text.to_owned(), most))?;
        return Ok(Whom::Net(address, bits));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let address = address.to_canonical();
        return Ok(Whom::Net(address, bits_of(address)));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let (name, below) = match name.strip_prefix('.') {
        Some(name) => (name.to_owned(), true),
        None => (name, false),
    };
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() {
        return Err(BadHost::Empty);
    }
    if !name.bytes().all(known) {
        return Err(BadHost::Name(text.to_owned()));
    }
    Ok(if below {
        Whom::Domain(name)
    } else {
        Whom::Name(name)
    })
}

fn bits_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl Host {
    /// Whether this is one of those meant. What was only said of and not talked to has no port.
    pub(super) fn is(&self, party: Party<'_>, port: Option<u16>) -> bool {
        if self.port.is_some() && self.port != port {
            return false;
        }
        match (&self.whom, party) {
            (Whom::Net(net, bits), Party::Ip(ip)) => is_in(ip, *net, *bits),
            (Whom::Net(net, bits), Party::Name(text)) => {
                let ip = text.trim_start_matches('[').trim_end_matches(']').parse();
                ip.is_ok_and(|ip| is_in(ip, *net, *bits))
            }
            (Whom::Name(name), Party::Name(text)) => plain(text).eq_ignore_ascii_case(name),
            (Whom::Domain(name), Party::Name(text)) => is_below(plain(text), name),
            (Whom::Name(_) | Whom::Domain(_), Party::Ip(_)) => false,
        }
    }

    /// What a record must contain, whatever the case of its letters.
    pub(super) fn literal(&self) -> Option<Vec<u8>> {
        match &self.whom {
            Whom::Name(name) | Whom::Domain(name) => Some(name.clone().into_bytes()),
            // An address of IPv4 has one spelling, also within one of IPv6.
            Whom::Net(IpAddr::V4(net), bits) => {
                let parts = net.octets().map(|part| part.to_string());
                let whole = usize::from(bits / 8);
                let begin = parts.get(..whole).unwrap_or_default().join(".");
                let dot = if whole < parts.len() { "." } else { "" };
                (whole > 0).then(|| (begin + dot).into_bytes())
            }
            Whom::Net(IpAddr::V6(_), _) => None,
        }
    }
}

/// Without the dot that ends a name in full.
fn plain(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn is_below(text: &str, name: &str) -> bool {
    let Some(begin) = text.len().checked_sub(name.len()) else {
        return false;
    };
    let (Some(before), Some(end)) = (text.get(..begin), text.get(begin..)) else {
        return false;
    };
    end.eq_ignore_ascii_case(name) && (before.is_empty() || before.ends_with('.'))
}

fn is_in(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let shift = 32 - u32::from(bits);
            (u32::from(ip) ^ u32::from(net))
                .checked_shr(shift)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => {
            let shift = 128 - u32::from(bits);
            (u128::from(ip) ^ u128::from(net))
                .checked_shr(shift)
                .unwrap_or(0)
                == 0
        }
        // One of IPv4 in the clothes of IPv6.
        (IpAddr::V6(ip), IpAddr::V4(_)) => ip
            .to_ipv4_mapped()
            .is_some_and(|ip| is_in(IpAddr::V4(ip), net, bits)),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, is: &[(&str, u16)], not: &[(&str, u16)]) {
        let host: Host = host.parse().unwrap();
        let asks = |(text, port): &(&str, u16)| {
            let party = text.parse().map_or(Party::Name(text), Party::Ip);
            host.is(party, Some(*port).filter(|port| *port > 0))
        };
        for case in is {
            assert!(asks(case), "{host:?} is {case:?}");
        }
        for case in not {
            assert!(!asks(case), "{host:?} is not {case:?}");
        }
    }

    #[test]
    fn a_name_is_itself_and_with_a_dot_all_below_it() {
        check(
            "GitHub.com.",
            &[("github.com", 443), ("GITHUB.com.", 0)],
            &[("api.github.com", 1)],
        );
        check(
            ".github.com",
            &[("github.com", 1), ("a.b.github.com", 0)],
            &[("agithub.com", 1)],
        );
        check("github.com", &[], &[("140.82.121.3", 443)]);
    }

    #[test]
    fn addresses_are_in_their_networks() {
        check(
            "10.0.0.7",
            &[("10.0.0.7", 1), ("::ffff:10.0.0.7", 1)],
            &[("10.0.0.70", 1)],
        );
        check(
            "10.1.2.3/9",
            &[("10.0.0.1", 1), ("10.127.0.1", 1)],
            &[("10.128.0.1", 1)],
        );
        check("0.0.0.0/0", &[("1.2.3.4", 1)], &[("::1", 1)]);
        check("::/0", &[("::1", 1)], &[("1.2.3.4", 1)]);
        check("fd00::/8", &[("fd12::1", 1)], &[("fe80::1", 1)]);
        check("::ffff:10.0.0.7", &[("10.0.0.7", 1)], &[]);
    }

    #[test]
    fn a_port_is_the_peers() {
        check(
            "10.0.0.7:53",
            &[("10.0.0.7", 53)],
            &[("10.0.0.7", 54), ("10.0.0.7", 0)],
        );
        check("[fd00::/8]:443", &[("fd00::1", 443)], &[("fd00::1", 80)]);
        check("[::1]", &[("::1", 80)], &[]);
        check("::1", &[("::1", 80)], &[]);
        check("a.b:80", &[("a.b", 80)], &[("a.b", 81)]);
    }

    #[test]
    fn what_is_no_host_is_told() {
        let bad = |text: &str| text.parse::<Host>().unwrap_err();
        assert_eq!(bad(""), BadHost::Empty);
        assert_eq!(bad("."), BadHost::Empty);
        assert_eq!(bad("https://a/b"), BadHost::Url("https://a/b".to_owned()));
        assert_eq!(bad("a:b"), BadHost::Port("b".to_owned()));
        assert_eq!(bad("a:99999"), BadHost::Port("99999".to_owned()));
        assert!(matches!(bad("[::1]80"), BadHost::Name(_)));
        assert_eq!(
            bad("10.0.0.0/33"),
            BadHost::Prefix("10.0.0.0/33".to_owned(), 32)
        );
        assert_eq!(bad("a/8"), BadHost::Net("a/8".to_owned()));
        assert!(matches!(bad("bücher.de"), BadHost::Name(_)));
        assert!(matches!(bad("*.github.com"), BadHost::Name(_)));
    }

    #[test]
    fn literals_hold_for_every_address_meant() {
        let literal = |text: &str| {
            let literal = text.parse::<Host>().unwrap().literal();
            literal.map(|bytes| String::from_utf8(bytes).unwrap())
        };
        assert_eq!(literal("10.1.2.3").as_deref(), Some("10.1.2.3"));
        assert_eq!(literal("10.1.2.3/31").as_deref(), Some("10.1.2."));
        assert_eq!(literal("10.1.2.3/8").as_deref(), Some("10."));
        assert_eq!(literal("10.1.2.3/7"), None);
        assert_eq!(literal("::1"), None);
        assert_eq!(literal(".A.b").as_deref(), Some("a.b"));
    }
}
