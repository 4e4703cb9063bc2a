//! `agtrack run`: records what one command does.
//!
//! Three processes. The launcher stays in the foreground and waits, as a shell would. The stub is
//! its child and becomes the command, with the caller's terminal, directory, environment and
//! identity. The recorder is root and does everything that needs it. Comes in: a command line.
//! Goes out: the command's own exit status, a journal, a summary on stderr. Never: reads or writes
//! what the command reads or writes.

mod command;
mod directory;
mod ending;
mod gate;
mod handed;
mod identity;
pub mod live;
mod name;
mod packets;
mod protocol;
pub mod recorder;
mod signals;
mod start;
pub mod stub;
pub(crate) mod summary;
mod supervise;
mod talk;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail, ensure};
use rustix::process::{DumpableBehavior, Pid};
use uuid::Uuid;

pub use ending::Ending;
pub use start::Programs;

use crate::load::{BackendChoice, Reads};
use crate::record::Text;
use crate::terminal::note;
use gate::Report;
use identity::Invoker;
use protocol::{Begin, Daemon, Done, FromRecorder, Tagging, ToRecorder};
use signals::Signals;
use start::Recorder;
use supervise::Supervisor;

/// The command line of `agtrack run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Name of the agent in the records [default: the command's name]
    #[arg(long, value_name = "NAME", value_parser = agent_name)]
    agent: Option<String>,
    /// Write the journal to this directory, which is new, empty or a journal already [default: a
    /// new one in /var/lib/agtrack/runs]
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Kind of kernel hooks for files
    #[arg(long, value_enum, default_value_t = BackendChoice::Auto)]
    backend: BackendChoice,
    /// Which opens for reading are told one by one
    #[arg(long, value_enum, default_value_t = Reads::Counted)]
    reads: Reads,
    /// Write its packets to `packets.pcapng` in the journal's directory, for Wireshark; what they carry
    /// is not redacted
    #[arg(long)]
    packets: bool,
    /// Record with a recorder of its own, also where a daemon runs
    ///
    /// Otherwise a running daemon records the command: in its journal, as a session of its own. One with
    /// `--journal`, `--backend`, `--reads all` or `--packets` is always recorded alone.
    #[arg(long)]
    alone: bool,
    /// Where the daemon listens that is to record the command; without one there it is not run [default:
    /// that of the service, where it runs]
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["alone", "journal", "packets"])]
    socket: Option<PathBuf>,
    /// Record until the command has ended, or until its last descendant has; a daemon always does the latter
    #[arg(long, value_enum, default_value_t = Until::Main)]
    until: Until,
    /// Print nothing but errors and the command's own output
    #[arg(long, short)]
    quiet: bool,
    /// The command and its arguments, to the end of the line; options of agtrack stand before it
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl RunArgs {
    /// Whether a daemon records as these say.
    fn may_hand_over(&self) -> bool {
        !self.alone
            && self.journal.is_none()
            && self.backend == BackendChoice::Auto
            && self.reads == Reads::Counted
            && !self.packets
    }
}

/// When recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Until {
    /// With the command itself.
    Main,
    /// With its last descendant.
    All,
}

/// The longest name of an agent, in bytes.
const AGENT_BYTES: usize = 256;

fn agent_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > AGENT_BYTES {
        return Err(format!("a name has 1 to {AGENT_BYTES} bytes"));
    }
    match text.chars().any(char::is_control) {
        true => Err("a name has no control characters".into()),
        false => Ok(text.to_owned()),
    }
}

/// Runs the command with agtrack's own executable for the helpers. Does not return where the
/// command was ended by a signal.
pub fn main(args: RunArgs) -> ExitCode {
    match Programs::own().and_then(|programs| launch(&args, &programs)) {
        Ok(ending) => ending.imitate(),
        Err(error) => fail(&error),
    }
}

