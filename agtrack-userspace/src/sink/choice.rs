//! Which records a sink is for, and which of their fields.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use serde_json::Value;

use super::batch::Head;
use super::settings::{RecordKind, Settings};

/// Which records a sink is for, and which of their fields.
#[derive(Debug)]
pub(super) struct Choice {
    kinds: Vec<&'static str>,
    actions: Option<GlobSet>,
    agents: Option<GlobSet>,
    drop: Vec<Vec<String>>,
}

impl Choice {
    /// # Errors
    /// A glob that is none; the configuration has none.
    pub(super) fn new(settings: &Settings) -> Result<Choice, globset::Error> {
        let parts = |field: &String| field.split('.').map(str::to_owned).collect();
        Ok(Choice {
            kinds: settings.kinds.iter().map(|kind| kind.name()).collect(),
            actions: globs(&settings.actions)?,
            agents: globs(&settings.agents)?,
            drop: settings.drop.iter().map(parts).collect(),
        })
    }

    /// Whether the sink is for this record.
    pub(super) fn takes(&self, head: &Head) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&head.kind.as_str());
        let action = match (&self.actions, &head.action) {
            (Some(globs), Some(action)) if head.kind == RecordKind::Action.name() => {
                globs.is_match(action)
            }
            _ => true,
        };
        let agent = match (&self.agents, &head.agent) {
            (Some(globs), Some(agent)) => globs.is_match(&agent.id),
            // Notes about the recorder say what is missing, whoever's it is.
            _ => true,
        };
        kind && action && agent
    }

    /// Whether records go as they are.
    pub(super) fn is_whole(&self) -> bool {
        self.drop.is_empty()
    }

    /// Takes out the fields that are not wanted.
    pub(super) fn trim(&self, record: &mut Value) {
        for field in &self.drop {
            take_out(record, field);
        }
    }
}

fn globs(patterns: &[String]) -> Result<Option<GlobSet>, globset::Error> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern)?);
    }
    set.build().map(Some)
}

/// A glob on ids, which are no paths: `*` is anything.
pub(crate) fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(false).build()
}

fn take_out(value: &mut Value, field: &[String]) {
    match value {
        Value::Object(members) => match field {
            [] => {}
            [last] => {
                members.remove(last);
            }
            [first, rest @ ..] => {
                if let Some(member) = members.get_mut(first) {
                    take_out(member, rest);
                }
            }
        },
        // Of each element.
        Value::Array(elements) => {
            for element in elements {
                take_out(element, field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn choice(keys: Value) -> Choice {
        let mut settings = json!({"name": "x", "type": "stdout"});
        let all = settings.as_object_mut().unwrap();
        all.extend(keys.as_object().unwrap().clone());
        Choice::new(&serde_json::from_value(settings).unwrap()).unwrap()
    }

    fn check(keys: Value, expect: [bool; 3]) {
        let choice = choice(keys.clone());
        let records = [
            json!({"kind": "action", "action": "net.connect", "agent": {"id": "spiffe://x/a"}}),
            json!({"kind": "action", "action": "file.open", "agent": {"id": "b"}}),
            json!({"kind": "gap", "action": "file.open", "agent": null}),
        ];
        let took = records.map(|mut record| {
            record["id"] = json!("log:1");
            record["time"] = json!("2026-11-22T21:03:11Z");
            choice.takes(&serde_json::from_value(record).unwrap())
        });
        assert_eq!(took, expect, "{keys}");
    }

    #[test]
    fn records_are_chosen_by_kind_action_and_agent() {
        check(json!({}), [true, true, true]);
        check(json!({"kinds": ["gap"]}), [false, false, true]);
        check(json!({"actions": ["net.*"]}), [true, false, true]);
        check(
            json!({"actions": ["net.*", "file.open"]}),
            [true, true, true],
        );
        check(json!({"agents": ["spiffe://*"]}), [true, false, true]);
        check(
            json!({"agents": ["b"], "kinds": ["action"], "actions": ["net.*"]}),
            [false, false, false],
        );
    }

    #[test]
    fn fields_are_taken_out_wherever_they_are() {
        let choice =
            choice(json!({"drop": ["process.ancestry", "list.inner", "gone.for.good", "id.x"]}));
        let mut record = json!({
            "id": "log:1",
            "process": {"pid": 1, "ancestry": [1, 2]},
            "list": [{"inner": 1, "other": 2}, 7],
        });
        choice.trim(&mut record);
        assert_eq!(
            record,
            json!({"id": "log:1", "process": {"pid": 1}, "list": [{"other": 2}, 7]})
        );
    }
}
