//! What launcher and recorder say to each other: one JSON object a line, over two pipes.
//!
//! Comes in: bytes from the other side. Goes out: messages. Never: trusts a length; a line longer
//! than [`LONGEST`] ends the conversation.

mod path;

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::engine::{CaptureDone, Running, Summary};
use crate::load::{BackendChoice, Reads};

/// The longest line that is read, in bytes.
pub(super) const LONGEST: u64 = 1 << 20;

/// At most this many bytes of the command line are handed over; argv itself comes from the kernel.
pub(super) const COMMAND_BYTES: usize = 32 << 10;

/// From launcher to recorder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToRecorder {
    /// The first message.
    Begin(Begin),
    /// The process to tag; it waits to become the command.
    Launch {
        /// Its process id.
        pid: u32,
        /// The command line it will run.
        command: Vec<Vec<u8>>,
    },
    /// The command could not be executed. The recorder looks for itself: what was recorded of a
    /// command stays.
    Abandon,
    /// The command has ended. The recorder acts on it once that is true.
    Finish {
        /// Wait for the last tagged descendant.
        all: bool,
    },
}

impl ToRecorder {
    /// Its name, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            ToRecorder::Begin(_) => "begin",
            ToRecorder::Launch { .. } => "launch",
            ToRecorder::Abandon => "abandon",
            ToRecorder::Finish { .. } => "finish",
        }
    }
}

/// What the recorder needs to know before it can start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begin {
    /// Name of the agent.
    pub agent: String,
    /// An absolute path; none for a directory of its own.
    #[serde(with = "path::maybe")]
    pub journal: Option<PathBuf>,
    /// Which kind of hooks to use.
    pub backend: BackendChoice,
    /// Which opens for reading are told one by one.
    pub reads: Reads,
    /// Write the command's packets to a file beside the journal.
    #[serde(default)]
    pub packets: bool,
    /// Record until the last tagged descendant has ended, also when the launcher is gone.
    pub all: bool,
    /// The daemon that is to record in this recorder's stead.
    #[serde(default)]
    pub daemon: Option<Daemon>,
}

/// A daemon that may run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Daemon {
    /// Where it listens, an absolute path.
    #[serde(with = "path")]
    pub socket: PathBuf,
    /// No other recorder will do.
    pub must: bool,
}

impl Daemon {
    /// The service, where it runs.
    pub(super) fn usual() -> Daemon {
        Daemon {
            socket: PathBuf::from(crate::control::SOCKET),
            must: false,
        }
    }
}

/// From recorder to launcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromRecorder {
    /// Hooks are attached, the journal is open.
    Ready {
        /// Where the journal is.
        #[serde(with = "path")]
        journal: PathBuf,
        /// It is a running daemon's, which records.
        #[serde(default)]
        daemon: bool,
    },
    /// The process is tagged, from its next fork or exec on everything it does is recorded.
    Tagged {
        /// The session it begins.
        session: Uuid,
        /// How it is followed.
        tagging: Tagging,
    },
    /// The recorder gives up; the text says why and what to do.
    Failed {
        /// The chain of causes.
        message: String,
    },
    /// The command has ended, these go on; sent while it waits for them.
    Waiting {
        /// Tagged and alive.
        still: Still,
    },
    /// Everything is written.
    Done(Done),
}

/// The last word of a recorder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    /// Tagged and alive when recording ended.
    pub still: Still,
    /// What was recorded.
    pub summary: Summary,
    /// The packets, where they were wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<Packets>,
}

/// A file of packets beside the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Packets {
    /// Its name in the journal's directory.
    pub name: String,
    /// What it came to.
    pub done: CaptureDone,
}

/// Processes that are tagged and alive: as many of them as are shown, however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Still {
    /// How many there are.
    pub total: u64,
    /// The first of them, with their programs' paths cut to [`EXE_BYTES`].
    pub first: Vec<Running>,
}

/// Processes in a message, at most.
pub(super) const PROCESSES: usize = 20;

/// Bytes of a program's path in a message, at most.
pub(super) const EXE_BYTES: usize = 512;

impl From<Vec<Running>> for Still {
    fn from(mut first: Vec<Running>) -> Still {
        let total = first.len() as u64;
        first.truncate(PROCESSES);
        for process in &mut first {
            process.exe.truncate(EXE_BYTES);
        }
        Still { total, first }
    }
}

/// How the tag follows the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tagging {
    /// By lineage, and by a cgroup of its own.
    Cgroup {
        /// Path of the cgroup.
        #[serde(with = "path")]
        path: PathBuf,
    },
    /// By lineage alone.
    Lineage {
        /// Why there is no cgroup.
        reason: String,
    },
}

/// Writes one message.
///
/// # Errors
/// The other side is gone, or the message would be longer than [`LONGEST`].
pub(super) fn send<T: Serialize>(mut out: impl Write, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    if line.len() as u64 > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the message is too long",
        ));
    }
    out.write_all(&line)?;
    out.flush()
}