/// Prints why the command could not be run, and gives the exit code: 126 and 127 as a shell's,
/// otherwise 1.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    note(format_args!(
        "agtrack: {}",
        plain(format!("{error:#}").as_bytes())
    ));
    let code = error
        .downcast_ref::<command::Unusable>()
        .map_or(1, command::Unusable::code);
    ExitCode::from(code)
}

/// Records the command with the given helper programs, and says how it ended.
///
/// # Errors
/// Nothing ran: the command cannot be executed, or the recorder cannot start.
pub fn launch(args: &RunArgs, programs: &Programs) -> anyhow::Result<Ending> {
    let Some(program) = args.command.first() else {
        bail!("no command is given")
    };
    // Before a password is asked for or anything is created.
    command::find(program, std::env::var_os("PATH").as_deref())?;
    let invoker = match rustix::process::geteuid().is_root() {
        true => Invoker::from_environment()?,
        false => None,
    };
    signals::keep_status().context("cannot set up signal handlers")?;
    close_doors()?;
    let begin = begin(args, program)?;
    let (mut recorder, ready) = Recorder::start(&programs.recorder, begin)?;
    let (child, gate) = start::stub(&programs.stub, invoker.as_ref(), &args.command)?;
    let (session, tagging) = tag(&mut recorder, child.id(), args)?;
    if !args.quiet && ready.daemon {
        note(format_args!(
            "agtrack: recorded by the running daemon as session {session}, to {}",
            plain(ready.journal.as_os_str().as_bytes())
        ));
    } else if !args.quiet {
        announce(&tagging, &ready.journal);
    }
    let signals = Signals::take().context("cannot set up signal handlers")?;
    let pid = Pid::from_child(&child);
    if let Some(report) = gate.open() {
        let why = match report {
            Report::Exec(errno) => command::Unusable::from_errno(program, errno).into(),
            Report::Before(why) => anyhow!("cannot prepare the command: {why}"),
        };
        abandon(recorder, child);
        return Err(why);
    }
    let all = args.until == Until::All;
    let outcome = Supervisor::new(signals, recorder, pid, all)
        .run()
        .context("cannot wait for the command")?;
    match ready.daemon && outcome.done.is_some() {
        true if args.quiet => {}
        true => note(format_args!(
            "agtrack: what it did: agtrack report --journal {} --session {session}",
            summary::quoted(&ready.journal)
        )),
        false => tell(args, &ready.journal, outcome.done, outcome.lost),
    }
    Ok(outcome.ending)
}

fn begin(args: &RunArgs, program: &OsString) -> anyhow::Result<Begin> {
    let journal = args.journal.as_ref().map(std::path::absolute).transpose();
    let name = || {
        let file = Path::new(program).file_name().unwrap_or(program);
        let mut name = plain(file.as_bytes());
        name.truncate(name.floor_char_boundary(AGENT_BYTES));
        name
    };
    Ok(Begin {
        agent: args.agent.clone().unwrap_or_else(name),
        journal: journal.context("cannot make the journal directory's path absolute")?,
        backend: args.backend,
        reads: args.reads,
        packets: args.packets,
        all: args.until == Until::All,
        daemon: daemon(args)?,
    })
}

/// The daemon that may record instead, or must where it is named.
fn daemon(args: &RunArgs) -> anyhow::Result<Option<Daemon>> {
    let Some(socket) = &args.socket else {
        return Ok(args.may_hand_over().then(Daemon::usual));
    };
    ensure!(
        args.may_hand_over(),
        "the daemon has a back end and settings of its own: leave `--backend` and `--reads` out, or `--socket`"
    );
    let socket = std::path::absolute(socket).context("cannot make the socket's path absolute")?;
    Ok(Some(Daemon { socket, must: true }))
}

