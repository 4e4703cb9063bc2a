//! From text to a configuration, telling every mistake at once.
//!
//! serde stops at the first mistake. So what it names is noted and taken out of the tree, or put in
//! where it is missing, and the rest is read again, until nothing is wrong any more.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::agent::RECOGNISED_BY;
use super::place::{self, Step, name};
use super::value::EMPTY;
use super::{Mistake, list, sinks};
use crate::cgroup::Globs;
use crate::noise;

/// After so many mistakes it is another kind of file.
const MOST: usize = 50;

/// Reads the text.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Mistake>> {
    let (mut tree, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(syntax(text, tree.get_ref(), &errors));
    }
    let mut found = list::mend(text, tree.get_mut());
    let whole = tree.clone();
    found.extend(duplicates(text, whole.get_ref()));
    found.extend(unrecognised(text, whole.get_ref()));
    found.extend(bad_globs(text, whole.get_ref()));
    found.extend(bad_classes(text, whole.get_ref()));
    found.extend(sinks::mistakes(text, whole.get_ref()));
    let mut removed = Vec::new();
    let config = loop {
        match T::deserialize(toml::de::Deserializer::from(tree.clone())) {
            Ok(config) => break Some(config),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                // As the file has it, whatever was taken out of the tree since.
                let place = place::find(whole.get_ref(), &span);
                let message = error.message();
                if !follows_from(&removed, place.as_deref(), message) {
                    let message = explain(place.as_deref(), message);
                    found.push(Mistake::at(text, span.start, message));
                }
                let goes_on = found.len() < MOST && repair(tree.get_mut(), &span, message);
                let Some(place) = place.filter(|_| goes_on) else {
                    break None;
                };
                removed.extend(meant(&place, message));
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

/// Makes the tree one in which serde finds the next mistake; false where that cannot be done.
fn repair(tree: &mut DeTable<'_>, span: &Range<usize>, message: &str) -> bool {
    let Some(key) = missing(message) else {
        return place::take_out(tree, span);
    };
    let filler = match key {
        "name" => "filled-in",
        "type" => "stdout",
        _ => "/filled-in",
    };
    place::put_in(tree, span, key, &DeValue::String(filler.into()))
}

/// The key that serde misses.
fn missing(message: &str) -> Option<&str> {
    Some(message.strip_prefix("missing field ")?.trim_matches('`'))
}

/// The place that was meant by a key with a slip of the pen: it need not be told to be missing.
fn meant(place: &[Step], message: &str) -> Option<Vec<Step>> {
    let (wrong, known) = quoted(message.strip_prefix("unknown field ")?);
    let (_, table) = place.split_last()?;
    let key = Step::Key(nearest(&wrong, &known)?.to_owned());
    Some(table.iter().cloned().chain([key]).collect())
}

/// What is no TOML; the first in each line, since what follows there is mostly confusion.
fn syntax(text: &str, tree: &DeTable<'_>, errors: &[toml::de::Error]) -> Vec<Mistake> {
    let mistake = |error: &toml::de::Error| {
        let span = error.span().unwrap_or(0..0);
        let message = match error.message() {
            "duplicate key" => duplicate_key(text, tree, &span),
            other => other.to_owned(),
        };
        Mistake::at(text, span.start, message)
    };
    let mut mistakes: Vec<_> = errors.iter().map(mistake).collect();
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    mistakes.dedup_by_key(|mistake| mistake.line);
    mistakes.truncate(MOST);
    mistakes
}

/// toml does not tell where the first one is: it is looked for, and told where it is the only one
/// of that name.
fn duplicate_key(text: &str, tree: &DeTable<'_>, span: &Range<usize>) -> String {
    let key = text.get(span.clone()).unwrap_or_default();
    let before = place::keys(tree, key.trim_matches(['"', '\'']))
        .into_iter()
        .filter(|start| *start < span.start)
        .collect::<Vec<_>>();
    let first = match before[..] {
        [first] => format!(
            "it stands in line {} already",
            Mistake::at(text, first, String::new()).line
        ),
        _ => "it stands in the same table already".to_owned(),
    };
    format!("duplicate key `{key}`: {first}; delete one of them")
}

/// Agents whose id another one has already.
fn duplicates(text: &str, tree: &DeTable<'_>) -> Vec<Mistake> {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    let mut mistakes = Vec::new();
    for id in agents(tree, "id") {
        let (Some(name), start) = (id.get_ref().as_str(), id.span().start) else {
            continue;
        };
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

/// The ids in a text, with their places.
pub(super) fn ids(text: &str) -> Vec<(String, Mistake)> {
    let Ok(tree) = DeTable::parse(text) else {
        return Vec::new();
    };
    let id = |id: &Spanned<DeValue<'_>>| {
        let place = Mistake::at(text, id.span().start, String::new());
        Some((id.get_ref().as_str()?.to_owned(), place))
    };
    agents(tree.get_ref(), "id").filter_map(id).collect()
}

/// Agents that nothing is said of by which they could be recognised; nor with a slip of the pen.
fn unrecognised(text: &str, tree: &DeTable<'_>) -> Vec<Mistake> {
    let all = tree.get("agents").and_then(|all| all.get_ref().as_array());
    let is_one =
        |key: &str| RECOGNISED_BY.contains(&key) || nearest(key, KEYS).is_some_and(is_named);
    let nothing = |(index, agent): (usize, &Spanned<DeValue<'_>>)| {
        let table = agent.get_ref().as_table()?;
        let found = table.keys().any(|key| is_one(key.get_ref()));
        (!found).then(|| {
            let message = format!(
                "nothing says by what `agents[{}]` is recognised; give it one of `{}`",
                index + 1,
                RECOGNISED_BY.join("`, `")
            );
            Mistake::at(text, agent.span().start, message)
        })
    };
    let all = all.into_iter().flatten().enumerate();
    all.filter_map(nothing).collect()
}

/// The keys of an agent that a slip of the pen may have meant.
const KEYS: &[&str] = &[
    "id",
    "name",
    "owner",
    "version",
    "cgroups",
    "units",
    "containers",
    "executables",
    "users",
    "programs",
    "labels",
];

fn is_named(key: &str) -> bool {
    RECOGNISED_BY.contains(&key)
}

/// Globs that match nothing because they are no globs.
fn bad_globs(text: &str, tree: &DeTable<'_>) -> Vec<Mistake> {
    let globs = agents(tree, "cgroups")
        .filter_map(|globs| globs.get_ref().as_array())
        .flatten();
    let bad = |glob: &Spanned<DeValue<'_>>| {
        let error = Globs::new(&[glob.get_ref().as_str()?]).err()?;
        Some(Mistake::at(text, glob.span().start, error.to_string()))
    };
    globs.filter_map(bad).collect()
}

/// The same of classes of reads.
fn bad_classes(text: &str, tree: &DeTable<'_>) -> Vec<Mistake> {
    let capture = tree.get("capture").and_then(|it| it.get_ref().as_table());
    let classes = capture.and_then(|it| it.get("noise")?.get_ref().as_table());
    let globs = classes
        .into_iter()
        .flat_map(|classes| classes.values())
        .filter_map(|globs| globs.get_ref().as_array())
        .flatten();
    let bad = |glob: &Spanned<DeValue<'_>>| {
        let error = noise::check(glob.get_ref().as_str()?).err()?;
        Some(Mistake::at(text, glob.span().start, error.to_string()))
    };
    globs.filter_map(bad).collect()
}

/// A value of each agent that has it.
fn agents<'t, 'i>(
    tree: &'t DeTable<'i>,
    key: &'static str,
) -> impl Iterator<Item = &'t Spanned<DeValue<'i>>> {
    let agents = tree
        .get("agents")
        .and_then(|agents| agents.get_ref().as_array());
    agents
        .into_iter()
        .flatten()
        .filter_map(move |agent| agent.get_ref().get(key))
}

/// True where the mistake is only that something wrong was taken out before.
fn follows_from(removed: &[Vec<Step>], place: Option<&[Step]>, message: &str) -> bool {
    let (Some(place), Some(key)) = (place, missing(message)) else {
        let empty = message.starts_with(EMPTY);
        return empty && place.is_some_and(|place| removed.iter().any(|p| p.starts_with(place)));
    };
    let last = Step::Key(key.to_owned());
    removed.contains(&place.iter().cloned().chain([last]).collect())
}

/// What a person can use, from what serde says.
fn explain(place: Option<&[Step]>, message: &str) -> String {
    let place = place.unwrap_or_default();
    let parent = place.split_last().map_or(&[][..], |(_, parent)| parent);
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (wrong, known) = quoted(rest);
        let place = if parent.is_empty() {
            String::new()
        } else {
            format!(" in {}", name(parent))
        };
        return format!("unknown key `{wrong}`{place}; {}", suggest(&wrong, &known));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (wrong, known) = quoted(rest);
        return format!(
            "`{wrong}` is no value of {}; {}",
            name(place),
            suggest(&wrong, &known)
        );
    }
    if let Some(key) = missing(message) {
        return format!("{} has no `{key}`, which is required", name(place));
    }
    let wrong = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|kind| message.strip_prefix(kind)?.rsplit_once(", expected "));
    match wrong {
        Some((found, wanted)) => format!("{} {}", name(place), must_be(found, wanted)),
        None => format!("{}: {message}", name(place)),
    }
}

/// In the words of TOML what serde says in its own.
fn must_be(found: &str, wanted: &str) -> String {
    let found = match found {
        "map" => "a table",
        "sequence" => "a list",
        other => other,
    };
    let wanted = match wanted {
        "u64" | "u32" if found.starts_with("string") => {
            "a whole number, 0 or more, without quotes and without a unit"
        }
        "u64" | "u32" => "a whole number, 0 or more",
        "a sequence" => "a list",
        "struct Agent" => "a table, which is best begun with `[[agents]]` in a line of its own",
        "struct Settings" => "a table, which is best begun with `[[sinks]]` in a line of its own",
        "struct Journal" | "struct Capture" | "a map" => "a table",
        other => other,
    };
    format!("must be {wanted}, but it is {found}")
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
    match nearest(wrong, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => {
            let known: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
            format!("known are {}", known.join(", "))
        }
    }
}

pub(super) fn nearest<'k>(wrong: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = |word: &&'k str| (strsim::damerau_levenshtein(wrong, word), *word);
    let (_, word) = known
        .iter()
        .map(near)
        .filter(|(distance, word)| *distance * 2 <= word.len().max(3))
        .min()?;
    Some(word)
}
