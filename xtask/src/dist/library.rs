//! What the binary wants from the system it is installed on, read from the binary.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// Shared libraries and the version of the C library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// The newest version of glibc that a symbol asks for, as `2.34`.
    pub(super) glibc: String,
    /// Names of the libraries, as `libc.so.6`.
    pub(super) libraries: Vec<String>,
}

impl Needs {
    /// As Debian names the packages.
    ///
    /// # Errors
    /// A library is needed that nobody said the package of.
    pub(super) fn debian(&self) -> Result<String> {
        let mut packages = vec![format!("libc6 (>= {})", self.glibc)];
        for library in &self.libraries {
            match library.as_str() {
                "libc.so.6" | "libm.so.6" => {}
                loader if loader.starts_with("ld-linux") => {}
                "libgcc_s.so.1" => packages.push("libgcc-s1".to_owned()),
                other => bail!("nobody says which package of Debian has {other}: see library.rs"),
            }
        }
        Ok(packages.join(", "))
    }
}

/// Reads them from the binary.
///
/// # Errors
/// `readelf` is missing, or the binary is no dynamic program of glibc.
pub(super) fn needs(binary: &Path) -> Result<Needs> {
    let read = |what: &str| run::output(Command::new("readelf").arg(what).arg(binary));
    let (versions, dynamic) = (read("--version-info")?, read("--dynamic")?);
    let glibc =
        newest(&versions).with_context(|| format!("{} asks for no glibc", binary.display()))?;
    Ok(Needs {
        glibc,
        libraries: libraries(&dynamic),
    })
}

/// The newest of `Name: GLIBC_2.34  Flags: …`.
fn newest(versions: &str) -> Option<String> {
    let versions = versions.split("Name: GLIBC_").skip(1);
    let versions = versions.filter_map(|rest| rest.split_whitespace().next());
    let number = |version: &&str| -> Vec<u32> {
        version
            .split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    versions.max_by_key(number).map(str::to_owned)
}

/// `(NEEDED) Shared library: [libc.so.6]`
fn libraries(dynamic: &str) -> Vec<String> {
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let names = needed.filter_map(|line| line.split_once('[')?.1.split_once(']'));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_compared_as_numbers() {
        let said = "  0x0010:   Name: GLIBC_2.9  Flags: none  Version: 7\n\
                    \x20 0x0020:   Name: GLIBC_2.34  Flags: none  Version: 6\n\
                    \x20 0x0030:   Name: GCC_4.2.0  Flags: none  Version: 5\n";
        assert_eq!(newest(said).as_deref(), Some("2.34"));
        assert_eq!(newest("No version information found"), None);
    }

    #[test]
    fn a_library_of_an_unknown_package_is_an_error() {
        let said = " 0x01 (NEEDED)  Shared library: [libgcc_s.so.1]\n 0x01 (NEEDED)  Shared library: [libc.so.6]\n";
        let mut needs = Needs {
            glibc: "2.34".to_owned(),
            libraries: libraries(said),
        };
        assert_eq!(needs.debian().unwrap(), "libc6 (>= 2.34), libgcc-s1");
        needs.libraries.push("libodd.so.1".to_owned());
        assert!(
            needs
                .debian()
                .unwrap_err()
                .to_string()
                .contains("libodd.so.1")
        );
    }
}
