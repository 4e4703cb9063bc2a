//! What Splunk's codes mean: a table.

use crate::sink::http::Meaning;

/// All is well.
pub(super) const SUCCESS: u16 = 0;

/// Code, what Splunk calls it, and what it means for what was sent. After "Troubleshoot HTTP Event
/// Collector" of Splunk's documentation.
#[rustfmt::skip]
const CODES: &[(u16, &str, Meaning)] = &[
    (1, "Token disabled", Meaning::Stranger),
    (2, "Token is required", Meaning::Stranger),
    (3, "Invalid authorization", Meaning::Stranger),
    (4, "Invalid token", Meaning::Stranger),
    (5, "No data", Meaning::Refused),
    (6, "Invalid data format", Meaning::Refused),
    (7, "Incorrect index", Meaning::Wrong),
    (8, "Internal server error", Meaning::Later),
    (9, "Server is busy", Meaning::Later),
    (10, "Data channel is missing", Meaning::Wrong),
    (11, "Invalid data channel", Meaning::Wrong),
    (12, "Event field is required", Meaning::Refused),
    (13, "Event field cannot be blank", Meaning::Refused),
    (14, "ACK is disabled", Meaning::Wrong),
    (15, "Error in handling indexed fields", Meaning::Refused),
    (16, "Query string authorization is not enabled", Meaning::Wrong),
    (18, "HEC is unhealthy, queues are full", Meaning::Later),
    (19, "HEC is unhealthy, ack service unavailable", Meaning::Later),
    (20, "HEC is unhealthy, queues are full, ack service unavailable", Meaning::Later),
    (21, "Invalid token", Meaning::Stranger),
    (22, "Token disabled", Meaning::Stranger),
    (23, "Server is shutting down", Meaning::Later),
    (24, "Queue at capacity", Meaning::Later),
];

/// What a code means; none where it is not known.
pub(super) fn meaning(code: u16) -> Option<Meaning> {
    let row = CODES.iter().find(|(known, _, _)| *known == code);
    row.map(|(_, _, meaning)| *meaning)
}
