//! What one session did.
//!
//! Comes in: its actions, redacted, in order. Goes out: lists for people. The work for each action
//! is a few look-ups; what is kept of a session never grows beyond some 10 MiB.

mod contact;
mod content;
mod files;
mod kernel;
mod list;
mod mode;
mod program;
mod shelf;
mod target;

use std::collections::BTreeMap;

pub(crate) use self::contact::{BEGUN, CONNECTED};
use self::files::Files;
use self::list::{add, list};
use self::program::Programs;
use self::shelf::Shelf;
use self::target::{interest, peer, rank, target};
pub use self::{files::is_of_tool, kernel::is_kernel_made, mode::sets_user_id};
use crate::credential;
use crate::record::{
    Access, Action, Address, Direction, Effects, FileChange, Flow, Object, OutcomeResult, Process,
};

/// Bytes kept of each of the lists of credentials, peers, refusals and crashes.
const BYTES: usize = 1 << 20;
/// Different results of a peer.
const RESULTS: usize = 8;
/// Bytes of the name of a program that did something.
const BY: usize = 64;
/// Names of errors that are counted.
const ERRORS: usize = 256;

/// Errors by which the kernel refuses.
const REFUSALS: &[&str] = &["EACCES", "EPERM", "EROFS"];
/// Signals by which processes are ended every day.
const ORDINARY: &[&str] = &["SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM"];

/// What one session did.
#[derive(Debug)]
pub struct Deeds {
    /// Where it began: what lies elsewhere tells more.
    base: Option<Vec<u8>>,
    programs: Programs,
    files: Files,
    credentials: Shelf<Deed>,
    offered: Shelf<Deed>,
    peers: Shelf<Deed>,
    refused: Shelf<Deed>,
    killed: Shelf<Deed>,
    failures: BTreeMap<String, u64>,
    /// Out and in.
    bytes: [u64; 2],
}

/// What was done to one thing.
#[derive(Debug, Default)]
struct Deed {
    what: &'static str,
    by: Vec<u8>,
    count: u64,
    /// How, and how often.
    ways: BTreeMap<String, u64>,
    rank: u8,
    /// What passed, out and in.
    bytes: [u64; 2],
}

impl Default for Deeds {
    fn default() -> Self {
        Deeds::of_size(1)
    }
}

impl Deeds {
    /// Those of one of many: they hold a thirty-second of what those of a session do.
    #[must_use]
    pub fn of_call() -> Self {
        Deeds::of_size(32)
    }

    fn of_size(part: usize) -> Self {
        let shelf = || Shelf::new(BYTES / part, |_: &Deed| BY + RESULTS * 64);
        Deeds {
            base: None,
            programs: Programs::new(part),
            files: Files::new(part),
            credentials: shelf(),
            offered: shelf(),
            peers: shelf(),
            refused: shelf(),
            killed: shelf(),
            failures: BTreeMap::new(),
            bytes: [0; 2],
        }
    }

    /// Takes the next action.
    pub fn add(&mut self, action: &Action) {
        let errno = action.outcome.errno.as_deref();
        let failed = action.outcome.result == OutcomeResult::Failure;
        let refusal = errno.filter(|errno| failed && REFUSALS.contains(errno));
        let process = &action.process;
        match (&action.object, refusal) {
            (Object::Connect(address), None) => self.connect(action, address),
            (Object::Dns(_) | Object::Tls(_) | Object::Http(_) | Object::Quic(_), _) => {
                self.said(action);
            }
            (Object::Flow(flow), _) => {
                self.passed(flow);
                if failed {
                    self.fail(errno);
                }
            }
            (object, Some(errno)) => {
                if let Some(target) = target(object) {
                    let name = [action.action.as_bytes(), b" ", &target[..]].concat();
                    if let Some(deed) = note(&mut self.refused, &name, process, errno) {
                        deed.rank = interest(object);
                    }
                }
                self.touch(action, true);
            }
            (_, None) if failed => self.fail(errno),
            (_, None) => {
                self.touch(action, false);
                self.done(action);
            }
        }
    }

