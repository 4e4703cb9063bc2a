//! Repairs for what the kernel skipped: on preemptible kernels a tracing program's run may be left
//! out, and with it the end of a process or the tag of a child.

use std::collections::{HashMap, HashSet};

use agtrack_common::event::hook;
use agtrack_common::tag::Tag;

use super::clock;
use super::facts::{self, Kin};
use super::hands::Hands;
use crate::input::HookCounters;
use crate::input::Input;
use crate::record::{ProcessKey, TICK};

impl Hands {
    /// Takes out tagged processes that have ended without an event.
    pub(super) fn sweep_ended(&mut self) -> anyhow::Result<()> {
        for (pid, tag) in self.probes.tagged() {
            let start = tag.start / TICK;
            if facts::is_alive(pid, start) {
                continue;
            }
            // Its end may have been seen between the listing and now.
            if self.probes.process_tag(pid) != Some(tag) {
                continue;
            }
            self.probes.untag_process(pid);
            let (key, session) = (ProcessKey { pid, start }, tag.session);
            let at = clock::now().boot;
            self.core.feed(Input::Gone { at, key, session })?;
        }
        Ok(())
    }

    /// Tags descendants of tagged processes that lost their tag at a skipped fork.
    pub(super) fn repair_lineage(&mut self, counters: &[HookCounters]) -> anyhow::Result<()> {
        let skipped = counters
            .iter()
            .filter(|counters| counters.hook == hook::FORK)
            .map(|counters| counters.skipped)
            .sum();
        if skipped == self.skipped_forks {
            return Ok(());
        }
        self.skipped_forks = skipped;
        // What has ended must not pass for somebody's parent.
        self.sweep_ended()?;
        // They may fork while this looks; a child of a tagged process is tagged by the kernel.
        loop {
            let tagged = self.probes.tagged().into_iter().collect();
            let mut news = false;
            for (pid, session) in orphans(&facts::all(), &tagged) {
                news |= self.tag_running(pid, session)?;
            }
            if !news {
                return Ok(());
            }
        }
    }
}

/// Processes that descend from a tagged one and have no tag, with the session they belong to.
pub(super) fn orphans(all: &[Kin], tagged: &HashMap<u32, Tag>) -> Vec<(u32, u64)> {
    let mut children: HashMap<u32, Vec<&Kin>> = HashMap::new();
    for process in all {
        children.entry(process.ppid).or_default().push(process);
    }
    let session = |process: &Kin| {
        let tag = tagged.get(&process.pid)?;
        (tag.start / TICK == process.start).then_some(tag.session)
    };
    let mut parents: Vec<(&Kin, u64)> = all
        .iter()
        .filter_map(|process| Some((process, session(process)?)))
        .collect();
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    while let Some((parent, whose)) = parents.pop() {
        for child in children.get(&parent.pid).into_iter().flatten() {
            // The listing is no picture of one moment: a pid may be another's by now.
            let is_child = child.start >= parent.start && session(child).is_none();
            if is_child && seen.insert(child.pid) {
                found.push((child.pid, whose));
                parents.push((child, whose));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kin(pid: u32, start: u64, ppid: u32) -> Kin {
        Kin { pid, start, ppid }
    }

    fn tagged(pid: u32, start: u64) -> HashMap<u32, Tag> {
        let start = start * TICK;
        HashMap::from([(
            pid,
            Tag {
                start,
                session: 9,
                owed: 0,
                unwritten: 0,
            },
        )])
    }

    #[test]
    fn grandchildren_belong_to_the_session_too() {
        let all = [kin(3, 12, 2), kin(2, 11, 1), kin(1, 10, 0), kin(4, 12, 0)];
        assert_eq!(orphans(&all, &tagged(1, 10)), [(2, 9), (3, 9)]);
    }

    #[test]
    fn the_children_of_another_process_with_the_pid_are_left_alone() {
        let all = [kin(1, 20, 0), kin(2, 21, 1)];
        assert_eq!(orphans(&all, &tagged(1, 10)), []);
        let all = [kin(1, 20, 0), kin(2, 11, 1)];
        assert_eq!(orphans(&all, &tagged(1, 20)), [], "older than its parent");
    }

    #[test]
    fn an_old_tag_of_the_pid_is_no_tag() {
        let all = [kin(1, 10, 0), kin(2, 30, 1)];
        let mut tags = tagged(1, 10);
        tags.extend(tagged(2, 15));
        assert_eq!(orphans(&all, &tags), [(2, 9)]);
    }
}
