//! Mistakes in sinks that no single value shows: names that two have, keys of another transport.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mistake;
use super::reading::nearest;
use crate::query::{BadAction, named_action};
use crate::record::has_field;
use crate::sink::{Kind, Row, TABLE, row, wrong_address, wrong_brokers, wrong_protocol, wrong_url};

/// The keys of a sink that are lists.
pub(super) const LISTS: [&str; 5] = ["kinds", "actions", "agents", "drop", "brokers"];

/// Mistakes in all sinks of a text.
pub(super) fn mistakes(text: &str, tree: &DeTable<'_>) -> Vec<Mistake> {
    let sinks = tree.get("sinks").and_then(|all| all.get_ref().as_array());
    let sinks: Vec<_> = sinks.into_iter().flatten().collect();
    let mut found = shared_names(text, &sinks);
    for (index, sink) in sinks.iter().enumerate() {
        let Some(table) = sink.get_ref().as_table() else {
            continue;
        };
        let kind = table.get("type").and_then(|kind| kind.get_ref().as_str());
        if let Some(row) = kind.and_then(row) {
            found.extend(foreign(text, (index, table), row));
            found.extend(values(text, (index, table)));
            found.extend(alone(text, (index, table)));
            found.extend(url(text, (index, table), row));
            found.extend(protocol(text, (index, table), row));
            found.extend(brokers(text, (index, table), row));
            let start = sink.span().start;
            found.extend(lacking((index, table), row).map(|what| Mistake::at(text, start, what)));
        }
    }
    found.extend(second_stdout(text, &sinks));
    found
}

