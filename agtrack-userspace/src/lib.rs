//! agtrack records what AI agents really do.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod btf;
pub mod capture;
pub mod cgroup;
pub mod cli;
pub mod config;
pub mod control;
pub mod correlate;
pub mod credential;
pub mod daemon;
pub mod decode;
pub mod engine;
pub mod enrich;
pub mod input;
pub mod journal;
pub mod load;
pub mod noise;
pub mod pipeline;
pub mod protocol;
pub mod record;
pub mod redact;
pub mod ring;
pub mod run;
pub mod terminal;
