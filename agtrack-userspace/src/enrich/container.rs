//! Which container a process runs in, told from the path of its cgroup.
//!
//! Runtimes give each container a cgroup and its id as the name; no runtime is asked. The name says
//! what whoever made the cgroup wrote there.

mod table;
#[cfg(test)]
mod tests;

use table::TABLE;

use crate::record::{Container, Process, Text};

/// Letters of a container's id: a SHA-256 in hexadecimal digits.
const DIGITS: usize = 64;
/// Letters of a name that passes for an id; longer ones are nobody's.
const NAME: usize = 64;

/// How a runtime names the cgroup of a container.
#[derive(Debug)]
struct Layout {
    runtime: Option<&'static str>,
    /// The cgroup around it: this name, or with a `*` at the end how it begins; none: any.
    around: Option<&'static str>,
    before: &'static str,
    id: Id,
    after: &'static str,
}

/// What stands between `before` and `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    /// 64 hexadecimal digits in small letters.
    Digits,
    /// What somebody chose: letters and digits of ASCII, `.`, `_` and `-`.
    Name,
}

/// Puts a process into the cgroup at `path`, and so into a container or out of one.
pub(super) fn place(process: &mut Process, path: Option<Text>) {
    process.container = path.as_ref().and_then(|path| container(&path.0));
    process.cgroup = path;
}

/// The innermost container around the cgroup at `path`.
fn container(path: &[u8]) -> Option<Container> {
    let mut rest = path;
    // What `..` leads to stands before it, so nothing there is around this cgroup.
    while !matches!(rest, b"" | b"." | b"..") {
        let mut parts = rest.rsplitn(2, |byte| *byte == b'/');
        let name = parts.next()?;
        rest = parts.next().unwrap_or_default();
        if matches!(name, b"." | b"..") {
            return None;
        }
        let around = rest.rsplit(|byte| *byte == b'/').next()?;
        let found = TABLE.iter().find_map(|layout| layout.found(around, name));
        if found.is_some() {
            return found;
        }
    }
    None
}

impl Layout {
    fn found(&self, around: &[u8], name: &[u8]) -> Option<Container> {
        if !self.around.is_none_or(|wanted| is_like(wanted, around)) {
            return None;
        }
        let id = name.strip_prefix(self.before.as_bytes())?;
        let id = id.strip_suffix(self.after.as_bytes())?;
        let id = str::from_utf8(id).ok().filter(|id| self.id.is_one(id))?;
        Some(Container {
            runtime: self.runtime.map(str::to_owned),
            id: id.to_owned(),
        })
    }
}

fn is_like(wanted: &str, name: &[u8]) -> bool {
    match wanted.strip_suffix('*') {
        Some(begin) => name.starts_with(begin.as_bytes()),
        None => name == wanted.as_bytes(),
    }
}

impl Id {
    fn is_one(self, text: &str) -> bool {
        match self {
            Id::Digits => {
                let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                text.len() == DIGITS && text.bytes().all(is_digit)
            }
            Id::Name => {
                let is_plain =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
                let begins_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
                begins_well && text.len() <= NAME && text.bytes().all(is_plain)
            }
        }
    }
}
