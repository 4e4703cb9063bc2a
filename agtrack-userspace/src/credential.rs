//! Is this path, variable, address or socket a well-known credential, or the way to one?
//!
//! Comes in: its bytes. Goes out: what is to be had there, in a word or two. What is known
//! stands in `credential/table.rs`. Never: opens a file, or guesses from what is in it.

mod table;

use std::net::IpAddr;
use std::sync::LazyLock;

use foldhash::HashMap;

use crate::record::Address;
use memchr::memmem::Finder;
pub use table::{ADDRESSES, SOCKETS, TABLE, VARIABLES};

/// A place where credentials are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Where, in the grammar of the table.
    pub pattern: &'static str,
    /// What is kept there.
    pub what: &'static str,
    /// File names that are no secret: whole, or from a `*` on the end of one.
    pub except: &'static [&'static str],
}

/// The credential at an absolute path, if it is a well-known one.
///
/// A few look-ups by file name, extension and hidden directory, whatever the size of the table.
pub fn at(path: &[u8]) -> Option<&'static Credential> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    INDEX
        .candidates(path, name)
        .find(|row| row.covers(path) && !row.excepts(name))
}

/// What a variable of the environment holds, going by its name.
#[must_use]
pub fn variable(name: &[u8]) -> Option<&'static str> {
    if let Some(what) = VARIABLE.whole.get(name) {
        return Some(*what);
    }
    // Each program is given dozens of them.
    let rows = VARIABLE.by_last_word.get(last_word(name))?;
    let found = rows.iter().find(|(end, _)| name.ends_with(end.as_bytes()));
    found.map(|(_, what)| *what)
}

/// Rows about variables: by the whole name, and by its last word.
#[derive(Default)]
struct Variables {
    whole: HashMap<&'static [u8], &'static str>,
    by_last_word: HashMap<&'static [u8], Vec<(&'static str, &'static str)>>,
}

static VARIABLE: LazyLock<Variables> = LazyLock::new(|| {
    let mut all = Variables::default();
    for (pattern, what) in VARIABLES {
        match pattern.strip_prefix('*') {
            Some(end) => {
                let rows = all.by_last_word.entry(last_word(end.as_bytes()));
                rows.or_default().push((end, what));
            }
            None => drop(all.whole.insert(pattern.as_bytes(), what)),
        }
    }
    all
});

fn last_word(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b'_').next().unwrap_or(name)
}

/// What is to be had at an address.
fn address(ip: IpAddr) -> Option<&'static str> {
    ADDRESS.get(&ip.to_canonical()).copied()
}

static ADDRESS: LazyLock<HashMap<IpAddr, &'static str>> = LazyLock::new(|| {
    let parsed = |(ip, what): &(&str, &'static str)| Some((ip.parse().ok()?, *what));
    ADDRESSES.iter().filter_map(parsed).collect()
});

/// What is to be had at a socket of AF_UNIX.
fn socket(path: &[u8]) -> Option<&'static str> {
    let covers = |begin: &str, part: &str| {
        // The slash may be the one that it begins with.
        let rest = path
            .get(begin.len().saturating_sub(1)..)
            .unwrap_or_default();
        path.starts_with(begin.as_bytes()) && memchr::memmem::find(rest, part.as_bytes()).is_some()
    };
    let found = SOCKETS.iter().find(|(begin, part, _)| covers(begin, part));
    found.map(|(_, _, what)| *what)
}

/// What is to be had at a peer.
#[must_use]
pub fn of(peer: &Address) -> Option<&'static str> {
    match peer {
        Address::Ip { ip, .. } => address(*ip),
        Address::Unix { socket } => self::socket(&socket.0),
        Address::Other { .. } => None,
    }
}

