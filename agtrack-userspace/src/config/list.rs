//! Lists that were written as something else: `[agents]` for `[[agents]]`, `cgroups = "/x"`.
//!
//! Each is told with what to write, and then made what was meant, so that the mistakes inside are
//! told as well.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::Mistake;
use super::agent;
use super::sinks::LISTS;

/// Tables of which there is one each.
const SINGLE: [&str; 4] = ["journal", "capture", "control", "metrics"];

/// Finds such lists, and makes them what was meant.
pub(super) fn mend(text: &str, tree: &mut DeTable<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for key in SINGLE {
        if let Some(value) = tree.get_mut(key) {
            found.extend(one(text, key, value));
        }
    }
    for (key, example, lists) in [
        ("agents", "agent", &agent::LISTS[..]),
        ("sinks", "sink", &LISTS[..]),
    ] {
        if let Some(value) = tree.get_mut(key) {
            found.extend(many(text, (key, example), lists, value));
        }
    }
    found
}

/// `[agents]` for `[[agents]]`, and words for lists in them.
fn many(
    text: &str,
    (key, one): (&str, &str),
    lists: &[&str],
    value: &mut Spanned<DeValue<'_>>,
) -> Vec<Mistake> {
    let mut found = Vec::new();
    let start = value.span().start;
    if wrap(value, DeValue::is_table) {
        let message = format!(
            "`{key}` is a list of tables: write `[[{key}]]`, with two brackets, once for each {one}"
        );
        found.push(Mistake::at(text, start, message));
    }
    let DeValue::Array(tables) = value.get_mut() else {
        return found;
    };
    for (index, table) in tables.iter_mut().enumerate() {
        let DeValue::Table(table) = table.get_mut() else {
            continue;
        };
        for list in lists {
            found.extend(table.get_mut(*list).and_then(|value| {
                let start = value.span().start;
                let shown = text.get(value.span()).unwrap_or_default().to_owned();
                wrap(value, is_word).then(|| {
                    let message = format!(
                        "`{key}[{}].{list}` is a list: write `{list} = [{shown}]`",
                        index + 1
                    );
                    Mistake::at(text, start, message)
                })
            }));
        }
    }
    found
}

/// `[[journal]]` for `[journal]`: the first of them is looked at.
fn one(text: &str, key: &str, value: &mut Spanned<DeValue<'_>>) -> Option<Mistake> {
    let first = value.get_ref().as_array()?.first()?;
    if !first.get_ref().is_table() {
        return None;
    }
    let first = first.clone();
    let message = format!("`{key}` is one table: write `[{key}]`, with one bracket, and once");
    let mistake = Mistake::at(text, first.span().start, message);
    *value = first;
    Some(mistake)
}

fn is_word(value: &DeValue<'_>) -> bool {
    value.is_str() || value.is_integer()
}

/// Makes a value that is `lonely` a list of itself; false where it is not.
fn wrap<'i>(value: &mut Spanned<DeValue<'i>>, lonely: fn(&DeValue<'i>) -> bool) -> bool {
    let is_lonely = lonely(value.get_ref());
    if is_lonely {
        let element = value.clone();
        *value.get_mut() = DeValue::Array(std::iter::once(element).collect::<DeArray<'_>>());
    }
    is_lonely
}
