//! Globs on cgroup paths, as a config names them.
//!
//! Comes in: patterns such as `/agents/*` or `/user.slice/**/claude-*.scope`. Goes out: whether a
//! path matches. Never: looks at the file system.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::GlobBuilder;
use regex::bytes::{RegexSet, RegexSetBuilder};

/// A set of globs. `*`, `?` and `[...]` stay within one part of the path, `**` crosses parts.
#[derive(Clone, Debug)]
pub struct Globs {
    set: RegexSet,
    /// Of each.
    weights: Vec<Weight>,
    /// One of them is `/`. A star is not meant to take the whole host.
    root: bool,
}

/// How much a glob says. Of two that match a cgroup the greater one is meant: one without wildcards,
/// then the one with more bytes before its first wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight {
    is_literal: bool,
    /// Bytes that stand before the first wildcard.
    prefix: usize,
}

impl Weight {
    /// Of a valid glob. A slash at the end does not count.
    pub fn of(glob: &str) -> Weight {
        let glob = match glob.trim_end_matches('/') {
            "" => "/",
            glob => glob,
        };
        let mut prefix = 0;
        let mut letters = glob.chars();
        while let Some(letter) = letters.next() {
            // What stands behind a backslash is meant as it is.
            let meant = match letter {
                '*' | '?' | '[' | '{' => break,
                '\\' => letters.next().unwrap_or(letter),
                letter => letter,
            };
            prefix += meant.len_utf8();
        }
        let rest = letters.as_str();
        let is_literal = rest.is_empty() && !glob.ends_with(['*', '?', '[', '{']);
        Weight { is_literal, prefix }
    }

    /// Whether it is the path of one cgroup.
    pub fn is_literal(self) -> bool {
        self.is_literal
    }
}

/// A glob that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GlobError {
    /// Cgroup paths begin with a slash.
    #[error(
        "cgroup glob `{glob}` does not begin with `/`; write the path as in /proc/PID/cgroup, \
         for example `/agents/*`"
    )]
    Relative {
        /// The glob.
        glob: String,
    },
    /// The pattern is malformed.
    #[error("cgroup glob `{glob}` is not valid: {reason}; see the examples in the default config")]
    Syntax {
        /// The glob.
        glob: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Globs {
    /// Compiles the patterns. A slash at the end does not count.
    ///
    /// # Errors
    /// The first pattern that is relative or malformed.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Globs, GlobError> {
        let mut set = Vec::new();
        let mut root = false;
        for pattern in patterns {
            let glob = pattern.as_ref();
            if !glob.starts_with('/') {
                return Err(GlobError::Relative {
                    glob: glob.to_owned(),
                });
            }
            let trimmed = if glob.len() > 1 {
                glob.trim_end_matches('/')
            } else {
                glob
            };
            let whole = if trimmed.is_empty() { "/" } else { trimmed };
            root |= whole == "/";
            let compiled = GlobBuilder::new(whole)
                .literal_separator(true)
                .backslash_escape(true)
                .build();
            let compiled = compiled.map_err(|error| syntax(glob, error.kind()))?;
            set.push(within_parts(compiled.regex()));
        }
        let last = patterns.last().map(AsRef::as_ref).unwrap_or_default();
        let set = RegexSetBuilder::new(set)
            .dot_matches_new_line(true)
            .build()
            .map_err(|error| syntax(last, &error))?;
        let weights = patterns.iter().map(|glob| Weight::of(glob.as_ref()));
        Ok(Globs {
            set,
            weights: weights.collect(),
            root,
        })
    }

    /// How much the glob says that matches the whole path, of several the one that says most.
    pub fn weight(&self, path: &Path) -> Option<Weight> {
        if path == Path::new("/") {
            return self.root.then(|| Weight::of("/"));
        }
        let found = self.set.matches(path.as_os_str().as_bytes());
        let weights = found.iter().filter_map(|index| self.weights.get(index));
        weights.max().copied()
    }

    /// True if one of them matches the whole path.
    pub fn matches(&self, path: &Path) -> bool {
        if path == Path::new("/") {
            return self.root;
        }
        self.set.is_match(path.as_os_str().as_bytes())
    }
}

/// Takes the slash out of every class of a glob's regular expression: of all that a glob can hold,
/// globset leaves only `[!x]` and `[+-9]` to cross parts.
fn within_parts(regex: &str) -> String {
    let mut within = String::with_capacity(regex.len() + 16);
    let mut escaped = false;
    for letter in regex.chars() {
        match letter {
            '[' if !escaped => within.push_str("[["),
            ']' if !escaped => within.push_str("]--/]"),
            letter => within.push(letter),
        }
        escaped = letter == '\\' && !escaped;
    }
    within
}

