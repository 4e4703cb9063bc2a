//! Work that leaves the session: who else was reached that acts on the agent's account.
//!
//! Comes in: actions on their way to the journal, redacted, each with its tool call. Goes out: a
//! [`Handoff`] for those that reached one of the channels in `handoff/table.rs`, once for each process
//! and channel; and of a cgroup that is made, whose result it is ([`Claim`]), where the channel is one
//! of systemd or of a container runtime. Never: looks at what is said there.

mod open;
mod result;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::LazyLock;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::record::{Access, Action, Address, Agent, Handoff, Object, OutcomeResult, Shared, Text};
use open::Opened;
use result::{Appeared, Gives};
use table::TABLE;

pub use open::{Asked, Claim};

/// Processes and channels of each session that are kept in mind. When there are more, all are
/// forgotten, and told again where they go on.
const TOLD: usize = 4096;

/// A channel by which work leaves a session.
#[derive(Debug)]
struct Channel {
    /// Its name in records.
    name: &'static str,
    /// What it can do.
    can: &'static str,
    /// Whether what comes of it stays in the session.
    recorded: bool,
    /// What comes of it.
    gives: Gives,
    /// Globs of sockets that lead there.
    sockets: &'static [&'static str],
    /// File names of programs that lead there.
    programs: &'static [&'static str],
    /// Globs of files that lead there once they are written.
    files: &'static [&'static str],
}

/// A channel, and how it was reached.
#[derive(Debug)]
struct Reached<'a> {
    channel: &'static Channel,
    /// What comes of it where it is reached so.
    gives: Gives,
    by: By,
    path: &'a Text,
}

/// What was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Socket,
    Program,
    File,
}

impl Reached<'_> {
    /// A file is looked at whenever somebody else likes to: it says nothing but its name.
    fn by_name_only(&self) -> bool {
        self.by == By::File
    }
}

/// What was told already, and what was reached a moment ago.
#[derive(Debug, Default)]
pub struct Handoffs {
    sessions: HashMap<u64, HashSet<(String, &'static str)>>,
    opened: Opened,
}

impl Handoffs {
    /// The handoff that an action is, if it is one that was not told yet. It is of this session, and
    /// was done at this time (boot clock, ns) on this agent's account.
    pub fn see(
        &mut self,
        session: u64,
        (time, agent): (u64, Option<&Shared<Agent>>),
        action: &Action,
    ) -> Option<Handoff> {
        if matches!(
            action.outcome.result,
            OutcomeResult::Failure | OutcomeResult::Unknown
        ) {
            return None;
        }
        let reached = reached(&action.object)?;
        if let Some(agent) = agent {
            self.opened.put(&reached, (time, agent), action);
        }
        let channel = reached.channel;
        let told = self.sessions.entry(session).or_default();
        if told.len() >= TOLD {
            told.clear();
        }
        let is_new = told.insert((action.process.uid.clone(), channel.name));
        is_new.then(|| Handoff {
            channel: channel.name.to_owned(),
            can: channel.can.to_owned(),
            recorded: channel.recorded,
            followed: channel.gives.kind().is_some(),
            via: action.action.clone(),
            reached: reached.path.clone(),
            tool_call: action.tool_call.clone(),
            process: action.process.clone(),
        })
    }

    /// The session is over. What it handed off may still have results.
    pub fn forget(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    /// The time, boot clock, ns.
    pub fn tick(&mut self, boot: u64) {
        self.opened.tick(boot);
    }

    /// Another number whenever [`Handoffs::expects`] says something else.
    pub fn version(&self) -> u64 {
        self.opened.version()
    }

    /// Whether results may appear directly in the cgroup at a path.
    pub fn expects(&self, parent: &[u8]) -> bool {
        self.opened.expects(parent)
    }

    /// Whose result the cgroup at a path is, which was made at this time (boot clock, ns).
    pub fn claim(&self, path: &[u8], at: u64) -> Claim {
        self.opened.claim(path, at)
    }
}

/// Whether the cgroup at a path can be the result of a handoff, by its place and its name.
pub fn may_be_result(path: &[u8]) -> bool {
    Appeared::new(path).is_some()
}

/// Which channel an action on this object reaches, and by what.
fn reached(object: &Object) -> Option<Reached<'_>> {
    let (by, path) = match object {
        Object::Connect(Address::Unix { socket }) => (By::Socket, socket),
        Object::Exec { exe, script, .. } => {
            let named = script.as_ref().into_iter().chain([exe]);
            let found = named.filter_map(|path| Some((program(path)?, path))).next();
            return found.map(|(channel, path)| reached_by(channel, By::Program, path));
        }
        Object::Open { path, access, .. } if *access != Access::Read => (By::File, path),
        Object::Rename { to, .. } => (By::File, to),
        // Those that make a name for what is there: the others follow an open, or take away.
        Object::File { path, change, .. } if change.target.is_some() => (By::File, path),
        _ => return None,
    };
    let globs = match by {
        By::Socket => &SOCKETS,
        By::Program | By::File => &FILES,
    };
    Some(reached_by(globs.channel(path)?, by, path))
}

fn reached_by<'a>(channel: &'static Channel, by: By, path: &'a Text) -> Reached<'a> {
    let gives = match (channel.gives, by) {
        // A program for units makes one for a command.
        (Gives::Units, By::Program) => Gives::Transient,
        (gives, _) => gives,
    };
    Reached {
        channel,
        gives,
        by,
        path,
    }
}

fn program(path: &Text) -> Option<&'static Channel> {
    let name = path.0.rsplit(|byte| *byte == b'/').next()?;
    TABLE.iter().find(|channel| {
        channel
            .programs
            .iter()
            .any(|known| known.as_bytes() == name)
    })
}

/// Globs, and the channel of each.
#[derive(Debug, Default)]
struct Globs {
    set: GlobSet,
    channels: Vec<&'static Channel>,
}

static SOCKETS: LazyLock<Globs> = LazyLock::new(|| Globs::new(|channel| channel.sockets));
static FILES: LazyLock<Globs> = LazyLock::new(|| Globs::new(|channel| channel.files));

impl Globs {
    fn new(of: fn(&Channel) -> &'static [&'static str]) -> Globs {
        let mut set = GlobSetBuilder::new();
        let mut channels = Vec::new();
        for channel in TABLE {
            for text in of(channel) {
                // A test reads the whole table: none is left out.
                let glob = GlobBuilder::new(text).literal_separator(true).build();
                if let Ok(glob) = glob {
                    set.add(glob);
                    channels.push(channel);
                }
            }
        }
        Globs {
            set: set.build().unwrap_or_default(),
            channels,
        }
    }

    fn channel(&self, path: &Text) -> Option<&'static Channel> {
        let found = self.set.matches(Path::new(OsStr::from_bytes(&path.0)));
        self.channels.get(*found.first()?).copied()
    }
}
