//! Segment files: their names and which there are. A segment is named by its first record.

use rustix::fs::Dir;

use super::directory::Directory;
use super::error::Error;

const DIGITS: usize = 20;
const SUFFIX: &str = ".jsonl";

/// The file name of the segment that starts with record `first`.
pub(super) fn name(first: u64) -> String {
    format!("{first:0DIGITS$}{SUFFIX}")
}

/// The first record of the segment with this file name, if it is one.
pub(super) fn first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|first| *first > 0)
}

/// The first records of all segments, oldest first.
pub(super) fn list(directory: &Directory) -> Result<Vec<u64>, Error> {
    let failed = |errno| Error::system(directory.path(), "list", errno);
    let mut firsts = Vec::new();
    for entry in Dir::read_from(directory.fd()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        firsts.extend(entry.file_name().to_str().ok().and_then(first));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_like_numbers_and_read_back() {
        assert_eq!(name(1), "00000000000000000001.jsonl");
        assert_eq!(first(&name(u64::MAX)), Some(u64::MAX));
        assert!(name(9) < name(10));
    }

    #[test]
    fn other_names_are_not_segments() {
        let long = format!("{}.jsonl", "9".repeat(20));
        for other in [
            "head",
            "1.jsonl",
            "00000000000000000001.json",
            &name(0),
            &long,
        ] {
            assert_eq!(first(other), None, "{other}");
        }
        assert_eq!(first("+0000000000000000001.jsonl"), None);
    }
}
