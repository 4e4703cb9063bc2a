//! What is no mistake and yet can hardly be meant: globs by which no agent is ever recognised, or
//! by which everything is one.
//!
//! Whose a cgroup is, is decided in `engine/watch.rs`: cgroups are looked at from the top of the
//! tree down, the first agent in the file with a glob that matches gets one, and with it all that
//! lies below.

use std::path::Path;

use toml::de::DeTable;

use super::Mistake;
use super::cover::Pattern;

/// Beyond so many globs their overlap is not looked for: each is compared with each.
const MOST: usize = 500;

/// Where cgroup2 is mounted on hosts that this one knows nothing about.
const USUAL_MOUNT: &str = "/sys/fs/cgroup";

/// A glob and whose it is.
struct Named<'t> {
    /// Which [[agents]] it is, from 0.
    agent: usize,
    id: &'t str,
    glob: &'t str,
    /// Byte in the text.
    start: usize,
    line: usize,
    pattern: Pattern,
}

/// Looks at a text without mistakes. In order of place.
pub(super) fn find(text: &str, mount: Option<&Path>) -> Vec<Mistake> {
    let Ok(tree) = DeTable::parse(text) else {
        return Vec::new();
    };
    let globs = globs(text, tree.get_ref());
    let mounts: Vec<_> = mount.into_iter().chain([Path::new(USUAL_MOUNT)]).collect();
    let overlap = globs.len() <= MOST;
    let doubt = |glob: &Named<'_>| {
        let message = below_mount(glob, &mounts)
            .or_else(|| no_path(glob))
            .or_else(|| whole_host(glob))
            .or_else(|| overlap.then(|| taken(glob, &globs)).flatten())?;
        Some(Mistake::at(text, glob.start, message))
    };
    let mut doubts: Vec<_> = globs.iter().filter_map(doubt).collect();
    doubts.sort_by_key(|doubt| (doubt.line, doubt.column));
    doubts
}

fn globs<'t>(text: &str, tree: &'t DeTable<'_>) -> Vec<Named<'t>> {
    let agents = tree
        .get("agents")
        .and_then(|agents| agents.get_ref().as_array());
    let mut globs = Vec::new();
    for (agent, value) in agents.into_iter().flatten().enumerate() {
        let value = value.get_ref();
        let id = value.get("id").and_then(|id| id.get_ref().as_str());
        let cgroups = value
            .get("cgroups")
            .and_then(|all| all.get_ref().as_array());
        for cgroup in cgroups.into_iter().flatten() {
            let Some(glob) = cgroup.get_ref().as_str() else {
                continue;
            };
            let start = cgroup.span().start;
            globs.push(Named {
                agent,
                id: id.unwrap_or_default(),
                glob,
                start,
                line: Mistake::at(text, start, String::new()).line,
                pattern: Pattern::new(glob),
            });
        }
    }
    globs
}

