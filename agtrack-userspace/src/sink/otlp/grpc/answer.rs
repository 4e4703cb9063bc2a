//! What a status of gRPC means for records, after "Failures" in OTLP/gRPC of the OTLP specification.

use std::error::Error;
use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};

use crate::sink::http::Authorization;
use crate::sink::peer::Address;
use crate::sink::transport::Trouble;

/// What servers say of a request that is too long for them: those in Go and C++, in Java, and in Rust. The
/// code is that of one who is busy.
const TOO_LONG: [&str; 3] = [
    "larger than max",
    "exceeds maximum size",
    "message length too large",
];

/// Which details say when to ask again.
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// What is to be done about a status.
pub(super) fn meaning(
    status: &Status,
    address: &Address,
    authorization: &Authorization,
) -> Trouble {
    let said = authorization.without_secret(status.message());
    let deeper = std::iter::successors(status.source(), |error| (*error).source());
    let deeper: String = deeper.map(|error| format!(": {error}")).collect();
    let code = status.code();
    let colon = if said.is_empty() { "" } else { ": " };
    let reason = format!("{address} answers {code:?}{colon}{said}{deeper}");
    let is_too_long = TOO_LONG.iter().any(|words| said.contains(words));
    match code {
        Code::ResourceExhausted | Code::OutOfRange if is_too_long => Trouble::Refused(reason),
        Code::InvalidArgument => Trouble::Refused(reason),
        Code::Unauthenticated | Code::PermissionDenied => {
            Trouble::Misconfigured(format!("{reason}; {}", authorization.where_to_look()))
        }
        Code::Unimplemented => Trouble::Misconfigured(format!(
            "{reason}; look at `url`, whether this `signal` is taken there, and whether \
             `compress = \"none\"` is wanted"
        )),
        Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition => {
            Trouble::Misconfigured(format!("{reason}; look at `url`"))
        }
        _ => Trouble::Later {
            reason,
            after: after(status.details()),
        },
    }
}

/// `google.rpc.Status`, of which only the details are read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Detailed {
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Detail {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Delay {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

/// When the receiver wants to be asked again; none where it does not say, or says what cannot be.
fn after(details: &[u8]) -> Option<Duration> {
    let detailed = Detailed::decode(details).ok()?;
    let info = detailed
        .details
        .iter()
        .find(|one| one.type_url == RETRY_INFO)?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    let (seconds, nanos) = (delay.seconds.try_into().ok()?, delay.nanos.try_into().ok()?);
    (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::http::tests::settings;
    use serde_json::json;

    fn judged(status: &Status) -> Trouble {
        let nobody = settings("otlp", "http://127.0.0.1", &json!({}));
        let authorization = Authorization::new(&nobody, "Bearer").unwrap();
        let address = Address::new("otel.example.org:4317").unwrap();
        meaning(status, &address, &authorization)
    }

    #[test]
    fn every_code_is_the_records_fault_or_a_persons_or_passes() {
        for (code, said, expect) in [
            (Code::InvalidArgument, "bad", "refused"),
            (
                Code::ResourceExhausted,
                "grpc: received message larger than max (5 vs. 4)",
                "refused",
            ),
            (
                Code::OutOfRange,
                "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes",
                "refused",
            ),
            (
                Code::ResourceExhausted,
                "gRPC message exceeds maximum size 4: 5",
                "refused",
            ),
            (Code::ResourceExhausted, "the queue is full", "later"),
            (Code::OutOfRange, "", "later"),
            (Code::Unauthenticated, "who?", "misconfigured"),
            (Code::PermissionDenied, "no", "misconfigured"),
            (Code::Unimplemented, "unknown service", "misconfigured"),
            (Code::NotFound, "", "misconfigured"),
            (Code::FailedPrecondition, "", "misconfigured"),
            (Code::Unavailable, "", "later"),
            (Code::DeadlineExceeded, "", "later"),
            (Code::Cancelled, "", "later"),
            (Code::Aborted, "", "later"),
            (Code::DataLoss, "", "later"),
            (Code::Internal, "", "later"),
            (Code::Unknown, "", "later"),
        ] {
            let trouble = judged(&Status::new(code, said));
            let found = match &trouble {
                Trouble::Later { .. } => "later",
                Trouble::Refused(_) => "refused",
                Trouble::Misconfigured(_) => "misconfigured",
            };
            assert_eq!(found, expect, "{code:?} {said}");
            let reason = trouble.reason();
            assert!(
                reason.contains("otel.example.org:4317") && reason.contains(said),
                "{reason}"
            );
        }
    }

    fn asked(type_url: &str, seconds: i64, nanos: i32) -> Option<Duration> {
        let info = RetryInfo {
            retry_delay: Some(Delay { seconds, nanos }),
        };
        let detailed = Detailed {
            details: vec![Detail {
                type_url: type_url.to_owned(),
                value: info.encode_to_vec(),
            }],
        };
        let details = detailed.encode_to_vec().into();
        match judged(&Status::with_details(Code::Unavailable, "busy", details)) {
            Trouble::Later { after, .. } => after,
            trouble => panic!("{trouble:?}"),
        }
    }

    #[test]
    fn when_to_ask_again_is_told_in_the_details() {
        assert_eq!(
            asked(RETRY_INFO, 7, 500_000_000),
            Some(Duration::from_millis(7500))
        );
        assert_eq!(asked(RETRY_INFO, -7, 0), None);
        assert_eq!(asked(RETRY_INFO, 1, i32::MAX), None);
        assert_eq!(asked("type.googleapis.com/google.rpc.Help", 7, 0), None);
        let torn = Status::with_details(Code::Unavailable, "", vec![0xff, 0x07].into());
        assert!(matches!(judged(&torn), Trouble::Later { after: None, .. }));
    }
}