    /// It was not refused, and did not fail as far as that was seen.
    fn done(&mut self, action: &Action) {
        let process = &action.process;
        match &action.object {
            Object::Open {
                path,
                access: Access::Write | Access::ReadWrite,
                created,
                ..
            } => self.files.write(&path.0, *created),
            Object::File { path, change, .. } => self.change(action, &path.0, change),
            Object::Rename {
                from,
                to,
                rename_flags,
                ..
            } => {
                let has = |name: &str| rename_flags.iter().any(|flag| flag == name);
                match has("EXCHANGE") {
                    true => self.files.exchange(&from.0, &to.0),
                    false => self.files.rename(&from.0, &to.0, has("NOREPLACE")),
                }
            }
            Object::Exec {
                exe, cwd, brought, ..
            } => {
                self.base.get_or_insert_with(|| cwd.0.clone());
                self.programs.add(&exe.0);
                for (name, what) in brought.env_names.offers(credential::variable) {
                    self.offer(&name.0, what, process);
                }
            }
            Object::Exit {
                signal: Some(signal),
                ..
            } => {
                if !ORDINARY.contains(&signal.as_str()) {
                    let name = program(process).to_vec();
                    note(&mut self.killed, &name, process, signal);
                }
            }
            Object::Open { .. }
            | Object::Exit { signal: None, .. }
            | Object::Fork { .. }
            | Object::Program { .. }
            | Object::Endpoint { .. }
            | Object::Flow(_)
            | Object::Ids { .. }
            | Object::Socket { .. }
            | Object::Request { .. }
            | Object::Uring(_)
            | Object::Connect(_)
            | Object::Dns(_)
            | Object::Tls(_)
            | Object::Http(_)
            | Object::Quic(_)
            | Object::Cgroup { .. } => {}
        }
    }

    /// A file is other than it was.
    fn change(&mut self, action: &Action, path: &[u8], change: &FileChange) {
        match &*action.action {
            "file.unlink" => self.files.delete(path),
            "file.link" | "file.symlink" | "file.mknod" => self.files.write(path, true),
            "file.truncate" => self.files.write(path, false),
            "file.close" if writes(action, change) => self.files.write(path, created(change)),
            "file.mmap" if maps(change) => self.files.write(path, false),
            // Directories, owners and permissions are not what files hold.
            _ => {}
        }
    }

    /// If it is a credential.
    fn touch(&mut self, action: &Action, refused: bool) {
        let process = &action.process;
        let (paths, way) = match &action.object {
            Object::Open { path, access, .. } => {
                let writes = matches!(access, Access::Write | Access::ReadWrite);
                ([Some(path), None], if writes { "written" } else { "read" })
            }
            Object::File { path, change, .. } => match &*action.action {
                "file.unlink" => ([Some(path), None], "deleted"),
                // It is as it was, and can be reached by another name.
                "file.link" | "file.symlink" => ([change.target.as_ref(), None], "linked"),
                // Its open has been told.
                "file.close" | "file.mmap" => return,
                "file.receive" => ([Some(path), None], "received"),
                _ => ([Some(path), None], "changed"),
            },
            Object::Rename { from, to, .. } => ([Some(from), Some(to)], "renamed"),
            // Where the file itself is seen too, that has a record of its own.
            Object::Uring(request) => {
                let paths = [request.path.as_ref(), request.target.as_ref()];
                (paths, "named to io_uring")
            }
            Object::Exec { .. }
            | Object::Exit { .. }
            | Object::Fork { .. }
            | Object::Program { .. }
            | Object::Endpoint { .. }
            | Object::Flow(_)
            | Object::Ids { .. }
            | Object::Socket { .. }
            | Object::Request { .. }
            | Object::Connect(_)
            | Object::Dns(_)
            | Object::Tls(_)
            | Object::Http(_)
            | Object::Quic(_)
            | Object::Cgroup { .. } => return,
        };
        let way = if refused { "refused" } else { way };
        for path in paths.into_iter().flatten() {
            let Some(credential) = credential::at(&path.0) else {
                continue;
            };
            if let Some(deed) = note(&mut self.credentials, &path.0, process, way) {
                deed.what = credential.what;
            }
        }
    }

    /// A program was given a variable that may hold a credential.
    fn offer(&mut self, name: &[u8], what: &'static str, process: &Process) {
        if let Some(deed) = note(&mut self.offered, name, process, "in the environment") {
            deed.what = what;
        }
    }

