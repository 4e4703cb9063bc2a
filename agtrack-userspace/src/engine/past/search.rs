//! The journal's end, segment by segment backwards.
//!
//! A recorder that looked says at its start how many sessions it found open, and of each what became
//! of it next. So whatever is open now was resumed or begun behind the last such start whose promise
//! was kept, and what stands before need not be read.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use memchr::memmem;
use uuid::Uuid;

use super::trace::{Trace, Traces};
use super::{Last, Left, Past};
use crate::journal::{Extent, LONGEST_LINE, Part};
use crate::record::{Agent, Body, Change, Lifecycle, Record, SessionChange};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// Searches at most so many bytes.
pub(super) fn search(extent: &Extent, most: u64) -> Past {
    let mut past = Past::default();
    let mut decided: BTreeMap<Uuid, Option<Box<Left>>> = BTreeMap::new();
    let mut traces: BTreeMap<Uuid, Trace> = BTreeMap::new();
    let mut searched = 0;
    for segment in extent.segments().iter().rev() {
        let Ok(Some(part)) = extent.part(*segment) else {
            past.searched = Some(searched);
            break;
        };
        let begin = part.end.saturating_sub(most - searched);
        let length = part.end - begin;
        let Ok(found) = Segment::read(part, begin) else {
            past.searched = Some(searched);
            break;
        };
        searched += length;
        if past.last.time.is_empty() {
            past.last = found.last.unwrap_or_default();
        }
        for (id, left) in found.sessions {
            decided.entry(id).or_insert(left);
        }
        for (id, older) in found.traces.0 {
            // Of one that has ended nothing is wanted.
            if !matches!(decided.get(&id), Some(None)) {
                traces.entry(id).or_default().go_back_to(older);
            }
        }
        if found
            .promised
            .is_some_and(|(promised, kept)| kept >= promised)
        {
            break;
        }
        if begin > 0 || (searched >= most && extent.segments().first() != Some(segment)) {
            past.searched = Some(searched);
            break;
        }
    }
    past.sessions = decided
        .into_iter()
        .filter_map(|(id, left)| {
            let mut left = *left?;
            traces.remove(&id).unwrap_or_default().put_into(&mut left);
            Some((id, left))
        })
        .collect();
    past
}

/// What a segment tells.
#[derive(Default)]
struct Segment {
    /// Each session that it names, as it stands at its end; none: ended.
    sessions: BTreeMap<Uuid, Option<Box<Left>>>,
    /// Their processes and tool calls.
    traces: Traces,
    /// Sessions that the last recorder that began in it found open, and of how many it has told.
    promised: Option<(u64, u64)>,
    last: Option<Last>,
}

impl Segment {
    /// The lines that begin from `begin` on.
    fn read(part: Part, begin: u64) -> io::Result<Segment> {
        let mut file = part.file;
        // With the byte before, to know whether a line begins right here.
        let from = begin.saturating_sub(1);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = BufReader::with_capacity(CHUNK, file.take(part.end - from));
        let (mut segment, mut line) = (Segment::default(), Vec::new());
        let mut is_whole = begin == 0;
        let mut last = Vec::new();
        let finders = ["session", "lifecycle", "tool_call"]
            .map(|kind| memmem::Finder::new(&format!("\"kind\":\"{kind}\"")).into_owned());
        let of_process = memmem::Finder::new("\"action\":\"process.");
        loop {
            line.clear();
            let length = (&mut bytes)
                .take(LONGEST_LINE as u64 + 1)
                .read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            let ends = line.pop_if(|byte| *byte == b'\n').is_some();
            if std::mem::replace(&mut is_whole, ends) && ends {
                if finders.iter().any(|finder| finder.find(&line).is_some()) {
                    segment.take_in(&line);
                } else if of_process.find(&line).is_some() {
                    segment.traces.act(&line);
                }
                std::mem::swap(&mut line, &mut last);
            }
        }
        segment.last = serde_json::from_slice(&last).ok();
        Ok(segment)
    }

    fn take_in(&mut self, line: &[u8]) {
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            return;
        };
        match (record.body, record.agent) {
            (Body::Session(change), Some(agent)) => self.session(&agent, *change),
            (Body::ToolCall(change), Some(agent)) => {
                self.traces.call(agent.session, *change, record.boot_time);
            }
            (Body::Lifecycle(change), _) => self.lifecycle(&change),
            (
                Body::Session(_)
                | Body::Action(_)
                | Body::ToolCall(_)
                | Body::Handoff(_)
                | Body::Tamper(_)
                | Body::Gap(_)
                | Body::Heartbeat(_),
                _,
            ) => {}
        }
    }

    fn session(&mut self, agent: &Agent, change: SessionChange) {
        let told = change.change == Change::Resume || change.unseen.is_some();
        if let Some((_, kept)) = self.promised.as_mut().filter(|_| told) {
            *kept += 1;
        }
        self.traces.session(agent.session, &change);
        let before = self.sessions.remove(&agent.session).flatten();
        let left = Left::after(before.map(|left| *left), agent, change);
        self.sessions.insert(agent.session, left.map(Box::new));
    }

    fn lifecycle(&mut self, change: &Lifecycle) {
        if let (Change::Start, Some(open)) = (change.change, change.left_open) {
            self.promised = Some((open, 0));
        }
    }
}
