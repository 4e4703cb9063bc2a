//! agtrack's probes.
//!
//! Every program begins with [`gate`]: is this process tagged, and is this generation of programs
//! the active one? What passes is written as an event into one of two rings ([`message`]), and
//! counted ([`count`]) whether that worked or not. Paths come from the kernel's own objects
//! ([`walk`]). Kernel differences are in [`quirk`] and [`arch`], nowhere else.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod address;
mod arch;
mod budget;
mod count;
mod environment;
mod gate;
mod map;
mod message;
mod names;
mod object;
mod offset;
mod probe;
mod quirk;
mod read;
mod request;
mod ring;
mod scratch;
mod socket;
mod walk;
mod writing;

/// The kernel lends most helpers to GPL-compatible programs only.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // No program can panic: the linker rejects an object in which this is reachable.
    loop {}
}
