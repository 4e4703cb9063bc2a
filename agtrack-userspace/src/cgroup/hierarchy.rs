//! Where cgroup2 is mounted, and which cgroup is where in it.
//!
//! Comes in: mountinfo and `/proc/<pid>/cgroup`. Goes out: [`Cgroup`]s. Never: writes.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::{Cgroup, Error, Globs, refused};

/// The mounted cgroup2 hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    mount: PathBuf,
    /// The cgroup that the mount shows as its top; `/` save in containers with a bind mount.
    root: PathBuf,
}

impl Hierarchy {
    /// Finds the mount in `/proc/self/mountinfo`.
    ///
    /// # Errors
    /// [`Error::NotMounted`], or `/proc` cannot be read.
    pub fn find() -> Result<Hierarchy, Error> {
        let file = Path::new("/proc/self/mountinfo");
        let text = std::fs::read(file).map_err(refused("read", file))?;
        Hierarchy::from_mountinfo(&text).ok_or(Error::NotMounted)
    }

    /// The cgroup2 mount that shows most of the hierarchy; among equals the first, which is the
    /// system's own and not somebody's copy.
    fn from_mountinfo(text: &[u8]) -> Option<Hierarchy> {
        text.split(|&byte| byte == b'\n')
            .filter_map(Hierarchy::from_line)
            .reduce(|best, next| {
                if next.depth() < best.depth() {
                    next
                } else {
                    best
                }
            })
    }

    /// `id parent major:minor root mount options [tags] - type source options`
    fn from_line(line: &[u8]) -> Option<Hierarchy> {
        let mut fields = line.split(|&byte| byte == b' ');
        let root = fields.nth(3)?;
        let mount = fields.next()?;
        let mut rest = fields.skip_while(|field| *field != b"-");
        rest.next()?;
        if rest.next()? != b"cgroup2" {
            return None;
        }
        Some(Hierarchy {
            mount: unescape(mount),
            root: unescape(root),
        })
    }

    fn depth(&self) -> usize {
        self.root.components().count()
    }

    /// The directory it is mounted at.
    pub fn mount(&self) -> &Path {
        &self.mount
    }

    /// True where this process may create cgroups at the top of the mount.
    pub fn is_writable(&self) -> bool {
        rustix::fs::access(&self.mount, rustix::fs::Access::WRITE_OK).is_ok()
    }

    /// The directory that stands for this path (as in `/proc/<pid>/cgroup`), whether it is there
    /// or not; `None` where the mount does not show it.
    pub fn dir(&self, path: &Path) -> Option<PathBuf> {
        if path.components().any(|part| part == Component::ParentDir) {
            return None;
        }
        let inside = path.strip_prefix(&self.root).ok()?;
        Some(match inside.as_os_str().is_empty() {
            true => self.mount.clone(),
            false => self.mount.join(inside),
        })
    }

    /// The cgroup at this path (as in `/proc/<pid>/cgroup`).
    ///
    /// # Errors
    /// There is none ([`Error::is_gone`]), or it cannot be looked at, or it cannot be seen from
    /// here ([`Error::Outside`]).
    pub fn at(&self, path: &Path) -> Result<Cgroup, Error> {
        let dir = self.dir(path).ok_or_else(|| Error::Outside {
            path: path.to_path_buf(),
            mount: self.mount.clone(),
        })?;
        let metadata = std::fs::metadata(&dir).map_err(refused("look at", &dir))?;
        Ok(Cgroup {
            path: path.to_path_buf(),
            dir,
            id: metadata.ino(),
        })
    }

    /// The cgroup that a process is in.
    ///
    /// # Errors
    /// The process is gone, or its cgroup cannot be seen from here ([`Error::Outside`]).
    pub fn of_pid(&self, pid: u32) -> Result<Cgroup, Error> {
        let file = PathBuf::from(format!("/proc/{pid}/cgroup"));
        let text = match std::fs::read(&file) {
            Err(error) if super::is_gone(&error) => return Err(Error::NoProcess { pid }),
            other => other.map_err(refused("read", &file))?,
        };
        let path = unified_path(&text).ok_or(Error::NotMounted)?;
        self.at(&path)
    }

