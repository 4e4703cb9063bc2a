use super::Kind;

/// An action that is read from what another event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The event.
    pub kind: Kind,
    /// The action.
    pub action: &'static str,
    /// One line about it.
    pub description: &'static str,
}

const fn read(action: &'static str, description: &'static str) -> Derived {
    Derived {
        kind: Kind::Excerpt,
        action,
        description,
    }
}

/// All of them. Their events are in no record themselves.
pub const DERIVED: &[Derived] = &[
    read(
        "net.dns_query",
        "The domain name system was asked for a name.",
    ),
    read("net.dns_answer", "The domain name system answered."),
    read(
        "net.tls_hello",
        "A TLS connection began: with which name, version and protocols.",
    ),
    read(
        "net.http_request",
        "Something was requested by HTTP/1 that is not encrypted.",
    ),
    read("net.quic_hello", "A QUIC connection began."),
];

impl Kind {
    /// The actions that records of this event have.
    pub fn actions(self) -> impl Iterator<Item = &'static str> {
        let derived = DERIVED.iter().filter(move |derived| derived.kind == self);
        let own = self.row().action;
        let is_derived = DERIVED.iter().any(|derived| derived.kind == self);
        let derived = derived.map(|derived| derived.action);
        derived.chain((!is_derived).then_some(own))
    }
}
