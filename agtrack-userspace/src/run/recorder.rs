//! The recorder process: `agtrack recorder`, as root.
//!
//! Comes in: messages from the launcher, on standard input. Goes out: the journal, through the
//! engine, and answers on standard output. It leaves the caller's session, takes no signal from a
//! terminal, and outlives a launcher that is killed: then it records until the command has ended.
//! Never: executes anything, or leaves a cgroup or an empty journal behind.

mod with;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use uuid::Uuid;

use super::directory::{Directory, RUNS};
use super::identity::Invoker;
use super::name::Name;
use super::packets::{self, Awaited};
use super::protocol::{Begin, Done, FromRecorder, Still, Tagging, ToRecorder};
use super::talk::{Event, Talk};
use crate::cgroup::{Hierarchy, OwnCgroup};
use crate::engine::{AgentRule, PacketFile, Running, Summary, TagRequest};
use crate::load::{BackendChoice, Reads};
use crate::terminal::note;

/// How long processes that are just ending have for it before they count as running.
const SETTLE: Duration = Duration::from_millis(150);

/// How often the engine is asked while the last descendant is waited for.
const ASK: Duration = Duration::from_millis(100);

/// How often the engine is looked at while the command runs.
const LOOK: Duration = Duration::from_secs(1);

/// What the recorder asks of the engine.
pub trait Recording {
    /// Tags the process, and the cgroup if there is one. It is in force on return.
    ///
    /// # Errors
    /// The process is gone, or the kernel refuses.
    fn tag(&mut self, request: TagRequest) -> anyhow::Result<Uuid>;
    /// Tagged processes of the session that are alive.
    fn running(&mut self, session: Uuid) -> Vec<Running>;
    /// Waits until the last of them has ended; false if it has not.
    fn wait_end(&mut self, session: Uuid, timeout: Duration) -> bool;
    /// False once it has given up; stopping it says why.
    fn is_running(&self) -> bool;
    /// Whether others go on with it after [`Recording::stop`].
    fn outlives(&self) -> bool {
        false
    }
    /// Writes what is in flight and closes the journal.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn stop(self: Box<Self>, session: Option<Uuid>) -> anyhow::Result<Summary>;
}

/// What the engine needs to start.
#[derive(Clone, Debug)]
pub struct Start {
    /// Directory of the journal; it exists.
    pub journal: PathBuf,
    /// Device and inode of it; another one that is found there is not to be used.
    pub directory: (u64, u64),
    /// Owner and group of what is written.
    pub owner: Option<(u32, u32)>,
    /// Which kind of hooks to use.
    pub backend: BackendChoice,
    /// Which opens for reading are told one by one.
    pub reads: Reads,
}

/// Runs until the command has ended. `start` starts the engine.
pub fn main<F>(start: F) -> ExitCode
where
    F: FnOnce(Start) -> anyhow::Result<Box<dyn Recording>>,
{
    let mut talk = match super::talk::detach() {
        Ok(talk) => talk,
        Err(error) => {
            note(format_args!(
                "agtrack recorder is started by `agtrack run` only: {error:#}"
            ));
            return ExitCode::from(2);
        }
    };
    match record(&mut talk, start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("{error:#}");
            let message = text.clone();
            let is_told = talk.say(&FromRecorder::Failed { message });
            if talk.is_alone() || !is_told {
                note(format_args!("agtrack: {}", super::plain(text.as_bytes())));
            }
            ExitCode::FAILURE
        }
    }
}

