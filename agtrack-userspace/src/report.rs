//! A session as a person reads it.
//!
//! Comes in: the records of one session in order, then those that concern all of the journal. Goes
//! out: a [`Report`], and from it lines for a terminal or one HTML page. Never: reads a journal, asks
//! the system, or grows beyond its bounds; what finds no room is counted.

mod attempt;
mod bounds;
mod builder;
mod call;
mod completeness;
mod file;
mod finding;
pub mod gap;
mod host;
pub mod html;
mod model;
mod notes;
mod process;
mod scope;
pub mod text;
mod touch;

#[cfg(test)]
mod tests;

pub use attempt::{Attempts, Deed};
pub use builder::{Builder, Source};
pub use completeness::{Completeness, GapTold, Lack, Numbers};
pub use model::{
    Call, Capped, Direct, Ended, FileDone, Finding, HostDone, ProcessDone, Report, Session, Step,
    Weight,
};
pub use notes::{CommonGap, Span};
pub use touch::Touch;
