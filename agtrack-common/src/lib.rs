//! What the probes (kernel) and the daemon (user space) agree on.
//!
//! Everything that crosses the border is defined here once: the event table ([`event`]), the
//! header in front of each event ([`wire`]), tags ([`tag`]), counters ([`count`]), captured packets
//! ([`packet`]) and the kernel struct members the probes read ([`offset`]). No I/O, no allocation, no unsafe code.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod budget;
pub mod call;
pub mod count;
pub mod event;
pub mod offset;
pub mod packet;
pub mod socket;
pub mod tag;
pub mod uring;
pub mod wire;
