//! Which class a path belongs to.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Globs;
use super::table::TABLE;

/// A glob that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGlob {
    /// It would match nothing, since paths are absolute.
    #[error("\"{0}\" matches no path, since all are absolute; begin it with `/` or `**/`")]
    Relative(String),
    /// It is no glob.
    #[error("\"{0}\" is no glob: {1}")]
    Syntax(String, String),
}

/// Classes of paths.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    globs: GlobSet,
    /// The class of each glob.
    names: Vec<String>,
}

impl Classes {
    /// From globs by class. `*` stays within one part of a path, `**` crosses parts, and
    /// `/proc/self` is the process that reads. Where several match, a class that was added comes
    /// before the built-in ones, and these are in the order of the table.
    ///
    /// # Errors
    /// A glob cannot be used.
    pub fn new(globs: &Globs) -> Result<Classes, BadGlob> {
        let place = |name: &str| TABLE.iter().position(|(known, _)| *known == name);
        let mut rows: Vec<_> = globs.iter().collect();
        rows.sort_by_key(|(name, _)| place(name));
        let mut set = GlobSetBuilder::new();
        let mut names = Vec::new();
        for (name, globs) in rows {
            for text in globs {
                set.add(glob(text)?);
                names.push(name.clone());
            }
        }
        let globs = set
            .build()
            .map_err(|error| BadGlob::Syntax(String::new(), error.to_string()))?;
        Ok(Classes { globs, names })
    }

    /// The class of a path that this process reads.
    pub fn of(&self, path: &[u8], pid: u32) -> Option<&str> {
        // Whoever can leave a directory in the middle of a path can begin it anywhere.
        if memchr::memmem::find(path, b"/../").is_some() {
            return None;
        }
        let own = own_proc(path, pid);
        let path = own.as_deref().unwrap_or(path);
        let first = *self
            .globs
            .matches(Path::new(OsStr::from_bytes(path)))
            .first()?;
        self.names.get(first).map(String::as_str)
    }
}

/// Whether this is a glob of files.
///
/// # Errors
/// It cannot be used.
pub fn check(text: &str) -> Result<(), BadGlob> {
    glob(text).map(drop)
}

fn glob(text: &str) -> Result<Glob, BadGlob> {
    if !text.starts_with('/') && !text.starts_with("**/") {
        return Err(BadGlob::Relative(text.to_owned()));
    }
    GlobBuilder::new(text)
        .literal_separator(true)
        .build()
        .map_err(|error| BadGlob::Syntax(text.to_owned(), error.kind().to_string()))
}

/// A path in the process's own directory in /proc, by the name that all processes have for theirs.
fn own_proc(path: &[u8], pid: u32) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(b"/proc/")?;
    let rest = rest.strip_prefix(pid.to_string().as_bytes())?;
    rest.starts_with(b"/")
        .then(|| [b"/proc/self", rest].concat())
}

#[cfg(test)]
mod tests {
    use super::super::built_in;
    use super::*;

    fn class(path: &str) -> Option<String> {
        let classes = Classes::new(&built_in()).unwrap();
        classes.of(path.as_bytes(), 7).map(str::to_owned)
    }

    #[test]
    fn loaders_locales_and_libraries_are_noise() {
        for (path, expect) in [
            ("/etc/ld.so.cache", "library"),
            ("/usr/lib/locale/C.utf8/LC_CTYPE", "locale"),
            ("/usr/lib/x86_64-linux-gnu/libc.so.6", "library"),
            ("/usr/share/fonts/truetype/a.ttf", "font"),
            ("/usr/share/perl/5.36/strict.pm", "system"),
            ("/proc/self/maps", "self"),
            ("/proc/7/stat", "self"),
            (
                "/home/u/.pyenv/versions/3.11.7/lib/python3.11/os.py",
                "library",
            ),
            ("/w/node_modules/left-pad/index.js", "library"),
        ] {
            assert_eq!(class(path).as_deref(), Some(expect), "{path}");
        }
    }

    #[test]
    fn what_a_person_wants_to_see_is_none() {
        for path in [
            "/etc/passwd",
            "/etc/shadow",
            "/proc/8/stat",
            "/proc/7/environ",
            "/proc/7/mem",
            "/proc/77/stat",
            "/tmp/libevil.so",
            "/home/u/notes",
            "/usr/lib/../../home/u/notes",
            "/usr/bin/script",
            "/usr/libx",
            "",
        ] {
            assert_eq!(class(path), None, "{path}");
        }
    }

    #[test]
    fn a_class_of_ones_own_comes_before_the_built_in_ones() {
        let mut globs = built_in();
        globs.insert("zoo".to_owned(), vec!["/usr/lib/zoo/**".to_owned()]);
        let classes = Classes::new(&globs).unwrap();
        assert_eq!(classes.of(b"/usr/lib/zoo/lion", 7), Some("zoo"));
        assert_eq!(classes.of(b"/usr/lib/zootopia", 7), Some("library"));
    }

    #[test]
    fn a_glob_that_matches_nothing_is_refused() {
        let globs = |text: &str| Globs::from([("a".to_owned(), vec![text.to_owned()])]);
        assert!(matches!(
            Classes::new(&globs("usr/lib/**")),
            Err(BadGlob::Relative(_))
        ));
        assert!(matches!(
            Classes::new(&globs("/usr/{lib")),
            Err(BadGlob::Syntax(..))
        ));
    }
}