/// A path in the file system in place of a path in the tree of cgroups.
fn below_mount(named: &Named<'_>, mounts: &[&Path]) -> Option<String> {
    let glob = named.glob;
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
    let glob = named.glob;
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
    let id = named.id;
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
    let (glob, id) = (named.glob, named.id);
    let mut others = globs.iter().filter(|other| other.agent != named.agent);
    let above = others
        .clone()
        .find(|other| other.pattern.lies_above(&named.pattern));
    if let Some(other) = above {
        let (line, theirs, whose) = (other.line, other.glob, other.id);
        return Some(format!(
            "`{glob}` gets agent `{id}` nothing: what it matches lies below cgroups of agent \
             `{whose}` (`{theirs}`, line {line}), and all that lies below an agent's cgroup is that \
             agent's, in whatever order they stand; narrow `{theirs}`, or name other cgroups here"
        ));
    }
    let first =
        others.find(|other| other.agent < named.agent && other.pattern.covers(&named.pattern))?;
    let (line, theirs, whose) = (first.line, first.glob, first.id);
    Some(if named.pattern.covers(&first.pattern) {
        format!(
            "`{glob}` gets agent `{id}` nothing: agent `{whose}` names the same in line {line}, and \
             where two agents match a cgroup the first in the file gets it; leave it to one of them"
        )
    } else {
        format!(
            "`{glob}` gets agent `{id}` nothing: agent `{whose}` matches all of it by `{theirs}` \
             (line {line}), and where two agents match a cgroup the first in the file gets it; put \
             agent `{id}` before `{whose}`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Agents a, b, …, with these globs each.
    fn file(agents: &[&[&str]]) -> String {
        let names = 'a'..='z';
        let table = |(name, globs): (char, &&[&str])| {
            format!("[[agents]]\nid = \"{name}\"\ncgroups = {globs:?}\n")
        };
        names.zip(agents).map(table).collect()
    }

    /// Expects doubts at these places, each with this in its text.
    fn check(agents: &[&[&str]], expect: &[(usize, usize, &str)]) {
        let doubts = find(&file(agents), Some(Path::new("/sys/fs/cgroup/unified")));
        let places: Vec<_> = doubts
            .iter()
            .map(|doubt| (doubt.line, doubt.column))
            .collect();
        let expected: Vec<_> = expect.iter().map(|at| (at.0, at.1)).collect();
        assert_eq!(places, expected, "{doubts:?}");
        for (doubt, (_, _, part)) in doubts.iter().zip(expect) {
            assert!(doubt.message.contains(part), "{doubt:?}");
        }
    }

    #[test]
    fn agents_with_cgroups_of_their_own_raise_no_doubt() {
        check(&[&["/agents/a-*", "/x"], &["/agents/b-*", "/y/**/z"]], &[]);
        check(&[&["/agents/*", "/agents/one"]], &[]);
        // The narrower one first: it gets its cgroup, and the other one the rest.
        check(&[&["/agents/one"], &["/agents/*"]], &[]);
    }

    #[test]
    fn a_path_in_the_file_system_is_no_path_of_a_cgroup() {
        check(
            &[&["/sys/fs/cgroup/unified/agents/*"]],
            &[(3, 12, "; write `/agents/*`")],
        );
        check(
            &[&["/a", "/sys/fs/cgroup/agents/*"]],
            &[(3, 18, "; write `/agents/*`")],
        );
        check(&[&["/sys/fs/cgroups"]], &[]);
        let doubts = find(&file(&[&["/sys/fs/cgroup"]]), None);
        assert!(doubts[0].message.ends_with("; write `/`"), "{doubts:?}");
    }

    #[test]
    fn what_no_path_of_a_cgroup_has_matches_nothing() {
        let expect = [
            ("/trial/../x", "a part `..`; write `/x`"),
            ("/trial/./x", "a part `.`; write `/trial/x`"),
            ("/trial//d", "two slashes in a row; write `/trial/d`"),
            ("//trial/*/", "two slashes in a row; write `/trial/*`"),
            ("/trial/..", "a part `..`; write `/`"),
        ];
        for (glob, text) in expect {
            check(&[&[glob]], &[(3, 12, text)]);
            let said = find(&file(&[&[glob]]), None)[0].message.clone();
            assert!(said.contains("matches nothing"), "{said}");
        }
        check(&[&["/trial//", "/a/..x", "/b/.../c", "/{a/./b,c}"]], &[]);
    }

    #[test]
    fn the_whole_host_is_not_taken_without_a_word() {
        check(&[&["/"]], &[(3, 12, "is recorded as agent `a`")]);
        check(&[&["//", "/*"]], &[(3, 12, "`//` is the whole host")]);
    }

    #[test]
    fn of_two_agents_with_one_glob_the_first_gets_the_cgroups() {
        check(
            &[&["/a"], &["/b", "/a/"]],
            &[(
                6,
                18,
                "agent `a` names the same in line 3, and where two agents match",
            )],
        );
    }

    #[test]
    fn a_wider_glob_that_stands_before_takes_all() {
        check(
            &[&["/agents/*"], &["/agents/one"]],
            &[(6, 12, "agent `a` matches all of it by `/agents/*` (line 3)")],
        );
    }

    #[test]
    fn what_lies_below_the_cgroup_of_another_agent_is_the_others_wherever_it_stands() {
        let text = "lies below cgroups of agent";
        check(&[&["/agents/*"], &["/agents/one/job"]], &[(6, 12, text)]);
        check(&[&["/agents/one/job"], &["/agents/*"]], &[(3, 12, text)]);
        let host = (6, 12, "is the whole host");
        check(&[&["/a"], &["/"]], &[(3, 12, text), host]);
    }

    #[test]
    fn too_many_globs_are_not_compared() {
        let one = vec!["/same"; MOST];
        check(
            &[&one, &["/same", "/sys/fs/cgroup/x"]],
            &[(6, 21, "; write `/x`")],
        );
    }
}
