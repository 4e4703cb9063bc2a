//! The table of tracked processes and their parents.

mod arguments;
mod contained;

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use agtrack_common::event::{CgroupAttach, Exec};
use foldhash::HashMap;

use super::containers::Containers;
use crate::decode::Program;
use crate::input::{Clock, ProcessFacts};
use crate::record::{Agent, Ancestor, Process, ProcessKey, Shared, TICK, Text, timestamp};
pub(crate) use arguments::arguments;
use arguments::repeated;

/// Entries beyond this are refused room: the oldest that is not tracked goes first.
const MOST: usize = 64 * 1024;
/// Generations of parents in a record.
const ANCESTRY: usize = 32;
/// So many that are not tracked stay known: children name them as parents.
const OTHERS_KEPT: usize = 4096;

/// Processes by pid and start.
#[derive(Debug, Default)]
pub struct ProcessTable {
    entries: HashMap<ProcessKey, Entry>,
    /// What may be forgotten: those that ended, and those that never were tracked.
    others: VecDeque<ProcessKey>,
    containers: Containers,
    boot_id: String,
    clock: Clock,
}

#[derive(Debug)]
struct Entry {
    process: Shared<Process>,
    /// The session that it is tracked for; 0: it is not.
    session: u64,
    /// Whose it was, where it was tracked and is no more.
    was: Option<Shared<Agent>>,
    /// The ancestry of its children, once it has one.
    below: OnceLock<Shared<Vec<Ancestor>>>,
}

impl Entry {
    fn below(&self) -> Shared<Vec<Ancestor>> {
        let parent = &self.process;
        let make = || {
            let path = parent.exe.as_ref().map_or(&b"?"[..], |exe| &exe.0);
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
            let first = Ancestor {
                uid: parent.uid.clone(),
                name: Text(name.to_vec()),
            };
            let above = parent.ancestry.iter().cloned();
            Shared::new(std::iter::once(first).chain(above).take(ANCESTRY).collect())
        };
        self.below.get_or_init(make).clone()
    }
}

/// What the kernel saw of a process that /proc may know no more.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) exe: Option<Text>,
    pub(super) args: Vec<Text>,
    pub(super) parent: ProcessKey,
    /// Where it was, if that is known.
    pub(super) cgroup: Option<Text>,
    pub(super) user: u32,
    pub(super) euser: u32,
    pub(super) login_user: Option<u32>,
}

impl ProcessTable {
    /// An empty one, of the machine with this boot id.
    pub(super) fn new(boot_id: &str) -> ProcessTable {
        ProcessTable {
            boot_id: boot_id.to_owned(),
            ..ProcessTable::default()
        }
    }

    /// The latest reading of both clocks.
    pub(super) fn clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// The session of a process that is known as tagged and running, otherwise 0.
    pub fn session(&self, key: ProcessKey) -> u64 {
        self.entries.get(&key).map_or(0, |entry| entry.session)
    }

    /// Number of tagged, running processes.
    pub fn tracked(&self) -> usize {
        let entries = self.entries.values();
        entries.filter(|entry| entry.session != 0).count()
    }

    /// Keys of the tagged, running processes of a session.
    pub(super) fn of_session(&self, session: u64) -> impl Iterator<Item = ProcessKey> {
        self.entries
            .iter()
            .filter(move |(_, entry)| session != 0 && entry.session == session)
            .map(|(key, _)| *key)
    }

    /// Uids of the tagged, running processes of a session.
    pub fn running(&self, session: u64) -> Vec<String> {
        let uid = |key: ProcessKey| self.get(key).map(|process| process.uid.clone());
        let mut uids: Vec<_> = self.of_session(session).filter_map(uid).collect();
        uids.sort();
        uids
    }

    /// The process as it is now.
    pub fn get(&self, key: ProcessKey) -> Option<&Shared<Process>> {
        self.entries.get(&key).map(|entry| &entry.process)
    }

    /// The parent of a process, as far as it is known. Looks at all of them.
    pub fn parent(&self, process: &Process) -> Option<&Shared<Process>> {
        let uid = process.parent_uid.as_ref()?;
        let all = self.entries.values().map(|entry| &entry.process);
        all.into_iter().find(|other| other.uid == *uid)
    }

