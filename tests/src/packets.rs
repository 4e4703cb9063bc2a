//! Reads a capture back: the blocks of a pcapng file, and the headers of what is in them.

use std::collections::BTreeMap;
use std::path::Path;

/// A packet in a file.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Bytes it had.
    pub total: u32,
    /// Those that were kept.
    pub bytes: Vec<u8>,
    /// What is said of it.
    pub comment: String,
    /// It was sent.
    pub outbound: bool,
    /// Lost between the one before and this one.
    pub lost: u64,
}

/// What a packet's headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// 6: TCP, 17: UDP.
    pub protocol: u8,
    /// Port of the sender.
    pub source: u16,
    /// Port of the receiver.
    pub destination: u16,
    /// Number of the first byte of the payload; TCP only.
    pub number: u32,
    /// It asks for a connection, and so counts as a byte; TCP only.
    pub syn: bool,
    /// Where the payload begins.
    pub payload: usize,
}

/// A file.
#[derive(Clone, Debug, Default)]
pub struct Packets {
    /// In their order.
    pub all: Vec<Packet>,
    /// Received and lost, as the end of the file says; none where it has no end.
    pub totals: Option<(u64, u64)>,
}

impl Packets {
    /// Reads a file.
    ///
    /// # Panics
    /// It is none, or a block of it is broken.
    pub fn read(file: &Path) -> Packets {
        let bytes = std::fs::read(file).expect("the capture can be read");
        Packets::parse(&bytes)
    }

    /// Reads the bytes of a file.
    ///
    /// # Panics
    /// As [`Packets::read`].
    pub fn parse(mut bytes: &[u8]) -> Packets {
        let mut packets = Packets::default();
        let mut kinds = Vec::new();
        while !bytes.is_empty() {
            let length = word(bytes, 4) as usize;
            assert!(
                length.is_multiple_of(4) && length <= bytes.len(),
                "{length}"
            );
            assert_eq!(word(bytes, length - 4) as usize, length, "both ends agree");
            let (block, rest) = bytes.split_at(length);
            bytes = rest;
            kinds.push(word(block, 0));
            match word(block, 0) {
                6 => packets.all.push(packet(block)),
                5 => {
                    let options = options(&block[20..length - 4]);
                    packets.totals = Some((long(&options[&4]), long(&options[&5])));
                }
                _ => {}
            }
        }
        assert_eq!(kinds[..2], [0x0a0d_0d0a, 1], "a section and its interface");
        packets
    }

    /// Those through a port.
    pub fn of_port(&self, port: u16) -> Vec<&Packet> {
        let through = |packet: &&Packet| {
            let headers = packet.headers();
            headers.source == port || headers.destination == port
        };
        self.all.iter().filter(through).collect()
    }

    /// The bytes of a connection that were sent, or that came, put together by their numbers.
    ///
    /// # Panics
    /// A byte is missing.
    pub fn stream(&self, port: u16, outbound: bool) -> Vec<u8> {
        let packets = self.of_port(port).into_iter();
        let pieces: Vec<_> = packets
            .filter(|packet| packet.outbound == outbound && packet.headers().protocol == 6)
            .map(|packet| {
                let headers = packet.headers();
                let first = headers.number.wrapping_add(headers.syn.into());
                (first, &packet.bytes[headers.payload..])
            })
            .collect();
        let begin = pieces
            .iter()
            .map(|(first, _)| *first)
            .min()
            .expect("there are some");
        let mut stream = BTreeMap::new();
        for (first, bytes) in pieces {
            for (place, byte) in bytes.iter().enumerate() {
                stream.insert(first.wrapping_sub(begin) as usize + place, *byte);
            }
        }
        assert_eq!(
            stream.last_key_value().map_or(0, |(last, _)| last + 1),
            stream.len(),
            "no byte is missing"
        );
        stream.into_values().collect()
    }
}

impl Packet {
    /// What its headers say.
    ///
    /// # Panics
    /// They are none of IPv4 or IPv6, TCP or UDP.
    pub fn headers(&self) -> Headers {
        let bytes = &self.bytes;
        let (protocol, inner) = match bytes[0] >> 4 {
            4 => (bytes[9], usize::from(bytes[0] & 15) * 4),
            // One header more says how long a packet is that has 64 KiB and more (RFC 2675).
            6 if bytes[6] == 0 => (bytes[40], 48),
            6 => (bytes[6], 40),
            other => panic!("no IP packet: version {other}"),
        };
        let port = |at: usize| u16::from_be_bytes([bytes[inner + at], bytes[inner + at + 1]]);
        let (number, syn, header) = match protocol {
            6 => {
                let number = bytes[inner + 4..inner + 8].try_into().expect("4 bytes");
                let header = usize::from(bytes[inner + 12] >> 4) * 4;
                (
                    u32::from_be_bytes(number),
                    bytes[inner + 13] & 2 != 0,
                    header,
                )
            }
            17 => (0, false, 8),
            other => panic!("protocol {other}"),
        };
        Headers {
            protocol,
            source: port(0),
            destination: port(2),
            number,
            syn,
            payload: inner + header,
        }
    }

    /// What it carries.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.headers().payload..]
    }
}

fn packet(block: &[u8]) -> Packet {
    let kept = word(block, 20) as usize;
    let data = 28..28 + kept;
    let behind = data.end.next_multiple_of(4);
    let options = options(&block[behind..block.len() - 4]);
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).expect("a comment is text");
    Packet {
        time: u64::from(word(block, 12)) << 32 | u64::from(word(block, 16)),
        total: word(block, 24),
        bytes: block[data].to_vec(),
        comment: options.get(&1).map(text).unwrap_or_default(),
        outbound: word(&options[&2], 0) & 3 == 2,
        lost: options.get(&4).map_or(0, |bytes| long(bytes)),
    }
}

fn options(mut bytes: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let mut options = BTreeMap::new();
    while bytes.len() >= 4 {
        let number = u16::from_ne_bytes([bytes[0], bytes[1]]);
        let length = usize::from(u16::from_ne_bytes([bytes[2], bytes[3]]));
        if number == 0 {
            break;
        }
        options.insert(number, bytes[4..4 + length].to_vec());
        bytes = &bytes[4 + length.next_multiple_of(4)..];
    }
    options
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn long(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes[..8].try_into().expect("8 bytes"))
}
