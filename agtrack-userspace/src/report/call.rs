//! The timeline: tool calls, and what the main program did itself between them.

use std::collections::HashMap;

use super::bounds::{CALL_HOSTS, LISTED, LISTED_ALL, OPEN, STEPS};
use super::host;
use super::model::{Call, Capped, Direct, Step};
use super::process::first;
use super::scope::{Scope, is_notable, names};
use crate::record::{Action, Change, Effects, Shared, ToolCall, ToolCallChange};

/// Gathers calls and direct actions.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    steps: Capped<Step>,
    /// How many calls there are, told or not.
    pub(super) calls: u64,
    known: HashMap<String, Known>,
    direct: Option<(Direct, Scope)>,
    /// Calls whose effects are being gathered.
    open: usize,
    /// Names in all lists so far.
    listed: usize,
}

#[derive(Debug)]
struct Known {
    number: u64,
    /// Where in the steps; none where there was no room.
    place: Option<usize>,
    scope: Option<Box<Scope>>,
}

impl Timeline {
    /// The number of a call, from its first record on; 0 of the main program.
    pub(super) fn number(&self, call: Option<&Shared<ToolCall>>) -> u64 {
        call.and_then(|call| self.known.get(&call.id))
            .map_or(0, |known| known.number)
    }

    /// An action at `at` ns and `time`.
    pub(super) fn act(&mut self, action: &Action, at: u64, time: &str) {
        let Some(call) = &action.tool_call else {
            return self.direct(action, at, time);
        };
        if !self.known.contains_key(&call.id) {
            // Its begin is not on record.
            self.begin(Call {
                id: call.id.clone(),
                command: first(&call.command),
                pid: action.process.pid,
                cwd: action.process.cwd.clone(),
                time: time.to_owned(),
                at,
                ..Call::default()
            });
        }
        let Some(known) = self.known.get_mut(&call.id) else {
            return;
        };
        if let Some(scope) = &mut known.scope {
            scope.add(action);
        }
        if let Some(call) = known
            .place
            .and_then(|place| call_at(&mut self.steps, place))
        {
            call.actions += 1;
            // A connection may end, and be told, after the last process of its call.
            if known.scope.is_none() {
                host::merge(&mut call.hosts, action);
            }
        }
    }

    /// A call begins, goes on or ends.
    pub(super) fn change(&mut self, change: &ToolCallChange, at: u64, time: &str) {
        let id = &change.tool_call.id;
        if !self.known.contains_key(id) {
            self.begin(Call {
                id: id.clone(),
                command: first(&change.tool_call.command),
                pid: change.process.pid,
                cwd: change.process.cwd.clone(),
                time: time.to_owned(),
                at: at.saturating_sub(change.duration.unwrap_or(0)),
                ..Call::default()
            });
        }
        let ended = change.change == Change::End;
        let Some(known) = self.known.get_mut(id) else {
            return;
        };
        let Some(call) = known
            .place
            .and_then(|place| call_at(&mut self.steps, place))
        else {
            return;
        };
        call.class = change.class;
        call.duration = change.duration.or(call.duration);
        call.exit = change.exit.clone();
        call.processes = change.processes;
        call.ended = ended;
        call.child_sessions = change.child_sessions.clone();
        // What is counted anew tells less than what was told before.
        let is_anew = change.totals_since.is_some() || change.unseen.is_some();
        if known.scope.is_none() && !is_anew {
            call.effects = change.effects.clone().unwrap_or_default();
        }
        if let Some(scope) = known.scope.take_if(|_| ended) {
            self.open = self.open.saturating_sub(1);
            settle(call, *scope, &mut self.listed);
        }
    }

    fn begin(&mut self, mut call: Call) {
        self.finish_direct();
        self.calls += 1;
        call.number = self.calls;
        let place = (self.steps.items.len() < STEPS).then_some(self.steps.items.len());
        let has_room = self.open < OPEN && place.is_some();
        self.open += usize::from(has_room);
        let scope = has_room.then(|| Box::new(Scope::of_call(CALL_HOSTS)));
        // What is not told is not remembered either, but for the last of it.
        if place.is_none() {
            self.known.retain(|_, known| known.place.is_some());
        }
        let known = Known {
            number: call.number,
            place,
            scope,
        };
        self.known.insert(call.id.clone(), known);
        self.steps.push(Step::Call(Box::new(call)), STEPS);
    }

    fn direct(&mut self, action: &Action, at: u64, time: &str) {
        let (direct, scope) = self.direct.get_or_insert_with(|| {
            let direct = Direct {
                time: time.to_owned(),
                at,
                ..Direct::default()
            };
            (direct, Scope::of_call(CALL_HOSTS))
        });
        direct.actions += 1;
        direct.duration = at.saturating_sub(direct.at);
        scope.add(action);
    }

    fn finish_direct(&mut self) {
        let Some((mut direct, scope)) = self.direct.take() else {
            return;
        };
        let (effects, hosts) = scope.finish(room(self.listed));
        if is_notable(&effects) {
            self.listed += names(&effects);
            direct.effects = effects;
            direct.hosts = hosts;
            self.steps.push(Step::Direct(Box::new(direct)), STEPS);
        }
    }

    /// All steps, and how many calls there are.
    pub(super) fn finish(mut self) -> (Capped<Step>, u64) {
        self.finish_direct();
        for known in self.known.values_mut() {
            if let Some(scope) = known.scope.take()
                && let Some(call) = known
                    .place
                    .and_then(|place| call_at(&mut self.steps, place))
            {
                settle(call, *scope, &mut self.listed);
            }
        }
        (self.steps, self.calls)
    }
}

fn call_at(steps: &mut Capped<Step>, place: usize) -> Option<&mut Call> {
    match steps.items.get_mut(place)? {
        Step::Call(call) => Some(call),
        Step::Direct(_) => None,
    }
}

fn settle(call: &mut Call, scope: Scope, listed: &mut usize) {
    let (effects, hosts) = scope.finish(room(*listed));
    *listed += names(&effects);
    call.effects = effects;
    call.hosts = hosts;
}

/// How long a list may be.
fn room(listed: usize) -> usize {
    match listed < LISTED_ALL {
        true => LISTED,
        false => 0,
    }
}

/// Effects of each step, with the number of its call: 0 of the main program.
pub(super) fn effects(steps: &[Step]) -> impl Iterator<Item = (u64, &Effects)> {
    steps.iter().map(|step| match step {
        Step::Call(call) => (call.number, &call.effects),
        Step::Direct(direct) => (0, &direct.effects),
    })
}
