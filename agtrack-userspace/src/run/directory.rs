//! The journal directory of one run.
//!
//! Comes in: the directory asked for, or none. Goes out: one that exists, that root owns and the
//! invoking user may read. Never: changes a directory that was there before, or does for the
//! invoking user what that user could not do alone.
//!
//! Whoever owns a directory above can rename things in it and put links in their place at any
//! moment. So the path is walked once, with the user's own rights; after that everything goes by
//! descriptor, and the journal is told which directory it must find there.

mod packets;

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use rustix::fs::{self, Access, AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::identity::{Invoker, as_invoker};
use crate::journal;

/// Where runs are kept that were not told where.
pub(super) const RUNS: &str = "/var/lib/agtrack/runs";

/// With a group: what is made in it later belongs to the group, too.
const SHARED: Mode = Mode::from_raw_mode(0o2750);
const OWN: Mode = Mode::from_raw_mode(0o750);

/// A journal directory; one that was created here goes away again unless it is kept.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    parent: OwnedFd,
    name: OsString,
    id: (u64, u64),
    /// Set where it was created here.
    made: Option<OwnedFd>,
    kept: bool,
}

impl Directory {
    /// Creates it where it is missing, readable for the invoker's group.
    ///
    /// # Errors
    /// The path is relative, its parent is missing, the invoker could not create it, or it is
    /// somebody else's; the text says what to do next.
    pub(super) fn given(path: PathBuf, invoker: Option<&Invoker>) -> anyhow::Result<Directory> {
        ensure!(
            path.is_absolute(),
            "the journal directory {} is not absolute",
            path.display()
        );
        let (above, name) = split(&path)?;
        let parent = enter(above, &path, invoker)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(&parent, name, flags, Mode::empty()) {
            // What is there already, of whatever kind, the journal judges when it opens it.
            Ok(found) => {
                let stat = fs::fstat(&found).map_err(|errno| refused(&path, errno))?;
                may_use(&path, &stat, invoker)?;
                let (name, id) = (name.to_owned(), id(&stat));
                let kept = true;
                Ok(Directory {
                    path,
                    parent,
                    name,
                    id,
                    made: None,
                    kept,
                })
            }
            Err(Errno::NOENT) => {
                may_create(&parent, &path, invoker)?;
                make(parent, path, invoker.map(|invoker| invoker.gid))
            }
            Err(errno) => Err(refused(&path, errno)),
        }
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
        // Others may pass through; what they may read is decided directory by directory.
        base.parent().map(journal::make_state).transpose()?;
        journal::make_state(base)?;
        let path = base.join(name);
        make(enter(base, &path, None)?, path, group)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Device and inode, by which it is known again.
    pub(super) fn id(&self) -> (u64, u64) {
        self.id
    }

    /// There is something in it from now on.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// There is nothing in it that anybody asked for, after all.
    pub(super) fn discard(&mut self) {
        self.kept = false;
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let (Some(made), false) = (&self.made, self.kept) {
            // An error leaves it to be seen.
            let _ = remove(&self.parent, &self.name, made);
        }
    }
}

fn split(path: &Path) -> anyhow::Result<(&Path, &OsStr)> {
    path.parent().zip(path.file_name()).with_context(|| {
        format!(
            "{} cannot be made a journal directory; name a new one with --journal DIR",
            path.display()
        )
    })
}

/// Opens the directory above, on a way that the invoker could go.
fn enter(above: &Path, path: &Path, invoker: Option<&Invoker>) -> anyhow::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || fs::openat(CWD, above, flags, Mode::empty());
    let opened = match invoker {
        Some(invoker) => as_invoker(invoker, open)?,
        None => open(),
    };
    opened.map_err(|errno| refused(path, errno))
}

fn may_create(parent: &OwnedFd, path: &Path, invoker: Option<&Invoker>) -> anyhow::Result<()> {
    let Some(invoker) = invoker else {
        return Ok(());
    };
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    as_invoker(invoker, || {
        fs::accessat(parent, ".", rights, AtFlags::EACCESS)
    })?
    .map_err(|errno| {
        anyhow!(
            "user {} may not create the journal directory {}: {}; choose one below a directory of \
             yours, or leave --journal out",
            invoker.uid,
            path.display(),
            std::io::Error::from(errno)
        )
    })
}

/// Root's own directories are not for the invoker to have a journal put in, except those that were
/// made for that.
fn may_use(path: &Path, stat: &Stat, invoker: Option<&Invoker>) -> anyhow::Result<()> {
    let Some(invoker) = invoker else {
        return Ok(());
    };
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let is_own = stat.st_gid == invoker.gid && stat.st_mode & 0o7777 == SHARED.as_raw_mode();
    if is_directory && stat.st_uid == 0 && !is_own {
        bail!(
            "{} is root's and was not made for a journal of user {}: name a directory that does \
             not exist yet",
            path.display(),
            invoker.uid
        );
    }
    Ok(())
}

