//! Why nothing may match: names that nobody has, and paths that are written otherwise.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::journal::Extent;
use crate::query::{Glob, Host, Query, scan};
use crate::record::{Text, printable};
use crate::sessions::{self, Wanted};
use crate::terminal::counted;

/// Names that are told.
const TOLD: usize = 5;
/// Characters of a whole id.
const WHOLE: usize = 36;

/// One line for each thing that can be said of a question that nothing answers.
pub(in crate::cli) fn hints(extent: &Extent, query: &Query) -> anyhow::Result<Vec<String>> {
    let mut hints: Vec<_> = query.paths.iter().filter_map(path).collect();
    hints.extend(query.exes.iter().filter_map(path));
    hints.extend(query.hosts.iter().filter_map(host));
    if query.agents.is_empty() && query.sessions.is_empty() {
        return Ok(hints);
    }
    let (found, _) = sessions::list(extent, &Wanted::default())?;
    let rows = &found.rows;
    let names: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| [&*row.agent, &*row.agent_id])
        .collect();
    hints.extend(query.agents.iter().filter_map(|glob| agent(glob, &names)));
    for begin in &query.sessions {
        let is = |row: &sessions::Row| row.session.to_string().starts_with(&**begin);
        if !rows.iter().any(is) {
            hints.push(format!(
                "no session's id begins with {begin}; `agtrack sessions` lists them"
            ));
        }
    }
    Ok(hints)
}

/// Nobody is called so; the nearest names first.
fn agent(glob: &Glob, names: &BTreeSet<&str>) -> Option<String> {
    if names.iter().any(|name| glob.matches(name.as_bytes())) {
        return None;
    }
    let asked = Text(glob.text().to_vec()).printable();
    let mut near: Vec<_> = names.iter().collect();
    near.sort_by_key(|name| strsim::damerau_levenshtein(&asked, name));
    let told: Vec<_> = near.iter().take(TOLD).map(|name| printable(name)).collect();
    let more = match near.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(match told.is_empty() {
        true => format!("no agent is called {asked}: there is no session here"),
        false => format!(
            "no agent is called {asked}; there is {}{more}",
            told.join(", ")
        ),
    })
}

/// Of several sessions that were not told apart, how many there are.
pub(in crate::cli) fn merged(extent: &Extent, query: &Query) -> anyhow::Result<Option<String>> {
    if !query.sessions.iter().any(|begin| begin.len() < WHOLE) {
        return Ok(None);
    }
    let of_sessions = Query {
        sessions: query.sessions.clone(),
        kinds: vec!["session".to_owned()],
        ..Query::default()
    };
    let mut found = BTreeSet::new();
    scan(
        extent,
        &of_sessions,
        |record, _| record.agent.as_ref().map(|agent| agent.session),
        |more| {
            found.extend(more.into_iter().flatten());
            ControlFlow::Continue(())
        },
    )?;
    let is_asked = |begin: &&String| {
        let ids = found.iter().map(ToString::to_string);
        ids.filter(|id| id.starts_with(begin.as_str())).count() > 1
    };
    let begins: Vec<_> = query.sessions.iter().filter(is_asked).cloned().collect();
    Ok((!begins.is_empty()).then(|| {
        format!(
            "{} sessions have ids that begin with {}: records of all of them are here; `agtrack sessions` \
             lists them",
            found.len(),
            begins.join(" or ")
        )
    }))
}

/// Records of other paths that end like one that was asked for.
pub(super) fn elsewhere(count: u64, query: &Query) -> String {
    let names = query.paths.iter().filter_map(Glob::name);
    let names: Vec<_> = names
        .map(|name| format!("`--path '**/{}'`", Text(name.to_vec()).printable()))
        .collect();
    format!(
        "{} of other paths may be about it too: they have the same name at their end, and are names as \
         callers gave them, which lead through symbolic links perhaps; ask for {}",
        counted(count, "record", "records"),
        names.join(" or ")
    )
}

/// A name that nobody looks up.
fn host(host: &Host) -> Option<String> {
    host.is_localhost().then(|| {
        "localhost is not looked up in the domain name system, so no peer has that name: ask for \
         127.0.0.0/8 and ::1"
            .to_owned()
    })
}

/// How it is searched for, where that may not be what was meant.
fn path(glob: &Glob) -> Option<String> {
    let text = glob.text();
    let shown = Text(text.to_vec()).printable();
    if text.starts_with(b"~") {
        return Some(format!(
            "paths are recorded as they are, and none begins with `~`: write the directory itself in \
             place of it in {shown}"
        ));
    }
    if text.starts_with(b"./") || text.starts_with(b"../") {
        return Some(format!(
            "paths are recorded from `/` on, so {shown} is none of them; write all of it"
        ));
    }
    if text.windows(4).any(|part| part == b"/../") || text.ends_with(b"/..") {
        return Some(format!(
            "write {shown} without `..`: what leads to a file by such a name is found by the plain one, too"
        ));
    }
    if text.ends_with(b"/") || !glob.is_name() {
        return None;
    }
    if text.starts_with(b"/") {
        return Some(format!(
            "{shown} was searched for as a whole path; for all below a directory write `{shown}/`"
        ));
    }
    Some(format!(
        "{shown} was searched for as `**/{shown}`, a whole name at the end of a path; for a part of a name \
         write `*{shown}*`, for all below a directory `{shown}/`"
    ))
}