/// Rows by what a path must contain for them to be looked at.
#[derive(Default)]
struct Index {
    by_name: HashMap<&'static [u8], Vec<&'static Credential>>,
    by_extension: HashMap<&'static [u8], Vec<&'static Credential>>,
    by_hidden: HashMap<&'static [u8], Vec<&'static Credential>>,
    by_start: HashMap<&'static [u8], Vec<&'static Credential>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::default();
    for row in TABLE {
        let pattern = row.pattern.as_bytes();
        if let Some(extension) = pattern.strip_prefix(b"*.") {
            index.by_extension.entry(extension).or_default().push(row);
        } else if row.is_start() {
            let rows = index.by_start.entry(top(pattern));
            rows.or_default().push(row);
        } else if pattern.ends_with(b"/") {
            let first = pattern.split(|byte| *byte == b'/').next();
            let rows = index.by_hidden.entry(first.unwrap_or_default());
            rows.or_default().push(row);
        } else {
            let name = pattern.rsplit(|byte| *byte == b'/').next();
            let rows = index.by_name.entry(name.unwrap_or_default());
            rows.or_default().push(row);
        }
    }
    index
});

impl Index {
    fn candidates<'a>(
        &'a self,
        path: &'a [u8],
        name: &'a [u8],
    ) -> impl Iterator<Item = &'static Credential> + 'a {
        let named = self.by_name.get(name);
        let extension = memchr::memrchr(b'.', name).and_then(|dot| name.get(dot + 1..));
        let ending = extension.and_then(|extension| self.by_extension.get(extension));
        let hidden = hidden(path).filter_map(|(_, dir)| self.by_hidden.get(dir));
        let started = self.by_start.get(top(path));
        named
            .into_iter()
            .chain(ending)
            .chain(hidden)
            .chain(started)
            .flatten()
            .copied()
    }
}

/// The first component of an absolute path.
fn top(path: &[u8]) -> &[u8] {
    let mut components = path.split(|byte| *byte == b'/');
    components.nth(1).unwrap_or_default()
}

/// Where a component begins with a dot.
static HIDDEN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"/."));

/// The components of a path that begin with a dot, each with its place.
fn hidden(path: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    HIDDEN.find_iter(path).map(|slash| {
        let rest = path.get(slash + 1..).unwrap_or_default();
        let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
        (slash + 1, &rest[..end])
    })
}

impl Credential {
    /// From the root, and not to the end.
    fn is_start(&self) -> bool {
        self.pattern.starts_with('/') && self.pattern.ends_with(['/', '*'])
    }

    fn covers(&self, path: &[u8]) -> bool {
        let pattern = self.pattern.as_bytes();
        if self.is_start() {
            let start = pattern.strip_suffix(b"*").unwrap_or(pattern);
            return path.len() > start.len() && path.starts_with(start);
        }
        if let Some(ending) = pattern.strip_prefix(b"*") {
            return path.ends_with(ending);
        }
        if pattern.ends_with(b"/") {
            return hidden(path).any(|(at, _)| {
                path.get(at..)
                    .is_some_and(|rest| rest.len() > pattern.len() && rest.starts_with(pattern))
            });
        }
        match pattern.first() {
            Some(b'/') => path == pattern,
            _ => path
                .strip_suffix(pattern)
                .is_some_and(|before| before.is_empty() || before.ends_with(b"/")),
        }
    }