/// Makes it; nobody else comes in before owner and mode are right.
fn make(parent: OwnedFd, path: PathBuf, group: Option<u32>) -> anyhow::Result<Directory> {
    let (_, name) = split(&path)?;
    let name = name.to_owned();
    let failed = |errno| refused(&path, errno);
    fs::mkdirat(&parent, &name, Mode::RWXU).map_err(failed)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = fs::openat(&parent, &name, flags, Mode::empty()).map_err(failed)?;
    let stat = fs::fstat(&made).map_err(failed)?;
    let me = rustix::process::geteuid().as_raw();
    // Another one may have been put in its place.
    ensure!(
        stat.st_uid == me && stat.st_mode & 0o077 == 0 && names(&made).map_err(failed)?.is_empty(),
        "the journal directory {} was replaced while it was made; who can write to the directory \
         above it?",
        path.display()
    );
    // A parent may hand its own group down.
    let gid = group.map_or_else(rustix::process::getegid, Gid::from_raw);
    fs::fchown(&made, None, Some(gid))
        .and_then(|()| fs::fchmod(&made, group.map_or(OWN, |_| SHARED)))
        .map_err(|errno| {
            let group = gid.as_raw();
            anyhow!("cannot give {} to group {group}: {errno}", path.display())
        })?;
    Ok(Directory {
        path,
        parent,
        name,
        id: id(&stat),
        made: Some(made),
        kept: false,
    })
}

fn id(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn names(directory: &OwnedFd) -> rustix::io::Result<Vec<OsString>> {
    use std::os::unix::ffi::OsStrExt;
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

/// Removes the journal's files in it, and then itself if nothing else is there.
fn remove(parent: &OwnedFd, name: &OsStr, made: &OwnedFd) -> rustix::io::Result<()> {
    for file in names(made)? {
        if file.to_str().is_some_and(packets::is_file_name) {
            fs::unlinkat(made, &file, AtFlags::empty())?;
        }
    }
    fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Thing, reason, next step.
fn refused(path: &Path, errno: Errno) -> anyhow::Error {
    let above = path.parent().unwrap_or(path).display();
    let next = match errno {
        Errno::NOENT => format!("make {above} first (`mkdir -p {above}`)"),
        Errno::NOTDIR => "a file stands in its way: correct the path".to_owned(),
        _ => "choose another place with --journal DIR".to_owned(),
    };
    anyhow!(
        "cannot create the journal directory {}: {}; {next}",
        path.display(),
        std::io::Error::from(errno)
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
        // The own group may always be given.
        let group = rustix::process::getgid().as_raw();
        let directory = Directory::new_run(&temp.path().join("runs"), "j", Some(group)).unwrap();
        let metadata = std::fs::metadata(directory.path()).unwrap();
        assert_eq!((metadata.gid(), metadata.mode() & 0o7777), (group, 0o2750));
    }

    #[test]
    fn what_was_not_kept_goes_away() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j");
        let directory = Directory::given(path.clone(), None).unwrap();
        for name in [
            "head",
            "lock",
            "journal.json.new",
            "00000000000000000001.jsonl",
        ] {
            std::fs::write(path.join(name), "x").unwrap();
        }
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_file_of_a_journal_is_not_removed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("j");
        let directory = Directory::given(path.clone(), None).unwrap();
        std::fs::create_dir(path.join("head")).unwrap();
        std::fs::write(path.join("mine"), "x").unwrap();
        drop(directory);
        assert!(path.join("head").exists() && path.join("mine").exists());
    }

    /// Who owns the directory above swaps it for a link while a journal is discarded.
    #[test]
    fn a_link_in_the_place_of_a_parent_leads_no_removal_astray() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        for name in ["above", "victim", "victim/j"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        std::fs::write(at("victim/j/head"), "x").unwrap();
        let directory = Directory::given(at("above/j"), None).unwrap();
        std::fs::rename(at("above"), at("aside")).unwrap();
        std::os::unix::fs::symlink(at("victim"), at("above")).unwrap();
        drop(directory);
        assert!(at("victim/j/head").exists(), "it is somebody else's");
        assert!(!at("aside/j").exists(), "it was ours");
    }

    /// Nothing is done for a user that the user could not do alone.
    #[test]
    fn where_the_invoker_may_not_write_root_does_not_either() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not run: only root can act for somebody else");
            return;
        }
        let (uid, gid) = (47_999, 47_999);
        let invoker = Invoker { uid, gid };
        let temp = tempfile::tempdir().unwrap();
        let given = |name: &str| Directory::given(temp.path().join(name), Some(&invoker));
        let mode = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(temp.path(), mode).unwrap();
        };
        assert!(given("j").is_err(), "cannot even be entered");
        mode(0o755);
        let text = given("j").unwrap_err().to_string();
        assert!(text.contains("user 47999 may not create"), "{text}");
        std::fs::create_dir(temp.path().join("roots")).unwrap();
        let text = given("roots").unwrap_err().to_string();
        assert!(text.contains("is root's and was not made for"), "{text}");
        assert!(!temp.path().join("j").exists());
        mode(0o777);
        let mut directory = given("j").unwrap();
        directory.keep();
        let stat = fs::stat(directory.path()).unwrap();
        assert_eq!((stat.st_uid, stat.st_gid), (0, gid));
        assert_eq!(directory.id(), id(&stat));
        given("j").expect("a journal that was made for the user can be continued");
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
