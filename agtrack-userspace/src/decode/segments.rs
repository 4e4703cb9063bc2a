//! The segments of an event's data, in the order its body names them.

use agtrack_common::wire::{Path, path_flag};

/// A path as recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathText {
    /// Absolute, as seen from the root of the mount namespace.
    pub bytes: Vec<u8>,
    /// `path_flag` bits.
    pub flags: u32,
    /// The process's own root directory was not on the way: the file lies outside its root.
    pub outside_root: bool,
}

/// A cursor over the data.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    /// From the start of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Segments { rest: data }
    }

    /// The next `length` bytes, or what there is.
    pub fn bytes(&mut self, length: u32) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at(self.rest.len().min(length as usize));
        self.rest = rest;
        bytes
    }

    /// The next path.
    pub fn path(&mut self, path: &Path) -> PathText {
        let walked = self.bytes(path.walked);
        let name = self.bytes(path.name);
        // What is behind a NUL is no part of a name: an address of AF_UNIX may be longer than its.
        let text = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut flags = path.flags;
        if walked.len() < path.walked as usize || name.len() < path.name as usize {
            flags |= path_flag::TRUNCATED;
        }
        PathText {
            bytes: normalize(join(base(walked, text, path.root), text, flags)),
            flags,
            outside_root: path.walked > 0
                && path.root == u32::MAX
                && flags & path_flag::PSEUDO == 0,
        }
    }
}

/// What of the components a name begins at: an absolute one at the process's root directory, which
/// lies above the directory that was walked, or elsewhere; then it counts from the top.
fn base<'a>(walked: &'a [u8], name: &[u8], root: u32) -> &'a [u8] {
    if name.first() != Some(&b'/') {
        return walked;
    }
    walked.get(root as usize..).unwrap_or_default()
}

/// Components leaf first, each with a NUL, then a name relative to them.
fn join(walked: &[u8], name: &[u8], flags: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(walked.len() + name.len() + 1);
    let pseudo = flags & path_flag::PSEUDO != 0;
    let components = walked.strip_suffix(&[0]).unwrap_or(walked);
    if !components.is_empty() {
        for component in components.split(|byte| *byte == 0).rev() {
            if !pseudo {
                bytes.push(b'/');
            }
            bytes.extend_from_slice(component);
        }
    } else if !pseudo {
        bytes.extend_from_slice(if name.is_empty() { b"/" } else { b"" });
    }
    if !name.is_empty() {
        bytes.push(b'/');
        bytes.extend_from_slice(name);
    }
    bytes
}

/// Takes `.` and empty components out. `..` stays: what it means depends on links.
fn normalize(bytes: Vec<u8>) -> Vec<u8> {
    let doubled = bytes.windows(2).any(|pair| pair == b"//" || pair == b"/.");
    let plain = !doubled && (bytes.len() == 1 || !bytes.ends_with(b"/"));
    if plain || bytes.first() != Some(&b'/') {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    for component in bytes.split(|byte| *byte == b'/') {
        if !component.is_empty() && component != b"." {
            out.push(b'/');
            out.extend_from_slice(component);
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(walked: &[u8], name: &[u8], flags: u32, expect: &[u8]) {
        check_below(walked.len() as u32, walked, name, flags, expect);
    }

    /// With the process's root directory passed at `root`.
    fn check_below(root: u32, walked: &[u8], name: &[u8], flags: u32, expect: &[u8]) {
        let data = [walked, name].concat();
        let path = Path {
            walked: walked.len() as u32,
            name: name.len() as u32,
            flags,
            root,
        };
        let text = Segments::new(&data).path(&path);
        assert_eq!(
            String::from_utf8_lossy(&text.bytes),
            String::from_utf8_lossy(expect)
        );
    }

    #[test]
    fn components_are_turned_round() {
        check(b"passwd\0etc\0", b"", 0, b"/etc/passwd");
        check(b"", b"", 0, b"/");
    }

    #[test]
    fn names_are_joined_to_their_directory() {
        check(b"work\0home\0", b"x", 0, b"/home/work/x");
        check(b"work\0home\0", b"./a//b/.", 0, b"/home/work/a/b");
        check(b"work\0home\0", b"../y", 0, b"/home/work/../y");
        check(b"work\0home\0", b"/abs", 0, b"/abs");
        check(b"", b"x", 0, b"/x");
        check(b"", b".", 0, b"/");
        check(b"a\0", b".hidden", 0, b"/a/.hidden");
    }

    #[test]
    fn absolute_names_begin_at_the_process_s_root() {
        // The working directory is /jail/home, the root /jail.
        check_below(5, b"home\0jail\0", b"/etc/x", 0, b"/jail/etc/x");
        check_below(5, b"home\0jail\0", b"x", 0, b"/jail/home/x");
        // The root was not on the way: it is not known.
        check_below(u32::MAX, b"home\0", b"/etc/x", 0, b"/etc/x");
    }

    #[test]
    fn pseudo_files_have_no_slash() {
        check(b"memfd:x\0", b"", path_flag::PSEUDO, b"memfd:x");
        // A pipe that is opened again through /proc has no name at all.
        check(b"\0", b"", path_flag::PSEUDO, b"");
    }

    #[test]
    fn lengths_beyond_the_data_are_cut_and_told() {
        let path = Path {
            walked: 1000,
            name: 1000,
            flags: 0,
            root: 0,
        };
        let text = Segments::new(b"x\0").path(&path);
        assert_eq!(text.bytes, b"/x");
        assert_ne!(text.flags & path_flag::TRUNCATED, 0);
    }
}
