//! Which session is meant.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::bail;
use uuid::Uuid;

use crate::journal::Extent;
use crate::query::{Query, scan};
use crate::record::{Agent, Record, Shared, Text, printable};

/// Sessions that are listed where several are meant.
const LISTED: usize = 10;
/// The newest sessions, which are told apart; a journal of years may have more.
const MOST: usize = 100_000;

/// A session of the journal.
struct Found {
    agent: Shared<Agent>,
    time: String,
    seq: u64,
}

/// The agent in the session that is asked for by the begin of its id, or in the one that began last.
pub(super) fn agent(
    dir: &Path,
    extent: &Extent,
    asked: Option<&str>,
) -> anyhow::Result<Shared<Agent>> {
    // What is quickly found first; a session whose begin is no longer kept has other records.
    let mut found = sessions(extent, asked, &["session"])?;
    if found.is_empty() {
        found = sessions(extent, asked, &[])?;
    }
    let dir = Text::from(dir.as_os_str().as_encoded_bytes().to_vec());
    let mut dir = dir.printable();
    if found.is_empty() {
        let holes = extent.holes()?;
        dir.extend(holes.iter().map(|hole| format!(" ({hole})")));
    }
    match (found.len(), asked) {
        (0, None) => bail!(
            "no session is on record in {dir}; record one with `agtrack run -- CMD`, or name another \
             journal with --journal DIR"
        ),
        (0, Some(asked)) => bail!(
            "no session in {dir} has an id that begins with {asked}; `agtrack sessions` lists them"
        ),
        (1, _) | (_, None) => {}
        (count, Some(asked)) => bail!("{}", several(asked, count, found)),
    }
    let newest = found.into_iter().max_by_key(|(_, found)| found.seq);
    match newest {
        Some((_, found)) => Ok(found.agent),
        None => bail!("no session is on record in {dir}"),
    }
}

fn several(asked: &str, count: usize, found: BTreeMap<Uuid, Found>) -> String {
    let mut lines = vec![format!(
        "{count} sessions have ids that begin with {asked}; give more of the one that is meant:"
    )];
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, found)| std::cmp::Reverse(found.seq));
    let shown = found.iter().take(LISTED);
    lines.extend(shown.map(|(id, found)| {
        let (time, name) = (printable(&found.time), printable(&found.agent.name));
        format!("  {id}  {time}  {name}")
    }));
    if count > LISTED {
        lines.push(format!("  and {} more", count - LISTED));
    }
    lines.join("\n")
}

/// Sessions by their ids, each with the first record that was found.
fn sessions(
    extent: &Extent,
    asked: Option<&str>,
    kinds: &[&str],
) -> anyhow::Result<BTreeMap<Uuid, Found>> {
    let query = Query {
        sessions: asked.map(str::to_owned).into_iter().collect(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        ..Query::default()
    };
    let mut found: BTreeMap<Uuid, Found> = BTreeMap::new();
    scan(
        extent,
        &query,
        |record, _| of(record),
        |more| {
            for one in more.into_iter().flatten() {
                found.entry(one.agent.session).or_insert(one);
                // Ids begin with the time of the session.
                if found.len() > MOST {
                    found.pop_first();
                }
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok(found)
}

fn of(record: &Record) -> Option<Found> {
    Some(Found {
        agent: record.agent.clone()?,
        time: record.time.clone(),
        seq: record.seq,
    })
}
