//! What is no mistake and yet can hardly be meant: globs by which no agent is ever recognised, or
//! by which everything is one; the same of programs and users (`doubt/who.rs`); sinks that cannot
//! deliver here (`doubt/sink.rs`); and a control socket for a group that is not there
//! (`doubt/control.rs`).
//!
//! Whose a cgroup is, is decided in `engine/watch.rs`: cgroups are looked at from the top of the
//! tree down, the agent whose glob says most of it gets one (of several the first in the file), and
//! with it all that lies below.

mod control;
mod program;
mod sink;
mod who;

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::agent::unit_globs;
use super::cover::Pattern;
use super::{Mistake, Placed, Source};
use crate::cgroup::{Globs, Weight};

/// Beyond so many globs their overlap is not looked for: each is compared with each.
const MOST: usize = 500;

/// Where cgroup2 is mounted on hosts that this one knows nothing about.
const USUAL_MOUNT: &str = "/sys/fs/cgroup";

/// A value of an agent's list, and whose it is.
#[derive(Clone)]
struct Entry<'t> {
    source: &'t Source,
    /// Which agent of all it is, from 0.
    agent: usize,
    id: String,
    value: DeValue<'t>,
    /// Byte in the text.
    start: usize,
    line: usize,
}

impl Entry<'_> {
    fn placed(&self, message: String) -> Placed {
        Placed {
            file: self.source.file.clone(),
            mistake: Mistake::at(&self.source.text, self.start, message),
        }
    }

    /// Where it is, as seen from another one.
    fn place(&self, from: &Entry<'_>) -> String {
        if self.source.file == from.source.file {
            format!("line {}", self.line)
        } else {
            format!("line {} of {}", self.line, self.source.file.display())
        }
    }
}

/// A glob and whose it is.
struct Named<'t> {
    entry: Entry<'t>,
    agent: usize,
    id: String,
    glob: String,
    pattern: Pattern,
    /// How much it says, at least and at most.
    weight: (Weight, Weight),
}

/// Looks at texts; those that are no TOML are passed over. In order of place.
pub(super) fn find(sources: &[Source], mount: Option<&Path>) -> Vec<Placed> {
    let globs = globs(sources);
    let mounts: Vec<_> = mount.into_iter().chain([Path::new(USUAL_MOUNT)]).collect();
    let overlap = globs.len() <= MOST;
    let doubt = |glob: &Named<'_>| {
        let message = below_mount(glob, &mounts)
            .or_else(|| no_path(glob))
            .or_else(|| whole_host(glob))
            .or_else(|| overlap.then(|| taken(glob, &globs)).flatten())?;
        Some(glob.entry.placed(message))
    };
    let mut doubts: Vec<_> = globs.iter().filter_map(doubt).collect();
    doubts.extend(who::find(sources));
    doubts.extend(sink::find(sources, is_there));
    doubts.extend(control::find(sources, is_group));
    doubts.extend(program::unknown(sources, &program::directories()));
    let order = |doubt: &Placed| {
        let file = sources.iter().position(|source| source.file == doubt.file);
        (file, doubt.mistake.line, doubt.mistake.column)
    };
    doubts.sort_by_key(order);
    doubts
}

/// Where one may not look, nothing is doubted.
fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// Whether this host knows a group; where groups cannot be read, none is doubted.
fn is_group(name: &str) -> bool {
    nix::unistd::Group::from_name(name).map_or(true, |group| group.is_some())
}

/// The values of a list of all agents.
fn entries<'t>(sources: &'t [Source], key: &str) -> Vec<Entry<'t>> {
    let mut entries = Vec::new();
    let mut before = 0;
    for source in sources {
        let Ok(tree) = DeTable::parse(&source.text) else {
            continue;
        };
        let agents = tree
            .get_ref()
            .get("agents")
            .and_then(|agents| agents.get_ref().as_array());
        for (index, agent) in agents.into_iter().flatten().enumerate() {
            let agent = agent.get_ref();
            let id = agent.get("id").and_then(|id| id.get_ref().as_str());
            let list = agent.get(key).and_then(|list| list.get_ref().as_array());
            let entry = |value: &Spanned<DeValue<'t>>| Entry {
                source,
                agent: before + index,
                id: id.unwrap_or_default().to_owned(),
                value: value.get_ref().clone(),
                start: value.span().start,
                line: Mistake::at(&source.text, value.span().start, String::new()).line,
            };
            entries.extend(list.into_iter().flatten().map(entry));
        }
        before += agents.map_or(0, |agents| agents.len());
    }
    entries
}

/// What is meant by a value is the same as `globs`, of which the last covers the others.
fn named<'t>(entry: Entry<'t>, globs: fn(&str) -> Vec<String>) -> Option<Named<'t>> {
    let glob = entry.value.as_str()?.to_owned();
    let meant = globs(&glob);
    // One that is a mistake covers nothing.
    Globs::new(&meant).ok()?;
    let weights = meant.iter().map(|glob| Weight::of(glob));
    Some(Named {
        agent: entry.agent,
        id: entry.id.clone(),
        pattern: Pattern::new(meant.last()?),
        weight: (weights.clone().min()?, weights.max()?),
        glob,
        entry,
    })
}

