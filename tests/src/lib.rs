//! What the end-to-end and the differential tests share: a recorder to start, cgroups to work in,
//! a program that makes exactly the calls a test wants, and the records that come of it.
//!
//! Every record that is read here is checked against the published JSON Schema. A test that
//! cannot go on panics: that is what the test runner reports.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod coverage;
pub mod daemon;
pub mod docker;
pub mod follow;
pub mod fuzz;
pub mod group;
pub mod here;
pub mod kept;
pub mod launch;
pub mod model;
pub mod packets;
pub mod place;
pub mod records;
pub mod schema;
pub mod user;
