//! From one recorder to the next: what the kernel recorded while nobody read it is told as if nobody had
//! been away.
//!
//! In: rings and tags of a recorder before. Out: its messages in order of their times, each with the time
//! that it was then, behind the sessions that they belong to.

mod hashes;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use agtrack_common::event::{Exec, Fork, Kind};
use agtrack_common::tag::{LAUNCHED, Tag};
use agtrack_common::wire::Header;
use zerocopy::FromBytes;

use super::clock;
use super::facts;
use super::hands::Hands;
use super::live::Live;
use super::watch::Watch;
use crate::input::{Clock, Input, Kept, ProcessFacts};
use crate::load::{Probes, TakenOver};
use crate::record::ProcessKey;
use crate::ring::{Rings, Take, is_event};
use hashes::Hashes;

/// Readings until the counters stand still. Under a storm they never do: the books begin with what was
/// under way then.
const READINGS: usize = 64;
/// Bytes of messages that are read at most before they are told: as much as the largest rings hold.
const MOST_BYTES: usize = 256 << 20;
/// How far apart the times are, ns, at which the clock is told as the messages pass.
const STEP: u64 = 1_000_000;
/// How far apart, ns, the two programs at one hook may run: an emulated processor takes its time.
const TOGETHER: u64 = 10_000_000;
/// Where the time stands in a message.
const TIME: std::ops::Range<usize> =
    std::mem::offset_of!(Header, time)..std::mem::offset_of!(Header, time) + 8;
/// How long the journal is waited for when it is full.
const CROWDED: Duration = Duration::from_millis(1);

/// What waited in the rings.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    messages: Vec<Vec<u8>>,
    /// Events that the recorder before read and may not have told.
    untold: u64,
    /// What the numbers of rules meant then.
    rules: u32,
}

impl Backlog {
    /// Reads the rings, and begins the books with what was in them.
    ///
    /// # Errors
    /// A map cannot be read.
    pub(super) fn read(
        taken: &TakenOver,
        rings: &mut Rings,
        probes: &mut Probes,
    ) -> anyhow::Result<Backlog> {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        let mut waiting: BTreeMap<u16, u64> = BTreeMap::new();
        let mut counted = Vec::new();
        for _ in 0..READINGS {
            let before = probes.counts()?;
            let drained = rings.drain(Take::All, |message| {
                bytes += message.len();
                if let Some(hook) = hook_of(message) {
                    *waiting.entry(hook).or_default() += 1;
                }
                messages.push(message.to_vec());
            });
            counted = probes.counts()?;
            let is_still = drained.empty && before == counted;
            if is_still || bytes > MOST_BYTES {
                break;
            }
        }
        messages.sort_by_key(|message| time_of(message));
        for twice in told_twice(&mut messages, taken.changed) {
            if let Some(count) = waiting.get_mut(&twice) {
                *count -= 1;
            }
        }
        let untold = probes.begin_books(&counted, &waiting)?;
        Ok(Backlog {
            messages,
            untold,
            rules: taken.rules,
        })
    }

    /// What the start says of it. `since`: when the recorder before wrote its last record.
    pub(super) fn kept(&self, since: u64) -> Kept {
        Kept {
            since,
            events: self.events(),
            untold: self.untold,
            until: self
                .messages
                .first()
                .map_or_else(|| clock::now().boot, |first| time_of(first)),
        }
    }

    /// Not what this process did itself: where services are looked at, so is the cgroup that it was
    /// started in, until somebody says that it is no agent's.
    fn events(&self) -> u64 {
        let is_own = |message: &[u8]| {
            let header = Header::read_from_prefix(message);
            header.is_ok_and(|(header, _)| header.tgid == std::process::id())
        };
        let events = self.messages.iter();
        let events = events.filter(|message| is_event(message) && !is_own(message));
        events.count() as u64
    }

    /// Processes that were born meanwhile: their parents tell of them.
    fn born(&self) -> HashSet<ProcessKey> {
        let born = self.messages.iter().filter_map(|message| {
            let (header, rest) = Header::read_from_prefix(message).ok()?;
            if header.kind != Kind::Fork as u16 {
                return None;
            }
            let (body, _) = Fork::read_from_prefix(rest).ok()?;
            Some(ProcessKey::new(body.child, body.child_start))
        });
        born.collect()
    }

    /// Processes that executed another program meanwhile: what /proc says of them now was not so before.
    fn executed(&self) -> HashSet<ProcessKey> {
        let headers = self.messages.iter().filter_map(|message| {
            let (header, _) = Header::read_from_prefix(message).ok()?;
            (header.kind == Kind::Exec as u16).then_some(header)
        });
        headers
            .map(|header| ProcessKey::new(header.tgid, header.start))
            .collect()
    }

