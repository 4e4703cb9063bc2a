//! agtrack.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]
pub mod btf;
pub mod cgroup;
pub mod load;
