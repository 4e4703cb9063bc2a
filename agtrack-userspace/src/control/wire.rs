//! Lines over a socket, with descriptors beside them.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;

/// The longest request, bytes.
pub(super) const LONGEST: usize = 64 * 1024;
/// The longest answer, bytes: as many sessions as the kernel's maps have room for.
pub(super) const LONGEST_ANSWER: usize = 16 << 20;
/// How long it may take to be written, where the peer does not read.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a peer that was refused may go on with its request, and how many bytes that may be.
const FAREWELL: Duration = Duration::from_secs(1);
const UNREAD: usize = 1 << 20;
/// Bytes read at a time.
const PIECE: usize = 4096;

/// A line, and the first descriptor that came with it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) bytes: Vec<u8>,
    pub(super) file: Option<OwnedFd>,
}

/// Reads a line of at most `longest` bytes, within `time`; `None`: there is none.
///
/// # Errors
/// It is too long, has no end, or takes too long.
pub(super) fn read(
    stream: &UnixStream,
    time: Duration,
    longest: usize,
) -> io::Result<Option<Line>> {
    let until = Instant::now() + time;
    let mut line = Line {
        bytes: Vec::new(),
        file: None,
    };
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::other("the line did not come in time"));
        }
        stream.set_read_timeout(Some(left))?;
        let mut piece = [0; PIECE];
        let count = match receive(stream, &mut piece, &mut line.file) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let piece = piece.get(..count).unwrap_or_default();
        match piece.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                line.bytes
                    .extend_from_slice(piece.get(..end).unwrap_or_default());
                return Ok(Some(line));
            }
            None if count == 0 && line.bytes.is_empty() => return Ok(None),
            None if count == 0 => return Err(io::Error::other("the line has no end")),
            None => line.bytes.extend_from_slice(piece),
        }
        if line.bytes.len() > longest {
            return Err(io::Error::other(format!(
                "the line is longer than {longest} bytes"
            )));
        }
    }
}

/// Reads on, for nothing, until the peer has closed its side or has had its share: it may still write its
/// request, and one that is closed with something unread is told of a reset instead of the answer.
pub(super) fn drain(stream: &UnixStream) {
    let until = Instant::now() + FAREWELL;
    let mut unread = UNREAD;
    let mut piece = [0; PIECE];
    while unread > 0 {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        let mut reader = stream;
        match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => unread = unread.saturating_sub(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Of several descriptors only the first is kept; the others are closed.
fn receive(stream: &UnixStream, piece: &mut [u8], file: &mut Option<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut pieces = [IoSliceMut::new(piece)];
    let received = recvmsg(stream, &mut pieces, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            for descriptor in files {
                file.get_or_insert(descriptor);
            }
        }
    }
    Ok(received.bytes)
}

/// Writes a value as a line, with a descriptor beside it.
///
/// # Errors
/// The peer is gone, or does not read.
pub(super) fn write(
    mut stream: &UnixStream,
    value: &impl Serialize,
    file: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let Some(file) = file else {
        return stream.write_all(&line);
    };
    let files = [file];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !beside.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("there is no room for a descriptor"));
    }
    let sent = sendmsg(
        stream,
        &[IoSlice::new(&line)],
        &mut beside,
        SendFlags::NOSIGNAL,
    )?;
    stream.write_all(line.get(sent..).unwrap_or_default())
}