    fn connect(&mut self, action: &Action, address: &Address) {
        let failed = action.outcome.result == OutcomeResult::Failure;
        let errno = action.outcome.errno.as_deref().unwrap_or("failed");
        let is_socket = matches!(address, Address::Unix { .. });
        if failed && is_socket && matches!(errno, "ENOENT" | "ECONNREFUSED") {
            // A service that is asked for and not there.
            return self.fail(Some(errno));
        }
        let Some(name) = peer(address) else { return };
        let way = match (&*action.action, action.outcome.result) {
            ("net.send", _) => "datagrams, result unknown",
            ("net.receive", _) => "datagrams received",
            (_, OutcomeResult::Success) => CONNECTED,
            (_, OutcomeResult::InProgress) => BEGUN,
            (_, OutcomeResult::Unknown) => "result unknown",
            (_, OutcomeResult::Failure) => errno,
        };
        if let Some(peer) = note(&mut self.peers, &name, &action.process, way) {
            peer.rank = rank(address);
        }
        let reached = (!failed).then(|| credential::of(address)).flatten();
        if let Some(what) = reached
            && let Some(deed) = note(&mut self.credentials, &name, &action.process, way)
        {
            deed.what = what;
        }
    }

    /// Of those who asked for the connection the port says nothing, so they are no peers by name.
    fn passed(&mut self, flow: &Flow) {
        let more = [flow.bytes_out, flow.bytes_in];
        add(&mut self.bytes, more);
        let address = match flow.direction {
            Some(Direction::Inbound) => None,
            Some(Direction::Outbound) | None => flow.peer.as_ref(),
        };
        let Some(name) = address.and_then(peer) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(&name) {
            add(&mut peer.bytes, more);
            peer.was_connected();
        }
        if let Some(credential) = self.credentials.get_mut(&name) {
            credential.was_connected();
        }
    }

    fn fail(&mut self, errno: Option<&str>) {
        let errno = errno.unwrap_or("other");
        if let Some(count) = self.failures.get_mut(errno) {
            *count += 1;
        } else if self.failures.len() < ERRORS {
            self.failures.insert(errno.to_owned(), 1);
        }
    }

    /// What came of it all, with at most `most` names in each list.
    #[must_use]
    pub fn effects(&self, most: usize) -> Effects {
        let base = self.base.as_deref().unwrap_or_default();
        let [created, written, deleted, renamed] = self.files.lists(base, most);
        let [bytes_out, bytes_in] = self.bytes;
        Effects {
            programs: self.programs.list(most),
            credentials: list(&self.credentials, most),
            offered: list(&self.offered, most),
            created,
            written,
            deleted,
            renamed,
            temporary: self.files.temporary,
            peers: list(&self.peers, most),
            bytes_out,
            bytes_in,
            refused: list(&self.refused, most),
            killed: list(&self.killed, most),
            failures: self.failures.clone(),
        }
    }
}

/// Behind the first program that did something which another one did too.
const OTHERS: &[u8] = b" and others";

fn note<'a>(
    shelf: &'a mut Shelf<Deed>,
    name: &[u8],
    process: &Process,
    way: &str,
) -> Option<&'a mut Deed> {
    let deed = shelf.at(name)?;
    let by = program(process);
    let by = &by[..by.len().min(BY)];
    if deed.count == 0 {
        deed.by = by.to_vec();
    } else if deed.by != by && !deed.by.ends_with(OTHERS) {
        deed.by.extend_from_slice(OTHERS);
    }
    deed.count += 1;
    if let Some(count) = deed.ways.get_mut(way) {
        *count += 1;
    } else if deed.ways.len() < RESULTS {
        deed.ways.insert(way.chars().take(32).collect(), 1);
    }
    Some(deed)
}

/// Whether something was written through a file that is still there. Whoever opened it may have been
/// another one, whose open has not been told.
fn writes(action: &Action, change: &FileChange) -> bool {
    let notes = &action.completeness.notes;
    let content = change.content.as_ref();
    content.is_some_and(|content| content.written > 0) && notes.iter().all(|note| note != "deleted")
}

fn created(change: &FileChange) -> bool {
    let content = change.content.as_ref();
    content.is_some_and(|content| content.created)
}

fn maps(change: &FileChange) -> bool {
    change.protection.iter().any(|word| word == "WRITE")
}

/// File name of the program.
fn program(process: &Process) -> &[u8] {
    let exe = process.exe.as_ref().map_or(&b"?"[..], |exe| &exe.0);
    exe.rsplit(|byte| *byte == b'/').next().unwrap_or(exe)
}

#[cfg(test)]
mod tests;
