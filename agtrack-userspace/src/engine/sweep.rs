//! Repairs for what the kernel skipped: on preemptible kernels a tracing program's run may be left
//! out, and with it the end of a process or the tag of a child.

use std::collections::HashMap;

use agtrack_common::event::hook;

use super::facts;
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
            self.core.feed(Input::Gone { key, session })?;
        }
        Ok(())
    }

    /// Tags children of tagged processes that lost their tag at a skipped fork.
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
        let tagged: HashMap<u32, u64> = self
            .probes
            .tagged()
            .into_iter()
            .map(|(pid, tag)| (pid, tag.session))
            .collect();
        for (child, parent) in facts::parents() {
            if let Some(session) = tagged.get(&parent)
                && !tagged.contains_key(&child)
            {
                self.tag_running(child, *session)?;
            }
        }
        Ok(())
    }
}
