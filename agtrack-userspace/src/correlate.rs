//! Events become actions.
//!
//! In: [`Known`] events. Out: [`Done`]: an action with its result. Where the result is seen by
//! another hook than the operation itself, the two are brought together here; an operation whose
//! result is never seen is an action with the outcome `unknown`, not `success`.

mod content;
mod domains;
mod names;
mod object;
mod outcome;
mod pending;
mod requests;
pub mod tamper;
#[cfg(test)]
mod tests;

use agtrack_common::event::{Kind, Payload, Uring, uring_flag};
use agtrack_common::wire::{RET_UNKNOWN, path_flag};

use crate::decode::What;
use crate::enrich::Known;
use crate::record::{Action, Agent, OUTSIDER, Shared};

/// An action, ready for policy, redaction and the journal.
#[derive(Clone, Debug)]
pub struct Done {
    /// When it happened, boot clock, ns.
    pub time: u64,
    /// On whose account.
    pub agent: Shared<Agent>,
    /// Session key.
    pub session: u64,
    /// It opened a file for reading that its process could not have written.
    pub unwritable: bool,
    /// What was done.
    pub action: Action,
}

/// Brings operations and results together.
#[derive(Debug, Default)]
pub struct Correlator {
    pending: pending::Pending,
    requests: requests::Requests,
    names: names::Names,
    contents: content::Contents,
}

impl Correlator {
    /// Takes the next event and appends the actions that are complete now.
    pub fn push(&mut self, known: Known, done: &mut Vec<Done>) {
        let before = done.len();
        self.bring_together(known, done);
        self.contents
            .name(done.get_mut(before..).unwrap_or_default());
    }

    fn bring_together(&mut self, known: Known, done: &mut Vec<Done>) {
        match known.event.what {
            What::Ended(ended) if ended.kind == Kind::Uring as u32 => {
                let begun = self.requests.take(requests::key(&ended));
                done.extend(begun.map(|begun| finish(begun, ended.ret)));
            }
            What::Ended(ended) => {
                let begun = self.pending.take(known.event.header.tid, ended.kind as u16);
                if let Some(mut begun) = begun {
                    add_flags(&mut begun, ended.flags);
                    done.push(finish(begun, ended.ret));
                }
            }
            What::Happened(payload) => self.happened(known, payload, done),
        }
    }

    /// Gives up waiting for results of what began long before `boot`.
    pub fn give_up(&mut self, boot: u64, done: &mut Vec<Done>) {
        let before = done.len();
        done.extend(self.pending.before(boot).into_iter().map(unknown));
        done.extend(self.requests.before(boot).into_iter().map(unknown));
        self.contents.give_up(boot, done);
        self.contents
            .name(done.get_mut(before..).unwrap_or_default());
    }

    /// A process of a session is gone, or the session itself, and no event told it: nothing more comes of
    /// what it was in the midst of.
    pub fn gone(&mut self, process: Option<u32>, session: u64, done: &mut Vec<Done>) {
        let before = done.len();
        self.contents.ended(process, session, done);
        self.contents
            .name(done.get_mut(before..).unwrap_or_default());
    }

    fn happened(&mut self, known: Known, payload: Payload, done: &mut Vec<Done>) {
        if let Payload::Uring(body) = payload {
            return self.requested(known, &body, done);
        }
        if let Payload::Excerpt(body) = payload {
            return self.contents.take(known, &body, done);
        }
        if let Payload::Open(body) = &payload {
            self.names.opened(&known, body);
        }
        let (tid, kind) = (known.event.header.tid, payload.kind());
        match result_of(&payload) {
            Some(RET_UNKNOWN) => {
                let mirrored = kind == Kind::Rename
                    && self
                        .pending
                        .get(tid)
                        .is_some_and(|before| is_mirrored(before, &known));
                let before = self.pending.put(known);
                if !mirrored {
                    done.extend(before.map(unknown));
                }
            }
            Some(ret) => match self.pending.take(tid, kind as u16) {
                Some(mut begun)
                    if is_same(&begun, &known) && !self.requests.may_be_meant(&known) =>
                {
                    if let Payload::Rename(body) = payload {
                        add_flags(&mut begun, body.flags);
                    }
                    done.push(finish(begun, ret));
                }
                other => {
                    done.extend(other.map(unknown));
                    done.push(finish(known, ret));
                }
            },
            None => {
                if kind == Kind::Exit {
                    let ended = known.event.header.tgid;
                    done.extend(self.pending.of_process(ended).into_iter().map(unknown));
                    done.extend(self.requests.of_process(ended).into_iter().map(unknown));
                    self.contents.ended(Some(ended), known.session, done);
                }
                // A datagram may still be refused on its way out.
                done.push(if kind == Kind::Send {
                    unknown(known)
                } else {
                    finish(known, 0)
                });
                if let (Payload::Close(body), Some(told)) = (&payload, done.last_mut()) {
                    self.names.closed(body, &mut told.action.object);
                }
            }
        }
    }

