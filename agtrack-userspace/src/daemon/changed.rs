//! What is another in a new configuration: names, no values.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::record::ConfigChange;

/// Names in each list of a record.
const LISTED: usize = 64;

type Keys = Map<String, Value>;

/// The difference between what was in force and what is.
pub(super) fn changed(old: &Config, new: &Config) -> ConfigChange {
    let mut change = ConfigChange::default();
    let (mut keys, agents) = (
        BTreeSet::new(),
        [named(&old.agents, "id"), named(&new.agents, "id")],
    );
    let [before, after] = &agents;
    for (id, now) in after {
        match before.get(id) {
            None => change.agents_added.push(id.clone()),
            Some(then) if then != now => {
                change.agents_changed.push(id.clone());
                add(&mut keys, &format!("agents.{id}"), then, now);
            }
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|id| !after.contains_key(*id));
    change.agents_removed = gone.cloned().collect();
    let [before, after] = [named(&old.sinks, "name"), named(&new.sinks, "name")];
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(then), Some(now)) => add(&mut keys, &format!("sinks.{name}"), then, now),
            _ => drop(keys.insert(format!("sinks.{name}"))),
        }
    }
    for (table, then, now) in [
        ("journal", table(&old.journal), table(&new.journal)),
        ("capture", table(&old.capture), table(&new.capture)),
        ("control", table(&old.control), table(&new.control)),
    ] {
        add(&mut keys, table, &then, &now);
    }
    change.keys = keys.into_iter().collect();
    bound(change)
}

/// What is recorded as the configuration in force must be in force as a whole.
pub(super) fn check_reloadable(old: &Config, new: &Config) -> anyhow::Result<()> {
    let tables = [
        ("[journal]", old.journal == new.journal),
        ("[capture]", old.capture == new.capture),
        ("[control]", old.control == new.control),
        ("[metrics]", old.metrics == new.metrics),
    ];
    let changed: Vec<_> = tables
        .iter()
        .filter(|(_, is_same)| !is_same)
        .map(|(table, _)| *table)
        .collect();
    let have = match changed.len() {
        0 => return Ok(()),
        1 => "has",
        _ => "have",
    };
    bail!(
        "{} {have} changed, which only a restart can put in force: `systemctl restart agtrack`",
        changed.join(" and ")
    )
}

/// Tables of a list, by the key that names each.
fn named<T: Serialize>(list: &[T], key: &str) -> BTreeMap<String, Keys> {
    let each = list.iter().map(table);
    let name = |keys: &Keys| Some(keys.get(key)?.as_str()?.to_owned());
    each.filter_map(|keys| Some((name(&keys)?, keys))).collect()
}

fn table(value: &impl Serialize) -> Keys {
    match serde_json::to_value(value) {
        Ok(Value::Object(keys)) => keys,
        _ => Keys::new(),
    }
}

/// Keys of which the value is another.
fn add(keys: &mut BTreeSet<String>, place: &str, then: &Keys, now: &Keys) {
    let all = then.keys().chain(now.keys());
    let other = all.filter(|key| then.get(*key) != now.get(*key));
    keys.extend(other.map(|key| format!("{place}.{key}")));
}

fn bound(mut change: ConfigChange) -> ConfigChange {
    for list in [
        &mut change.agents_added,
        &mut change.agents_removed,
        &mut change.agents_changed,
        &mut change.keys,
    ] {
        change.more += list.len().saturating_sub(LISTED) as u64;
        list.truncate(LISTED);
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn check(old: &str, new: &str) -> ConfigChange {
        changed(&config::parse(old).unwrap(), &config::parse(new).unwrap())
    }

    fn agent(id: &str, cgroup: &str) -> String {
        format!("[[agents]]\nid = \"{id}\"\ncgroups = [\"/{cgroup}\"]\n")
    }

    #[test]
    fn agents_and_keys_are_named_without_their_values() {
        let old = [agent("a", "a"), agent("b", "b"), agent("c", "c")].concat();
        let new = [agent("a", "a"), agent("b", "secret"), agent("d", "d")].concat();
        let new = format!("{new}[[sinks]]\nname = \"s\"\ntype = \"file\"\npath = \"/s\"\n");
        let change = check(&old, &new);
        assert_eq!(change.agents_added, ["d"]);
        assert_eq!(change.agents_removed, ["c"]);
        assert_eq!(change.agents_changed, ["b"]);
        assert_eq!(change.keys, ["agents.b.cgroups", "sinks.s"]);
        assert_eq!(change.more, 0);
        assert!(!format!("{change:?}").contains("secret"));
        assert_eq!(check(&old, &old), ConfigChange::default());
    }

    #[test]
    fn lists_are_bounded() {
        let many: String = (0..70).map(|id| agent(&format!("a{id}"), "x")).collect();
        let change = check("", &many);
        assert_eq!((change.agents_added.len(), change.more), (64, 6));
    }

    #[test]
    fn only_agents_can_be_reloaded() {
        let old = Config::default();
        let check = |text| check_reloadable(&old, &config::parse(text).unwrap());
        assert!(check("[[agents]]\nid = \"a\"\ncgroups = [\"/a\"]\n").is_ok());
        let error = check("[journal]\ndir = \"/other\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("[journal] has changed") && error.contains("restart"));
        let error = check("[capture]\nbackend = \"lsm\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("[capture] has changed"), "{error}");
        let error = check("[journal]\ndir = \"/other\"\n[control]\nsocket = \"/s\"\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("[journal] and [control] have changed"),
            "{error}"
        );
    }
}
