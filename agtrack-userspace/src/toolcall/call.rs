//! A call that runs: what is known of it so far.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::deed::Deeds;
use crate::input::LeftCall;
use crate::record::{
    Action, CallClass, CallExit, Change, OutcomeResult, Process, Shared, Text, ToolCall,
    ToolCallChange, UnseenCall, WhyOver,
};

/// Calls at a time whose effects are kept; it bounds memory.
const KEPT: usize = 256;
/// Names in each list of effects.
const LISTED: usize = 64;
/// Bytes of arguments that each action of a call repeats: some programs put 400 bytes of their own
/// before the command.
const REPEATED: usize = 1024;
/// When a call that still runs is told of first, and then again each time, ns.
const FIRST_REPORT: u64 = 60_000_000_000;
const REPORTS: u64 = 600_000_000_000;
/// What has been running for so long is a service, ns.
const LONG: u64 = 600_000_000_000;

/// How many calls have their effects kept.
#[derive(Debug, Default)]
pub(super) struct Kept(usize);

impl Kept {
    fn take(&mut self) -> bool {
        let has_room = self.0 < KEPT;
        self.0 += usize::from(has_room);
        has_room
    }

    /// The call is over.
    pub(super) fn give_back(&mut self, call: &Call) {
        if call.deeds.is_some() {
            self.0 = self.0.saturating_sub(1);
        }
    }
}

/// A call that runs.
#[derive(Debug)]
pub(super) struct Call {
    called: Shared<ToolCall>,
    class: CallClass,
    process: Shared<Process>,
    began: u64,
    exit: Option<CallExit>,
    processes: u64,
    running: u64,
    agents: Vec<Uuid>,
    actions: BTreeMap<String, u64>,
    deeds: Option<Box<Deeds>>,
    /// When it is told of next.
    due: u64,
    /// Since when it is counted what it does, if not from its begin.
    since: Option<u64>,
}

impl Call {
    /// Begins one with the program that `process` runs now.
    pub(super) fn new(
        command: &[Text],
        class: CallClass,
        process: &Shared<Process>,
        began: u64,
        kept: &mut Kept,
    ) -> Call {
        Call {
            called: Shared::new(ToolCall {
                id: process.uid.clone(),
                command: repeated(command),
            }),
            class,
            process: process.clone(),
            began,
            exit: None,
            processes: 1,
            running: 1,
            agents: Vec::new(),
            actions: BTreeMap::new(),
            deeds: kept.take().then(|| Box::new(Deeds::of_call())),
            due: began.saturating_add(FIRST_REPORT),
            since: None,
        }
    }

    /// One of a recorder before, whose last word it was.
    pub(super) fn resumed(left: LeftCall, time: u64, kept: &mut Kept) -> Call {
        Call {
            called: Shared::new(left.tool_call),
            class: left.class,
            process: Shared::new(left.process),
            began: left.began,
            exit: left.exit,
            processes: left.processes,
            running: left.running.len() as u64,
            agents: Vec::new(),
            actions: BTreeMap::new(),
            deeds: kept.take().then(|| Box::new(Deeds::of_call())),
            due: time.saturating_add(FIRST_REPORT),
            since: Some(time),
        }
    }

    /// What its actions carry.
    pub(super) fn called(&self) -> Shared<ToolCall> {
        self.called.clone()
    }

    /// One of its processes did something. Gives what the action is to carry.
    pub(super) fn add(&mut self, action: &Action) -> Shared<ToolCall> {
        match self.actions.get_mut(&action.action) {
            Some(count) => *count += action.completeness.count,
            None => {
                let count = action.completeness.count;
                self.actions.insert(action.action.clone(), count);
            }
        }
        if let Some(deeds) = &mut self.deeds {
            deeds.add(action);
        }
        let listens =
            action.action == "net.listen" && action.outcome.result == OutcomeResult::Success;
        if listens && self.class == CallClass::Tool {
            self.class = CallClass::Service;
        }
        self.called()
    }

    /// An agent was started in it.
    pub(super) fn start_agent(&mut self, session: Uuid) {
        if self.agents.len() < LISTED {
            self.agents.push(session);
        }
    }

    /// One more process is part of it.
    pub(super) fn grow(&mut self) {
        self.processes += 1;
        self.running += 1;
    }

    /// One of its processes has ended. True: it was the last.
    pub(super) fn shrink(&mut self, uid: &str, exit: Option<CallExit>) -> bool {
        if uid == self.called.id {
            self.exit = exit;
        }
        self.running = self.running.saturating_sub(1);
        self.running == 0
    }

    /// Calls are told in the order in which they began.
    pub(super) fn order(&self) -> (u64, String) {
        (self.began, self.called.id.clone())
    }

    pub(super) fn is_due(&self, boot: u64) -> bool {
        self.due <= boot
    }

    /// How far it has come.
    pub(super) fn report(&mut self, boot: u64) -> ToolCallChange {
        self.due = boot.saturating_add(REPORTS);
        if self.class == CallClass::Tool && boot.saturating_sub(self.began) >= LONG {
            self.class = CallClass::Service;
        }
        self.tell(Change::Report, boot)
    }

    pub(super) fn tell(&self, change: Change, time: u64) -> ToolCallChange {
        let begins = matches!(change, Change::Start | Change::Resume);
        let deeds = self.deeds.as_ref().filter(|_| !begins);
        ToolCallChange {
            change,
            tool_call: self.called.clone(),
            class: self.class,
            process: self.process.clone(),
            duration: (change != Change::Start).then(|| time.saturating_sub(self.began)),
            exit: self.exit.clone(),
            processes: self.processes,
            running: self.running,
            child_sessions: self.agents.clone(),
            still_running: Vec::new(),
            totals_since: self.since,
            unseen: None,
            actions: self.actions.clone(),
            effects: deeds.map(|deeds| deeds.effects(LISTED)),
        }
    }
}

/// The end, that no recorder saw, of one that a recorder before has left.
pub(super) fn over(left: LeftCall, why: WhyOver) -> ToolCallChange {
    ToolCallChange {
        change: Change::End,
        tool_call: Shared::new(left.tool_call),
        class: left.class,
        process: Shared::new(left.process),
        duration: None,
        exit: left.exit,
        processes: left.processes,
        running: 0,
        child_sessions: Vec::new(),
        still_running: Vec::new(),
        totals_since: None,
        unseen: Some(UnseenCall { why }),
        actions: BTreeMap::new(),
        effects: None,
    }
}

/// As many arguments as are repeated; the last one may be cut.
fn repeated(command: &[Text]) -> Vec<Text> {
    let mut left = REPEATED;
    let mut kept = Vec::new();
    for word in command {
        if left == 0 {
            break;
        }
        let bytes = word.0.get(..left).unwrap_or(&word.0);
        left = left.saturating_sub(bytes.len().max(1));
        kept.push(Text(bytes.to_vec()));
    }
    kept
}