fn record<F>(talk: &mut Talk, start: F) -> anyhow::Result<()>
where
    F: FnOnce(Start) -> anyhow::Result<Box<dyn Recording>>,
{
    let begin = match talk.next() {
        Event::Request(ToRecorder::Begin(begin)) => begin,
        Event::Gone | Event::Terminate => return Ok(()),
        other => bail!("the launcher began with {other:?}"),
    };
    let invoker = Invoker::from_environment()?;
    if let Some(daemon) = with::daemon(begin.daemon.as_ref())? {
        return with::record_with(talk, &begin, daemon, invoker.as_ref());
    }
    let group = invoker.as_ref().map(|invoker| invoker.gid);
    let name = Name::new();
    let mut directory = match &begin.journal {
        Some(path) => Directory::given(path.clone(), invoker.as_ref())?,
        None => Directory::new_run(Path::new(RUNS), &name.directory(), group)?,
    };
    let journal = directory.path().to_path_buf();
    let owner = group.map(|group| (0, group));
    let engine = start(Start {
        journal: journal.clone(),
        directory: directory.id(),
        owner,
        backend: begin.backend,
        reads: begin.reads,
    })?;
    talk.say(&FromRecorder::Ready {
        journal,
        daemon: false,
    });
    let Some((pid, command)) = awaited(talk)? else {
        return engine.stop(None).map(drop);
    };
    check_owner(pid, invoker.as_ref())?;
    talk.watch(pid)?;
    let packets = begin.packets.then(|| packets::prepare(&directory, group));
    let mut session = Session::begin(engine, &begin, (pid, command), &name, packets.transpose()?)?;
    talk.say(&FromRecorder::Tagged {
        session: session.id,
        tagging: session.tagging(),
    });
    // From here on it is evidence, whatever anybody says.
    directory.keep();
    let end = session.until_end(talk, begin.all);
    let done = session.close()?;
    if end == End::Abandoned {
        match has_run(&done.summary) {
            false => directory.discard(),
            true => note(format_args!(
                "agtrack: the launcher said that the command could not be executed, and it did run: \
                 the journal stays"
            )),
        }
    }
    say_done(talk, done);
    Ok(())
}

fn dissolve(cgroup: Option<OwnCgroup>) {
    if let Some(Err(error)) = cgroup.map(OwnCgroup::dissolve) {
        note(format_args!(
            "agtrack: {}; remove it by hand when it is empty",
            super::plain(error.to_string().as_bytes())
        ));
    }
}

/// The process that is to be recorded, and what it will be; none: nothing is to be.
fn awaited(talk: &mut Talk) -> anyhow::Result<Option<(u32, Vec<Vec<u8>>)>> {
    match talk.next() {
        Event::Request(ToRecorder::Launch { pid, command }) => Ok(Some((pid, command))),
        Event::Request(ToRecorder::Abandon) | Event::Gone | Event::Terminate => Ok(None),
        other => bail!("the launcher went on with {other:?}"),
    }
}

/// The last word. Names that are too long together are left out, and that is said.
fn say_done(talk: &mut Talk, done: Done) {
    let full = &done.summary;
    let summary = Summary {
        actions: full.actions.clone(),
        lost: full.lost,
        skipped: full.skipped,
        tampered: full.tampered,
        ..Summary::default()
    };
    let packets = done.packets.clone();
    if talk.say(&FromRecorder::Done(done)) {
        return;
    }
    note(format_args!(
        "agtrack: the summary is too long to be shown with names; the journal has them"
    ));
    talk.say(&FromRecorder::Done(Done {
        still: Still::default(),
        summary,
        packets,
    }));
}

/// Whether anything but the stub ran: without exec and fork there was nobody else.
fn has_run(summary: &Summary) -> bool {
    let of = |action: &str| summary.actions.get(action).copied().unwrap_or(0);
    summary.lost > 0 || of("process.exec") > 0 || of("process.fork") > 0
}

/// A user who may start the recorder through sudo may still have only own processes recorded.
fn check_owner(pid: u32, invoker: Option<&Invoker>) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let process = std::fs::metadata(format!("/proc/{pid}"))
        .with_context(|| format!("process {pid} is gone before it could be tagged"))?;
    if let Some(invoker) = invoker {
        ensure!(
            process.uid() == invoker.uid,
            "process {pid} belongs to somebody else"
        );
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Finished,
    Abandoned,
}

/// What the launcher said to be the end. Only a wish: whoever gets hold of its pipe can say it.
#[derive(Clone, Copy, Debug)]
struct Wish {
    end: End,
    /// Wait for the last descendant.
    all: bool,
}

/// A command that is being recorded.
struct Session {
    id: Uuid,
    pid: u32,
    engine: Box<dyn Recording>,
    cgroup: Result<OwnCgroup, String>,
    packets: Option<Awaited>,
}