    /// The sessions that processes acted for.
    fn sessions(&self) -> HashMap<ProcessKey, u64> {
        let headers = self.messages.iter().filter_map(|message| {
            let (header, _) = Header::read_from_prefix(message).ok()?;
            (header.session != 0).then_some(header)
        });
        headers
            .map(|header| (ProcessKey::new(header.tgid, header.start), header.session))
            .collect()
    }

    /// Whether a program was bound by a number that means another rule by now.
    fn is_bound_otherwise(&self, message: &[u8], rules: u32) -> bool {
        let Ok((header, rest)) = Header::read_from_prefix(message) else {
            return false;
        };
        self.rules != rules
            && header.kind == Kind::Exec as u16
            && Exec::read_from_prefix(rest).is_ok_and(|(body, _)| body.bound != 0)
    }
}

impl Hands {
    /// Learns from the kernel's tags which session each process of the recorder before belongs to.
    pub(super) fn recall(&mut self, backlog: &Backlog) {
        self.past.kept = true;
        self.core.begun.kept = Some(backlog.events());
        let tagged = self.probes.tagged();
        let of_tag = |(pid, tag): &(u32, Tag)| (ProcessKey::new(*pid, tag.start), tag.session);
        self.kept = backlog.sessions();
        self.kept.extend(tagged.iter().map(of_tag));
        // Also those whose processes have all ended since: what waits of them is told as theirs.
        let launched = self.kept.values().filter(|key| *key & LAUNCHED != 0);
        self.launched = launched.map(|key| key & !LAUNCHED).max().unwrap_or(0);
    }

    /// Makes the processes of the recorder before known: with what /proc says, where that was so then; of
    /// others only that they were there, so that their sessions do not end before they do. Gives them.
    fn learn_kept(&mut self, backlog: &Backlog) -> anyhow::Result<Vec<(ProcessKey, u64)>> {
        let (born, executed) = (backlog.born(), backlog.executed());
        let mut kept: Vec<_> = self
            .kept
            .iter()
            .map(|(key, session)| (*key, *session))
            .collect();
        kept.retain(|(process, _)| !born.contains(process));
        kept.sort_unstable();
        for (process, session) in kept.iter().copied() {
            if executed.contains(&process) || !self.look_up(process, session)? {
                self.core.feed(Input::Process(Box::new(ProcessFacts {
                    pid: process.pid,
                    start: process.start,
                    session,
                    ..ProcessFacts::default()
                })))?;
            }
        }
        Ok(kept)
    }

    /// Those whose end nobody has told: the recorder before read it, and did not live to write it.
    fn end_kept(&mut self, kept: &[(ProcessKey, u64)]) -> anyhow::Result<()> {
        let at = clock::now().boot;
        for (key, session) in kept.iter().copied() {
            if !facts::is_alive(key.pid, key.start) {
                self.core.feed(Input::Gone { at, key, session })?;
            }
        }
        Ok(())
    }

    /// Sessions whose recorder has ended with them: nobody will know what their keys mean.
    fn untag_orphans(&mut self, watch: &Watch) -> anyhow::Result<()> {
        let tagged = self.probes.tagged();
        let launched = tagged.iter().map(|(_, tag)| tag.session);
        let unknown = launched
            .filter(|session| session & LAUNCHED != 0 && !self.core.pipeline.knows(*session));
        for session in unknown.collect::<BTreeSet<_>>() {
            let untagged = self.untag_session(session);
            self.tag_again(watch, untagged)?;
        }
        Ok(())
    }
}

impl Live {
    /// Tells what waited, as it would have been told then.
    pub(super) fn tell_backlog(&mut self, backlog: &Backlog) -> anyhow::Result<()> {
        let kept = self.hands.learn_kept(backlog)?;
        let now = clock::now();
        let rules = self.watch.bound.meaning();
        let mut told = 0;
        let mut hashes = Hashes::new(&self.hands.core);
        for message in &backlog.messages {
            let time = time_of(message).min(now.boot);
            if time >= told + STEP {
                told = time;
                hashes.await_until(time, &mut self.hands.core)?;
                self.hands.core.feed(Input::Clock(Clock {
                    boot: time,
                    wall: now.wall - (now.boot - time),
                }))?;
                self.hands.core.take_hashes()?;
                while self.hands.core.journal.is_crowded() {
                    std::thread::sleep(CROWDED);
                }
            }
            if backlog.is_bound_otherwise(message, rules) {
                self.hands.events += 1;
                self.hands.core.feed(Input::Message {
                    bytes: message.into(),
                })?;
                continue;
            }
            self.hands.message(&mut self.watch, message);
            if let Some(error) = self.hands.failed.take() {
                return Err(error);
            }
        }
        hashes.await_all(&mut self.hands.core)?;
        self.hands.kept.clear();
        self.hands.end_kept(&kept)?;
        self.hands.end_unoccupied()?;
        self.hands.end_leaving(&self.watch)?;
        self.hands.untag_orphans(&self.watch)
    }
}

