//! The program as a person calls it: what it prints, where, and how it ends.
//!
//! What is recorded is tested end to end in the package `agtrack-tests`. Texts that are
//! also documentation (`docs/`) are compared with it, and written anew with `AGTRACK_BLESS=1`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "cli/agents.rs"]
mod agents;
#[path = "cli/call.rs"]
mod call;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/daemon.rs"]
mod daemon;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/made.rs"]
mod made;
#[path = "cli/manners.rs"]
mod manners;
#[path = "cli/query.rs"]
mod query;
#[path = "cli/replay.rs"]
mod replay;
#[path = "cli/sessions.rs"]
mod sessions;
#[path = "cli/sink.rs"]
mod sink;
#[path = "cli/tail.rs"]
mod tail;
#[path = "cli/words.rs"]
mod words;
