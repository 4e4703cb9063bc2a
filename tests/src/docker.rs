//! Somebody who tells of containers as Docker does, when a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::here;

/// A socket at which containers are told of.
#[derive(Debug)]
pub struct Docker {
    path: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Ids that something will be said of.
    expected: BTreeSet<String>,
    /// Ids that were asked for.
    asked: BTreeSet<String>,
    /// What is said of each; none: there is no such container.
    said: BTreeMap<String, Option<String>>,
}

impl Docker {
    /// Listens at this path as long as the test's process lives.
    pub fn new(path: &Path) -> Docker {
        let listener = UnixListener::bind(path).expect("a socket");
        let shared = Arc::new(Shared::default());
        let here = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&here);
                // Whoever asks may have given up by now.
                std::thread::spawn(move || drop(shared.serve(&stream)));
            }
        });
        Docker {
            path: path.to_owned(),
            shared,
        }
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who asks for this container has to wait until something is said of it; of others, which may be
    /// other tests', nothing is known.
    pub fn expects(&self, id: &str) {
        self.shared.lock().expected.insert(id.to_owned());
    }

    /// From now on a container is told to have this name and these labels; who has asked gets the
    /// answer now.
    pub fn tells(&self, id: &str, name: &str, labels: &[(&str, &str)]) {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let body = json!({
            "Id": id, "Name": format!("/{name}"),
            "Config": {"Image": "ghcr.io/acme/agent:1", "Labels": labels},
        });
        self.shared.say(id, Some(body.to_string()));
    }

    /// From now on there is no such container.
    pub fn denies(&self, id: &str) {
        self.shared.say(id, None);
    }

    /// Waits until somebody has asked for a container.
    ///
    /// # Panics
    /// Patience is at its end.
    pub fn is_asked(&self, id: &str) {
        let state = self.shared.lock();
        let wait = self
            .shared
            .changed
            .wait_timeout_while(state, here::patience(), |state| !state.asked.contains(id));
        let (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        assert!(state.asked.contains(id), "nobody asked for container {id}");
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, id: &str, said: Option<String>) {
        self.lock().said.insert(id.to_owned(), said);
        self.changed.notify_all();
    }

    /// Answers one request when there is something to be said.
    fn serve(&self, mut stream: &UnixStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let id = request.split('/').nth(2).unwrap_or_default().to_owned();
        let mut state = self.lock();
        state.asked.insert(id.clone());
        self.changed.notify_all();
        let said = loop {
            if let Some(said) = state.said.get(&id) {
                break said.clone();
            }
            if !state.expected.contains(&id) {
                break None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        let reply = match said {
            // In chunks, as servers written in Go do.
            Some(body) => format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            ),
            None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        };
        stream.write_all(reply.as_bytes())
    }
}
