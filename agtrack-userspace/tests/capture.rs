//! A capture as Wireshark reads it: the one reader that counts, and that nobody here wrote.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;

use agtrack::capture::{Capture, CaptureWriter, Packet};
use agtrack::record::Direction;
use serde_json::Value;

/// 2023-11-14 22:13:20 UTC, and some nanoseconds.
const TIME: u64 = 1_700_000_000_123_456_789;

/// A datagram from 10.0.0.1 to port 53 of 10.0.0.2, with this text.
fn ipv4(text: &[u8]) -> Vec<u8> {
    let mut packet = vec![
        0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    packet[3] = 28 + text.len() as u8;
    packet.extend([0x9c, 0x40, 0, 53, 0, 8 + text.len() as u8, 0, 0]);
    packet.extend(text);
    packet
}

/// The begin of a connection from ::1 to port 443 of ::1.
fn ipv6() -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
    for _ in 0..2 {
        packet.extend([0; 15]);
        packet.push(1);
    }
    packet.extend([
        0x9c, 0x41, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0,
    ]);
    packet
}

/// Three packets: one that is whole, one that came in, one that was cut behind two that were lost.
fn write(path: &Path) {
    let capture = Capture {
        host: "x86_64",
        kernel: "Linux 6.12",
        of: "agent code-assistant",
        longest: 30,
    };
    let file = std::fs::File::create(path).unwrap();
    let mut writer = CaptureWriter::new(file, &capture).unwrap();
    let query = include_bytes!("../../tests/fuzz/corpus/dns/query");
    let (first, second) = (ipv4(query), ipv6());
    let packet = Packet {
        time: TIME,
        direction: Direction::Outbound,
        total: first.len() as u32,
        bytes: &first,
        comment: "curl[4711], agent code-assistant, session 0193",
        lost: 0,
    };
    writer.packet(&packet).unwrap();
    let inbound = Packet {
        time: TIME + 1,
        direction: Direction::Inbound,
        total: second.len() as u32,
        bytes: &second,
        ..packet
    };
    writer.packet(&inbound).unwrap();
    let cut = Packet {
        time: TIME + 2_000_000_000,
        bytes: &first[..30],
        comment: "ä",
        lost: 2,
        ..packet
    };
    writer.packet(&cut).unwrap();
    writer.end(3).unwrap();
}

/// What a program of Wireshark says.
fn ask(program: &str, arguments: &[&str], path: &Path) -> String {
    let mut command = Command::new(program);
    let output = command.args(arguments).arg(path).output();
    let output = output
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask setup` installs it"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {complaints}");
    assert!(!complaints.contains("cut short"), "{program}: {complaints}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn wireshark_reads_each_packet() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.pcapng");
    write(&path);
    let read = ask("tshark", &["-T", "json", "-r"], &path);
    let packets: Vec<Value> = serde_json::from_str(&read).unwrap();
    let layers: Vec<_> = packets
        .iter()
        .map(|packet| &packet["_source"]["layers"])
        .collect();
    let [first, second, third] = layers[..] else {
        panic!("{read}");
    };
    assert_eq!(first["dns"]["dns.id"], "0x1234");
    assert_eq!(first["ip"]["ip.dst"], "10.0.0.2");
    assert_eq!(second["ipv6"]["ipv6.dst"], "::1");
    assert_eq!(second["tcp"]["tcp.dstport"], "443");
    assert_eq!(first["frame"]["frame.time_epoch"], "1700000000.123456789");
    assert_eq!(second["frame"]["frame.time_epoch"], "1700000000.123456790");
    assert_eq!(third["frame"]["frame.len"], "72");
    assert_eq!(third["frame"]["frame.cap_len"], "30");
    for (layers, comment, direction) in [
        (
            first,
            "curl[4711], agent code-assistant, session 0193",
            "0x00000002",
        ),
        (
            second,
            "curl[4711], agent code-assistant, session 0193",
            "0x00000001",
        ),
        (third, "ä", "0x00000002"),
    ] {
        let text = layers.to_string();
        assert!(
            text.contains(&format!("\"frame.comment\":\"{comment}\"")),
            "{text}"
        );
        assert!(
            text.contains(&format!("\"frame.packet_flags\":\"{direction}\"")),
            "{text}"
        );
    }
}

#[test]
fn wireshark_knows_what_the_file_is_about() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.pcapng");
    write(&path);
    let told = ask("capinfos", &["-M"], &path);
    for line in [
        "File type:           pcapng",
        "File encapsulation:  rawip",
        "Capture hardware:    x86_64",
        "Capture oper-sys:    Linux 6.12",
        concat!("Capture application: agtrack ", env!("CARGO_PKG_VERSION")),
        "Encapsulation = Raw IP",
        "Name = agent code-assistant",
        "Time precision = nanoseconds (9)",
        "Capture length = 30",
        "Number of packets = 3",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
}
