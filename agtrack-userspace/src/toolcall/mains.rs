//! Which programs an agent's configuration names as its main ones.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::catalogue::Program;
use crate::record::Text;

/// Names from the catalogue, globs of file names and globs of paths; none: whoever the catalogue knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Mains {
    names: Vec<String>,
    files: GlobSet,
    paths: GlobSet,
}

impl Mains {
    /// What begins with a slash is a path. One that is no glob is left out: the configuration takes none.
    pub(super) fn new(programs: &[String]) -> Mains {
        let (paths, files): (Vec<_>, Vec<_>) =
            programs.iter().partition(|name| name.starts_with('/'));
        Mains {
            names: programs.to_vec(),
            files: globs(&files),
            paths: globs(&paths),
        }
    }

    pub(super) fn are_named(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether one of these paths, or what the catalogue calls it, is named.
    pub(super) fn name<'t>(
        &self,
        mut paths: impl Iterator<Item = &'t Text>,
        program: Option<&Program>,
    ) -> bool {
        let known =
            program.is_some_and(|program| self.names.iter().any(|name| name == program.name));
        known || paths.any(|path| self.match_path(&path.0))
    }

    fn match_path(&self, path: &[u8]) -> bool {
        let file = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let is_match = |globs: &GlobSet, text| globs.is_match(Path::new(OsStr::from_bytes(text)));
        is_match(&self.files, file) || is_match(&self.paths, path)
    }
}

fn globs(texts: &[&String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for text in texts {
        if let Ok(glob) = GlobBuilder::new(text).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn names(programs: &[&str], exe: &str, script: Option<&str>) -> bool {
        let programs: Vec<_> = programs.iter().map(|name| (*name).to_owned()).collect();
        let (exe, script) = (Text::from(exe), script.map(Text::from));
        let program = catalogue::program(&exe, script.as_ref(), &[]);
        let paths = script.iter().chain([&exe]);
        Mains::new(&programs).name(paths, program)
    }

    #[test]
    fn programs_are_known_by_name_file_and_path() {
        assert!(names(&["claude"], "/opt/x/claude", None));
        assert!(names(&["claude"], "/usr/bin/node", Some("/usr/bin/claude")));
        assert!(!names(&["codex"], "/opt/x/claude", None));
        assert!(names(&["acme-*"], "/opt/acme-agent", None));
        assert!(names(&["acme"], "/usr/bin/python3", Some("/opt/acme")));
        assert!(!names(&["acme"], "/opt/acme/other", None));
        assert!(names(&["/opt/acme/*"], "/opt/acme/agent", None));
        assert!(!names(&["/opt/*"], "/opt/acme/agent", None));
        assert!(!names(&[], "/opt/acme/agent", None));
    }
}