impl Hands {
    /// Sessions that went on, whose processes have all ended while nobody read.
    fn end_unoccupied(&mut self) -> anyhow::Result<()> {
        let at = clock::now().boot;
        let tagged = self.probes.tagged();
        let occupied: HashSet<u64> = tagged.iter().map(|(_, tag)| tag.session).collect();
        for key in std::mem::take(&mut self.resumed) {
            if !occupied.contains(&key) {
                self.core.feed(Input::SessionOver {
                    at,
                    key,
                    dropped: false,
                    why: None,
                })?;
            }
        }
        Ok(())
    }
}

/// Takes out what both generations of programs have told, and gives its hooks: where the change fell between
/// the two programs at one hook, the same event came twice, from one thread and with nothing of that thread
/// between. `messages` are in order.
fn told_twice(messages: &mut Vec<Vec<u8>>, (from, until): (u64, u64)) -> Vec<u16> {
    let mut last: HashMap<u32, usize> = HashMap::new();
    let mut twice = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let Ok((header, _)) = Header::read_from_prefix(message) else {
            continue;
        };
        let near = header.time + TOGETHER >= from && header.time <= until + TOGETHER;
        if !near || !is_event(message) {
            continue;
        }
        let before = last
            .insert(header.tid, place)
            .map(|before| &messages[before]);
        let is_twice = before.is_some_and(|before| {
            time_of(before) <= until && header.time >= from && is_same(before, message)
        });
        if is_twice {
            twice.push((header.tid, header.time, header.hook));
        }
    }
    let is_one = |message: &[u8]| {
        let header = Header::read_from_prefix(message).map(|(header, _)| (header.tid, header.time));
        header.is_ok_and(|(tid, time)| twice.iter().any(|one| (one.0, one.1) == (tid, time)))
    };
    // With the parts that came ahead of it.
    messages.retain(|message| !is_one(message));
    twice.into_iter().map(|(.., hook)| hook).collect()
}

/// Whether two messages differ in nothing but their times.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one.len() >= TIME.end
        && one[..TIME.start] == other[..TIME.start]
        && one[TIME.end..] == other[TIME.end..]
}

/// The hook of an event; parts of events are not counted by themselves.
fn hook_of(message: &[u8]) -> Option<u16> {
    let (header, _) = Header::read_from_prefix(message).ok()?;
    is_event(message).then_some(header.hook)
}

/// When it happened, boot clock, ns. What is no message has no time, and is told first.
fn time_of(message: &[u8]) -> u64 {
    Header::read_from_prefix(message).map_or(0, |(header, _)| header.time)
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;

    fn message(tid: u32, time: u64, hook: u16) -> Vec<u8> {
        let header = Header {
            kind: Kind::Open as u16,
            hook,
            tid,
            time,
            ..Header::default()
        };
        header.as_bytes().to_vec()
    }

    #[test]
    fn what_the_new_recorder_did_itself_is_not_counted() {
        let of = |tgid| {
            let header = Header {
                kind: Kind::Open as u16,
                tgid,
                ..Header::default()
            };
            header.as_bytes().to_vec()
        };
        let own = std::process::id();
        let backlog = Backlog {
            messages: vec![of(own), of(own + 1), of(own)],
            ..Backlog::default()
        };
        assert_eq!(backlog.events(), 1);
    }

    #[test]
    fn what_two_generations_told_is_told_once() {
        let mut messages = vec![message(7, 90, 3), message(8, 95, 3), message(7, 110, 3)];
        assert_eq!(told_twice(&mut messages, (100, 105)), [3]);
        assert_eq!(messages, [message(7, 90, 3), message(8, 95, 3)]);
    }

    #[test]
    fn what_a_thread_did_twice_is_told_twice() {
        // Both before the change; with another one between; another thread's; of another hook.
        for messages in [
            [message(7, 80, 3), message(7, 90, 3), message(8, 110, 3)],
            [message(7, 90, 3), message(7, 95, 4), message(7, 110, 3)],
            [message(7, 90, 3), message(8, 110, 3), message(9, 111, 3)],
            [message(7, 90, 3), message(8, 95, 3), message(7, 110, 4)],
        ] {
            let mut left = messages.to_vec();
            assert_eq!(told_twice(&mut left, (100, 105)), [0; 0]);
            assert_eq!(left, messages);
        }
    }
}
