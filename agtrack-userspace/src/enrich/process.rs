//! The table of tracked processes and their parents.

use std::collections::HashMap;
use std::sync::Arc;

use agtrack_common::event::{CgroupAttach, Exec};
use agtrack_common::wire::path_flag;

use crate::decode::Segments;
use crate::input::{Clock, ProcessFacts};
use crate::record::{Ancestor, Process, ProcessKey, Shared, TICK, Text, timestamp};

/// Entries beyond this are refused room: the oldest that ended goes first.
const MOST: usize = 64 * 1024;
/// Generations of parents in a record.
const ANCESTRY: usize = 32;
/// Bytes of arguments that every record of a process repeats.
const ARGS_REPEATED: usize = 512;

/// Processes by pid and start.
#[derive(Debug, Default)]
pub struct ProcessTable {
    entries: HashMap<ProcessKey, Entry>,
    ended: std::collections::VecDeque<ProcessKey>,
}

#[derive(Debug)]
struct Entry {
    process: Shared<Process>,
    tracked: bool,
}

/// Ended processes stay known for this many more ends: their children name them as parents.
const ENDED_KEPT: usize = 4096;

impl ProcessTable {
    /// Whether the process is known as tagged and running.
    pub fn is_tracked(&self, key: ProcessKey) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.tracked)
    }

    /// Number of tagged, running processes.
    pub fn tracked(&self) -> usize {
        self.entries.values().filter(|entry| entry.tracked).count()
    }

    /// Uids of tagged, running processes.
    pub fn running(&self) -> Vec<String> {
        let mut uids: Vec<_> = self
            .entries
            .values()
            .filter(|entry| entry.tracked)
            .map(|entry| entry.process.uid.clone())
            .collect();
        uids.sort();
        uids
    }

    /// The process as it is now.
    pub fn get(&self, key: ProcessKey) -> Option<&Shared<Process>> {
        self.entries.get(&key).map(|entry| &entry.process)
    }

    /// As [`ProcessTable::get`]; one that is not known gets an entry with what its key tells.
    pub(super) fn get_or_guess(
        &mut self,
        key: ProcessKey,
        boot_id: &str,
        clock: Clock,
    ) -> Shared<Process> {
        if let Some(entry) = self.entries.get(&key) {
            return entry.process.clone();
        }
        let process = Shared::new(blank(key, boot_id, clock));
        self.insert(key, process.clone(), false);
        process
    }

    pub(super) fn learn(&mut self, facts: ProcessFacts, boot_id: &str, clock: Clock) {
        let key = ProcessKey {
            pid: facts.pid,
            start: facts.start,
        };
        let parent = ProcessKey {
            pid: facts.ppid,
            start: facts.parent_start,
        };
        let mut process = blank(key, boot_id, clock);
        self.set_parent(
            &mut process,
            (facts.parent_start != 0).then_some(parent),
            boot_id,
        );
        process.ppid = Some(facts.ppid);
        process.exe = facts.exe;
        process.args = repeated(facts.args.into_iter());
        process.cwd = facts.cwd;
        process.user = facts.user;
        process.euser = facts.euser;
        process.login_user = facts.login_user;
        process.cgroup = facts.cgroup;
        self.insert(key, Shared::new(process), facts.session != 0);
    }

    pub(super) fn fork(
        &mut self,
        parent: ProcessKey,
        child: ProcessKey,
        cgroup: Option<Text>,
        boot_id: &str,
        clock: Clock,
    ) {
        let above = self.get_or_guess(parent, boot_id, clock);
        let mut process = (*above).clone();
        let fresh = blank(child, boot_id, clock);
        (process.uid, process.pid, process.start) = (fresh.uid, fresh.pid, fresh.start);
        self.set_parent(&mut process, Some(parent), boot_id);
        if cgroup.is_some() {
            process.cgroup = cgroup;
        }
        self.insert(child, Shared::new(process), true);
    }

    pub(super) fn exec(
        &mut self,
        key: ProcessKey,
        body: &Exec,
        data: &[u8],
        cgroup: Option<Text>,
        boot_id: &str,
        clock: Clock,
    ) {
        let mut process = (*self.get_or_guess(key, boot_id, clock)).clone();
        let parent = ProcessKey::new(body.parent, body.parent_start);
        if body.parent != 0 {
            self.set_parent(&mut process, Some(parent), boot_id);
        }
        let mut segments = Segments::new(data);
        process.exe = Some(Text(segments.path(&body.exe_path).bytes));
        process.cwd = Some(Text(segments.path(&body.cwd).bytes));
        process.args = repeated(arguments(segments.bytes(body.args_kept)));
        process.user = Some(body.uid);
        process.euser = Some(body.euid);
        if cgroup.is_some() {
            process.cgroup = cgroup;
        }
        self.insert(key, Shared::new(process), true);
    }

    /// A process was moved to the cgroup `path`; `data` is what comes with the event.
    pub(super) fn moved(
        &mut self,
        body: &CgroupAttach,
        data: &[u8],
        boot_id: &str,
        clock: Clock,
    ) -> (ProcessKey, Text) {
        let key = ProcessKey::new(body.target, body.target_start);
        let mut process = (*self.get_or_guess(key, boot_id, clock)).clone();
        let mut segments = Segments::new(data);
        let path = Text(segments.bytes(body.path).to_vec());
        process.cgroup = Some(path.clone());
        if body.exe_path.flags & path_flag::UNREADABLE == 0 {
            process.exe = Some(Text(segments.path(&body.exe_path).bytes));
        }
        process.user = Some(body.uid);
        process.euser = Some(body.euid);
        self.insert(key, Shared::new(process), true);
        (key, path)
    }

    /// Marks a process as ended; true if it was running.
    pub(super) fn end(&mut self, key: ProcessKey) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else {
            return false;
        };
        let was = std::mem::replace(&mut entry.tracked, false);
        self.ended.push_back(key);
        if self.ended.len() > ENDED_KEPT {
            self.forget_oldest();
        }
        was
    }

    fn set_parent(&self, process: &mut Process, parent: Option<ProcessKey>, boot_id: &str) {
        process.parent_uid = parent.map(|key| key.uid(boot_id));
        process.ppid = parent.map(|key| key.pid);
        let above = parent.and_then(|key| self.get(key));
        process.ancestry = Arc::new(above.map(|above| ancestry_below(above)).unwrap_or_default());
    }

    fn insert(&mut self, key: ProcessKey, process: Shared<Process>, tracked: bool) {
        while self.entries.len() >= MOST && !self.entries.contains_key(&key) {
            if !self.forget_oldest() {
                break;
            }
        }
        self.entries.insert(key, Entry { process, tracked });
    }

    fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.ended.pop_front() else {
            return false;
        };
        if !self.is_tracked(oldest) {
            self.entries.remove(&oldest);
        }
        true
    }
}