/// Keys that another transport has, and this one does not.
fn foreign(text: &str, (index, table): (usize, &DeTable<'_>), row: &Row) -> Vec<Mistake> {
    let keys = |row: &Row| {
        row.needs
            .iter()
            .chain(row.knows)
            .copied()
            .collect::<Vec<_>>()
    };
    let own = keys(row);
    let others: Vec<_> = TABLE.iter().flat_map(keys).collect();
    let mistake = |key: &Spanned<_>, name: &str| {
        let known = match own.len() {
            0 => "it has no keys of its own".to_owned(),
            _ => format!("its own are `{}`", own.join("`, `")),
        };
        let message = format!(
            "`{name}` is no key of a sink of type `{}` in `sinks[{}]`; {known}",
            row.name,
            index + 1
        );
        Mistake::at(text, key.span().start, message)
    };
    table
        .keys()
        .filter(|key| others.contains(&&**key.get_ref()) && !own.contains(&&**key.get_ref()))
        .map(|key| mistake(key, key.get_ref()))
        .collect()
}

/// Values that name nothing: with them a sink would send less than is meant, or more, and say nothing.
fn values(text: &str, (index, table): (usize, &DeTable<'_>)) -> Vec<Mistake> {
    let told = |key: &str, at: usize, what: String| {
        let message = format!("`sinks[{}].{key}`: {what}", index + 1);
        Mistake::at(text, at, message)
    };
    let word = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str());
    let is_native = word("encoding").is_none_or(|encoding| encoding == "native");
    let mut found = Vec::new();
    for (key, check) in [
        ("actions", action as Check),
        ("drop", field),
        ("brokers", wrong_address),
    ] {
        let values = table.get(key).and_then(|list| list.get_ref().as_array());
        let values = values.into_iter().flatten();
        for value in values.filter(|_| key != "drop" || is_native) {
            let wrong = value.get_ref().as_str().and_then(check);
            found.extend(wrong.map(|what| told(key, value.span().start, what)));
        }
    }
    if let Some(value) = table.get("address") {
        let wrong = value.get_ref().as_str().and_then(wrong_address);
        found.extend(wrong.map(|what| told("address", value.span().start, what)));
    }
    found
}

/// Keys that mean nothing without another one.
const TOGETHER: [(&str, &str); 4] = [
    ("user", "password"),
    ("password", "user"),
    ("cert_file", "key_file"),
    ("key_file", "cert_file"),
];

/// Keys that say who we are in different ways.
const BESIDE: [(&str, &str); 3] = [
    ("user", "token"),
    ("credentials", "token"),
    ("credentials", "user"),
];

/// Keys without the one that they go with, and a token beside a user.
fn alone(text: &str, (index, table): (usize, &DeTable<'_>)) -> Vec<Mistake> {
    let place = |name: &str| {
        let key = table.keys().find(|key| &**key.get_ref() == name)?;
        Some(key.span().start)
    };
    let told = |at: usize, what: String| Mistake::at(text, at, what);
    let number = index + 1;
    let lonely = TOGETHER.iter().filter_map(|(key, other)| {
        let at = place(key).filter(|_| place(other).is_none())?;
        let what = format!("`{key}` in `sinks[{number}]` goes with `{other}`, which is not there");
        Some(told(at, what))
    });
    let both = BESIDE.iter().filter_map(|(key, other)| {
        let at = place(other).and(place(key))?;
        let what =
            format!("`{key}` in `sinks[{number}]` stands beside `{other}`; give one of them");
        Some(told(at, what))
    });
    lonely.chain(both).collect()
}

/// A URL that is none, or would have a secret go unencrypted to another machine.
fn url(text: &str, (index, table): (usize, &DeTable<'_>), row: &Row) -> Option<Mistake> {
    let secrets = ["token", "password", "credentials"];
    let has_secret = secrets.iter().any(|key| table.contains_key(*key));
    let url = table.get("url").filter(|_| row.needs.contains(&"url"))?;
    let protocol = table
        .get("protocol")
        .and_then(|value| value.get_ref().as_str());
    let wrong = wrong_url(row.kind, url.get_ref().as_str()?, protocol, has_secret)?;
    let message = format!("`sinks[{}].url`: {wrong}", index + 1);
    Some(Mistake::at(text, url.span().start, message))
}

/// A protocol that another type has.
fn protocol(text: &str, (index, table): (usize, &DeTable<'_>), row: &Row) -> Option<Mistake> {
    let protocol = table.get("protocol")?;
    let wrong = wrong_protocol(row.kind, protocol.get_ref().as_str()?)?;
    let message = format!("`sinks[{}].protocol`: {wrong}", index + 1);
    Some(Mistake::at(text, protocol.span().start, message))
}

/// No broker, or some to which a password would go unencrypted.
fn brokers(text: &str, (index, table): (usize, &DeTable<'_>), row: &Row) -> Option<Mistake> {
    let brokers = table
        .get("brokers")
        .filter(|_| row.needs.contains(&"brokers"))?;
    let names = brokers.get_ref().as_array()?.iter();
    let names: Vec<_> = names.filter_map(|name| name.get_ref().as_str()).collect();
    let word = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str());
    let wrong = if names.is_empty() {
        Some(
            "it names nobody; write hosts and ports, as in `[\"kafka1.example.org:9093\"]`"
                .to_owned(),
        )
    } else if table.contains_key("password") && word("protocol") == Some("tcp") {
        wrong_brokers(&names, word("mechanism") == Some("plain"))
    } else {
        None
    };
    let message = format!("`sinks[{}].brokers`: {}", index + 1, wrong?);
    Some(Mistake::at(text, brokers.span().start, message))
}

/// What is wrong with a value, if anything.
type Check = fn(&str) -> Option<String>;

fn action(word: &str) -> Option<String> {
    match named_action(word.as_bytes()) {
        Err(BadAction::Unknown(near)) => Some(BadAction::Unknown(near).to_string()),
        // Globs of sinks know braces too, and say themselves what is wrong with them.
        Ok(_) | Err(BadAction::Glob(_)) => None,
    }
    .map(|what| format!("`{word}`: {what}"))
}

fn field(name: &str) -> Option<String> {
    (!has_field(name)).then(|| {
        format!(
            "`{name}` is no field of any record; docs/record.md and `agtrack schema` have them all"
        )
    })
}

/// Keys that the transport cannot do without; nor with a slip of the pen, which is told by itself.
fn lacking((index, table): (usize, &DeTable<'_>), row: &Row) -> Option<String> {
    let is_there = |needed: &str| {
        table.keys().any(|key| {
            let key: &str = key.get_ref();
            key == needed || nearest(key, row.needs) == Some(needed)
        })
    };
    let missing = row.needs.iter().find(|key| !is_there(key))?;
    Some(format!(
        "`sinks[{}]` has no `{missing}`, which a sink of type `{}` requires",
        index + 1,
        row.name
    ))
}

fn shared_names(text: &str, sinks: &[&Spanned<DeValue<'_>>]) -> Vec<Mistake> {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    let mut found = Vec::new();
    for name in sinks.iter().filter_map(|sink| sink.get_ref().get("name")) {
        let (Some(word), start) = (name.get_ref().as_str(), name.span().start) else {
            continue;
        };
        match seen.iter().find(|(other, _)| *other == word) {
            Some((_, first)) => {
                let line = Mistake::at(text, *first, String::new()).line;
                let message = format!(
                    "the sink in line {line} has the name `{word}` already; choose another one"
                );
                found.push(Mistake::at(text, start, message));
            }
            None => seen.push((word, start)),
        }
    }
    found
}

/// Two that write to one standard output would mix their lines.
fn second_stdout(text: &str, sinks: &[&Spanned<DeValue<'_>>]) -> Option<Mistake> {
    let kinds = sinks.iter().filter_map(|sink| sink.get_ref().get("type"));
    let second = kinds
        .filter(|kind| kind.get_ref().as_str() == Some(Kind::Stdout.name()))
        .nth(1)?;
    let message = "there is only one standard output; give it to one sink".to_owned();
    Some(Mistake::at(text, second.span().start, message))
}
