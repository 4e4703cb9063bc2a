//! Channels that were reached a moment ago, and whose result a new cgroup is.

use std::collections::{BTreeMap, HashMap, VecDeque};

use uuid::Uuid;

use super::result::{Appeared, Gives, Kind, Whose};
use super::{Channel, Reached};
use crate::record::{Action, Agent, MatchedBy, Origin, Process, Shared, Text, ToolCall};

/// So long after a channel was reached its results are looked for, ns.
pub(super) const WINDOW: u64 = 10_000_000_000;
/// So much later it may be asked whose result it is, ns: of a container first its runtime is.
const LATE: u64 = 6_000_000_000;
/// Channels that are kept of a session; the oldest goes first.
const EACH: usize = 64;
/// Sessions that reached one within the window; what more did has no results.
const SESSIONS: usize = 1024;
/// Kinds of places that are looked at: users are many.
const PLACES: usize = 64;

/// A channel that was reached.
#[derive(Debug)]
struct Open {
    at: u64,
    channel: &'static Channel,
    gives: Gives,
    by_name_only: bool,
    whose: Whose,
    agent: Shared<Agent>,
    reached: Text,
    process: Shared<Process>,
    tool_call: Option<Shared<ToolCall>>,
}

/// Whose result a cgroup is.
#[derive(Debug)]
pub enum Claim {
    /// Nobody asked for it, as far as is known.
    Nobody,
    /// This session did.
    One(Box<Asked>),
    /// Each of these may have.
    Several(Vec<Shared<Agent>>),
}

/// A handoff whose result is there.
#[derive(Debug)]
pub struct Asked {
    /// Who asked.
    pub agent: Shared<Agent>,
    /// In which call.
    pub tool_call: Option<Shared<ToolCall>>,
    /// How it was found.
    pub origin: Origin,
}

/// All of the last few seconds.
#[derive(Debug, Default)]
pub(super) struct Opened {
    sessions: HashMap<Uuid, VecDeque<Open>>,
    /// Where results may appear, and until when.
    places: BTreeMap<(Kind, Whose), u64>,
    /// Changes with the places.
    version: u64,
}

impl Opened {
    /// A channel was reached.
    pub(super) fn put(
        &mut self,
        reached: &Reached<'_>,
        (at, agent): (u64, &Shared<Agent>),
        action: &Action,
    ) {
        let Some(kind) = reached.gives.kind() else {
            return;
        };
        let has_room = self.sessions.len() < SESSIONS || self.sessions.contains_key(&agent.session);
        if !has_room {
            return;
        }
        let whose = Whose::at(&reached.path.0);
        if !reached.by_name_only() {
            self.expect((kind, whose), at);
        }
        let own = self.sessions.entry(agent.session).or_default();
        let is_same = |open: &Open| {
            open.process.uid == action.process.uid
                && std::ptr::eq(open.channel, reached.channel)
                && open.reached == *reached.path
        };
        own.retain(|open| !is_same(open));
        if own.len() >= EACH {
            own.pop_front();
        }
        own.push_back(Open {
            at,
            channel: reached.channel,
            gives: reached.gives,
            by_name_only: reached.by_name_only(),
            whose,
            agent: agent.clone(),
            reached: reached.path.clone(),
            process: action.process.clone(),
            tool_call: action.tool_call.clone(),
        });
    }

    fn expect(&mut self, place: (Kind, Whose), at: u64) {
        let until = at.saturating_add(WINDOW);
        if let Some(known) = self.places.get_mut(&place) {
            *known = until.max(*known);
        } else if self.places.len() < PLACES {
            self.places.insert(place, until);
            self.version += 1;
        }
    }

    /// Forgets what is too long ago.
    pub(super) fn tick(&mut self, boot: u64) {
        let before = self.places.len();
        self.places.retain(|_, until| *until >= boot);
        self.version += u64::from(before != self.places.len());
        let since = boot.saturating_sub(WINDOW + LATE);
        self.sessions.retain(|_, own| {
            own.retain(|open| open.at >= since);
            !own.is_empty()
        });
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn expects(&self, parent: &[u8]) -> bool {
        let mut places = self.places.keys();
        places.any(|(kind, whose)| whose.expects(*kind, parent))
    }

    /// Whose result the cgroup at a path is, which was made at `at`.
    pub(super) fn claim(&self, path: &[u8], at: u64) -> Claim {
        let Some(appeared) = Appeared::new(path) else {
            return Claim::Nobody;
        };
        let all = self.sessions.values().flatten();
        let recent: Vec<_> = all
            .filter(|open| open.at <= at && at - open.at <= WINDOW)
            .collect();
        let named: Vec<_> = recent
            .iter()
            .copied()
            .filter(|open| open.names(&appeared) && open.gave(&appeared, true))
            .collect();
        if !named.is_empty() {
            return claimed(named, MatchedBy::Name);
        }
        let by_time = recent
            .into_iter()
            .filter(|open| !open.by_name_only && open.gave(&appeared, false));
        claimed(by_time.collect(), MatchedBy::Time)
    }
}

impl Open {
    fn gave(&self, appeared: &Appeared<'_>, by_name: bool) -> bool {
        appeared.is_of(self.gives, self.whose, by_name)
    }

    /// Whether what was called says the name.
    fn names(&self, appeared: &Appeared<'_>) -> bool {
        let args = self.process.args.iter();
        let call = self.tool_call.iter().flat_map(|call| &call.command);
        let file = self.by_name_only.then_some(&self.reached);
        let mut words = args.chain(call).chain(file);
        words.any(|word| appeared.is_named_in(&word.0))
    }
}

fn claimed(mut open: Vec<&Open>, matched_by: MatchedBy) -> Claim {
    open.sort_by_key(|open| (open.at, &open.process.uid));
    let Some(last) = open.last().copied() else {
        return Claim::Nobody;
    };
    let mut agents: Vec<_> = open.iter().map(|open| open.agent.clone()).collect();
    agents.sort_by_key(|agent| agent.session);
    agents.dedup_by_key(|agent| agent.session);
    if agents.len() > 1 {
        return Claim::Several(agents);
    }
    Claim::One(Box::new(Asked {
        agent: last.agent.clone(),
        tool_call: last.tool_call.clone(),
        origin: Origin {
            channel: last.channel.name.to_owned(),
            matched_by,
            reached: last.reached.clone(),
            process_uid: last.process.uid.clone(),
            reached_at: last.at,
        },
    }))
}
