//! What becomes of a record that a cluster did not acknowledge.

use krafka::KrafkaError;
use krafka::error::ErrorCode;

use crate::sink::transport::Trouble;

/// What is to be done about an error.
pub(super) fn meaning(error: &KrafkaError, brokers: &str, topic: &str) -> Trouble {
    let reason = format!("{brokers} did not store a record: {error}");
    match error {
        KrafkaError::Auth { .. } => Trouble::Misconfigured(format!(
            "{brokers} and agtrack do not trust each other: {error}; look at `user`, `password` and \
             `mechanism`, or at `ca_file`, `cert_file` and `server_name`"
        )),
        KrafkaError::UnknownTopic { .. } => unknown(brokers, topic),
        KrafkaError::Broker { code, .. } => coded(*code, reason, brokers, topic),
        // The record itself, or what we ask of the client.
        KrafkaError::Serialization { .. } => Trouble::Refused(reason),
        KrafkaError::Config { .. } => Trouble::Misconfigured(reason),
        _ => Trouble::later(reason),
    }
}

/// What the number of a broker's answer means.
fn coded(code: ErrorCode, reason: String, brokers: &str, topic: &str) -> Trouble {
    match code {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::UnknownTopicId
        | ErrorCode::InvalidTopic => unknown(brokers, topic),
        ErrorCode::TopicAuthorizationFailed => Trouble::Misconfigured(format!(
            "{reason}; allow our user to write to the topic `{topic}` (kafka-acls.sh --producer)"
        )),
        // KIP-679: since 2.8 the right to write to any topic is enough.
        ErrorCode::ClusterAuthorizationFailed => Trouble::Misconfigured(format!(
            "{reason}; allow our user to be an idempotent producer, a right of its own before Kafka 2.8 \
             (kafka-acls.sh --producer --idempotent)"
        )),
        ErrorCode::SaslAuthenticationFailed
        | ErrorCode::UnsupportedSaslMechanism
        | ErrorCode::IllegalSaslState => Trouble::Misconfigured(format!(
            "{reason}; look at `user`, `password` and `mechanism`"
        )),
        ErrorCode::UnsupportedCompressionType => {
            Trouble::Misconfigured(format!("{reason}; write `compress = \"none\"`"))
        }
        ErrorCode::MessageTooLarge
        | ErrorCode::RecordListTooLarge
        | ErrorCode::InvalidMessageSize
        | ErrorCode::InvalidRecord
        | ErrorCode::InvalidTimestamp => Trouble::Refused(reason),
        _ => Trouble::later(reason),
    }
}

fn unknown(brokers: &str, topic: &str) -> Trouble {
    Trouble::Misconfigured(format!(
        "{brokers} has no topic `{topic}`, or we may not see it; make one (kafka-topics.sh --create)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: &KrafkaError, expect: &str, part: &str) {
        let trouble = meaning(error, "kafka:9093", "agents");
        let found = match &trouble {
            Trouble::Later { .. } => "later",
            Trouble::Refused(_) => "refused",
            Trouble::Misconfigured(_) => "misconfigured",
        };
        let reason = trouble.reason();
        assert_eq!(found, expect, "{error}");
        assert!(
            reason.contains(part) && reason.contains("kafka:9093"),
            "{reason}"
        );
    }

    #[test]
    fn what_a_broker_answers_is_the_records_fault_or_a_persons_or_passes() {
        use ErrorCode as Code;
        for (code, expect, part) in [
            (
                Code::UnknownTopicOrPartition,
                "misconfigured",
                "no topic `agents`",
            ),
            (
                Code::TopicAuthorizationFailed,
                "misconfigured",
                "kafka-acls",
            ),
            (
                Code::ClusterAuthorizationFailed,
                "misconfigured",
                "--idempotent",
            ),
            (
                Code::UnsupportedSaslMechanism,
                "misconfigured",
                "`mechanism`",
            ),
            (
                Code::UnsupportedCompressionType,
                "misconfigured",
                "compress",
            ),
            (Code::MessageTooLarge, "refused", "MessageTooLarge"),
            (Code::RecordListTooLarge, "refused", ""),
            (Code::InvalidRecord, "refused", ""),
            (Code::InvalidTimestamp, "refused", ""),
            (Code::NotLeaderForPartition, "later", ""),
            (Code::NotEnoughReplicas, "later", ""),
            (Code::ThrottlingQuotaExceeded, "later", ""),
            (Code::KafkaStorageException, "later", ""),
            (Code::UnknownServerError, "later", ""),
        ] {
            check(&KrafkaError::broker(code, "x"), expect, part);
        }
    }

    #[test]
    fn what_the_client_says_is_told_with_what_to_look_at() {
        check(&KrafkaError::auth("no"), "misconfigured", "`ca_file`");
        check(
            &KrafkaError::unknown_topic("agents"),
            "misconfigured",
            "no topic",
        );
        check(&KrafkaError::timeout("produce"), "later", "produce");
        check(&KrafkaError::delivery_timeout(true, "x"), "later", "x");
        let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        check(&KrafkaError::network(gone), "later", "reset");
    }
}
