//! The journal directory of one run.
//!
//! Comes in: the directory asked for, or none. Goes out: one that exists, that root owns and the
//! invoking user may read. Never: changes a directory that was there before.

use std::fs::{DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};

/// Where runs are kept that were not told where.
pub(super) const RUNS: &str = "/var/lib/agtrack/runs";

/// A journal directory; one that was created here goes away again unless it is kept.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    fresh: bool,
}

impl Directory {
    /// Creates it where it is missing, readable for the group.
    ///
    /// # Errors
    /// The path is relative, its parent is missing, or it cannot be created; the text says what to do
    /// next.
    pub(super) fn given(path: PathBuf, group: Option<u32>) -> anyhow::Result<Directory> {
        ensure!(
            path.is_absolute(),
            "the journal directory {} is not absolute",
            path.display()
        );
        // What is there already, of whatever kind, the journal judges itself when it is opened.
        if path.symlink_metadata().is_ok() {
            return Ok(Directory { path, fresh: false });
        }
        create(&path, 0o750)?;
        let directory = Directory { path, fresh: true };
        directory.give_to(group)?;
        Ok(directory)
    }

    /// A new one for this run below `base`.
    ///
    /// # Errors
    /// It cannot be created.
    pub(super) fn new_run(
        base: &Path,
        name: &str,
        group: Option<u32>,
    ) -> anyhow::Result<Directory> {
        let mut parents: Vec<_> = base.ancestors().collect();
        parents.reverse();
        // Others may pass through; what they may read is decided directory by directory.
        for parent in parents.into_iter().filter(|parent| !parent.exists()) {
            if let Err(error) = create(parent, 0o755)
                && !parent.is_dir()
            {
                return Err(error);
            }
        }
        Directory::given(base.join(name), group)
    }

    /// What is made in it later belongs to the group, too.
    fn give_to(&self, group: Option<u32>) -> anyhow::Result<()> {
        let Some(group) = group else { return Ok(()) };
        chown(&self.path, None, Some(group))
            .and_then(|()| std::fs::set_permissions(&self.path, Permissions::from_mode(0o2750)))
            .with_context(|| format!("cannot give {} to group {group}", self.path.display()))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// There is something in it from now on.
    pub(super) fn keep(&mut self) {
        self.fresh = false;
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.fresh {
            // It has nothing that anybody asked for; an error leaves it to be seen.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn create(path: &Path, mode: u32) -> anyhow::Result<()> {
    // The mode is exact whatever umask sudo left, since it can only take bits away: set it again.
    DirBuilder::new()
        .mode(mode)
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(mode)))
        .map_err(|error| refused(path, &error))
}

/// Thing, reason, next step.
fn refused(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let above = path.parent().unwrap_or(path).display();
    let next = match error.kind() {
        ErrorKind::NotFound if path.parent().is_some_and(|above| !above.exists()) => {
            format!("make {above} first (`mkdir -p {above}`)")
        }
        ErrorKind::NotADirectory => "a file stands in its way: correct the path".to_owned(),
        _ => "choose another place with --journal DIR".to_owned(),
    };
    anyhow!(
        "cannot create the journal directory {}: {error}; {next}",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_run_gets_its_own_directory() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().join("agtrack/runs");
        let mut directory = Directory::new_run(&base, "one", None).unwrap();
        directory.keep();
        drop(directory);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&base), 0o755);
        assert_eq!(mode(&base.join("one")), 0o750);
    }

    #[test]
    fn what_is_made_in_it_belongs_to_the_group() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j");
        // The own group may always be given.
        let group = rustix::process::getgid().as_raw();
        let directory = Directory::given(path.clone(), Some(group)).unwrap();
        let metadata = std::fs::metadata(directory.path()).unwrap();
        assert_eq!((metadata.gid(), metadata.mode() & 0o7777), (group, 0o2750));
    }

    #[test]
    fn what_was_not_kept_goes_away() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j");
        let directory = Directory::given(path.clone(), None).unwrap();
        std::fs::write(path.join("half"), "x").unwrap();
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn what_was_there_before_stays() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("mine"), "x").unwrap();
        drop(Directory::given(temp.path().into(), None).unwrap());
        assert!(temp.path().join("mine").exists());
    }

    /// The journal says what they are, and why it will have none of them.
    #[test]
    fn a_file_or_a_link_in_the_way_is_left_for_the_journal_to_judge() {
        let temp = tempfile::tempdir().unwrap();
        let (file, link) = (temp.path().join("file"), temp.path().join("link"));
        std::fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink("/nowhere", &link).unwrap();
        for path in [file, link] {
            drop(Directory::given(path.clone(), None).unwrap());
            assert!(path.symlink_metadata().is_ok());
        }
    }

    #[test]
    fn a_place_that_cannot_be_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let error = Directory::given(temp.path().join("no/such"), None).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("no/such") && text.contains("mkdir -p"),
            "{text}"
        );
        assert!(Directory::given("relative".into(), None).is_err());
    }
}