    /// As [`ProcessTable::get`]; one that is not known gets an entry with what its key tells, for
    /// the session that its tag names, if any. One that has ended stays so, whatever comes late.
    pub(super) fn get_or_guess(&mut self, key: ProcessKey, session: u64) -> Shared<Process> {
        if let Some(entry) = self.entries.get(&key) {
            return entry.process.clone();
        }
        let process = Shared::new(self.blank(key));
        self.insert(key, process.clone(), session);
        process
    }

    /// As [`ProcessTable::get`]; of one that is not known what its key tells, and it stays unknown.
    pub(super) fn get_or_blank(&self, key: ProcessKey) -> Shared<Process> {
        let known = self.get(key).cloned();
        known.unwrap_or_else(|| Shared::new(self.blank(key)))
    }

    /// What /proc says. Of a tracked process that is asked for as somebody's parent, its own events
    /// have told more.
    pub(super) fn learn(&mut self, facts: ProcessFacts) {
        let key = ProcessKey {
            pid: facts.pid,
            start: facts.start,
        };
        let tracked = self.session(key);
        if facts.session == 0 && tracked != 0 {
            return;
        }
        let parent = ProcessKey {
            pid: facts.ppid,
            start: facts.parent_start,
        };
        let mut process = self.blank(key);
        self.set_parent(&mut process, (facts.parent_start != 0).then_some(parent));
        process.ppid = Some(facts.ppid);
        process.exe = facts.exe;
        process.args = repeated(facts.args.into_iter());
        process.cwd = facts.cwd;
        process.user = facts.user;
        process.euser = facts.euser;
        process.login_user = facts.login_user;
        self.containers.place(&mut process, facts.cgroup);
        self.insert(key, Shared::new(process), facts.session);
    }

    pub(super) fn fork(
        &mut self,
        parent: ProcessKey,
        child: ProcessKey,
        session: u64,
        cgroup: Option<Text>,
    ) {
        let above = self.get_or_guess(parent, session);
        let mut process = (*above).clone();
        let fresh = self.blank(child);
        (process.uid, process.pid, process.start) = (fresh.uid, fresh.pid, fresh.start);
        self.set_parent(&mut process, Some(parent));
        // It may have been born into another one than its parent is in.
        self.containers.place(&mut process, cgroup);
        self.insert(child, Shared::new(process), session);
    }