    /// Every cgroup, each parent before its children.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn all(&self) -> Result<Vec<Cgroup>, Error> {
        self.at(&self.root)?.subtree()
    }

    /// The cgroup with this id, if there is one now. Walks the tree.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn by_id(&self, id: u64) -> Result<Option<Cgroup>, Error> {
        Ok(self.all()?.into_iter().find(|cgroup| cgroup.id == id))
    }

    /// The cgroups whose path matches one of the globs, each parent before its children.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn matching(&self, globs: &Globs) -> Result<Vec<Cgroup>, Error> {
        let mut all = self.all()?;
        all.retain(|cgroup| globs.matches(&cgroup.path));
        Ok(all)
    }
}

/// The path in the line `0::PATH`. The kernel marks a removed cgroup that still has a process.
fn unified_path(text: &[u8]) -> Option<PathBuf> {
    let line = text
        .split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(b"0::"))?;
    let path = line.strip_suffix(b" (deleted)").unwrap_or(line);
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(path)))
}

/// mountinfo writes blanks, tabs, newlines and backslashes as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| first == b'\\').and_then(octal);
        bytes.push(octal.unwrap_or(first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(bytes).into()
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mountinfo: &str, mount: &str, root: &str) {
        let found = Hierarchy::from_mountinfo(mountinfo.as_bytes()).unwrap();
        assert_eq!(
            (found.mount, found.root),
            (PathBuf::from(mount), PathBuf::from(root))
        );
    }

    #[test]
    fn the_mount_is_found_wherever_it_is() {
        check(
            "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw",
            "/sys/fs/cgroup",
            "/",
        );
        check(
            "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            "/sys/fs/cgroup/unified",
            "/",
        );
        check("1 2 0:3 / /a\\040b rw - cgroup2 x rw", "/a b", "/");
    }

    #[test]
    fn the_mount_that_shows_most_wins() {
        check(
            "1 2 0:3 / /all rw - cgroup2 x rw\n2 2 0:3 /pod/one /part rw - cgroup2 x rw",
            "/all",
            "/",
        );
        check(
            "2 2 0:3 /pod/one /part rw - cgroup2 x rw",
            "/part",
            "/pod/one",
        );
    }

    #[test]
    fn no_mount_or_nonsense_is_none() {
        for text in [
            "",
            "garbage",
            "1 2 0:3 / /sys rw - sysfs sysfs rw",
            "1 2 3 / /x rw -",
            "- -",
        ] {
            assert_eq!(Hierarchy::from_mountinfo(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_unified_line_is_told_from_the_others() {
        let text = b"4:memory:/x\n0::/user.slice/a b\n";
        assert_eq!(unified_path(text), Some(PathBuf::from("/user.slice/a b")));
        assert_eq!(
            unified_path(b"0::/gone (deleted)\n"),
            Some(PathBuf::from("/gone"))
        );
        assert_eq!(unified_path(b"4:memory:/x\n"), None);
    }

    #[test]
    fn a_path_outside_of_the_mount_leads_nowhere() {
        let temp = tempfile::tempdir().unwrap();
        let part = Hierarchy {
            mount: temp.path().into(),
            root: "/pod/one".into(),
        };
        let dir = |path| part.dir(Path::new(path));
        assert_eq!(dir("/pod/one"), Some(temp.path().into()));
        assert_eq!(dir("/pod/one/x"), Some(temp.path().join("x")));
        assert_eq!(dir("/pod/other"), None);
        assert_eq!(dir("/pod/one/../other"), None);
        let error = part.at(Path::new("/pod/other")).unwrap_err();
        assert!(matches!(error, Error::Outside { .. }), "{error}");
        assert!(!error.is_gone());
        let all = Hierarchy {
            mount: "/all".into(),
            root: "/".into(),
        };
        assert_eq!(all.dir(Path::new("/../other")), None);
        assert_eq!(all.dir(Path::new("/a")), Some("/all/a".into()));
    }

    #[test]
    fn paths_lead_to_directories_below_the_mount_and_ids_back() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(temp.path().join("agents/code/job")).unwrap();
        let tree = Hierarchy {
            mount: temp.path().into(),
            root: "/pod".into(),
        };
        let code = tree.at(Path::new("/pod/agents/code")).unwrap();
        assert_eq!(code.dir, temp.path().join("agents/code"));
        assert_eq!(tree.by_id(code.id).unwrap().as_ref(), Some(&code));
        assert_eq!(tree.by_id(1).unwrap(), None);
        let globs = Globs::new(&["/pod/agents/*"]).unwrap();
        assert_eq!(tree.matching(&globs).unwrap(), [code]);
    }
}
