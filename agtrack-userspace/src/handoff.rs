//! Work that leaves the session: who else was reached that acts on the agent's account.
//!
//! Comes in: actions on their way to the journal, redacted, each with its tool call. Goes out: a
//! [`Handoff`] for those that reached one of the channels in `handoff/table.rs`, once for each process
//! and channel. Never: looks at what is said there, or claims that something came of it.

mod table;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::LazyLock;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::record::{Access, Action, Address, Handoff, Object, OutcomeResult, Text};
use table::TABLE;

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
    /// Globs of sockets that lead there.
    sockets: &'static [&'static str],
    /// File names of programs that lead there.
    programs: &'static [&'static str],
    /// Globs of files that lead there once they are written.
    files: &'static [&'static str],
}

/// What was told already.
#[derive(Debug, Default)]
pub struct Handoffs {
    sessions: HashMap<u64, HashSet<(String, &'static str)>>,
}

impl Handoffs {
    /// The handoff that an action is, if it is one that was not told yet.
    pub fn see(&mut self, session: u64, action: &Action) -> Option<Handoff> {
        if matches!(
            action.outcome.result,
            OutcomeResult::Failure | OutcomeResult::Unknown
        ) {
            return None;
        }
        let (channel, reached) = reached(&action.object)?;
        let told = self.sessions.entry(session).or_default();
        if told.len() >= TOLD {
            told.clear();
        }
        let is_new = told.insert((action.process.uid.clone(), channel.name));
        is_new.then(|| Handoff {
            channel: channel.name.to_owned(),
            can: channel.can.to_owned(),
            recorded: channel.recorded,
            via: action.action.clone(),
            reached: reached.clone(),
            tool_call: action.tool_call.clone(),
            process: action.process.clone(),
        })
    }

    /// The session is over.
    pub fn forget(&mut self, session: u64) {
        self.sessions.remove(&session);
    }
}

/// Which channel an action on this object reaches, and by what.
fn reached(object: &Object) -> Option<(&'static Channel, &Text)> {
    let (globs, path) = match object {
        Object::Connect(Address::Unix { socket }) => (&SOCKETS, socket),
        Object::Exec { exe, script, .. } => {
            let named = script.as_ref().into_iter().chain([exe]);
            return named.filter_map(|path| Some((program(path)?, path))).next();
        }
        Object::Open { path, access, .. } if *access != Access::Read => (&FILES, path),
        Object::Rename { to, .. } => (&FILES, to),
        // Those that make a name for what is there: the others follow an open, or take away.
        Object::File { path, change, .. } if change.target.is_some() => (&FILES, path),
        _ => return None,
    };
    Some((globs.channel(path)?, path))
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
