//! Names of environment variables. The same ones come with each program that an agent starts, so they
//! are made once.

use std::collections::VecDeque;

use crate::record::{EnvNames, Shared};

/// Environments that are remembered; the kernel sends at most 4 KiB of names.
const MOST: usize = 32;

/// Those that came last, the latest first, with the bytes they were made of.
#[derive(Debug, Default)]
pub(super) struct Environments(VecDeque<(Box<[u8]>, Shared<EnvNames>)>);

impl Environments {
    /// The names in these bytes, each with a NUL behind it.
    pub(super) fn names(&mut self, bytes: &[u8]) -> Shared<EnvNames> {
        let place = self.0.iter().position(|(known, _)| **known == *bytes);
        let found = place.and_then(|place| self.0.remove(place));
        let found = found.unwrap_or_else(|| {
            let names = super::arguments(bytes).filter(|name| !name.0.is_empty());
            let names = Shared::new(names.collect::<Vec<_>>().into());
            (bytes.into(), names)
        });
        let names = found.1.clone();
        self.0.push_front(found);
        self.0.truncate(MOST);
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_the_same_names_until_others_displace_them() {
        let mut all = Environments::default();
        let first = all.names(b"PATH\0\0HOME\0");
        assert_eq!(**first, ["PATH".into(), "HOME".into()]);
        assert!(all.names(b"PATH\0\0HOME\0").is(&first));
        for number in 1..MOST {
            all.names(format!("N{number}\0").as_bytes());
        }
        assert!(all.names(b"PATH\0\0HOME\0").is(&first));
        for number in 0..MOST {
            all.names(format!("N{number}\0").as_bytes());
        }
        let again = all.names(b"PATH\0\0HOME\0");
        assert!(!again.is(&first) && again == first);
        assert_eq!(all.0.len(), MOST);
    }
}
