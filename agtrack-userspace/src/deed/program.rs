//! Which programs ran, the most telling first.
//!
//! What tells most: a program from outside the system's directories, then one that reaches out,
//! changes identity or installs something, then any other; the small tools of every script last.

use super::shelf::Shelf;
use crate::record::{Item, Listed};

/// Bytes kept of the names of programs.
const BYTES: usize = 256 << 10;

/// Where the system keeps programs. What lies elsewhere is told with its path.
const SYSTEM: &[&[u8]] = &[
    b"/bin/",
    b"/lib/",
    b"/lib64/",
    b"/sbin/",
    b"/usr/bin/",
    b"/usr/games/",
    b"/usr/lib/",
    b"/usr/libexec/",
    b"/usr/local/bin/",
    b"/usr/local/libexec/",
    b"/usr/local/sbin/",
    b"/usr/sbin/",
    b"/nix/store/",
];

/// Programs that reach out, change identity, install, or reach what is outside.
const TELLING: &str = "apt apt-get at aws az cargo chroot crontab curl dd dnf doas docker dpkg ftp \
     gcloud gdb gem gh git go gpg helm insmod iptables kubectl mount nc ncat nft nmap node npm npx \
     nsenter openssl passwd perl pip pip3 podman psql python python3 rpm rsync ruby scp setcap \
     sftp socat ssh ssh-add ssh-keygen strace su sudo systemctl systemd-run telnet terraform tmux \
     umount unshare useradd uv wget yarn";

/// Small tools of every script.
const PLAIN: &str = "[ basename bash cat chmod cp cut dash date dircolors dirname echo env expr \
     false find getconf grep groups head hostname id ln locale ls mkdir mktemp mv nproc printf ps \
     pwd readlink realpath rm rmdir sed seq sh sleep sort stat tail tee test touch tr true tty \
     uname uniq wc which xargs";

/// How often each program ran.
#[derive(Debug)]
pub(super) struct Programs(Shelf<u64>);

impl Programs {
    /// They hold that part of what those of a session do.
    pub(super) fn new(part: usize) -> Self {
        Programs(Shelf::new(BYTES / part, |_| 0))
    }

    pub(super) fn add(&mut self, exe: &[u8]) {
        if let Some(count) = self.0.at(exe) {
            *count += 1;
        }
    }

    /// All of them.
    pub(super) fn list(&self, most: usize) -> Listed {
        let mut counts = std::collections::BTreeMap::<&[u8], u64>::new();
        for (exe, count) in self.0.iter() {
            *counts.entry(shown(exe)).or_default() += count;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(name, count)| (rank(name), u64::MAX - count, *name));
        let total = counts.len() as u64;
        let items = counts.into_iter().map(|(name, count)| Item {
            count,
            ..Item::named(name)
        });
        Listed {
            beyond: self.0.beyond,
            ..Listed::first(total, most, items)
        }
    }
}

/// The name alone where the system keeps it.
fn shown(exe: &[u8]) -> &[u8] {
    if !SYSTEM.iter().any(|start| exe.starts_with(start)) {
        return exe;
    }
    exe.rsplit(|byte| *byte == b'/').next().unwrap_or(exe)
}

fn rank(name: &[u8]) -> u8 {
    // `python3.11` is python3.
    let family = match name.starts_with(b"python3") {
        true => &b"python3"[..],
        false => name,
    };
    if name.contains(&b'/') {
        0
    } else if is_among(TELLING, family) {
        1
    } else if is_among(PLAIN, family) {
        3
    } else {
        2
    }
}

fn is_among(names: &str, name: &[u8]) -> bool {
    names.split(' ').any(|one| one.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_come_first() {
        let mut programs = Programs::new(1);
        for exe in [
            "/usr/bin/bash",
            "/usr/bin/bash",
            "/usr/bin/bash",
            "/usr/bin/make",
            "/usr/bin/curl",
            "/usr/bin/git",
            "/usr/lib/git-core/git",
            "/usr/bin/python3.11",
            "/tmp/x/payload",
            "/usr/bin/cat",
        ] {
            programs.add(exe.as_bytes());
        }
        let list = programs.list(24);
        let told: Vec<_> = list
            .items
            .iter()
            .map(|item| format!("{} {}", item.name.escaped(), item.count))
            .collect();
        assert_eq!(
            told,
            [
                "/tmp/x/payload 1",
                "git 2",
                "curl 1",
                "python3.11 1",
                "make 1",
                "bash 3",
                "cat 1"
            ]
        );
        assert_eq!((list.total, list.beyond), (7, 0));
    }

    #[test]
    fn programs_without_end_are_kept_within_bounds() {
        let mut programs = Programs::new(1);
        for number in 0..100_000 {
            programs.add(format!("/tmp/{number}").as_bytes());
        }
        let list = programs.list(24);
        assert_eq!(list.total + list.beyond, 100_000);
        assert!(list.beyond > 0 && list.items.len() <= 24);
    }
}
