//! Whether one cgroup glob takes all that another can match.
//!
//! Says yes only where it is plain from the parts of both; no may mean that it cannot be told.

use std::path::Path;

use crate::cgroup::Globs;

/// A glob in its parts.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    /// None where the parts cannot be told apart by looking for slashes.
    parts: Option<Vec<Part>>,
}

#[derive(Debug)]
enum Part {
    /// `*`
    Any,
    /// `**`: any number of parts; at least one where it stands last.
    Deep,
    /// A name.
    Exact(String),
    /// A name with wildcards in it.
    Like(String, Globs),
}

impl Pattern {
    /// Takes a valid glob apart.
    pub(super) fn new(glob: &str) -> Pattern {
        let text = glob.trim_end_matches('/').to_owned();
        // Alternatives may have slashes in them.
        let plain = !text.contains("{") && !text.contains("//");
        let names = text.split('/').skip(1);
        let parts = names.map(Part::new).collect::<Option<Vec<_>>>();
        Pattern {
            parts: parts.filter(|_| plain),
            text,
        }
    }

    /// Each cgroup that `other` matches is matched by this one, too.
    pub(super) fn covers(&self, other: &Pattern) -> bool {
        match (&self.parts, &other.parts) {
            (Some(all), Some(some)) => covers(all, some),
            _ => self.text == other.text,
        }
    }

    /// Each cgroup that `other` matches lies below one that this one matches.
    pub(super) fn lies_above(&self, other: &Pattern) -> bool {
        let (Some(all), Some(some)) = (&self.parts, &other.parts) else {
            return false;
        };
        // A `**` that was cut off its end would mean something else.
        let sound = |cut: &usize| !matches!(some[..*cut].last(), Some(Part::Deep));
        (0..some.len())
            .filter(sound)
            .any(|cut| covers(all, &some[..cut]))
    }
}

impl Part {
    fn new(text: &str) -> Option<Part> {
        Some(match text {
            "*" => Part::Any,
            "**" => Part::Deep,
            _ if text.contains(['*', '?', '[', ']', '\\']) => {
                let globs = Globs::new(&[format!("/{text}")]).ok()?;
                Part::Like(text.to_owned(), globs)
            }
            _ => Part::Exact(text.to_owned()),
        })
    }

    fn covers(&self, other: &Part) -> bool {
        match (self, other) {
            (Part::Any, Part::Any | Part::Exact(_) | Part::Like(..)) => true,
            (Part::Exact(one), Part::Exact(other)) => one == other,
            (Part::Like(_, globs), Part::Exact(name)) => globs.matches(&Path::new("/").join(name)),
            (Part::Like(one, _), Part::Like(other, _)) => one == other,
            _ => false,
        }
    }
}

/// Row by row from the end: whether these last parts of `all` cover those last parts of `some`.
fn covers(all: &[Part], some: &[Part]) -> bool {
    let end = some.len();
    let mut next: Vec<bool> = (0..=end).map(|from| from == end).collect();
    for (index, part) in all.iter().enumerate().rev() {
        let is_last = index + 1 == all.len();
        let mut row = vec![false; end + 1];
        for from in (0..=end).rev() {
            let more = from < end;
            row[from] = match part {
                Part::Deep if is_last => more,
                Part::Deep => next[from] || more && row[from + 1],
                part => more && part.covers(&some[from]) && next[from + 1],
            };
        }
        next = row;
    }
    next[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &str, other: &str, covers: bool, lies_above: bool) {
        let (one, other) = (Pattern::new(one), Pattern::new(other));
        let found = (one.covers(&other), one.lies_above(&other));
        assert_eq!(found, (covers, lies_above), "{one:?} {other:?}");
    }

    #[test]
    fn names_and_wildcards_are_compared_part_by_part() {
        check("/a", "/a/", true, false);
        check("/a/*", "/a/b", true, false);
        check("/a/*", "/a/b-*", true, false);
        check("/a/b-*", "/a/b-c", true, false);
        check("/a/b-*", "/a/*", false, false);
        check("/a/b", "/a/*", false, false);
        check("/a/b-*", "/a/*-c", false, false);
        check("/a/[bc]", "/a/b", true, false);
        check("/a/*", "/a/**", false, false);
    }

    #[test]
    fn two_stars_take_any_number_of_parts() {
        check("/a/**", "/a/b", true, false);
        check("/a/**", "/a", false, false);
        check("/a/**", "/a/b/c", true, true);
        check("/**/x", "/a/b/x", true, false);
        check("/**/x", "/x", true, false);
        check("/**/x", "/**/x", true, false);
        check("/a/**", "/a/**/b", true, false);
        check("/**/x", "/a/**", false, false);
    }

    #[test]
    fn what_lies_below_a_match_is_told() {
        check("/", "/a", false, true);
        check("/a", "/a/b", false, true);
        check("/a/*", "/a/b/c", false, true);
        check("/a/*", "/a/**/c", false, false);
        check("/a/*/c", "/a/b", false, false);
    }

    #[test]
    fn what_cannot_be_told_is_not_claimed() {
        check("/{a,b}", "/a", false, false);
        check("/{a,b/c}", "/{a,b/c}", true, false);
    }

    /// Whatever is claimed must hold for real paths.
    #[test]
    fn claims_agree_with_what_globs_match() {
        let globs = [
            "/", "/a", "/*", "/**", "/a/*", "/a/**", "/**/b", "/a/**/b", "/[ab]/b", "/*/b", "/a/b",
        ];
        let names = ["a", "b", "c"];
        // Not `/` itself, which is nobody's but by a glob of its own.
        let mut paths = Vec::new();
        for x in names {
            paths.push(format!("/{x}"));
            for y in names {
                paths.push(format!("/{x}/{y}"));
                paths.extend(names.map(|z| format!("/{x}/{y}/{z}")));
            }
        }
        let matches = |glob: &str, path: &Path| Globs::new(&[glob]).unwrap().matches(path);
        for (one, other) in globs.iter().flat_map(|a| globs.map(|b| (*a, b))) {
            let (all, some) = (Pattern::new(one), Pattern::new(other));
            for path in paths.iter().map(Path::new).filter(|p| matches(other, p)) {
                assert!(
                    !all.covers(&some) || matches(one, path),
                    "{one} covers {other}, but not {path:?}"
                );
                let mut above = path.ancestors().skip(1);
                assert!(
                    !all.lies_above(&some) || above.any(|path| matches(one, path)),
                    "{one} lies above {other}, but not above {path:?}"
                );
            }
        }
    }
}