    pub(super) fn exec(
        &mut self,
        key: ProcessKey,
        (body, program): (&Exec, Program<'_>),
        session: u64,
        cgroup: Option<Text>,
    ) {
        let mut process = (*self.get_or_guess(key, session)).clone();
        let parent = ProcessKey::new(body.parent, body.parent_start);
        if body.parent != 0 {
            self.set_parent(&mut process, Some(parent));
        }
        process.exe = Some(Text(program.exe.bytes));
        process.cwd = Some(Text(program.cwd.bytes));
        process.args = repeated(arguments(program.args));
        process.user = Some(body.uid);
        process.euser = Some(body.euid);
        if cgroup.is_some() {
            self.containers.place(&mut process, cgroup);
        }
        self.insert(key, Shared::new(process), session);
    }

    /// It has another real and effective user id from now on.
    pub(super) fn set_ids(&mut self, key: ProcessKey, session: u64, (user, euser): (u32, u32)) {
        let mut process = (*self.get_or_guess(key, session)).clone();
        process.user = Some(user);
        process.euser = Some(euser);
        self.insert(key, Shared::new(process), session);
    }

    /// A process of this session came into the cgroup at `path`, where that is known; `exe` is
    /// what the kernel saw it run.
    pub(super) fn moved(
        &mut self,
        body: &CgroupAttach,
        path: Option<Text>,
        exe: Option<Text>,
    ) -> ProcessKey {
        let key = ProcessKey::new(body.target, body.target_start);
        let mut process = (*self.get_or_guess(key, body.session)).clone();
        if path.is_some() {
            self.containers.place(&mut process, path);
        }
        if exe.is_some() {
            // Whoever asked /proc came later: where it found another program, that one's arguments
            // and directory do not belong to this one.
            if body.tagged != 0 && !is_same(&process.exe, &exe) {
                process.args = Arc::default();
                process.cwd = None;
            }
            process.exe = exe;
        }
        process.user = Some(body.uid);
        process.euser = Some(body.euid);
        self.insert(key, Shared::new(process), body.session);
        key
    }

    /// The process of that number that was tracked last, if it is still known.
    pub(super) fn newest(&self, pid: u32) -> Option<ProcessKey> {
        let tracked = |entry: &Entry| entry.session != 0 || entry.was.is_some();
        let entries = self.entries.iter();
        let found = entries.filter(|(key, entry)| key.pid == pid && tracked(entry));
        found.map(|(key, _)| *key).max()
    }

    /// Whose a process was that has ended.
    pub(super) fn agent_of_ended(&self, key: ProcessKey) -> Option<&Shared<Agent>> {
        self.entries.get(&key)?.was.as_ref()
    }

    /// What is known of a process that nobody told of: its number, and when it began where that is
    /// not 0.
    pub(super) fn unknown(&self, key: ProcessKey) -> Process {
        let mut process = self.blank(key);
        if key.start == 0 {
            // A number alone says which process it was for no more than a moment.
            process.uid = String::new();
            process.start = None;
        }
        process
    }

    /// A process as the kernel saw it at one moment. What /proc said later counts where it was
    /// about the same program.
    pub(super) fn as_seen(&self, key: ProcessKey, seen: Seen) -> Shared<Process> {
        let mut process = match self.get(key) {
            Some(known)
                if is_same(&known.exe, &seen.exe)
                    && known.euser == Some(seen.euser)
                    && known.ppid.is_some() =>
            {
                return known.clone();
            }
            Some(known) => (**known).clone(),
            None => self.blank(key),
        };
        if process.ppid.is_none() && seen.parent.pid != 0 {
            self.set_parent(&mut process, Some(seen.parent));
        }
        let is_other = seen.exe.is_some() && !is_same(&process.exe, &seen.exe);
        if is_other || process.args.is_empty() {
            process.args = repeated(seen.args.into_iter());
        }
        if is_other {
            process.cwd = None;
            process.exe = seen.exe;
        }
        if seen.cgroup.is_some() {
            self.containers.place(&mut process, seen.cgroup);
        }
        process.login_user = process.login_user.or(seen.login_user);
        process.user = Some(seen.user);
        process.euser = Some(seen.euser);
        Shared::new(process)
    }

    /// Marks a process as ended, or as not recorded any more; `agent` is whose it was.
    pub(super) fn end(&mut self, key: ProcessKey, agent: Option<Shared<Agent>>) {
        if let Some(entry) = self.entries.get_mut(&key)
            && std::mem::take(&mut entry.session) != 0
        {
            entry.was = agent;
            self.others.push_back(key);
            self.forget_others();
        }
    }

    fn set_parent(&self, process: &mut Process, parent: Option<ProcessKey>) {
        process.parent_uid = parent.map(|key| key.uid(&self.boot_id));
        process.ppid = parent.map(|key| key.pid);
        let above = parent.and_then(|key| self.entries.get(&key));
        process.ancestry = above.map(Entry::below).unwrap_or_default();
    }

    fn insert(&mut self, key: ProcessKey, process: Shared<Process>, session: u64) {
        if session != 0 {
            self.containers.meet(&process);
        }
        if !self.entries.contains_key(&key) {
            while self.entries.len() >= MOST && self.forget_oldest() {}
            if self.entries.len() >= MOST {
                return;
            }
        }
        let entry = Entry {
            process,
            session,
            was: None,
            below: OnceLock::new(),
        };
        let before = self.entries.insert(key, entry);
        if session == 0 && before.is_none_or(|before| before.session != 0) {
            self.others.push_back(key);
            self.forget_others();
        }
    }

    fn forget_others(&mut self) {
        while self.others.len() > OTHERS_KEPT && self.forget_oldest() {}
    }

    /// False: there is none that may be forgotten.
    fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.others.pop_front() else {
            return false;
        };
        if self.session(oldest) == 0 {
            self.entries.remove(&oldest);
        }
        true
    }

    fn blank(&self, key: ProcessKey) -> Process {
        Process {
            uid: key.uid(&self.boot_id),
            pid: key.pid,
            start: Some(timestamp(self.clock, key.start * TICK)),
            ..Process::default()
        }
    }
}

/// Whether /proc and the kernel mean one program. /proc marks a file that is gone.
fn is_same(told: &Option<Text>, seen: &Option<Text>) -> bool {
    match (told, seen) {
        (Some(told), Some(seen)) => {
            told.0.strip_suffix(b" (deleted)").unwrap_or(&told.0) == seen.0 || told == seen
        }
        _ => told == seen,
    }
}

#[cfg(test)]
mod tests;