/// The arguments of an exec, each ended by NUL.
pub(crate) fn arguments(bytes: &[u8]) -> impl Iterator<Item = Text> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    let some = !bytes.is_empty();
    bytes
        .split(|byte| *byte == 0)
        .filter(move |_| some)
        .map(|argument| Text(argument.to_vec()))
}

fn repeated(args: impl Iterator<Item = Text>) -> Arc<Vec<Text>> {
    let mut room = ARGS_REPEATED;
    let kept = args.take_while(|argument| {
        let fits = argument.0.len() <= room;
        room = room.saturating_sub(argument.0.len() + 1);
        fits
    });
    Arc::new(kept.collect())
}

fn ancestry_below(parent: &Process) -> Vec<Ancestor> {
    let path = parent.exe.as_ref().map_or(&b"?"[..], |exe| &exe.0);
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let first = Ancestor {
        uid: parent.uid.clone(),
        name: Text(name.to_vec()),
    };
    std::iter::once(first)
        .chain(parent.ancestry.iter().cloned())
        .take(ANCESTRY)
        .collect()
}

fn blank(key: ProcessKey, boot_id: &str, clock: Clock) -> Process {
    Process {
        uid: key.uid(boot_id),
        pid: key.pid,
        start: Some(timestamp(clock, key.start * TICK)),
        ..Process::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock { boot: 0, wall: 0 };
    const BOOT: &str = "01234567-89ab";

    #[test]
    fn a_child_knows_its_ancestors() {
        let mut table = ProcessTable::default();
        let facts = ProcessFacts {
            pid: 1,
            start: 1,
            exe: Some("/bin/bash".into()),
            session: 9,
            ..ProcessFacts::default()
        };
        table.learn(facts, BOOT, CLOCK);
        let (first, second) = (
            ProcessKey { pid: 1, start: 1 },
            ProcessKey { pid: 2, start: 5 },
        );
        table.fork(first, second, None, BOOT, CLOCK);
        let child = table.get(second).unwrap();
        assert_eq!(child.uid, "01234567-2-5");
        assert_eq!(child.ppid, Some(1));
        assert_eq!(child.exe, Some("/bin/bash".into()));
        assert_eq!(child.ancestry[0].name, "bash".into());
        assert_eq!(table.tracked(), 2);
        assert!(table.end(second));
        assert!(!table.end(second));
        assert_eq!(table.tracked(), 1);
    }

    #[test]
    fn the_same_pid_later_is_another_process() {
        let mut table = ProcessTable::default();
        let (old, new) = (
            ProcessKey { pid: 1, start: 1 },
            ProcessKey { pid: 1, start: 2 },
        );
        let (body, data) = attach(1, b"");
        table.moved(&body, &data, BOOT, CLOCK);
        assert!(table.is_tracked(old));
        assert!(!table.is_tracked(new));
    }

    /// A move to the cgroup `/a` of a process that runs `/bin/<name>`, or nothing.
    fn attach(pid: u32, name: &[u8]) -> (CgroupAttach, Vec<u8>) {
        let mut data = b"/a".to_vec();
        let mut exe_path = agtrack_common::wire::Path::default();
        if name.is_empty() {
            exe_path.flags = path_flag::UNREADABLE;
        } else {
            let begin = data.len();
            data.extend_from_slice(name);
            data.extend_from_slice(b"\0bin\0");
            exe_path.walked = (data.len() - begin) as u32;
            exe_path.root = exe_path.walked;
        }
        let body = CgroupAttach {
            target: pid,
            target_start: TICK,
            path: 2,
            exe_path,
            euid: 7,
            ..CgroupAttach::default()
        };
        (body, data)
    }

    /// Whoever reads /proc after the move may find nobody, or another program.
    #[test]
    fn a_process_that_is_moved_runs_what_the_kernel_saw_it_run() {
        let mut table = ProcessTable::default();
        let (body, data) = attach(1, b"sleep");
        let (key, path) = table.moved(&body, &data, BOOT, CLOCK);
        let process = table.get(key).unwrap();
        assert_eq!(path, "/a".into());
        assert_eq!(process.exe, Some("/bin/sleep".into()));
        assert_eq!(process.euser, Some(7));
        assert_eq!(process.cgroup, Some("/a".into()));
        let (body, data) = attach(1, b"");
        table.moved(&body, &data, BOOT, CLOCK);
        assert_eq!(table.get(key).unwrap().exe, Some("/bin/sleep".into()));
    }

    #[test]
    fn long_arguments_are_not_repeated_in_every_record() {
        let args = repeated([Text(vec![b'a'; 500]), Text(vec![b'b'; 500])].into_iter());
        assert_eq!(args.len(), 1);
    }

    #[test]
    fn empty_arguments_count() {
        let args: Vec<_> = arguments(b"sh\0\0-c\0").collect();
        assert_eq!(args, ["sh".into(), "".into(), "-c".into()]);
        assert_eq!(arguments(b"").count(), 0);
    }
}
