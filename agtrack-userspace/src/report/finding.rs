//! What somebody should look at: what `agtrack run` and `agtrack tail` point out, in one list.

use std::collections::{HashMap, HashSet};

use super::attempt::{self, Attempts, Deed};
use super::bounds::{CALLS, FINDINGS};
use super::call;
use super::model::{Capped, Finding, ProcessDone, Step, Weight};
use crate::deed::sets_user_id;
use crate::record::{Action, Effects, Handoff, Item, Object, Record, Tamper, Text};
use crate::run::summary::contact;

/// Gathers what is seen on the way.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Capped<Finding>,
    deeds: Attempts,
    /// Files that were made to run as another.
    modes: HashSet<Text>,
    /// Records of the last deed that were not told.
    more: u64,
}

/// What attempts on the recorder begin with.
const TAMPER: &str = "tamper: ";

impl Finding {
    /// Whether somebody reached for the recorder.
    pub(super) fn is_tamper(&self) -> bool {
        self.what.starts_with(TAMPER)
    }
}

impl Findings {
    /// Somebody reached for the recorder.
    pub(super) fn tamper(&mut self, tamper: &Tamper, record: &Record, calls: Vec<u64>) {
        // What one editor does to save one file is one deed.
        if tamper.expected {
            return;
        }
        if self
            .deeds
            .goes_on(Deed::of(tamper).as_ref(), record.boot_time)
        {
            return self.more();
        }
        self.more = 0;
        let count = match tamper.completeness.count {
            0 | 1 => String::new(),
            count => format!(", {count} times"),
        };
        self.push(Finding {
            weight: attempt::weight(tamper),
            what: format!("{TAMPER}{}", tamper.action),
            name: reached(&tamper.object),
            detail: format!("{}{count}", tamper.who()),
            time: Some(record.time.clone()),
            seq: Some(record.seq),
            calls,
        });
    }

    /// One more record of the deed that was told last.
    fn more(&mut self) {
        self.more += 1;
        let mut found = self.found.items.iter_mut().rev();
        if let Some(told) = found.find(|finding| finding.is_tamper()) {
            let one = format!(", with {} more changes", self.more - 1);
            let detail = told.detail.strip_suffix(&one).unwrap_or(&told.detail);
            told.detail = format!("{detail}, with {} more changes", self.more);
        }
    }

    /// Somebody was reached who acts on the agent's account.
    pub(super) fn handoff(&mut self, handoff: &Handoff, record: &Record, call: u64) {
        let exe = handoff.process.exe.as_ref();
        let exe = exe.map_or("?".into(), Text::escaped);
        let caveat = handoff.caveat();
        let (can, pid) = (&handoff.can, handoff.process.pid);
        self.push(Finding {
            weight: Weight::Warning,
            what: format!("handoff: {}", handoff.channel),
            name: handoff.reached.clone(),
            detail: format!("{can}, reached by {exe} [{pid}]{caveat}"),
            time: Some(record.time.clone()),
            seq: Some(record.seq),
            calls: vec![call],
        });
    }

    /// A file was made to run as another user or group.
    pub(super) fn mode(&mut self, action: &Action, record: &Record, call: u64) {
        let Some((path, mode)) = sets_user_id(action) else {
            return;
        };
        if self.modes.len() < FINDINGS && self.modes.insert(path.clone()) {
            self.push(Finding {
                weight: Weight::Warning,
                what: "set-user-id".to_owned(),
                name: path.clone(),
                detail: format!("mode {mode}"),
                time: Some(record.time.clone()),
                seq: Some(record.seq),
                calls: vec![call],
            });
        }
    }

    fn push(&mut self, finding: Finding) {
        self.found.push(finding, FINDINGS);
    }

    /// All, the gravest first.
    pub(super) fn finish(
        mut self,
        effects: &Effects,
        steps: &[Step],
        processes: &[ProcessDone],
    ) -> Capped<Finding> {
        self.effects(effects, steps);
        for process in processes.iter().filter(|process| !process.marks.is_empty()) {
            self.push(Finding {
                weight: Weight::Warning,
                what: "program".to_owned(),
                name: process.exe.clone().unwrap_or_default(),
                detail: format!("{} [{}]", process.marks.join(", "), process.pid),
                time: None,
                seq: None,
                calls: vec![process.call.unwrap_or(0)],
            });
        }
        self.found.items.sort_by_key(|finding| finding.weight);
        self.found
    }

    fn effects(&mut self, effects: &Effects, steps: &[Step]) {
        let lists = [
            ("credential", &effects.credentials, of_credentials as Of),
            ("refused", &effects.refused, of_refused),
            ("killed", &effects.killed, of_killed),
        ];
        for (what, list, of) in lists {
            let mut calls: HashMap<&Text, Vec<u64>> = HashMap::new();
            for (number, effects) in call::effects(steps) {
                for item in of(effects) {
                    let calls = calls.entry(&item.name).or_default();
                    if calls.len() < CALLS && !calls.contains(&number) {
                        calls.push(number);
                    }
                }
            }
            for item in &list.items {
                let calls = calls.get(&item.name).cloned().unwrap_or_default();
                self.push(told(what, item, calls));
            }
            let told = list.items.len() as u64;
            self.found.more += list.total.saturating_sub(told) + list.beyond;
        }
    }
}

type Of = fn(&Effects) -> &[Item];

fn of_credentials(effects: &Effects) -> &[Item] {
    &effects.credentials.items
}

fn of_refused(effects: &Effects) -> &[Item] {
    &effects.refused.items
}

fn of_killed(effects: &Effects) -> &[Item] {
    &effects.killed.items
}

fn told(what: &str, item: &Item, calls: Vec<u64>) -> Finding {
    let mut how: Vec<String> = Vec::new();
    if !item.what.is_empty() {
        how.push(item.what.clone());
    }
    how.extend(contact(&item.ways));
    if !item.by.0.is_empty() {
        how.push(format!("by {}", item.by.escaped()));
    }
    if item.count > 1 {
        how.push(format!("{} times", item.count));
    }
    Finding {
        weight: Weight::Warning,
        what: what.to_owned(),
        name: item.name.clone(),
        detail: how.join(", "),
        time: None,
        seq: None,
        calls,
    }
}

/// What of the recorder was reached for.
fn reached(object: &Object) -> Text {
    match object {
        Object::File { path, .. } | Object::Open { path, .. } => path.clone(),
        Object::Rename { from, .. } => from.clone(),
        Object::Request { request, .. } => Text::from(&**request),
        Object::Cgroup { cgroup, .. } => cgroup.clone(),
        _ => Text::default(),
    }
}
