//! `agtrack capture`: has a running daemon write an agent's packets to a file.
//!
//! Comes in: whose packets, and where to. Goes out: a pcapng file, or the same on standard output; on
//! standard error whose packets it takes, and what it came to. Never: writes through a link, or over a
//! file that it was not told to replace.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::query::session;
use crate::control::{Answer, Begun, LONGEST_PACKET, Peer, Request, SOCKET};
use crate::engine::CaptureDone;
use crate::record::Text;
use crate::terminal::tell;

/// How often it is looked whether a signal came.
const LOOK: Duration = Duration::from_millis(100);

/// Arguments of `agtrack capture`.
///
/// Takes the packets of the agent's sockets, TCP and UDP, as they pass, with process and agent as a
/// comment on each, until SIGINT, SIGTERM or SIGHUP, or the end of the session. Needs root and a
/// running daemon; `agtrack run --packets` needs none. What packets carry is not redacted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("whose").required(true).args(["agent", "session"])))]
pub(super) struct CaptureArgs {
    /// All sessions of the agent with this id or name, also those that begin later
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// One session that runs, by its id or how it begins; the capture ends with it
    #[arg(long, value_name = "ID", value_parser = session)]
    session: Option<String>,
    /// Where to write: a new file, for root only, or `-` for standard output
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    file: PathBuf,
    /// Remove a file that is there already
    #[arg(long)]
    force: bool,
    /// End after so many seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    /// Bytes to keep of each packet, from its IP header on
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = LONGEST_PACKET,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(LONGEST_PACKET))
    )]
    snaplen: u32,
    /// Where the daemon listens
    #[arg(long, value_name = "SOCKET", default_value = SOCKET)]
    socket: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  sudo agtrack capture --agent builder -w builder.pcapng
  sudo agtrack capture --agent builder -w - | tshark -r - -T fields -e frame.comment -e ip.dst";

pub(super) fn run(args: &CaptureArgs) -> anyhow::Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("cannot set up signal handlers")?;
    }
    // Before a file is made for nothing.
    let peer = Peer::connect(&args.socket)?;
    let target = Target::open(&args.file, args.force)?;
    let request = Request::Capture {
        agent: args.agent.clone(),
        session: args.session.clone(),
        longest: args.snaplen,
    };
    let begun = match peer.ask(&request, Some(target.file.as_fd())) {
        Ok(begun) => begun,
        Err(error) => {
            target.give_up();
            return Err(error);
        }
    };
    tell(&announced(args, &begun));
    let done = until_end(&peer, &stop, args.seconds)?;
    tell(&summed_up(&done));
    match done.error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => Err(anyhow!("{} is not whole: {error}", shown(&args.file))),
    }
}

/// Waits for a signal, the end of the time, or the daemon's own end of it, and asks what it came to.
fn until_end(peer: &Peer, stop: &AtomicBool, seconds: Option<u32>) -> anyhow::Result<CaptureDone> {
    let begun = Instant::now();
    let time = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let is_over =
        || stop.load(Ordering::Relaxed) || time.is_some_and(|time| begun.elapsed() >= time);
    while !is_over() && !peer.is_heard(LOOK) {}
    peer.enough();
    match peer.answer()? {
        Answer::Done(done) => Ok(done),
        answer => bail!("the daemon ended with {answer:?}; is it of another version?"),
    }
}

fn announced(args: &CaptureArgs, begun: &Begun) -> String {
    let file = shown(&args.file);
    match (&args.agent, &begun.sessions[..]) {
        (Some(agent), []) => {
            format!("no session of {agent} runs now; packets of those that begin go to {file}")
        }
        (Some(agent), [_]) => format!("packets of {agent}, of which 1 session runs, go to {file}"),
        (Some(agent), sessions) => format!(
            "packets of {agent}, of which {} sessions run, go to {file}",
            sessions.len()
        ),
        (None, sessions) => {
            let sessions: Vec<_> = sessions.iter().map(ToString::to_string).collect();
            format!("packets of session {} go to {file}", sessions.join(", "))
        }
    }
}

/// What it came to.
fn summed_up(done: &CaptureDone) -> String {
    let packets = match done.packets {
        1 => "1 packet".to_owned(),
        many => format!("{many} packets"),
    };
    format!("{packets} with {} bytes; {} lost", done.bytes, done.lost)
}

fn shown(file: &Path) -> String {
    match file == Path::new("-") {
        true => "standard output".to_owned(),
        false => Text(file.as_os_str().as_encoded_bytes().to_vec()).printable(),
    }
}

/// Where the packets go.
struct Target {
    file: OwnedFd,
    /// What was made for it.
    made: Option<PathBuf>,
}

impl Target {
    fn open(path: &Path, force: bool) -> anyhow::Result<Target> {
        if path == Path::new("-") {
            let out = io::stdout();
            ensure!(
                !out.is_terminal(),
                "a capture is no text for a terminal; send it to a program or name a file with -w"
            );
            let file = out.as_fd().try_clone_to_owned();
            let file = file.context("cannot use standard output")?;
            return Ok(Target { file, made: None });
        }
        if force {
            remove(path)?;
        }
        let file = create(path)?;
        Ok(Target {
            file: file.into(),
            made: Some(path.to_owned()),
        })
    }

    /// Takes a file back in which nothing stands.
    fn give_up(self) {
        if let Some(path) = self.made {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A new file: whatever has this name already, a link too, is left alone.
fn create(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!(
            "{} is there already; name another file, or replace it with --force",
            shown(path)
        ),
        _ => anyhow!("cannot create {}: {error}", shown(path)),
    })
}

/// Removes a file, or a link and not what it leads to.
fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() || found.is_symlink() => {
            std::fs::remove_file(path).with_context(|| format!("cannot remove {}", shown(path)))
        }
        Ok(_) => bail!("{} is no file, so it is not replaced", shown(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", shown(path))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_made_for_root_only_and_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.pcapng");
        Target::open(&path, false).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = Target::open(&path, false).err().unwrap().to_string();
        assert!(error.contains("--force"), "{error}");
        std::fs::write(&path, "old").unwrap();
        Target::open(&path, true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_link_leads_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name| directory.path().join(name);
        std::fs::write(at("other"), "kept").unwrap();
        std::os::unix::fs::symlink(at("other"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        assert!(Target::open(&at("link"), false).is_err());
        assert!(Target::open(&at("dangling"), false).is_err());
        assert!(!at("nowhere").exists());
        Target::open(&at("link"), true).unwrap();
        assert_eq!(std::fs::read(at("other")).unwrap(), b"kept");
        assert!(at("link").symlink_metadata().unwrap().is_file());
        assert!(Target::open(directory.path(), true).is_err());
    }

    #[test]
    fn what_was_made_in_vain_goes_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        Target::open(&path, false).unwrap().give_up();
        assert!(!path.exists());
    }
}
