//! Places in a TOML tree, known by their spans in the text.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

/// One step down the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Element(usize),
}

/// The way to the innermost key or value with this span.
pub(super) fn find(table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<Step>> {
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
    value
        .as_array()?
        .iter()
        .enumerate()
        .find_map(|(index, element)| {
            let here = || (element.span() == *span).then(Vec::new);
            let rest = find_in(element.get_ref(), span).or_else(here)?;
            Some(prepend(Step::Element(index), rest))
        })
}

fn prepend(step: Step, mut rest: Vec<Step>) -> Vec<Step> {
    rest.insert(0, step);
    rest
}

/// Where in the text the keys of this name begin.
pub(super) fn keys(table: &DeTable<'_>, name: &str) -> Vec<usize> {
    let keys = table.iter().flat_map(|(key, value)| {
        let here = (key.get_ref() == name).then(|| key.span().start);
        here.into_iter().chain(keys_in(value.get_ref(), name))
    });
    keys.collect()
}

fn keys_in(value: &DeValue<'_>, name: &str) -> Vec<usize> {
    if let Some(table) = value.as_table() {
        return keys(table, name);
    }
    let elements = value.as_array().into_iter().flatten();
    elements
        .flat_map(|element| keys_in(element.get_ref(), name))
        .collect()
}

/// Takes the innermost key or value with this span out of the tree; false where there is none.
pub(super) fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    if table
        .iter_mut()
        .any(|(_, value)| take_out_in(value.get_mut(), span))
    {
        return true;
    }
    let at = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        (key.span() == *span || value.span() == *span).then(|| key.get_ref().to_string())
    };
    let key = table.iter().find_map(at);
    key.is_some_and(|key| table.remove(key.as_str()).is_some())
}

fn take_out_in(value: &mut DeValue<'_>, span: &Range<usize>) -> bool {
    let array = match value {
        DeValue::Table(table) => return take_out(table, span),
        DeValue::Array(array) => array,
        _ => return false,
    };
    if array
        .iter_mut()
        .any(|element| take_out_in(element.get_mut(), span))
    {
        return true;
    }
    let before = array.len();
    let kept: DeArray<'_> = array
        .iter()
        .filter(|element| element.span() != *span)
        .cloned()
        .collect();
    *array = kept;
    array.len() < before
}

/// Puts a value into the table with this span; false where there is none.
pub(super) fn put_in(
    table: &mut DeTable<'_>,
    span: &Range<usize>,
    key: &str,
    value: &DeValue<'static>,
) -> bool {
    table
        .iter_mut()
        .any(|(_, place)| put_in_below(place, span, key, value))
}

fn put_in_below(
    place: &mut Spanned<DeValue<'_>>,
    span: &Range<usize>,
    key: &str,
    value: &DeValue<'static>,
) -> bool {
    let is_here = place.span() == *span;
    match place.get_mut() {
        DeValue::Table(table) if is_here => {
            let key = Spanned::new(0..0, DeString::Owned(key.to_owned()));
            table.insert(key, Spanned::new(0..0, value.clone()));
            true
        }
        DeValue::Table(table) => put_in(table, span, key, value),
        DeValue::Array(array) => array
            .iter_mut()
            .any(|element| put_in_below(element, span, key, value)),
        _ => false,
    }
}

/// `journal.dir`, `agents[2].id`, counted from 1 as people count.
pub(super) fn name(place: &[Step]) -> String {
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
