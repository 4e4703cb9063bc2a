//! A way to a receiver that can be cut in the middle: what was on it is lost, and the receiver goes on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Passes on what comes at a port to another one of this machine, and back, for ever.
pub(super) fn serve(here: &str, there: &str) {
    let [here, there] = [here, there].map(|port| port.parse::<u16>().expect("a port"));
    let listener = TcpListener::bind(("127.0.0.1", here)).expect("the port is free");
    for peer in listener.incoming() {
        let peer = peer.expect("a connection");
        let Ok(other) = TcpStream::connect(("127.0.0.1", there)) else {
            continue;
        };
        let (peer_too, other_too) = (both(&peer), both(&other));
        std::thread::spawn(move || pass_on(peer, other));
        std::thread::spawn(move || pass_on(other_too, peer_too));
    }
}

fn both(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a descriptor")
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
