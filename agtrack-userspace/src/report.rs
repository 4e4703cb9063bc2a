//! A session as a person reads it.
//!
//! Comes in: the records of one session in order, then those that concern all of the journal. Goes
//! out: a [`Report`], and from it lines for a terminal or one HTML page. Never: reads a journal, asks
//! the system, or grows beyond its bounds; what finds no room is counted.

mod bounds;
mod builder;
mod call;
mod file;
mod finding;
mod host;
pub mod html;
mod model;
mod notes;
mod process;
mod scope;
pub mod text;

#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use model::{
    Call, Capped, Completeness, Direct, Ended, FileDone, Finding, GapTold, HostDone, Lack, Numbers,
    ProcessDone, Report, Session, Step, Weight,
};
