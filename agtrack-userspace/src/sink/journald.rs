//! systemd's journal, by its native protocol.
//!
//! Acknowledgement: the kernel put the entry into journald's queue, and the journald that runs then runs
//! for `resend_ms` more. A queue of messages outlives who reads it and shows nothing of its end, so a
//! connection to the socket of journald's methods (io.systemd.Journal) is held beside it, on which
//! nothing is ever said. What journald drops by its own limits (RateLimitBurst=) it tells nobody but its
//! own log.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Deserialize;
use tokio::net::UnixStream;

use super::batch::{Batch, Item};
use super::settings::Settings;
use super::transport::{Accepted, Doing, Transport, Trouble, apart};
use super::unix::{RESEND_MS, look};

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// Where it takes calls, beside that.
const METHODS: &str = "io.systemd.journal";
/// How long it may leave its queue full.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest line for people, in characters.
const LONGEST_MESSAGE: usize = 400;

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let path = settings.path.clone().unwrap_or_else(|| SOCKET.into());
    let unsure = Duration::from_millis(settings.resend_ms.unwrap_or(RESEND_MS));
    Ok(Box::new(Journald {
        path,
        unsure,
        open: None,
        witness: None,
    }))
}

struct Journald {
    path: PathBuf,
    unsure: Duration,
    open: Option<Arc<UnixDatagram>>,
    /// Breaks when journald ends.
    witness: Option<UnixStream>,
}

impl Journald {
    async fn send(&mut self, batch: &Batch) -> Result<Accepted, Trouble> {
        self.lives().await?;
        if self.witness.is_none() {
            self.witness = self.observe().await?;
        }
        let entries: Vec<_> = batch.items.iter().map(entry).collect();
        let (path, open) = (self.path.clone(), self.open.take());
        let socket = apart(move || {
            let failed = |error: io::Error| failed(&path, &error);
            let socket = match open {
                Some(socket) => socket,
                None => Arc::new(connect(&path).map_err(failed)?),
            };
            for entry in &entries {
                hand_over(&socket, entry).map_err(failed)?;
            }
            Ok(socket)
        });
        self.open = Some(socket.await?);
        Ok(Accepted::default())
    }

    /// A connection that ends with journald; none where there is no socket for it, as before systemd 243
    /// and where something else takes entries.
    async fn observe(&self) -> Result<Option<UnixStream>, Trouble> {
        let path = self.path.with_file_name(METHODS);
        match UnixStream::connect(&path).await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let path = path.display();
                Err(Trouble::later(format!(
                    "nobody listens at {path}: journald does not run"
                )))
            }
            Err(_) => Ok(None),
        }
    }

    /// Whether the journald that took what was sent last still runs.
    async fn lives(&mut self) -> Result<(), Trouble> {
        let Some(witness) = &mut self.witness else {
            return Ok(());
        };
        look(witness).await.map_err(|_| {
            self.witness = None;
            Trouble::later("journald has ended, perhaps with entries that it had not written")
        })
    }
}

impl Transport for Journald {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        Box::pin(self.send(batch))
    }

    fn unsure(&self) -> Duration {
        self.unsure
    }

    fn holds(&mut self) -> Doing<'_, Result<(), Trouble>> {
        Box::pin(self.lives())
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn failed(path: &Path, error: &io::Error) -> Trouble {
    let reason = format!("cannot send to journald at {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::NotFound => {
            Trouble::Misconfigured(format!("{reason}; is systemd the init of this host?"))
        }
        _ => Trouble::later(reason),
    }
}

/// One entry a datagram; what is too long for one goes as a sealed file.
fn hand_over(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    match socket.send(entry) {
        Ok(_) => Ok(()),
        Err(error)
            if matches!(
                Errno::from_io_error(&error),
                Some(Errno::MSGSIZE | Errno::NOBUFS)
            ) =>
        {
            hand_over_file(socket, entry)
        }
        Err(error) => Err(error),
    }
}

fn hand_over_file(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
    let mut file = std::fs::File::from(memfd_create("agtrack-record", flags)?);
    file.write_all(entry)?;
    // journald takes none that could still change.
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, seals)?;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [file.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("there is no room for a descriptor"));
    }
    sendmsg(socket, &[], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The fields of a record, as systemd's "Native Journal Protocol" writes them.
fn entry(item: &Item) -> Vec<u8> {
    let head = &item.head;
    let priority = match head.kind.as_str() {
        "tamper" | "gap" => "4",
        _ => "6",
    };
    let seq = item.seq.to_string();
    let agent = head.agent.as_ref();
    let fields = [
        ("MESSAGE", Some(message(item))),
        ("PRIORITY", Some(priority.to_owned())),
        ("SYSLOG_IDENTIFIER", Some("agtrack".to_owned())),
        ("AGTRACK_ID", Some(head.id.clone())),
        ("AGTRACK_SEQ", Some(seq)),
        ("AGTRACK_TIME", Some(head.time.clone())),
        ("AGTRACK_KIND", Some(head.kind.clone())),
        ("AGTRACK_ACTION", head.action.clone()),
        ("AGTRACK_AGENT", agent.map(|agent| agent.id.clone())),
        ("AGTRACK_AGENT_NAME", agent.map(|agent| agent.name.clone())),
    ];
    let mut bytes = Vec::with_capacity(item.body.len() + 1024);
    for (name, value) in fields {
        if let Some(value) = value {
            field(&mut bytes, name, value.as_bytes());
        }
    }
    field(&mut bytes, "AGTRACK_RECORD", &item.body);
    bytes
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        bytes.push(b'\n');
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        bytes.push(b'=');
    }
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
}

