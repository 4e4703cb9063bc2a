//! The packets of a run, from its first on: where they go, and what they came to.

use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::directory::Directory;
use super::protocol::Packets;
use crate::control::LONGEST_PACKET;
use crate::engine::{CaptureDone, PacketFile};
use crate::input::Requester;
use crate::record::Text;

/// How long the rest may take to be written when recording has ended.
const LAST: Duration = Duration::from_secs(10);

/// A file that waits for packets.
#[derive(Debug)]
pub(super) struct Awaited {
    name: String,
    done: mpsc::Receiver<CaptureDone>,
}

/// Makes the file: what the engine needs, and what is left to wait for.
///
/// # Errors
/// It cannot be made.
pub(super) fn prepare(
    directory: &Directory,
    group: Option<u32>,
) -> anyhow::Result<(PacketFile, Awaited)> {
    let (name, file) = directory.make_packets(group)?;
    let (done, awaited) = mpsc::channel();
    let program = std::env::current_exe().ok();
    let asker = Requester {
        pid: std::process::id(),
        uid: rustix::process::geteuid().as_raw(),
        program: program.map(|path| Text(path.as_os_str().as_bytes().to_vec())),
    };
    let file = PacketFile {
        file: Arc::new(file),
        longest: LONGEST_PACKET,
        asker,
        done,
    };
    let awaited = Awaited {
        name,
        done: awaited,
    };
    Ok((file, awaited))
}

impl Awaited {
    /// What it came to, once recording has ended.
    pub(super) fn end(self) -> Packets {
        let done = self
            .done
            .recv_timeout(LAST)
            .unwrap_or_else(|_| CaptureDone {
                error: Some("the file does not take what is left".to_owned()),
                ..CaptureDone::default()
            });
        Packets {
            name: self.name,
            done,
        }
    }
}
