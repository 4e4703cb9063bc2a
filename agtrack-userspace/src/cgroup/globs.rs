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
    /// One of them is `/`. A star is not meant to take the whole host.
    root: bool,
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
        Ok(Globs { set, root })
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
