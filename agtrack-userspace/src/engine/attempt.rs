//! Attempts on the recorder on their way to the pipeline: what only /proc knows of who made them
//! goes ahead.

use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use agtrack_common::event::Tamper;
use agtrack_common::wire::Header;
use zerocopy::FromBytes;

use super::guard::{News, Touch};
use super::hands::Hands;
use super::{clock, facts};
use crate::input::{Input, Touched};
use crate::record::{ProcessKey, TICK, Text};

/// Processes that changed files of the recorder's own and are remembered.
const TOUCHERS: usize = 256;
/// For so long: what is counted is told a second later.
const REMEMBERED: Duration = Duration::from_secs(10);

impl Hands {
    /// Who sent a message about the recorder. An agent's processes tell of themselves.
    pub(super) fn attempted(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let Ok((header, rest)) = Header::read_from_prefix(bytes) else {
            return Ok(());
        };
        let Ok((body, _)) = Tamper::read_from_prefix(rest) else {
            return Ok(());
        };
        if header.session != 0 {
            return Ok(());
        }
        match self.look_up(ProcessKey::new(header.tgid, header.start), 0)? {
            true => Ok(()),
            false => self.left_behind(&body),
        }
    }

    /// Of one that has ended the kernel told what it was, and where by numbers only.
    fn left_behind(&mut self, body: &Tamper) -> anyhow::Result<()> {
        self.learn(ProcessKey::new(body.parent, body.parent_start), 0)?;
        self.learn_cgroup(body.cgroup)
    }

    /// Files of the recorder's own were changed.
    pub(super) fn touched(&mut self, news: News) -> anyhow::Result<()> {
        for touch in news.touches {
            let touched = self.seen(touch)?;
            self.core.feed(Input::Touched(Box::new(touched)))?;
        }
        match news.lost {
            true => self.core.feed(Input::TouchesLost),
            false => Ok(()),
        }
    }

    /// When a process that changed a file began, ticks; 0: it has ended before it was ever looked at. Of one
    /// that has ended since it is remembered, so that all its records name the same process.
    fn start_of_toucher(&mut self, pid: u32) -> u64 {
        let now = Instant::now();
        self.touchers
            .retain(|_, (_, seen)| now.duration_since(*seen) < REMEMBERED);
        match facts::start(pid) {
            Some(start) => {
                if self.touchers.len() < TOUCHERS {
                    self.touchers.insert(pid, (start, now));
                }
                start
            }
            None => self.touchers.get(&pid).map_or(0, |(start, _)| *start),
        }
    }

    fn seen(&mut self, touch: Touch) -> anyhow::Result<Touched> {
        let pid = touch.pid;
        let start = self.start_of_toucher(pid);
        let tag = self.probes.process_tag(pid);
        let tag = tag.filter(|tag| tag.start / TICK == start);
        // A zombie has lost most of what was learned of it before.
        if facts::is_alive(pid, start) && tag.is_none() {
            self.learn(ProcessKey { pid, start }, 0)?;
        }
        Ok(Touched {
            at: clock::now().boot,
            pid,
            start,
            session: tag.map_or(0, |tag| tag.session),
            path: Text(touch.path.as_os_str().as_bytes().to_vec()),
            changes: touch.changes,
            count: touch.count,
        })
    }
}