    fn excepts(&self, name: &[u8]) -> bool {
        self.except
            .iter()
            .any(|except| match except.strip_prefix('*') {
                Some(ending) => name.ends_with(ending.as_bytes()),
                None => name == except.as_bytes(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &[u8], expect: Option<&str>) {
        let found = at(path).map(|credential| credential.what);
        assert_eq!(found, expect, "{}", path.escape_ascii());
    }

    #[test]
    fn well_known_places_are_known() {
        check(b"/home/a/.aws/credentials", Some("AWS keys"));
        check(b"/etc/shadow", Some("password hashes"));
        check(b"/root/.ssh/id_ed25519", Some("SSH key"));
        check(b"/root/.ssh/work/deploy", Some("SSH key"));
        check(b"/srv/backup/id_rsa", Some("SSH key"));
        check(b"/w/.env", Some("environment file"));
        check(b"/home/a/.netrc", Some("passwords of hosts"));
        check(b"/run/secrets/db/password", Some("mounted secret"));
        check(b"/tmp/krb5cc_1000", Some("Kerberos tickets"));
        check(b"/home/a/b/passwords.kdbx", Some("password store"));
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for path in [
            &b"/home/a/.aws/config"[..],
            b"/home/a/xaws/credentials",
            b"/home/a/x.aws/credentials",
            b"/chroot/etc/shadow",
            b"/root/.ssh",
            b"/root/.ssh/known_hosts",
            b"/root/.ssh/id_ed25519.pub",
            b"/root/x.ssh/notes",
            b"/w/.env.example",
            b"/w/environment",
            b"/run/secrets/",
            b"/tmp/krb5cc_",
            b"kdbx",
            b"",
            b"/",
        ] {
            check(path, None);
        }
    }

    #[test]
    fn variables_are_known_by_their_names() {
        for (name, expect) in [
            ("AWS_SECRET_ACCESS_KEY", Some("AWS keys")),
            ("GITHUB_TOKEN", Some("GitHub token")),
            ("INTERNAL_TOKEN", Some("token")),
            ("MY_PASSWORD", Some("password")),
            ("SSH_AUTH_SOCK", Some("SSH agent")),
            ("TOKENIZERS_PARALLELISM", None),
            ("PATH", None),
            ("", None),
        ] {
            assert_eq!(variable(name.as_bytes()), expect, "{name}");
        }
    }

    #[test]
    fn metadata_services_and_sockets_that_hold_keys_are_known() {
        for (ip, known) in [
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("fd00:ec2::254", true),
            ("169.254.1.1", false),
        ] {
            assert_eq!(address(ip.parse().unwrap()).is_some(), known, "{ip}");
        }
        assert_eq!(ADDRESS.len(), ADDRESSES.len(), "each row is an address");
        for (path, expect) in [
            ("/tmp/ssh-AbC/agent.12", Some("SSH agent")),
            ("/home/a/.ssh/agent/s.1", Some("SSH agent")),
            ("/run/user/1000/gnupg/S.gpg-agent", Some("PGP agent")),
            ("/run/user/1000/keyring/control", Some("password store")),
            ("/run/docker.sock", None),
            ("@ssh-agent", None),
            ("", None),
        ] {
            assert_eq!(socket(path.as_bytes()), expect, "{path}");
        }
    }

    #[test]
    fn any_bytes_may_stand_around() {
        check(b"/\xff\xfe\x1b/.aws/credentials", Some("AWS keys"));
        check(b"/home/\n/.ssh/\xff", Some("SSH key"));
        check(b"/home/.aws/credentials\xff", None);
        check(b".aws/credentials", Some("AWS keys"));
    }

    #[test]
    fn every_row_of_the_table_is_found_by_its_own_pattern() {
        for row in TABLE {
            let pattern = row.pattern;
            let path = match pattern {
                _ if pattern.starts_with('*') => format!("/x/name{}", &pattern[1..]),
                _ if row.is_start() => format!("{}y", pattern.trim_end_matches('*')),
                _ if pattern.starts_with('/') => pattern.to_owned(),
                _ if pattern.ends_with('/') => format!("/x/{pattern}y"),
                _ => format!("/x/{pattern}"),
            };
            let found = at(path.as_bytes());
            assert!(found.is_some(), "{pattern} does not find {path}");
            assert!(row.covers(path.as_bytes()), "{pattern}");
            // Other directories than hidden ones would have to be looked up for every path.
            let anywhere = pattern.ends_with('/') && !row.is_start();
            assert!(!anywhere || pattern.starts_with('.'), "{pattern}");
            assert!(!row.what.is_empty() && row.what.len() <= 24, "{pattern}");
        }
    }

    #[test]
    fn no_place_stands_twice_in_the_table() {
        let mut patterns: Vec<_> = TABLE.iter().map(|row| row.pattern).collect();
        patterns.sort_unstable();
        patterns.dedup();
        assert_eq!(patterns.len(), TABLE.len());
    }
}
