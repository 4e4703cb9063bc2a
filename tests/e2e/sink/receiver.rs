//! Receivers that are processes of their own, so that they can be killed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agtrack_tests::here;
use uuid::Uuid;

use super::{gate, otlp, splunk};

/// What a receiver is played by: takes the address and what else it is told.
type Serve = fn(&str, &str);

/// What this program is when it is called with one of these words; two more words follow.
const SERVERS: &[(&str, Serve)] = &[
    ("--receiver", serve),
    ("--gate", gate::serve),
    ("--splunk", splunk::double::serve),
    ("--otlp", otlp::serve),
];

/// Is a receiver, for ever, where these words say so.
pub(crate) fn is_called(words: &[String]) -> bool {
    let [_, word, first, second] = words else {
        return false;
    };
    let Some((_, serve)) = SERVERS.iter().find(|(name, _)| name == word) else {
        return false;
    };
    serve(first, second);
    true
}

/// Listens at a socket, and stores the bytes of each connection in a file of its own, for ever. What it
/// was handed and did not store is lost with it.
fn serve(socket: &str, store: &str) {
    let store = Path::new(store);
    std::fs::create_dir_all(store).expect("the store can be made");
    let listener = UnixListener::bind(socket).expect("the socket is free");
    for peer in listener.incoming() {
        let file = std::fs::File::create(store.join(Uuid::new_v4().to_string()));
        let (mut file, mut peer) = (file.expect("a file"), peer.expect("a connection"));
        std::thread::spawn(move || {
            let mut bytes = [0; 1000];
            while let Ok(length @ 1..) = peer.read(&mut bytes) {
                file.write_all(&bytes[..length]).expect("the disk has room");
            }
        });
    }
}

/// A receiver; killed when the test forgets it.
pub(crate) struct Receiver(Child);

impl Receiver {
    /// Starts one at a socket, and waits until it listens.
    pub(crate) fn start(socket: &Path, store: &Path) -> Receiver {
        let _ = std::fs::remove_file(socket);
        let words = [socket, store].map(|path| path.to_str().expect("a plain path"));
        let this = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(this);
        command.arg("--receiver").args(words);
        Receiver::spawn(command, || UnixStream::connect(socket).is_ok())
    }

    /// Starts one of [`SERVERS`] at a port of this machine, and waits until it listens.
    pub(crate) fn at_port(word: &str, port: u16, other: &str) -> Receiver {
        let this = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(this);
        command.args([word, &port.to_string(), other]);
        Receiver::listening(command, port)
    }

    /// Starts any program that listens at a port.
    pub(crate) fn listening(command: Command, port: u16) -> Receiver {
        Receiver::spawn(command, || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    fn spawn(mut command: Command, is_there: impl Fn() -> bool) -> Receiver {
        command.stdin(Stdio::null());
        let mut receiver = Receiver(command.spawn().expect("the receiver runs"));
        let until = Instant::now() + here::patience();
        while !is_there() {
            let ended = receiver.0.try_wait().expect("it is a child");
            assert!(
                ended.is_none() && Instant::now() < until,
                "the receiver listens: {ended:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        receiver
    }

    /// Kills it in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it runs, or has ended");
        self.0.wait().expect("it is a child");
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody has.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it has an address").port()
}