/// Reads one message; none at the end of the stream.
///
/// # Errors
/// The line is too long, cut off or not a message.
pub(super) fn receive<T: DeserializeOwned>(input: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    io::Read::take(&mut *input, LONGEST).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a line is cut off or too long",
        ));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// The command line for [`ToRecorder::Launch`], cut after [`COMMAND_BYTES`].
pub(super) fn bounded(command: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut left = COMMAND_BYTES;
    let mut kept = Vec::new();
    for mut word in command {
        if left == 0 {
            break;
        }
        word.truncate(left);
        // A word costs at least one, so that empty ones are bounded too.
        left = left.saturating_sub(word.len().max(1));
        kept.push(word);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::io::BufReader;
    use std::os::unix::ffi::OsStringExt;

    fn there_and_back(message: &FromRecorder) {
        let mut wire = Vec::new();
        send(&mut wire, message).unwrap();
        assert_eq!(wire.iter().filter(|&&b| b == b'\n').count(), 1);
        let back: Option<FromRecorder> = receive(&mut wire.as_slice()).unwrap();
        assert_eq!(back.as_ref(), Some(message));
    }

    #[test]
    fn any_bytes_survive() {
        let running = vec![Running {
            pid: 7,
            exe: b"/bin/\xff\n\x1b[31m".to_vec(),
        }];
        let still = Still::from(running);
        there_and_back(&FromRecorder::Waiting { still });
        there_and_back(&FromRecorder::Failed {
            message: "two\nlines".into(),
        });
        let path: PathBuf = OsString::from_vec(b"/j\xff\n".to_vec()).into();
        let journal = path.clone();
        there_and_back(&FromRecorder::Ready {
            journal,
            daemon: false,
        });
        let begin = ToRecorder::Begin(Begin {
            agent: "a".into(),
            journal: Some(path),
            backend: BackendChoice::Auto,
            reads: Reads::All,
            packets: true,
            all: false,
            daemon: Some(Daemon::usual()),
        });
        let mut wire = Vec::new();
        send(&mut wire, &begin).unwrap();
        let back: Option<ToRecorder> = receive(&mut wire.as_slice()).unwrap();
        assert_eq!(back, Some(begin));
    }

    /// A map of the kernel has room for so many, and each path may be this long.
    #[test]
    fn any_number_of_processes_fits() {
        let process = |pid| Running {
            pid,
            exe: vec![0xff; 4096],
        };
        let still = Still::from((1..=32_768).map(process).collect::<Vec<_>>());
        assert_eq!((still.total, still.first.len()), (32_768, PROCESSES));
        there_and_back(&FromRecorder::Done(Done {
            still,
            ..Done::default()
        }));
    }

    #[test]
    fn a_message_that_is_too_long_is_not_sent_in_part() {
        let message = "x".repeat(LONGEST as usize);
        let mut wire = Vec::new();
        let error = send(&mut wire, &FromRecorder::Failed { message }).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(wire.is_empty());
    }

    #[test]
    fn messages_come_one_by_one_and_then_the_end() {
        let mut wire = Vec::new();
        send(&mut wire, &ToRecorder::Abandon).unwrap();
        send(&mut wire, &ToRecorder::Finish { all: true }).unwrap();
        let mut input = BufReader::with_capacity(3, wire.as_slice());
        assert_eq!(receive(&mut input).unwrap(), Some(ToRecorder::Abandon));
        assert_eq!(
            receive(&mut input).unwrap(),
            Some(ToRecorder::Finish { all: true })
        );
        assert_eq!(receive::<ToRecorder>(&mut input).unwrap(), None);
    }

    #[test]
    fn a_line_without_end_is_refused_within_bounds() {
        let mut endless = BufReader::new(io::Read::take(io::repeat(b' '), LONGEST * 4));
        let error = receive::<ToRecorder>(&mut endless).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(
            receive::<ToRecorder>(&mut &b"\"abandon\""[..]).is_err(),
            "cut off"
        );
    }

    #[test]
    fn what_is_not_a_message_is_refused() {
        for line in [
            "\n",
            "{}\n",
            "null\n",
            "\"reboot\"\n",
            "{\"finish\":{}}\n",
            "\u{0}\n",
        ] {
            assert!(
                receive::<ToRecorder>(&mut line.as_bytes()).is_err(),
                "{line:?}"
            );
        }
    }

    #[test]
    fn a_huge_command_line_still_fits() {
        let words = std::iter::repeat_n(vec![b'x'; 1000], 10_000);
        let command = bounded(words);
        assert_eq!(command.iter().map(Vec::len).sum::<usize>(), COMMAND_BYTES);
        send(io::sink(), &ToRecorder::Launch { pid: 1, command }).unwrap();
        assert_eq!(
            bounded(std::iter::repeat_n(Vec::new(), 1 << 20)).len(),
            COMMAND_BYTES
        );
    }
}
