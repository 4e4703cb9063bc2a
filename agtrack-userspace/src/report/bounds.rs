//! How much of a session a report tells one by one. What is beyond is counted.

/// Tool calls and groups of direct actions.
pub(super) const STEPS: usize = 10_000;
/// Tool calls at a time whose effects are gathered; of others the journal's own record is taken.
pub(super) const OPEN: usize = 256;
/// Names in each list of a call.
pub(super) const LISTED: usize = 64;
/// Names in the lists of all calls together.
pub(super) const LISTED_ALL: usize = 100_000;
/// Hosts of a call.
pub(super) const CALL_HOSTS: usize = 64;
/// Files whose hashes are kept for a call.
pub(super) const CALL_HASHES: usize = 1024;
/// Files of a session.
pub(super) const FILES: usize = 5_000;
/// Hosts of a session.
pub(super) const HOSTS: usize = 2_000;
/// Processes of a session.
pub(super) const PROCESSES: usize = 10_000;
/// Findings, and gaps.
pub(super) const FINDINGS: usize = 500;
/// Calls that a file, a host or a finding names.
pub(super) const CALLS: usize = 8;
/// Ways in which one thing was treated.
pub(super) const WAYS: usize = 12;
/// Bytes of a command line, or of a name.
pub(super) const COMMAND: usize = 1024;
/// Names in the lists of the whole session.
pub(super) const NAMES: usize = 200;
