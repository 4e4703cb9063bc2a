//! From text to a configuration, telling every mistake at once.
//!
//! serde stops at the first mistake. So what it names is noted and taken out of the tree, and the
//! rest is read again, until nothing is wrong any more.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Config, Mistake};

/// After so many mistakes it is another kind of file.
const MOST: usize = 50;

/// Reads the text.
pub(super) fn read(text: &str) -> Result<Config, Vec<Mistake>> {
    let (mut tree, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(syntax(text, &errors));
    }
    let mut found = duplicates(text, tree.get_ref());
    let mut removed = Vec::new();
    let config = loop {
        match Config::deserialize(toml::de::Deserializer::from(tree.clone())) {
            Ok(config) => break Some(config),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let place = find(tree.get_ref(), &span);
                if !follows_from(&removed, place.as_deref(), error.message()) {
                    let message = explain(place.as_deref(), error.message());
                    found.push(Mistake::at(text, span.start, message));
                }
                let Some(place) = place.filter(|_| found.len() < MOST) else { break None };
                remove(&mut tree, &place);
                removed.push(place);
            }
        }
    };
    found.sort_by_key(|mistake| (mistake.line, mistake.column));
    match config {
        Some(config) if found.is_empty() => Ok(config),
        _ => Err(found),
    }
}

/// What is no TOML; the first in each line, since what follows there is mostly confusion.
fn syntax(text: &str, errors: &[toml::de::Error]) -> Vec<Mistake> {
    let at = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let mut mistakes: Vec<_> = errors
        .iter()
        .map(|error| Mistake::at(text, at(error), error.message().to_owned()))
        .collect();
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    mistakes.dedup_by_key(|mistake| mistake.line);
    mistakes.truncate(MOST);
    mistakes
}

/// Agents whose id another one has already.
fn duplicates(text: &str, tree: &DeTable<'_>) -> Vec<Mistake> {
    let agents = tree.get("agents").and_then(|agents| agents.get_ref().as_array());
    let mut seen: Vec<(&str, usize)> = Vec::new();
    let mut mistakes = Vec::new();
    for id in agents.into_iter().flatten().filter_map(|agent| agent.get_ref().get("id")) {
        let (Some(name), start) = (id.get_ref().as_str(), id.span().start) else { continue };
        match seen.iter().find(|(other, _)| *other == name) {
            Some((_, first)) => {
                let line = Mistake::at(text, *first, String::new()).line;
                let message = format!(
                    "the agent in line {line} has the id `{name}` already; put all its cgroups \
                     there, or choose another id"
                );
                mistakes.push(Mistake::at(text, start, message));
            }
            None => seen.push((name, start)),
        }
    }
    mistakes
}

/// One step down the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Element(usize),
}

/// The way to the innermost key or value with this span.
fn find(table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<Step>> {
    table.iter().find_map(|(key, value)| {
        let step = Step::Key(key.get_ref().to_string());
        let deeper = find_in(value.get_ref(), span);
        let here = || (key.span() == *span || value.span() == *span).then(Vec::new);
        deeper.or_else(here).map(|rest| prepend(step, rest))
    })
}

fn find_in(value: &DeValue<'_>, span: &Range<usize>) -> Option<Vec<Step>> {
    if let Some(table) = value.as_table() {
        return find(table, span);
    }
    value.as_array()?.iter().enumerate().find_map(|(index, element)| {
        let here = || (element.span() == *span).then(Vec::new);
        let rest = find_in(element.get_ref(), span).or_else(here)?;
        Some(prepend(Step::Element(index), rest))
    })
}

fn prepend(step: Step, mut rest: Vec<Step>) -> Vec<Step> {
    rest.insert(0, step);
    rest
}

fn remove(tree: &mut Spanned<DeTable<'_>>, place: &[Step]) {
    let Some((Step::Key(first), rest)) = place.split_first() else { return };
    let table = tree.get_mut();
    match (rest, table.get_mut(first.as_str())) {
        ([], _) => drop(table.remove(first.as_str())),
        (rest, Some(value)) => remove_in(value.get_mut(), rest),
        (_, None) => {}
    }
}

fn remove_in(value: &mut DeValue<'_>, place: &[Step]) {
    match (value, place) {
        (DeValue::Table(table), [Step::Key(key)]) => drop(table.remove(key.as_str())),
        (DeValue::Table(table), [Step::Key(key), rest @ ..]) => {
            if let Some(value) = table.get_mut(key.as_str()) {
                remove_in(value.get_mut(), rest);
            }
        }
        (DeValue::Array(array), [Step::Element(index)]) if *index < array.len() => {
            drop(array.remove(*index));
        }
        (DeValue::Array(array), [Step::Element(index), rest @ ..]) => {
            if let Some(value) = array.get_mut(*index) {
                remove_in(value.get_mut(), rest);
            }
        }
        _ => {}
    }
}

/// True where the mistake is only that something wrong was taken out before.
fn follows_from(removed: &[Vec<Step>], place: Option<&[Step]>, message: &str) -> bool {
    let (Some(place), Some(key)) = (place, message.strip_prefix("missing field ")) else {
        let empty = message.starts_with("no cgroup is named");
        return empty && place.is_some_and(|place| removed.iter().any(|p| p.starts_with(place)));
    };
    let missing = prepend_all(place, Step::Key(key.trim_matches('`').to_owned()));
    removed.contains(&missing)
}

fn prepend_all(place: &[Step], last: Step) -> Vec<Step> {
    place.iter().cloned().chain([last]).collect()
}

/// What a person can use, from what serde says.
fn explain(place: Option<&[Step]>, message: &str) -> String {
    let place = place.unwrap_or_default();
    let parent = place.split_last().map_or(&[][..], |(_, parent)| parent);
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (wrong, known) = quoted(rest);
        let place = if parent.is_empty() { String::new() } else { format!(" in {}", name(parent)) };
        return format!("unknown key `{wrong}`{place}; {}", suggest(&wrong, &known));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (wrong, known) = quoted(rest);
        return format!("`{wrong}` is no value of {}; {}", name(place), suggest(&wrong, &known));
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return format!("{} has no {key}, which is required", name(place));
    }
    format!("{}: {message}", name(place))
}

/// The first word in backticks, and the others.
fn quoted(text: &str) -> (String, Vec<&str>) {
    // A key may itself hold backticks; the list of known keys comes after "expected".
    let (wrong, known) = text.rsplit_once(", expected ").unwrap_or((text, ""));
    let known = known.split('`').skip(1).step_by(2).collect();
    (wrong.trim_matches('`').to_owned(), known)
}

/// The nearest of the known words where one is near, otherwise all of them.
fn suggest(wrong: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|word| (strsim::damerau_levenshtein(wrong, word), *word))
        .filter(|(distance, word)| *distance * 2 <= word.len().max(3))
        .min();
    match near {
        Some((_, word)) => format!("did you mean `{word}`?"),
        None => {
            let known: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
            format!("known are {}", known.join(", "))
        }
    }
}

/// `journal.dir`, `agents[2].id`, counted from 1 as people count.
fn name(place: &[Step]) -> String {
    let mut name = String::new();
    for step in place {
        match step {
            Step::Key(key) if name.is_empty() => name.push_str(key),
            Step::Key(key) => name.push_str(&format!(".{key}")),
            Step::Element(index) => name.push_str(&format!("[{}]", index + 1)),
        }
    }
    format!("`{name}`")
}