impl Session {
    fn begin(
        mut engine: Box<dyn Recording>,
        begin: &Begin,
        (pid, command): (u32, Vec<Vec<u8>>),
        name: &Name,
        packets: Option<(PacketFile, Awaited)>,
    ) -> anyhow::Result<Session> {
        let cgroup = own_cgroup(pid, &name.cgroup()).map_err(|error| error.to_string());
        let inside = cgroup.as_ref().ok().map(|own| own.cgroup().clone());
        let (packets, awaited) = packets.unzip();
        let request = TagRequest {
            pid,
            agent: AgentRule::of_nobody(&begin.agent),
            cgroup: inside,
            command,
            packets,
            request: None,
        };
        let id = engine.tag(request).context("cannot tag the command")?;
        Ok(Session {
            id,
            pid,
            engine,
            cgroup,
            packets: awaited,
        })
    }

    fn tagging(&self) -> Tagging {
        match &self.cgroup {
            Ok(own) => Tagging::Cgroup {
                path: own.cgroup().path.clone(),
            },
            Err(reason) => Tagging::Lineage {
                reason: reason.clone(),
            },
        }
    }

    /// Until the command has ended, and the launcher has said so or is gone. Before that only root,
    /// and an engine that has given up, end a recording.
    fn until_end(&mut self, talk: &mut Talk, all: bool) -> End {
        let finished = |all| Wish {
            end: End::Finished,
            all,
        };
        let (mut ended, mut wish) = (false, None);
        let wish = loop {
            match talk.next_within(LOOK) {
                Some(Event::Request(ToRecorder::Finish { all })) => wish = Some(finished(all)),
                Some(Event::Request(ToRecorder::Abandon)) => {
                    let end = End::Abandoned;
                    wish = Some(Wish { end, all });
                }
                Some(Event::Request(said @ (ToRecorder::Begin(_) | ToRecorder::Launch { .. }))) => {
                    talk.give_up(&said);
                }
                Some(Event::Terminate) => return End::Finished,
                Some(Event::Ended) => ended = true,
                // Closing it tells the launcher why.
                None if !self.engine.is_running() => return End::Finished,
                Some(Event::Gone) | None => {}
            }
            if talk.is_alone() {
                wish = wish.or(Some(finished(all)));
            }
            if let (true, Some(wish)) = (ended, wish) {
                break wish;
            }
        };
        if !self.engine.wait_end(self.id, SETTLE) && wish.all {
            self.wait_for_all(talk);
        }
        wish.end
    }

    fn wait_for_all(&mut self, talk: &mut Talk) {
        let still = self.running().into();
        talk.say(&FromRecorder::Waiting { still });
        while self.engine.is_running() && !self.engine.wait_end(self.id, ASK) {
            match talk.poll() {
                Some(Event::Request(ToRecorder::Finish { all: false }) | Event::Terminate) => {
                    return;
                }
                // Nothing else changes what is waited for.
                Some(Event::Request(_) | Event::Gone | Event::Ended) | None => {}
            }
        }
    }

    fn running(&mut self) -> Vec<Running> {
        let mut running = self.engine.running(self.id);
        running.retain(|process| process.pid != self.pid);
        running
    }

    /// Ends the recording and leaves nothing behind but the journal.
    fn close(mut self) -> anyhow::Result<Done> {
        let still = self.running().into();
        // Whoever goes on tells the end when the cgroup is gone. Otherwise the engine comes first: moving
        // what is left is not the agent's doing.
        let summary = if self.engine.outlives() {
            dissolve(self.cgroup.ok());
            self.engine.stop(Some(self.id))
        } else {
            let summary = self.engine.stop(Some(self.id));
            dissolve(self.cgroup.ok());
            summary
        };
        Ok(Done {
            still,
            summary: summary.context("cannot finish the journal")?,
            packets: self.packets.map(Awaited::end),
        })
    }
}

/// A cgroup below the one that the process is in, with the process in it.
fn own_cgroup(pid: u32, name: &str) -> Result<OwnCgroup, crate::cgroup::Error> {
    let tree = Hierarchy::find()?;
    tree.remove_abandoned();
    let parent = tree.of_pid(pid)?;
    let own = OwnCgroup::create(&parent, name)?;
    own.cgroup().adopt(pid)?;
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_processes_are_recorded_for_an_ordinary_user() {
        let me = std::process::id();
        let uid = rustix::process::getuid().as_raw();
        assert!(check_owner(me, None).is_ok());
        assert!(check_owner(me, Some(&Invoker { uid, gid: 0 })).is_ok());
        assert!(
            check_owner(
                me,
                Some(&Invoker {
                    uid: uid + 1,
                    gid: 0
                })
            )
            .is_err()
        );
        assert!(check_owner(u32::MAX, None).is_err());
    }
}
