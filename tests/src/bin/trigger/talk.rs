//! Bytes to somebody who answers, in exactly the pieces that are asked for.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};

use crate::{Ret, Step, complain};

/// Makes the calls, bytes as hexadecimal digits: `ask ADDRESS PORT BYTES …` sends datagrams and
/// waits for an answer to each; `tell ADDRESS PORT BYTES …` does not wait; `say ADDRESS PORT BYTES …`
/// connects, writes each by itself, and reads to the end. The result is how many bytes were read.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    let Some(ip) = step.next().to_str().and_then(|ip| ip.parse().ok()) else {
        complain("that is not an address");
    };
    let to = SocketAddr::new(ip, step.number() as u16);
    let pieces: Vec<Vec<u8>> = step
        .rest()
        .iter()
        .map(|word| bytes(&word.to_string_lossy()))
        .collect();
    let done = match name {
        b"say" => say(to, &pieces),
        _ => ask(to, &pieces, name == b"ask"),
    };
    match done {
        Ok(read) => read as Ret,
        Err(error) => -i64::from(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok();
        pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    match pairs.collect() {
        Some(bytes) => bytes,
        None => complain(&format!("{digits:?} are no hexadecimal digits")),
    }
}

fn ask(to: SocketAddr, pieces: &[Vec<u8>], waits: bool) -> std::io::Result<usize> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    let mut read = 0;
    for piece in pieces {
        socket.send_to(piece, to)?;
        if waits {
            read += socket.recv_from(&mut [0; 4096])?.0;
        }
    }
    Ok(read)
}

fn say(to: SocketAddr, pieces: &[Vec<u8>]) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    for piece in pieces {
        stream.write_all(piece)?;
    }
    let mut answer = Vec::new();
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_to_end(&mut answer)
}
