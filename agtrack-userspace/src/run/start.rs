//! Starts the recorder as root and the stub as the caller.
//!
//! Comes in: which programs to start. Goes out: two children, and the conversation with the first.
//! Never: keeps a privilege; the only one that becomes root is the recorder, through sudo.

use std::ffi::OsString;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use anyhow::{Context, anyhow, bail};

use super::gate::{self, Gate, Report};
use super::identity::Invoker;
use super::protocol::{Begin, FromRecorder, ToRecorder, receive, send};
use super::signals::Held;

/// The command lines of the two helpers, each without the arguments of one run.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The recorder, which needs root.
    pub recorder: Vec<OsString>,
    /// The stub that becomes the command.
    pub stub: Vec<OsString>,
}

impl Programs {
    /// This very executable for both, the recorder through sudo where this process is not root.
    ///
    /// # Errors
    /// The path of the executable cannot be found out.
    pub fn own() -> anyhow::Result<Programs> {
        let exe = std::env::current_exe()
            .context("cannot find agtrack's own executable; is /proc mounted?")?;
        let exe = OsString::from(exe);
        let mut recorder = Vec::new();
        if !rustix::process::geteuid().is_root() {
            let prompt = "agtrack needs root for its recorder only. Password for %p: ";
            recorder.extend(["sudo", "-p", prompt, "--"].map(OsString::from));
        }
        recorder.extend([exe.clone(), "recorder".into()]);
        Ok(Programs {
            recorder,
            stub: vec![exe, "launch-stub".into()],
        })
    }
}

fn command(line: &[OsString]) -> anyhow::Result<Command> {
    let (program, args) = line
        .split_first()
        .context("an empty command line for a helper")?;
    let mut command = Command::new(program);
    command.args(args);
    Ok(command)
}

/// The running recorder as the launcher sees it.
#[derive(Debug)]
pub(super) struct Recorder {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Recorder {
    /// Starts it, through sudo where that is needed, and waits until it records. Says where the
    /// journal is.
    ///
    /// # Errors
    /// sudo is missing or refuses, or the recorder cannot start; the text says what to do next.
    pub(super) fn start(line: &[OsString], begin: Begin) -> anyhow::Result<(Recorder, Ready)> {
        // Pipes, not a socket: sudo closes other descriptors, and with a terminal of its own for
        // the recorder it leaves the caller's keystrokes alone only when it sees pipes.
        let mut spawn = command(line)?;
        spawn
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = spawn.spawn().map_err(|error| cannot_start(line, &error))?;
        let held = Held::hold().context("cannot hold back signals")?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the recorder's pipes are missing");
        };
        let mut recorder = Recorder {
            child,
            to,
            from: BufReader::new(from),
        };
        // Where sudo has given up already, its exit status says more than the broken pipe.
        let _ = recorder.tell(&ToRecorder::Begin(begin));
        let error = match recorder.hear() {
            Ok(Some(FromRecorder::Ready { journal, daemon })) => {
                // A ^C that came meanwhile ends this process here, and below.
                drop(held);
                return Ok((recorder, Ready { journal, daemon }));
            }
            Ok(Some(FromRecorder::Failed { message })) => anyhow!("{message}"),
            Ok(Some(other)) => not_understood(&format!("it began with {other:?}")),
            Ok(None) => {
                let status = recorder.wait().context("cannot wait for the recorder")?;
                return Err(refused(line, status));
            }
            Err(error) => not_understood(&error.to_string()),
        };
        // Its messages have ended, as far as they can be understood; ^C must end the wait for the
        // rest.
        drop(held);
        let _ = recorder.wait();
        Err(error)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The recorder is gone.
    pub(super) fn tell(&mut self, message: &ToRecorder) -> io::Result<()> {
        send(&mut self.to, message)
    }

    /// Waits for the next message; none when the recorder has ended.
    ///
    /// # Errors
    /// What came is not a message.
    pub(super) fn hear(&mut self) -> io::Result<Option<FromRecorder>> {
        receive(&mut self.from)
    }

    /// True if a message has arrived that [`Recorder::hear`] was not asked for yet.
    pub(super) fn has_buffered(&self) -> bool {
        !self.from.buffer().is_empty()
    }

    /// The descriptor to wait on.
    pub(super) fn incoming(&self) -> impl AsFd {
        self.from.get_ref()
    }

