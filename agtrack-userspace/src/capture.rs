//! Packets as a pcapng file, for Wireshark and all that reads such files.
//!
//! In: [`Packet`]s, each with whose it is. Out: the bytes of a file (draft-ietf-opsawg-pcapng): one
//! section, one interface of IP packets without a link, the time in nanoseconds. What was lost stands
//! at the next packet and at the end. It opens no file, asks no clock, and keeps nothing.

mod block;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use block::Block;

use crate::record::{Agent, Direction, Process, printable};

/// Kinds of blocks.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;

/// Tells in which order the file's numbers have their bytes: this machine's.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Packets begin with the header of IPv4 or IPv6 (`LINKTYPE_RAW`).
const RAW: u16 = 101;
/// Times count nanoseconds: ten to the minus ninth of a second.
const NANOSECONDS: u8 = 9;

/// Options, by number within their block.
const COMMENT: u16 = 1;
const SECTION_HARDWARE: u16 = 2;
const SECTION_SYSTEM: u16 = 3;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;
const PACKET_LOST: u16 = 4;
const STATISTICS_RECEIVED: u16 = 4;
const STATISTICS_LOST: u16 = 5;

/// Bytes of a comment: an option's length has 16 bits.
const LONGEST_COMMENT: usize = 4096;

/// What the file is about.
#[derive(Clone, Copy, Debug)]
pub struct Capture<'a> {
    /// The machine.
    pub host: &'a str,
    /// Its kernel.
    pub kernel: &'a str,
    /// Whose packets: shown as the name of the interface.
    pub of: &'a str,
    /// Bytes kept of each packet; 0: all.
    pub longest: u32,
}

/// A packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Nanoseconds since 1970, UTC.
    pub time: u64,
    /// Which way.
    pub direction: Direction,
    /// Bytes it had, from the IP header on.
    pub total: u32,
    /// The first of them.
    pub bytes: &'a [u8],
    /// What is to be said of it.
    pub comment: &'a str,
    /// Packets that were lost between the one before and this one.
    pub lost: u64,
}

/// Writes a file.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    out: W,
    block: Vec<u8>,
    written: u64,
    lost: u64,
    /// Time of the last packet.
    time: u64,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins the file.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(mut out: W, capture: &Capture<'_>) -> io::Result<Self> {
        let mut block = Vec::new();
        let mut section = Block::begin(&mut block, SECTION);
        section.u32(BYTE_ORDER);
        // Version 1.0; how long the section is will be known when it ends, which is the file's end.
        section.u16(1);
        section.u16(0);
        section.u64(u64::MAX);
        let mut options = section.options();
        options.text(SECTION_HARDWARE, capture.host);
        options.text(SECTION_SYSTEM, capture.kernel);
        options.text(
            SECTION_APPLICATION,
            concat!("agtrack ", env!("CARGO_PKG_VERSION")),
        );
        options.end();
        let mut interface = Block::begin(&mut block, INTERFACE);
        interface.u16(RAW);
        interface.u16(0);
        interface.u32(capture.longest);
        let mut options = interface.options();
        options.text(INTERFACE_NAME, capture.of);
        options.bytes(INTERFACE_RESOLUTION, &[NANOSECONDS]);
        options.end();
        out.write_all(&block)?;
        Ok(CaptureWriter {
            out,
            block,
            written: 0,
            lost: 0,
            time: 0,
        })
    }

    /// Where the file goes: what was written so far may be taken out of it.
    pub fn out_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Adds a packet.
    ///
    /// # Errors
    /// What `out` says; the file then ends in the midst of a packet.
    pub fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.block.clear();
        let mut block = Block::begin(&mut self.block, PACKET);
        block.u32(0);
        // The upper half first, whatever the order of bytes.
        block.u32((packet.time >> 32) as u32);
        block.u32(packet.time as u32);
        block.data(packet.total, packet.bytes);
        let mut options = block.options();
        let comment = shortened(packet.comment);
        if !comment.is_empty() {
            options.text(COMMENT, comment);
        }
        let direction: u32 = match packet.direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        options.bytes(PACKET_FLAGS, &direction.to_ne_bytes());
        if packet.lost > 0 {
            options.bytes(PACKET_LOST, &packet.lost.to_ne_bytes());
        }
        options.end();
        self.written += 1;
        self.lost += packet.lost;
        self.time = self.time.max(packet.time);
        self.out.write_all(&self.block)
    }

    /// Ends the file with how much is in it and how much was lost, `lost` of it since the last
    /// packet.
    ///
    /// # Errors
    /// What `out` says.
    pub fn end(mut self, lost: u64) -> io::Result<W> {
        self.block.clear();
        let mut block = Block::begin(&mut self.block, STATISTICS);
        block.u32(0);
        block.u32((self.time >> 32) as u32);
        block.u32(self.time as u32);
        let lost = self.lost + lost;
        let mut options = block.options();
        options.bytes(STATISTICS_RECEIVED, &(self.written + lost).to_ne_bytes());
        options.bytes(STATISTICS_LOST, &lost.to_ne_bytes());
        options.end();
        self.out.write_all(&self.block)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Who a packet belongs to, in a line.
#[must_use]
pub fn comment(process: &Process, agent: &Agent) -> String {
    let exe = process.exe.as_ref().map(|exe| exe.escaped());
    let name = exe.as_deref().and_then(|exe| exe.rsplit('/').next());
    format!(
        "{}[{}], agent {}, session {}",
        printable(name.unwrap_or("?")),
        process.pid,
        printable(&agent.name),
        agent.session
    )
}

fn shortened(comment: &str) -> &str {
    let end = comment.floor_char_boundary(LONGEST_COMMENT);
    comment.get(..end).unwrap_or_default()
}
