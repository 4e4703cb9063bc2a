//! Names of actions, as somebody types them.

use std::collections::BTreeSet;

use agtrack_common::event::TABLE;

use super::{BadGlob, Glob};
use crate::correlate::tamper;
use crate::record::Text;

/// So many names are proposed.
const PROPOSED: usize = 3;
/// Bytes of a name that is compared: more than any has.
const LONGEST: usize = 64;

/// No action can be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAction {
    /// It is no glob.
    #[error(transparent)]
    Glob(#[from] BadGlob),
    /// It is a name that no action has, or a glob that none matches.
    #[error(
        "no action is called so; {}all are in docs/events.md (`agtrack events`), those on the \
         recorder's files in docs/record.md",
        proposal(.0)
    )]
    Unknown(Vec<String>),
}

/// A glob on names of actions. It must match one: with another nothing would be found, and pass for
/// nothing done.
///
/// # Errors
/// It is no glob, or matches no action.
pub fn named_action(text: &[u8]) -> Result<Glob, BadAction> {
    let glob = Glob::word(text)?;
    let names = names();
    if !names.iter().any(|name| glob.matches(name.as_bytes())) {
        let begin = text.get(..LONGEST).unwrap_or(text).to_ascii_lowercase();
        return Err(BadAction::Unknown(near(&Text(begin).printable(), &names)));
    }
    Ok(glob)
}

/// Those of all records.
fn names() -> BTreeSet<&'static str> {
    let told = TABLE.iter().flat_map(|row| row.kind.actions());
    told.chain(tamper::TOUCHED.iter().copied()).collect()
}

/// What is nearly called so, the nearest first: a group, actions by all of their name or by what
/// stands behind the group.
fn near(text: &str, names: &BTreeSet<&'static str>) -> Vec<String> {
    let group = text.trim_end_matches('.');
    let in_group = |name: &&str| name.split_once('.').is_some_and(|(of, _)| of == group);
    if names.iter().any(in_group) {
        return vec![format!("{group}.*")];
    }
    if text.contains(['*', '?', '[']) {
        return near_group(group.split('.').next().unwrap_or(group), names);
    }
    let mut near: Vec<_> = names
        .iter()
        .map(|name| {
            let deed = name.split_once('.').map_or(*name, |(_, deed)| deed);
            let distance = |word| strsim::damerau_levenshtein(text, word);
            (distance(name).min(distance(deed)), *name)
        })
        .filter(|(distance, _)| distance * 3 <= text.chars().count())
        .collect();
    near.sort_unstable();
    let near = near.into_iter().take(PROPOSED);
    near.map(|(_, name)| name.to_owned()).collect()
}

/// All of the group that is nearly called so.
fn near_group(text: &str, names: &BTreeSet<&'static str>) -> Vec<String> {
    let groups = names
        .iter()
        .filter_map(|name| name.split_once('.'))
        .map(|(group, _)| (strsim::damerau_levenshtein(text, group), group));
    let near = groups
        .min()
        .filter(|(distance, _)| distance * 3 <= text.chars().count());
    near.map(|(_, group)| format!("{group}.*"))
        .into_iter()
        .collect()
}

fn proposal(near: &[String]) -> String {
    let near: Vec<_> = near.iter().map(|name| format!("`{name}`")).collect();
    match near.split_last() {
        None => String::new(),
        Some((one, [])) => format!("did you mean {one}? "),
        Some((last, others)) => format!("did you mean {} or {last}? ", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(text: &str) -> Vec<String> {
        match named_action(text.as_bytes()) {
            Err(BadAction::Unknown(near)) => near,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_action_can_be_asked_for() {
        for name in names() {
            assert!(named_action(name.as_bytes()).is_ok(), "{name}");
        }
        for name in [
            "file.open",
            "net.dns_query",
            "tracker.signal",
            "tracker.write",
        ] {
            assert!(names().contains(name), "{name}");
        }
    }

    #[test]
    fn a_glob_matches_an_action() {
        for glob in ["*", "file.*", "file.unlin?", "[f]ile.open"] {
            assert!(named_action(glob.as_bytes()).is_ok(), "{glob}");
        }
        assert_eq!(proposed("nett.*"), ["net.*"]);
        assert_eq!(proposed("proces.ex*"), ["process.*"]);
        assert_eq!(proposed("file.nothing*"), ["file.*"]);
        assert_eq!(proposed("nothing.*"), [""; 0]);
        let error = named_action(b"file.{a}").unwrap_err();
        assert_eq!(error, BadAction::Glob(BadGlob::Brace('{')));
    }

    #[test]
    fn what_is_nearly_a_name_is_told_with_the_name() {
        assert_eq!(proposed("file.unlnk").first().unwrap(), "file.unlink");
        assert_eq!(proposed("proces.exec").first().unwrap(), "process.exec");
        assert_eq!(proposed("File.Open").first().unwrap(), "file.open");
        assert_eq!(proposed("connect"), ["net.connect"]);
        let unlink = proposed("unlink");
        assert!(unlink.contains(&"tracker.unlink".to_owned()), "{unlink:?}");
        assert_eq!(proposed("net"), ["net.*"]);
        assert_eq!(proposed("net."), ["net.*"]);
        assert_eq!(proposed("quite.something.else"), [""; 0]);
        assert_eq!(proposed("x"), [""; 0]);
        assert_eq!(proposed(&"file.open".repeat(1000)), [""; 0]);
        // An event whose bytes others are read from is no action.
        assert!(named_action(b"net.payload").is_err());
    }

    #[test]
    fn what_is_proposed_is_shown() {
        let shown = |near: &[&str]| {
            let near = near.iter().map(|name| (*name).to_owned()).collect();
            BadAction::Unknown(near).to_string()
        };
        assert!(shown(&["a"]).contains("so; did you mean `a`? all are in docs/events.md"));
        assert!(shown(&["a", "b", "c"]).contains("did you mean `a`, `b` or `c`? "));
        assert!(shown(&[]).contains("called so; all are in"));
    }
}
