//! What carries records to a receiver, where there is more than one way.

use serde::{Deserialize, Serialize};

use super::table::Kind;

/// What carries records there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A datagram each.
    Udp,
    /// A stream.
    Tcp,
    /// The same, encrypted.
    #[default]
    Tls,
    /// HTTP/1.1.
    Http,
    /// gRPC, by HTTP/2.
    Grpc,
}

impl Protocol {
    /// Those that a sink of this type can be told to use.
    fn of(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::Syslog => &["tls", "tcp", "udp"],
            Kind::Kafka => &["tls", "tcp"],
            Kind::Otlp => &["http", "grpc"],
            _ => &[],
        }
    }
}

/// What is wrong with the protocol of a sink of this type, if anything: other types have it.
#[must_use]
pub fn wrong_protocol(kind: Kind, text: &str) -> Option<String> {
    let own = Protocol::of(kind);
    // What no type has is told where it is read, and a type without any by its keys.
    let known: Option<Protocol> = serde_json::from_value(text.into()).ok();
    (known.is_some() && !own.is_empty() && !own.contains(&text)).then(|| {
        let kind = kind.name();
        let own = own.join("` or `");
        format!("a sink of type `{kind}` does not know `{text}`; write `{own}`")
    })
}