/// Has the stub tagged. On an error the stub never passes its gate.
fn tag(recorder: &mut Recorder, pid: u32, args: &RunArgs) -> anyhow::Result<(Uuid, Tagging)> {
    let words = args.command.iter().map(|word| word.clone().into_vec());
    let launch = ToRecorder::Launch {
        pid,
        command: protocol::bounded(words),
    };
    recorder
        .tell(&launch)
        .context("the recorder is gone before the command was started")?;
    let answer = recorder.hear();
    match answer.map_err(|error| start::not_understood(&error.to_string()))? {
        Some(FromRecorder::Tagged { session, tagging }) => Ok((session, tagging)),
        Some(FromRecorder::Failed { message }) => bail!("{message}"),
        Some(other) => Err(start::not_understood(&format!("it answered {other:?}"))),
        None => bail!(
            "the recorder ended before the command was tagged, so the command was not run; if it left \
             no message above, `dmesg` may say why (out of memory?)"
        ),
    }
}

fn announce(tagging: &Tagging, journal: &Path) {
    let journal = plain(journal.as_os_str().as_bytes());
    match tagging {
        Tagging::Cgroup { path } => {
            let path = plain(path.as_os_str().as_bytes());
            note(format_args!(
                "agtrack: recording to {journal}, by lineage and cgroup {path}"
            ));
        }
        Tagging::Lineage { reason } => {
            let reason = plain(reason.as_bytes());
            note(format_args!(
                "agtrack: recording to {journal}, by lineage alone ({reason})"
            ));
        }
    }
}

/// The command did not come to run; takes everything back.
fn abandon(mut recorder: Recorder, mut child: std::process::Child) {
    // Both end by themselves now, and have nothing more to say.
    let _ = child.wait();
    let _ = recorder.tell(&ToRecorder::Abandon);
    let _ = recorder.wait();
}

/// Closes this process to others of the same user, the command among them: no tracing it, and no
/// opening of what it has open through /proc, where the pipes to and from the recorder are.
fn close_doors() -> anyhow::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("cannot close the launcher to other processes")
}

fn tell(args: &RunArgs, journal: &Path, done: Option<Done>, lost: bool) {
    if args.quiet {
        return;
    }
    match done {
        Some(done) => {
            summary::lines(journal, &done).iter().for_each(note);
            if lost {
                note(format_args!(
                    "agtrack: THIS IS NOT ALL: recording stopped early, as said above; it was \
                     recorded until then only"
                ));
            }
        }
        None => {
            let journal = plain(journal.as_os_str().as_bytes());
            note(format_args!(
                "agtrack: no summary; what was recorded is in {journal}"
            ));
        }
    }
}

/// Bytes from anywhere as text that is safe on a terminal.
fn plain(bytes: &[u8]) -> String {
    Text(bytes.to_vec()).printable()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArgs,
    }

    fn check(words: &[&str], command: &[&str], agent: Option<&str>) {
        let line = Line::try_parse_from([&["run"], words].concat()).unwrap();
        assert_eq!(line.run.command, command, "{words:?}");
        assert_eq!(line.run.agent.as_deref(), agent, "{words:?}");
    }

    #[test]
    fn what_follows_the_command_is_the_commands() {
        check(&["ls", "-l", "--help"], &["ls", "-l", "--help"], None);
        check(&["--", "ls", "-l"], &["ls", "-l"], None);
        check(
            &["--agent", "a", "ls", "--agent", "b"],
            &["ls", "--agent", "b"],
            Some("a"),
        );
        check(
            &["git", "log", "--", "file"],
            &["git", "log", "--", "file"],
            None,
        );
        check(
            &["--", "git", "log", "--", "file"],
            &["git", "log", "--", "file"],
            None,
        );
        check(&["--", "-odd"], &["-odd"], None);
    }

    #[test]
    fn an_option_that_is_none_is_not_taken_for_the_command() {
        for words in [
            &["run", "--agnt", "a", "ls"][..],
            &["run", "-l"],
            &["run"],
            &["run", "--"],
        ] {
            assert!(Line::try_parse_from(words).is_err(), "{words:?}");
        }
    }
}
