//! The file beside the journal that gets a run's packets.

use std::os::fd::OwnedFd;

use anyhow::{anyhow, bail, ensure};
use rustix::fs::{self, Gid, Mode, OFlags};
use rustix::io::Errno;

use super::{Directory, id};
use crate::journal;

/// As the journal's own files.
const FILE: Mode = Mode::from_raw_mode(0o640);
/// A journal that is continued may have so many of them.
const MOST: u32 = 1000;

/// Whether a file of this name in a journal's directory is the journal's, or such a file.
pub(super) fn is_file_name(name: &str) -> bool {
    let number = |name: &str| {
        let middle = name.strip_prefix("packets")?.strip_suffix(".pcapng")?;
        (middle.is_empty() || middle.strip_prefix('-')?.parse::<u32>().is_ok()).then_some(())
    };
    journal::is_file_name(name) || number(name).is_some()
}

impl Directory {
    /// Makes `packets.pcapng` in it, or `packets-2.pcapng` and so on where that is there; gives its
    /// name. It belongs to this process's user, and to `group` where there is one.
    ///
    /// # Errors
    /// The directory is not the one it was, or cannot be written.
    pub(in crate::run) fn make_packets(
        &self,
        group: Option<u32>,
    ) -> anyhow::Result<(String, OwnedFd)> {
        let shown = self.path.display();
        let failed = |errno: Errno| {
            let error = std::io::Error::from(errno);
            anyhow!("cannot make a file for packets in {shown}: {error}")
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let own = fs::openat(&self.parent, &self.name, flags, Mode::empty()).map_err(failed)?;
        let found = id(&fs::fstat(&own).map_err(failed)?);
        ensure!(
            found == self.id,
            "{shown} is not the directory that was there a moment ago; who can write to the one above \
             it?"
        );
        for number in 1..=MOST {
            let name = match number {
                1 => "packets.pcapng".to_owned(),
                number => format!("packets-{number}.pcapng"),
            };
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match fs::openat(&own, &name, flags, FILE) {
                Ok(file) => {
                    let gid = group.map(Gid::from_raw);
                    fs::fchown(&file, None, gid).map_err(failed)?;
                    // Whatever the umask is.
                    fs::fchmod(&file, FILE).map_err(failed)?;
                    return Ok((name, file));
                }
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        bail!("{shown} has {MOST} files of packets already; name another directory with --journal")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn each_run_has_a_file_of_its_own_as_the_journals_are() {
        let temp = tempfile::tempdir().unwrap();
        let mut directory = Directory::new_run(&temp.path().join("runs"), "one", None).unwrap();
        let (first, _) = directory.make_packets(None).unwrap();
        let (second, _) = directory.make_packets(None).unwrap();
        assert_eq!([&*first, &*second], ["packets.pcapng", "packets-2.pcapng"]);
        let found = std::fs::metadata(directory.path().join(first)).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o640);
        directory.keep();
    }

    #[test]
    fn a_run_that_was_not_kept_leaves_none() {
        let temp = tempfile::tempdir().unwrap();
        let directory = Directory::new_run(&temp.path().join("runs"), "one", None).unwrap();
        directory.make_packets(None).unwrap();
        let path = directory.path().to_owned();
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn another_directory_in_its_place_gets_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let directory = Directory::new_run(&temp.path().join("runs"), "one", None).unwrap();
        std::fs::rename(directory.path(), temp.path().join("aside")).unwrap();
        std::fs::create_dir(directory.path()).unwrap();
        let error = directory.make_packets(None).unwrap_err().to_string();
        assert!(error.contains("is not the directory"), "{error}");
    }

    #[test]
    fn names_that_only_look_so_are_not_ours() {
        let ours = ["packets.pcapng", "packets-12.pcapng", "head"];
        assert!(ours.into_iter().all(is_file_name));
        let others = [
            "packets.pcap",
            "packets-x.pcapng",
            "my-packets.pcapng",
            "packets2.pcapng",
        ];
        assert!(!others.into_iter().any(is_file_name));
    }
}
