use uuid::Uuid;

use super::*;
use crate::record::Binding;

const CAPTURE: Capture<'static> = Capture {
    host: "host",
    kernel: "Linux 6.12",
    of: "agent",
    longest: 0,
};

fn packet<'a>(bytes: &'a [u8], comment: &'a str) -> Packet<'a> {
    Packet {
        time: 1_700_000_000_123_456_789,
        direction: Direction::Outbound,
        total: bytes.len() as u32,
        bytes,
        comment,
        lost: 0,
    }
}

/// A file's blocks: kind and content.
fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let number = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap());
        let length = number(4) as usize;
        assert_eq!(length % 4, 0);
        assert_eq!(number(length - 4) as usize, length, "at its end too");
        blocks.push((number(0), file[8..length - 4].to_vec()));
        file = &file[length..];
    }
    blocks
}

fn file(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), &CAPTURE).unwrap();
    for packet in packets {
        writer.packet(packet).unwrap();
    }
    writer.end(0).unwrap()
}

#[test]
fn blocks_of_packets_of_any_length_are_whole() {
    for length in 0..70 {
        let bytes = vec![0x45; length];
        let file = file(&[packet(&bytes, &"c".repeat(length))]);
        let blocks = blocks(&file);
        let kinds: Vec<_> = blocks.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [SECTION, INTERFACE, PACKET, STATISTICS]);
        let content = &blocks[2].1;
        assert_eq!(content[12..16], (length as u32).to_ne_bytes());
        assert_eq!(content[20..20 + length], bytes);
    }
}

#[test]
fn a_comment_without_end_is_cut_between_letters() {
    let long = "ä".repeat(60_000);
    let file = file(&[packet(b"", &long)]);
    assert!(file.len() < 5_000);
    let text = String::from_utf8_lossy(&file);
    assert_eq!(text.matches('ä').count(), LONGEST_COMMENT / 2);
}

#[test]
fn a_packet_says_whose_it_is() {
    let process = Process {
        pid: 7,
        exe: Some("/usr/bin/cu\u{1b}rl".into()),
        ..Process::default()
    };
    let agent = Agent {
        id: "a".to_owned(),
        name: "code\n".to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
        session: Uuid::nil(),
        parent: None,
        program: None,
        binding: Binding::Launcher,
    };
    assert_eq!(
        comment(&process, &agent),
        "cu\\u{1b}rl[7], agent code\\u{a}, session 00000000-0000-0000-0000-000000000000"
    );
}
