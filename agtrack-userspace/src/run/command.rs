//! Finds the command before anything is started for it.
//!
//! Comes in: the first word and PATH. Goes out: nothing, or what a shell would say. Never: decides
//! what is executed; exec itself looks again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::Access;

/// Why a command cannot be run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// As a shell, exit 127.
    #[error("{name}: command not found; check the spelling and PATH")]
    NotFound {
        /// The command as it was typed.
        name: String,
    },
    /// As a shell, exit 126.
    #[error("{name}: cannot be executed: {reason}; check its permissions and format")]
    NotExecutable {
        /// The command as it was typed.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Unusable {
    /// What the launcher exits with.
    pub(super) fn code(&self) -> u8 {
        match self {
            Unusable::NotFound { .. } => 127,
            Unusable::NotExecutable { .. } => 126,
        }
    }

    /// From what exec said.
    pub(super) fn from_errno(command: &OsStr, errno: i32) -> Unusable {
        let name = command.to_string_lossy().into_owned();
        if errno == rustix::io::Errno::NOENT.raw_os_error() && !command.as_bytes().contains(&b'/') {
            return Unusable::NotFound { name };
        }
        let error = std::io::Error::from_raw_os_error(errno);
        match error.kind() {
            // With a slash in it the file may be there and its interpreter not.
            std::io::ErrorKind::NotFound if !Path::new(command).exists() => {
                Unusable::NotFound { name }
            }
            std::io::ErrorKind::NotFound => Unusable::NotExecutable {
                name,
                reason: "its interpreter was not found".into(),
            },
            _ => Unusable::NotExecutable {
                name,
                reason: reason(&error),
            },
        }
    }
}

/// The kernel's words without Rust's "(os error N)".
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Looks for the command as execvp does.
///
/// # Errors
/// There is none, or only ones that may not be executed.
pub(super) fn find(command: &OsStr, path: Option<&OsStr>) -> Result<(), Unusable> {
    let name = || command.to_string_lossy().into_owned();
    if command.as_bytes().contains(&b'/') {
        return match look(Path::new(command)) {
            Found::Usable => Ok(()),
            Found::Nothing => Err(Unusable::NotFound { name: name() }),
            Found::Not(reason) => Err(Unusable::NotExecutable {
                name: name(),
                reason,
            }),
        };
    }
    let mut refused = None;
    // Without PATH the C library looks in these two.
    for dir in std::env::split_paths(path.unwrap_or(OsStr::new("/bin:/usr/bin"))) {
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &dir
        };
        match look(&dir.join(command)) {
            Found::Usable => return Ok(()),
            Found::Nothing => {}
            Found::Not(reason) => refused = refused.or(Some(reason)),
        }
    }
    Err(match refused {
        Some(reason) => Unusable::NotExecutable {
            name: name(),
            reason,
        },
        None => Unusable::NotFound { name: name() },
    })
}

enum Found {
    Usable,
    Nothing,
    Not(String),
}

fn look(file: &Path) -> Found {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Found::Not(reason(&error))
        }
        Err(_) => Found::Nothing,
        Ok(metadata) if metadata.is_dir() => Found::Not("it is a directory".into()),
        Ok(_) => match rustix::fs::access(file, Access::EXEC_OK) {
            Ok(()) => Found::Usable,
            Err(errno) => Found::Not(reason(&errno.into())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn dir() -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        for (name, mode) in [("good", 0o755), ("plain", 0o644)] {
            let file = temp.path().join(name);
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        }
        std::fs::create_dir(temp.path().join("folder")).unwrap();
        temp
    }

    fn check(word: &str, expect: Option<u8>) {
        let temp = dir();
        let path = std::env::join_paths([Path::new("/nowhere"), temp.path()]).unwrap();
        let found = find(OsStr::new(word), Some(&path));
        assert_eq!(
            found.as_ref().err().map(Unusable::code),
            expect,
            "{word}: {found:?}"
        );
        if !word.is_empty() {
            let direct = find(temp.path().join(word).as_os_str(), None);
            assert_eq!(
                direct.as_ref().err().map(Unusable::code),
                expect,
                "{word}: {direct:?}"
            );
        }
    }

    #[test]
    fn found_and_not_found_as_a_shell_says_it() {
        check("good", None);
        check("plain", Some(126));
        check("folder", Some(126));
        check("missing", Some(127));
        check("", Some(126));
    }

    #[test]
    fn a_usable_one_later_in_path_wins() {
        let (first, second) = (dir(), dir());
        std::fs::set_permissions(first.path().join("good"), PermissionsExt::from_mode(0o644))
            .unwrap();
        let path = std::env::join_paths([first.path(), second.path()]).unwrap();
        assert_eq!(find(OsStr::new("good"), Some(&path)), Ok(()));
    }

    #[test]
    fn an_empty_part_of_path_is_the_current_directory() {
        let error = find(OsStr::new("no-such-command-here"), Some(OsStr::new(":"))).unwrap_err();
        assert_eq!(error.code(), 127);
    }

    #[test]
    fn what_exec_says_is_told_apart() {
        let enoent = rustix::io::Errno::NOENT.raw_os_error();
        let enoexec = rustix::io::Errno::NOEXEC.raw_os_error();
        assert_eq!(Unusable::from_errno(OsStr::new("x"), enoent).code(), 127);
        assert_eq!(
            Unusable::from_errno(OsStr::new("/no/such"), enoent).code(),
            127
        );
        let interpreter = Unusable::from_errno(OsStr::new("/dev/null"), enoent);
        assert!(
            interpreter.to_string().contains("interpreter"),
            "{interpreter}"
        );
        assert_eq!(Unusable::from_errno(OsStr::new("x"), enoexec).code(), 126);
    }
}
