//! The transports, a row each.

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::transport::{Transport, Trouble};
use super::{elasticsearch, file, journald, kafka, nats, otlp, splunk, stdout, syslog, unix};

/// How records get out: `type` in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // The rows below say what each is.
pub enum Kind {
    Stdout,
    File,
    Unix,
    Journald,
    Syslog,
    Elasticsearch,
    Splunk,
    Otlp,
    Nats,
    Kafka,
}

/// What is to be known of a transport.
#[derive(Debug)]
pub struct Row {
    /// Its `type`.
    pub kind: Kind,
    /// The same as text.
    pub name: &'static str,
    /// Keys that it cannot do without.
    pub needs: &'static [&'static str],
    /// Keys that it knows besides those of every sink.
    pub knows: &'static [&'static str],
    /// What stands for the receiver's acknowledgement.
    pub acknowledgement: &'static str,
    /// Makes one. Connects to nobody yet.
    pub(super) open: fn(&Settings) -> Result<Box<dyn Transport>, Trouble>,
}

/// All transports.
pub const TABLE: &[Row] = &[
    Row {
        kind: Kind::Stdout,
        name: "stdout",
        needs: &[],
        knows: &[],
        acknowledgement: "standard output took it",
        open: stdout::open,
    },
    Row {
        kind: Kind::File,
        name: "file",
        needs: &["path"],
        knows: &["max_bytes", "keep"],
        acknowledgement: "it is on disk",
        open: file::open,
    },
    Row {
        kind: Kind::Unix,
        name: "unix",
        needs: &["path"],
        knows: &["socket", "framing", "resend_ms"],
        acknowledgement: "the kernel took it for the receiver, and the connection held",
        open: unix::open,
    },
    Row {
        kind: Kind::Journald,
        name: "journald",
        needs: &[],
        knows: &["path", "resend_ms"],
        acknowledgement: "the kernel took it for journald, and journald went on",
        open: journald::open,
    },
    Row {
        kind: Kind::Syslog,
        name: "syslog",
        needs: &["address"],
        knows: &[
            "protocol",
            "facility",
            "ca_file",
            "cert_file",
            "key_file",
            "server_name",
            "resend_ms",
        ],
        acknowledgement: "the kernel took it for the receiver, and by TCP and TLS the connection held",
        open: syslog::open,
    },
    Row {
        kind: Kind::Elasticsearch,
        name: "elasticsearch",
        needs: &["url", "index"],
        knows: &[
            "token",
            "user",
            "password",
            "compress",
            "ca_file",
            "cert_file",
            "key_file",
            "server_name",
        ],
        acknowledgement: "it is in the index",
        open: elasticsearch::open,
    },
    Row {
        kind: Kind::Splunk,
        name: "splunk",
        needs: &["url", "token"],
        knows: &[
            "index",
            "sourcetype",
            "require_ack",
            "ack_ms",
            "compress",
            "ca_file",
            "cert_file",
            "key_file",
            "server_name",
        ],
        acknowledgement: "an indexer wrote it, or, where the token has no acknowledgement, Splunk received it",
        open: splunk::open,
    },
    Row {
        kind: Kind::Otlp,
        name: "otlp",
        needs: &["url"],
        knows: &[
            "protocol",
            "signal",
            "token",
            "user",
            "password",
            "compress",
            "ca_file",
            "cert_file",
            "key_file",
            "server_name",
        ],
        acknowledgement: "the receiver took it",
        open: otlp::open,
    },
    Row {
        kind: Kind::Nats,
        name: "nats",
        needs: &["url", "subject"],
        knows: &[
            "token",
            "user",
            "password",
            "credentials",
            "ca_file",
            "cert_file",
            "key_file",
        ],
        acknowledgement: "a stream stored it",
        open: nats::open,
    },
    Row {
        kind: Kind::Kafka,
        name: "kafka",
        needs: &["brokers", "topic"],
        knows: &[
            "protocol",
            "user",
            "password",
            "mechanism",
            "compress",
            "ca_file",
            "cert_file",
            "key_file",
            "server_name",
        ],
        acknowledgement: "all replicas of the topic that are in sync have it",
        open: kafka::open,
    },
];

impl Kind {
    /// Its row.
    pub fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.kind == self)
    }

    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }
}

/// The row of a `type`.
pub fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_row_under_the_name_that_the_configuration_takes() {
        for row in TABLE {
            let kind: Kind = serde_json::from_value(row.name.into()).unwrap();
            assert_eq!(kind, row.kind);
            assert_eq!(kind.name(), row.name);
        }
    }
}
