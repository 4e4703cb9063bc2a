//! What the running kernel was built with.
//!
//! Comes in: the configuration that it carries itself, or that its package left beside it. Goes
//! out: whether an option is set, or that this cannot be told.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// Longer ones are not read whole: a kernel's configuration has some 300 KiB.
const LONGEST: u64 = 4 << 20;

/// The configuration of a kernel, where it can be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Build(Option<String>);

impl Build {
    /// Of the running kernel, which has this release.
    pub(super) fn of(release: &str) -> Build {
        Build::within(Path::new("/"), release)
    }

    fn within(root: &Path, release: &str) -> Build {
        let packed = root.join("proc/config.gz");
        let beside = places(release).map(|place| root.join(place));
        let text = unpack(&packed).or_else(|| beside.iter().find_map(|file| read(file)));
        Build(text)
    }

    /// From a text, as `/boot/config-*` has it.
    #[cfg(test)]
    pub(super) fn from_text(text: &str) -> Build {
        Build(Some(text.to_owned()))
    }

    /// Whether an option is built in; none where that cannot be told. What is not named is not set.
    pub(super) fn has(&self, option: &str) -> Option<bool> {
        let text = self.0.as_deref()?;
        let set = |line: &str| line.strip_prefix(option) == Some("=y");
        Some(text.lines().any(set))
    }
}

fn places(release: &str) -> [PathBuf; 2] {
    [
        format!("boot/config-{release}").into(),
        format!("lib/modules/{release}/config").into(),
    ]
}

fn unpack(file: &Path) -> Option<String> {
    let mut text = String::new();
    let mut packed = GzDecoder::new(File::open(file).ok()?).take(LONGEST);
    packed.read_to_string(&mut text).ok()?;
    Some(text)
}

fn read(file: &Path) -> Option<String> {
    let mut text = String::new();
    let mut file = File::open(file).ok()?.take(LONGEST);
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn an_option_is_set_not_set_or_unknown() {
        let build = Build::from_text("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_AB=m\n");
        let found =
            ["CONFIG_A", "CONFIG_B", "CONFIG_AB", "CONFIG_"].map(|option| build.has(option));
        assert_eq!(found, [Some(true), Some(false), Some(false), Some(false)]);
        assert_eq!(Build::default().has("CONFIG_A"), None);
    }

    #[test]
    fn the_kernel_itself_is_asked_first_and_then_its_package() {
        let root = tempfile::tempdir().unwrap();
        let has = || Build::within(root.path(), "6.1.0").has("CONFIG_A");
        assert_eq!(has(), None);
        std::fs::create_dir_all(root.path().join("boot")).unwrap();
        std::fs::write(root.path().join("boot/config-6.0.0"), "CONFIG_A=y\n").unwrap();
        assert_eq!(has(), None, "that of another kernel says nothing");
        std::fs::write(root.path().join("boot/config-6.1.0"), "").unwrap();
        assert_eq!(has(), Some(false));
        std::fs::create_dir_all(root.path().join("proc")).unwrap();
        let packed = File::create(root.path().join("proc/config.gz")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        packed.write_all(b"CONFIG_A=y\n").unwrap();
        packed.finish().unwrap();
        assert_eq!(has(), Some(true));
    }
}