/// Those named as globs, and as units.
fn globs(sources: &[Source]) -> Vec<Named<'_>> {
    let of_unit = |unit: &str| unit_globs(unit).to_vec();
    let of_cgroup = |glob: &str| vec![glob.to_owned()];
    let cgroups = entries(sources, "cgroups");
    let units = entries(sources, "units");
    let cgroups = cgroups
        .into_iter()
        .filter_map(|entry| named(entry, of_cgroup));
    let units = units.into_iter().filter_map(|entry| named(entry, of_unit));
    cgroups.chain(units).collect()
}

/// A path in the file system in place of a path in the tree of cgroups.
fn below_mount(named: &Named<'_>, mounts: &[&Path]) -> Option<String> {
    let glob = &*named.glob;
    let inside = |mount: &&Path| {
        let rest = Path::new(glob).strip_prefix(mount).ok()?;
        (mount.components().count() > 1).then(|| (mount.display().to_string(), rest))
    };
    let (mount, rest) = mounts.iter().find_map(inside)?;
    Some(format!(
        "`{glob}` begins with {mount}, where cgroup2 is mounted, so it matches nothing: a glob is a \
         path as in the line `0::` of /proc/PID/cgroup; write `/{}`",
        rest.display()
    ))
}

/// Parts that no path of a cgroup has.
fn no_path(named: &Named<'_>) -> Option<String> {
    let glob = &*named.glob;
    let inner = glob.trim_end_matches('/');
    // Of alternatives another one may match.
    let is_plain = !inner.contains('{');
    let wrong = inner.split('/').skip(1).find(|part| is_none(part));
    let what = match wrong.filter(|_| is_plain)? {
        "" => "two slashes in a row".to_owned(),
        part => format!("a part `{part}`"),
    };
    let right = resolved(inner);
    Some(format!(
        "`{glob}` matches nothing: no path of a cgroup has {what}; write `{right}`"
    ))
}

fn is_none(part: &str) -> bool {
    matches!(part, "" | "." | "..")
}

/// The glob that was meant.
fn resolved(glob: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in glob.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            part if is_none(part) => {}
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn whole_host(named: &Named<'_>) -> Option<String> {
    let id = &named.id;
    named.glob.trim_matches('/').is_empty().then(|| {
        format!(
            "`{}` is the whole host: every process, the system's services and people's shells too, \
             is recorded as agent `{id}`; name only the cgroups that the agent runs in",
            named.glob
        )
    })
}

/// Another agent gets all that this glob matches.
fn taken(named: &Named<'_>, globs: &[Named<'_>]) -> Option<String> {
    let (glob, id) = (&named.glob, &named.id);
    let others = globs.iter().filter(|other| other.agent != named.agent);
    let above = others
        .clone()
        .find(|other| other.pattern.lies_above(&named.pattern));
    if let Some(other) = above {
        let (place, theirs, whose) = (other.entry.place(&named.entry), &other.glob, &other.id);
        return Some(format!(
            "`{glob}` gets agent `{id}` nothing: what it matches lies below cgroups of agent \
             `{whose}` (`{theirs}`, {place}), and all that lies below an agent's cgroup is that \
             agent's, in whatever order they stand; narrow `{theirs}`, or name other cgroups here"
        ));
    }
    let covering = others.filter(|other| other.pattern.covers(&named.pattern));
    let same =
        |other: &&Named<'_>| other.agent < named.agent && named.pattern.covers(&other.pattern);
    let stronger = |other: &&Named<'_>| {
        let (theirs, own) = (other.weight.0, named.weight.1);
        theirs > own || theirs == own && other.agent < named.agent
    };
    let wider = |other: &&Named<'_>| named.weight.0.is_literal() && !other.weight.1.is_literal();
    let told = |other: &Named<'_>| {
        (
            other.entry.place(&named.entry),
            other.glob.clone(),
            other.id.clone(),
        )
    };
    if let Some(other) = covering.clone().find(same) {
        let (place, _, whose) = told(other);
        return Some(format!(
            "`{glob}` gets agent `{id}` nothing: agent `{whose}` names the same in {place}, and \
             where two agents match a cgroup the first gets it; leave it to one of them"
        ));
    }
    if let Some(other) = covering.clone().find(stronger) {
        let (place, theirs, whose) = told(other);
        return Some(format!(
            "`{glob}` gets agent `{id}` nothing: agent `{whose}` matches all of it by `{theirs}` \
             ({place}), and of two globs that say as much the first gets a cgroup; put agent `{id}` \
             before `{whose}`"
        ));
    }
    let other = covering.into_iter().find(wider)?;
    let (place, theirs, whose) = told(other);
    Some(format!(
        "`{glob}` is also matched by `{theirs}` of agent `{whose}` ({place}); agent `{id}` gets it, \
         because it is named here without wildcards"
    ))
}

#[cfg(test)]
mod tests;