    /// Waits until it, and sudo above it, has ended, which the end of this conversation makes it.
    ///
    /// # Errors
    /// The kernel refuses. What its status says beyond its messages matters at its start only.
    pub(super) fn wait(self) -> io::Result<ExitStatus> {
        let Recorder {
            mut child,
            to,
            from,
        } = self;
        drop((to, from));
        child.wait()
    }
}

/// What came from the recorder is no message of this agtrack's.
pub(super) fn not_understood(why: &str) -> anyhow::Error {
    anyhow!(
        "cannot understand the recorder ({why}): was another version of agtrack installed just now? \
         Run it again; if it stays so, something that sudo or PAM starts writes to standard output: \
         `sudo true | wc -c` must print 0"
    )
}

/// The recorder is ready.
#[derive(Debug)]
pub(super) struct Ready {
    /// Where the journal is.
    pub journal: std::path::PathBuf,
    /// A running daemon records.
    pub(super) daemon: bool,
}

fn through_sudo(line: &[OsString]) -> bool {
    line.first().is_some_and(|program| program == "sudo")
}

/// What sudo would have to allow.
fn behind_sudo(line: &[OsString]) -> String {
    let words = line.iter().skip_while(|word| *word != "--").skip(1);
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

fn cannot_start(line: &[OsString], error: &io::Error) -> anyhow::Error {
    if through_sudo(line) && error.kind() == io::ErrorKind::NotFound {
        return anyhow!(
            "recording needs root and sudo is not installed; run `agtrack run` as root, \
             or install sudo"
        );
    }
    let program = line.first().map(|program| program.display().to_string());
    anyhow!(
        "cannot start the recorder {}: {error}; if agtrack was replaced just now, run it again",
        program.unwrap_or_default()
    )
}

fn refused(line: &[OsString], status: ExitStatus) -> anyhow::Error {
    if through_sudo(line) {
        return anyhow!(
            "recording needs root, and sudo did not start the recorder ({status}): its reason \
             stands above; `sudo -l` shows what you may run, and whoever runs this machine can \
             allow you `{}`",
            behind_sudo(line)
        );
    }
    anyhow!(
        "the recorder ended before it was ready ({status}); if it left no message above, \
         `agtrack doctor` and `dmesg` may say why"
    )
}

/// Starts the stub and waits until it stands at the gate.
///
/// # Errors
/// It cannot be started, or cannot become the invoking user.
pub(super) fn stub(
    line: &[OsString],
    invoker: Option<&Invoker>,
    words: &[OsString],
) -> anyhow::Result<(Child, Gate)> {
    let (mut near, far) =
        gate::gate().context("cannot make a pipe (too many open files? see `ulimit -n`)")?;
    let mut stub = command(line)?;
    stub.arg("--gate").arg(far.word());
    if invoker.is_some() {
        stub.arg("--as-invoker");
    }
    let mut child = stub
        .arg("--")
        .args(words)
        .spawn()
        .context("cannot start a process for the command (see `ulimit -u`)")?;
    drop(far);
    if let Err(report) = near.wait_ready() {
        drop(near);
        // It has reported and ends, or is gone.
        let _ = child.wait();
        let why = match report {
            Report::Before(why) => why,
            Report::Exec(errno) => io::Error::from_raw_os_error(errno).to_string(),
        };
        bail!("cannot prepare the command: {why}");
    }
    Ok((child, near))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn line(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn where_sudo_refuses_it_is_said_what_it_would_have_to_allow() {
        let sudo = line(&["sudo", "-p", "?", "--", "/usr/bin/agtrack", "recorder"]);
        let text = refused(&sudo, ExitStatus::from_raw(1 << 8)).to_string();
        assert!(
            text.contains("did not start the recorder (exit status: 1)"),
            "{text}"
        );
        assert!(
            text.ends_with("allow you `/usr/bin/agtrack recorder`"),
            "{text}"
        );
    }

    /// As where PAM greets the user on standard output, and the recorder waits behind it.
    #[test]
    fn a_recorder_that_begins_with_something_else_is_let_go() {
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let begin = Begin {
                agent: "a".into(),
                journal: None,
                backend: crate::load::BackendChoice::Auto,
                reads: crate::load::Reads::All,
                packets: false,
                all: false,
                daemon: None,
            };
            let talks = line(&["sh", "-c", "echo Welcome; cat >/dev/null"]);
            let result = Recorder::start(&talks, begin).map(drop);
            let _ = told.send(result.map_err(|error| error.to_string()));
        });
        let result = heard.recv_timeout(std::time::Duration::from_secs(20));
        let text = result.expect("it does not wait for ever").unwrap_err();
        assert!(text.contains("cannot understand the recorder"), "{text}");
        assert!(text.contains("sudo true | wc -c"), "{text}");
    }

    #[test]
    fn a_recorder_that_cannot_be_started_is_named() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let text = cannot_start(&line(&["/gone/agtrack", "recorder"]), &missing()).to_string();
        assert!(text.contains("the recorder /gone/agtrack: "), "{text}");
        let text = cannot_start(&line(&["sudo", "--", "x"]), &missing()).to_string();
        assert!(text.contains("install sudo"), "{text}");
    }
}
