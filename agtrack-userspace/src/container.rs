//! Containers: how runtimes name their cgroups, what is known of one, and the rules by which one is an
//! agent's.
//!
//! Runtimes give each container a cgroup and its id as the name. The name says what whoever made the
//! cgroup wrote there. Tables and rules only: nobody is asked here (`engine/container`).

mod place;
mod rule;
mod table;
#[cfg(test)]
mod tests;

pub use rule::Rule;

pub(crate) use place::is_place;

use table::TABLE;

use crate::record::Container;

/// Letters of a container's id: a SHA-256 in hexadecimal digits.
const DIGITS: usize = 64;
/// Letters of a name that passes for an id; longer ones are nobody's.
const NAME: usize = 64;

/// Digits of an id that people see.
const SHORT: usize = 12;

/// The runtime whose containers are known by their name, and that nobody need ask.
pub(crate) const LXC: &str = "lxc";

/// How a runtime names the cgroup of a container.
#[derive(Debug)]
struct Layout {
    runtime: Option<&'static str>,
    /// The cgroup around it: this name, or with a `*` at the end how it begins; none: any.
    around: Option<&'static str>,
    /// What stands before the id: all of it, or with a `*` at the front how it ends.
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

/// The innermost container around the cgroup at `path`.
pub(crate) fn around(path: &[u8]) -> Option<Container> {
    let mut rest = path;
    // What `..` leads to stands before it, so nothing there is around this cgroup.
    while !matches!(rest, b"" | b"." | b"..") {
        let (above, name) = split(rest)?;
        if let Some(found) = named(above, name) {
            return Some(found);
        }
        rest = above;
    }
    None
}

/// The container whose own cgroup is at `path`.
pub(crate) fn at(path: &[u8]) -> Option<Container> {
    let (above, name) = split(path)?;
    named(above, name)
}

/// A container in a line for people: not safe on a terminal.
pub(crate) fn shown(container: &Container) -> String {
    let short = container.id.get(..SHORT).unwrap_or(&container.id);
    let name = container.name.as_deref().unwrap_or(short);
    let mut shown = name.to_owned();
    if let Some(pod) = &container.pod {
        let namespace = container.namespace.as_deref().unwrap_or("?");
        shown.push_str(&format!(" of pod {namespace}/{pod}"));
    }
    if let Some(runtime) = &container.runtime {
        shown.push_str(&format!(" ({runtime})"));
    }
    if let Some(image) = &container.image {
        shown.push_str(&format!(", image {image}"));
    }
    shown
}

/// The path of the cgroup above, and the name in it; none where that is no name.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = path.rsplitn(2, |byte| *byte == b'/');
    let name = parts.next()?;
    let above = parts.next().unwrap_or_default();
    (!matches!(name, b"." | b"..")).then_some((above, name))
}

fn named(above: &[u8], name: &[u8]) -> Option<Container> {
    let around = above.rsplit(|byte| *byte == b'/').next()?;
    TABLE.iter().find_map(|layout| layout.found(around, name))
}

impl Layout {
    fn found(&self, around: &[u8], name: &[u8]) -> Option<Container> {
        if !self.around.is_none_or(|wanted| is_like(wanted, around)) {
            return None;
        }
        let name = name.strip_suffix(self.after.as_bytes())?;
        let id = match self.before.strip_prefix('*') {
            Some(before) => behind(before.as_bytes(), name)?,
            None => name.strip_prefix(self.before.as_bytes())?,
        };
        let id = str::from_utf8(id).ok().filter(|id| self.id.is_one(id))?;
        Some(Container {
            runtime: self.runtime.map(str::to_owned),
            id: id.to_owned(),
            ..Container::default()
        })
    }
}

/// What follows the last `before` in a name.
fn behind<'n>(before: &[u8], name: &'n [u8]) -> Option<&'n [u8]> {
    let starts = 0..name.len().saturating_sub(before.len());
    let mut rests = starts.rev().filter_map(|start| name.get(start..));
    rests.find_map(|rest| rest.strip_prefix(before))
}

/// Whether a name is the one that is wanted, or begins like it where a `*` stands at the end.
fn is_like(wanted: &str, name: &[u8]) -> bool {
    match wanted.strip_suffix('*') {
        Some(begin) => name.starts_with(begin.as_bytes()),
        None => name == wanted.as_bytes(),
    }
}

impl Id {
    fn is_one(self, text: &str) -> bool {
        match self {
            Id::Digits => text.len() == DIGITS && text.bytes().all(is_digit),
            Id::Name => {
                let is_plain =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
                let begins_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
                begins_well && text.len() <= NAME && text.bytes().all(is_plain)
            }
        }
    }
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}
