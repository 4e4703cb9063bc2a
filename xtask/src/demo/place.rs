//! What the demo's agent finds: a project, a home with credentials that are none, a web server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// What the agent does.
const AGENT: &str = include_str!("../../demo/agent.sh");

/// What lies there before the agent comes.
const FILES: &[(&str, &str)] = &[
    ("agent.sh", AGENT),
    (
        "project/hello.py",
        "def greet(name):\n    return \"Hello, \" + name\n\nprint(greet(\"world\"))\n",
    ),
    ("project/notes.txt", "Things to do.\n"),
    ("project/old.log", "Nothing of interest.\n"),
    ("project/.env", "DATABASE_PASSWORD=not-a-real-one\n"),
    (
        "home/.aws/credentials",
        "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
    ),
    ("home/.ssh/id_ed25519", "not a real key\n"),
];

/// What the web server answers, whatever it is asked.
const ANSWER: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>The page.</p>\n";

/// Writes the files below this directory.
///
/// # Errors
/// One of them cannot be written.
pub(super) fn furnish(place: &Path) -> Result<()> {
    for (name, content) in FILES {
        let file = place.join(name);
        let dir = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        std::fs::create_dir_all(&dir)
            .and_then(|()| std::fs::write(&file, content))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Serves one page on this machine for as long as this program runs, and says where.
///
/// # Errors
/// There is no port to listen on.
pub(super) fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on 127.0.0.1")?;
    let address = listener.local_addr().context("cannot tell the port")?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is its own business.
            let _ = answer(stream);
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // The whole of a short request; what it asks for makes no difference.
    let _ = stream.read(&mut [0; 4096])?;
    stream.write_all(ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_the_agent_needs_is_there_and_can_be_put_there_again() {
        let place = std::env::temp_dir().join(format!("agtrack-demo-{}", std::process::id()));
        for _ in 0..2 {
            furnish(&place).unwrap();
        }
        assert!(place.join("home/.aws/credentials").is_file());
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn the_server_answers_more_than_once() {
        let address = serve().unwrap();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
            let mut told = String::new();
            stream.read_to_string(&mut told).unwrap();
            assert!(told.ends_with("The page.</p>\n"), "{told}");
        }
    }
}