/// What is to be said of an object in a line; what is not there is left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    object: Option<serde_json::Value>,
    process: Option<serde_json::Value>,
    change: Option<serde_json::Value>,
    reason: Option<serde_json::Value>,
}

/// One line for people.
fn message(item: &Item) -> String {
    let head = &item.head;
    let said: Said = serde_json::from_slice(&item.body).unwrap_or_default();
    let mut words = Vec::new();
    words.extend(head.agent.as_ref().map(|agent| agent.name.clone()));
    words.extend(said.process.as_ref().and_then(|process| {
        let exe = process.get("exe")?.as_str()?;
        let name = exe.rsplit('/').next().unwrap_or(exe);
        Some(format!("{name}[{}]", process.get("pid")?))
    }));
    words.push(head.action.clone().unwrap_or_else(|| head.kind.clone()));
    for word in [&said.change, &said.reason] {
        words.extend(
            word.as_ref()
                .and_then(|word| Some(word.as_str()?.to_owned())),
        );
    }
    words.extend(said.object.as_ref().and_then(|object| {
        let keys = ["path", "domain", "host", "ip", "address", "name"];
        let first = keys.iter().find_map(|key| object.get(key)?.as_str())?;
        Some(first.to_owned())
    }));
    super::transport::shown(&words.join(" "))
        .chars()
        .take(LONGEST_MESSAGE)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{IoSliceMut, Read, Seek};

    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    use serde_json::json;

    use super::*;
    use crate::sink::batch::made;

    /// The fields of an entry, as journald reads them.
    fn parse(mut bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut fields = BTreeMap::new();
        while !bytes.is_empty() {
            let at = bytes.iter().position(|byte| b"=\n".contains(byte)).unwrap();
            let name = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let is_plain = bytes[at] == b'=';
            bytes = &bytes[at + 1..];
            let length = if is_plain {
                bytes.iter().position(|byte| *byte == b'\n').unwrap()
            } else {
                let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                bytes = &bytes[8..];
                length as usize
            };
            fields.insert(name, bytes[..length].to_vec());
            assert_eq!(bytes[length], b'\n');
            bytes = &bytes[length + 1..];
        }
        fields
    }

    /// An entry, in a datagram or in a file that came with one.
    fn receive(socket: &UnixDatagram) -> BTreeMap<String, Vec<u8>> {
        let mut buffer = vec![0; 1 << 20];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let got = recvmsg(socket, &mut slices, &mut control, RecvFlags::empty()).unwrap();
        let file = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        let Some(file) = file else {
            return parse(&buffer[..got.bytes]);
        };
        let seals = rustix::fs::fcntl_get_seals(&file).unwrap();
        assert!(seals.contains(SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK));
        let (mut file, mut bytes) = (std::fs::File::from(file), Vec::new());
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        parse(&bytes)
    }

    #[tokio::test]
    async fn records_are_entries_with_fields_however_long_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let socket = UnixDatagram::bind(&path).unwrap();
        let settings = json!({"name": "j", "type": "journald", "path": path});
        let mut sink = open(&serde_json::from_value(settings).unwrap()).unwrap();
        let mut batch = made(1..=2);
        let long = json!({"seq": 2, "x": "y".repeat(2 << 20)}).to_string();
        batch.items[1].body = long.clone().into_bytes();
        batch.items[1].head.id = "two\nlines".to_owned();
        sink.deliver(&batch).await.unwrap();
        let first = receive(&socket);
        assert_eq!(first["AGTRACK_SEQ"], b"1");
        assert_eq!(first["AGTRACK_KIND"], b"action");
        assert_eq!(first["AGTRACK_RECORD"], batch.items[0].body);
        let second = receive(&socket);
        assert_eq!(second["AGTRACK_ID"], b"two\nlines");
        assert_eq!(second["AGTRACK_RECORD"], long.as_bytes());
    }

    #[tokio::test]
    async fn what_journald_had_when_it_ended_is_not_sure() {
        let dir = tempfile::tempdir().unwrap();
        let _entries = UnixDatagram::bind(dir.path().join("journal")).unwrap();
        let methods = tokio::net::UnixListener::bind(dir.path().join(METHODS)).unwrap();
        let settings = json!({"name": "j", "type": "journald", "path": dir.path().join("journal")});
        let mut sink = open(&serde_json::from_value(settings).unwrap()).unwrap();
        assert!(!sink.unsure().is_zero());
        sink.deliver(&made(1..=1)).await.unwrap();
        let (journald, _) = methods.accept().await.unwrap();
        sink.holds().await.unwrap();
        drop(journald);
        assert!(sink.holds().await.is_err());
        // Another one took its place.
        sink.deliver(&made(1..=1)).await.unwrap();
        sink.holds().await.unwrap();
        drop(methods);
        assert!(sink.deliver(&made(2..=2)).await.is_err());
        let trouble = sink.deliver(&made(2..=2)).await.unwrap_err();
        assert!(trouble.reason().contains("does not run"), "{trouble:?}");
    }

    #[test]
    fn the_line_for_people_says_who_did_what_to_what() {
        let mut item = made(1..=1).items.remove(0);
        item.head = serde_json::from_value(json!({
            "id": "x:1", "time": "t", "kind": "action", "action": "file.unlink",
            "agent": {"id": "a", "name": "code"},
        }))
        .unwrap();
        item.body = json!({
            "process": {"pid": 7, "exe": "/usr/bin/rm"}, "object": {"path": "/tmp/\u{1b}x"},
        })
        .to_string()
        .into_bytes();
        assert_eq!(message(&item), "code rm[7] file.unlink /tmp/\\u{1b}x");
    }
}