    /// A request to io_uring: another thread may see how it ends.
    fn requested(&mut self, known: Known, body: &Uring, done: &mut Vec<Done>) {
        self.requests.saw(&known, body);
        let before = if body.flags & uring_flag::AWAITED == 0 {
            Some(known)
        } else {
            self.requests.put(body.request, known)
        };
        done.extend(before.map(unknown));
    }
}

/// The result in a body; `None` for events that cannot fail.
fn result_of(payload: &Payload) -> Option<i32> {
    match payload {
        Payload::Open(body) => Some(body.ret),
        Payload::Unlink(body) => Some(body.ret),
        Payload::Rename(body) => Some(body.ret),
        Payload::Change(_, body) => Some(body.ret),
        Payload::Call(_, body) => Some(body.ret),
        Payload::Endpoint(_, body) => Some(body.ret),
        Payload::SetId(body) => Some(body.ret),
        Payload::ExecFailed(body) => Some(body.ret),
        Payload::Connect(body) => Some(body.ret),
        Payload::Flow(body) => Some(body.ret),
        Payload::Fork(_)
        | Payload::Exec(_)
        | Payload::Exit(_)
        | Payload::Signal(_)
        | Payload::Peer(..)
        | Payload::Close(_)
        | Payload::Uring(_)
        | Payload::Excerpt(_)
        | Payload::Tamper(..)
        | Payload::CgroupCreate(_)
        | Payload::CgroupAttach(_)
        | Payload::CgroupRemove(_) => None,
    }
}

/// Until 5.18 the kernel asks twice about an exchange of two names, once each way
/// (security/security.c, `security_path_rename`): both are one operation.
fn is_mirrored(before: &Known, after: &Known) -> bool {
    let [from, to] = &object::paths(before)[..] else {
        return false;
    };
    object::paths(after) == [&to[..], &from[..]]
}

/// Flags that only the hook at the end of the operation sees.
fn add_flags(begun: &mut Known, flags: u32) {
    if let What::Happened(Payload::Rename(body)) = &mut begun.event.what {
        body.flags |= flags;
    }
}

/// Whether a full report with a result is about the operation that was announced before. Where the
/// kernel skipped the hook that reports results, the announcement is an older one; then they differ
/// in what they are about.
///
/// The announcement has the kernel's own path and the report the one that was asked for: links on
/// the way make them differ, but never in the name itself, which unlink and rename do not follow.
fn is_same(begun: &Known, ended: &Known) -> bool {
    let (What::Happened(before), What::Happened(after)) = (&begun.event.what, &ended.event.what)
    else {
        return false;
    };
    match (before, after) {
        (Payload::Connect(before), Payload::Connect(after)) => before.family == after.family,
        (Payload::Open(_), Payload::Open(_)) => object::paths(begun) == object::paths(ended),
        _ => names(&object::paths(begun)) == names(&object::paths(ended)),
    }
}

/// The last component of each path.
fn names(paths: &[Vec<u8>]) -> Vec<&[u8]> {
    paths
        .iter()
        .filter_map(|path| path.rsplit(|byte| *byte == b'/').next())
        .collect()
}

fn finish(known: Known, ret: i32) -> Done {
    complete(known, Some(ret))
}

fn unknown(known: Known) -> Done {
    complete(known, None)
}

fn complete(known: Known, ret: Option<i32>) -> Done {
    let time = known.event.header.time;
    let (agent, session) = (known.agent.clone(), known.session);
    let outcome = outcome::outcome(&known, ret);
    let unwritable = is_unwritable(&known);
    let (object, mut completeness) = object::object(&known);
    if known.is_outsiders() {
        completeness.notes.push(OUTSIDER.to_owned());
    }
    let action = Action {
        tool_call: None,
        action: object::name(&known).to_owned(),
        process: known.process,
        object,
        outcome,
        decision: None,
        effect: None,
        maps: Vec::new(),
        redacted: Vec::new(),
        completeness,
    };
    Done {
        time,
        agent,
        session,
        unwritable,
        action,
    }
}

fn is_unwritable(known: &Known) -> bool {
    match &known.event.what {
        What::Happened(Payload::Open(body)) => body.path.flags & path_flag::UNWRITABLE != 0,
        What::Happened(_) | What::Ended(_) => false,
    }
}
