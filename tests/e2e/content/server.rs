//! Those who answer. They are no agents.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Unable;

/// How often a server looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// A server, as long as this value lives.
pub(super) struct Server(Arc<AtomicBool>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn server(mut serve: impl FnMut() + Send + 'static) -> Server {
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            serve();
        }
    });
    Server(over)
}

fn taken(address: &str, error: &std::io::Error) -> Unable {
    Unable(format!("port 53 of {address} cannot be had: {error}"))
}

/// Answers each datagram to port 53.
pub(super) fn udp(
    address: &str,
    answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
) -> Result<Server, Unable> {
    let socket = UdpSocket::bind((address, 53)).map_err(|error| taken(address, &error))?;
    socket.set_read_timeout(Some(LOOK)).unwrap();
    Ok(server(move || {
        let mut question = [0; 1024];
        if let Ok((length, from)) = socket.recv_from(&mut question) {
            socket.send_to(&answer(&question[..length]), from).unwrap();
        }
    }))
}

/// A name server for which all names have the address 127.0.0.1.
pub(super) fn dns_udp(address: &str) -> Result<Server, Unable> {
    udp(address, answer)
}

/// The same over TCP; its answer comes in two pieces.
pub(super) fn dns_stream(address: &str) -> Result<Server, Unable> {
    let listener = TcpListener::bind((address, 53)).map_err(|error| taken(address, &error))?;
    listener.set_nonblocking(true).unwrap();
    Ok(server(move || match listener.accept() {
        Ok((mut stream, _)) => {
            stream.set_nonblocking(false).unwrap();
            stream.set_nodelay(true).unwrap();
            let mut question = Vec::new();
            stream.read_to_end(&mut question).unwrap();
            let answer = answer(&question[2..]);
            let length = (answer.len() as u16).to_be_bytes();
            let whole = [&length[..], &answer].concat();
            let (first, second) = whole.split_at(20);
            stream.write_all(first).unwrap();
            stream.write_all(second).unwrap();
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(LOOK),
        Err(error) => panic!("{error}"),
    }))
}

/// A port at which each client is answered so when it has said everything.
pub(super) fn answering(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A client may be gone already.
            let _ = stream.read_to_end(&mut Vec::new());
            let _ = stream.write_all(answer);
        }
    });
    port
}

/// A question for an address.
pub(super) fn query(id: u16, name: &str) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

fn answer(question: &[u8]) -> Vec<u8> {
    let mut bytes = question.to_vec();
    bytes[2..4].copy_from_slice(&[0x81, 0x80]);
    bytes[7] = 1;
    // The name stands behind the header; type, class, time to live, length, address.
    bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    bytes
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A port at which each request is answered, as long as there are any.
pub(super) fn keeping_alive() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        while stream.read(&mut request).unwrap() > 0 {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).unwrap();
        }
    });
    port
}

/// A port at which a client is heard once, and left.
pub(super) fn hanging_up() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read(&mut [0; 4096]).unwrap()
    });
    port
}