fn syntax(glob: &str, reason: &impl std::fmt::Display) -> GlobError {
    GlobError::Syntax {
        glob: glob.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(glob: &str, path: &str, expect: bool) {
        let globs = Globs::new(&[glob]).unwrap();
        assert_eq!(globs.matches(Path::new(path)), expect, "{glob} on {path}");
    }

    #[test]
    fn a_star_stays_within_one_part() {
        check("/agents/*", "/agents/code", true);
        check("/agents/*", "/agents/code/job", false);
        check("/agents/*", "/agents", false);
        check("/agents/", "/agents", true);
        check("/", "/", true);
    }

    #[test]
    fn a_class_stays_within_one_part() {
        check("/agents[!x]code", "/agents/code", false);
        check("/agents[^x]code", "/agents-code", true);
        check("/agents[!]x]code", "/agents/code", false);
        check("/agents[!]x]code", "/agents]code", false);
        check("/agents[+-9]code", "/agents/code", false);
        check("/agents[+-9]code", "/agents5code", true);
        check("/agents[/]code", "/agents/code", false);
        check("/agents[-a]code", "/agents-code", true);
        check("/agents/[a-c][!0-9]", "/agents/bx", true);
        check("/agents/[a-c][!0-9]", "/agents/b7", false);
        check("/agents/\\[x\\]", "/agents/[x]", true);
        check("/agents/\\\\[!x]", "/agents/\\y", true);
        check("/agents/{a,[!b]}", "/agents/c", true);
        check("/agents/?", "/agents//", false);
    }

    #[test]
    fn only_the_root_itself_is_the_whole_host() {
        check("/*", "/", false);
        check("/**", "/", false);
        check("/*", "/agents", true);
        check("//", "/", true);
    }

    #[test]
    fn two_stars_cross_parts() {
        check(
            "/user.slice/**/claude-*.scope",
            "/user.slice/user-1.slice/claude-7.scope",
            true,
        );
        check(
            "/user.slice/**/claude-*.scope",
            "/user.slice/claude-7.scope",
            true,
        );
        check(
            "/user.slice/**/claude-*.scope",
            "/system.slice/claude-7.scope",
            false,
        );
    }

    #[test]
    fn the_glob_that_says_more_weighs_more() {
        let order = [
            "/**/x.service",
            "/*",
            "/agents/*",
            "/agents/code-*",
            "/agents/code-[ab]",
            "/agents/code-a",
        ];
        for (less, more) in order.iter().zip(&order[1..]) {
            let (less, more) = (Weight::of(less), Weight::of(more));
            assert!(less <= more, "{less:?} {more:?}");
        }
        assert_eq!(Weight::of("/a/**"), Weight::of("/a/*"));
        assert_eq!(Weight::of("/a/"), Weight::of("/a"));
        assert!(Weight::of("/").is_literal() && Weight::of("/a\\*b").is_literal());
        assert!(!Weight::of("/a\\*b?").is_literal());
        assert!(
            Weight::of("/x") > Weight::of("/agents/code-*"),
            "a name is meant"
        );
    }

    #[test]
    fn of_several_that_match_the_one_that_says_most_counts() {
        let globs = Globs::new(&["/agents/*", "/agents/code", "/other"]).unwrap();
        let weight = |path: &str| globs.weight(Path::new(path));
        assert_eq!(weight("/agents/code"), Some(Weight::of("/agents/code")));
        assert_eq!(weight("/agents/job"), Some(Weight::of("/agents/*")));
        assert_eq!(weight("/elsewhere"), None);
    }

    #[test]
    fn a_path_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/agents/\xff\n"));
        assert!(Globs::new(&["/agents/*"]).unwrap().matches(path));
    }

    #[test]
    fn bad_globs_are_named() {
        let relative = Globs::new(&["agents/*"]).unwrap_err().to_string();
        assert!(
            relative.contains("`agents/*`") && relative.contains("begin with"),
            "{relative}"
        );
        let syntax = Globs::new(&["/ok", "/agents/[a"]).unwrap_err().to_string();
        assert!(syntax.contains("`/agents/[a`"), "{syntax}");
    }

    #[test]
    fn no_globs_match_nothing() {
        assert!(!Globs::new::<&str>(&[]).unwrap().matches(Path::new("/")));
    }
}
