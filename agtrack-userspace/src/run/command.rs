//! Finds the command before anything is started for it.
//!
//! Comes in: the first word and PATH. Goes out: nothing, or what a shell would say. Never: decides
//! what is executed; exec itself looks again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::Access;
use rustix::io::Errno;

/// Why a command cannot be run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// As a shell, exit 127.
    #[error("{name}: command not found; {}", missing(name))]
    NotFound {
        /// The command as it was typed.
        name: String,
    },
    /// As a shell, exit 126.
    #[error("{name}: cannot be executed: {reason}; {next}")]
    NotExecutable {
        /// The command as it was typed.
        name: String,
        /// Why.
        reason: String,
        /// What to do about it.
        next: &'static str,
    },
}

fn missing(name: &str) -> &'static str {
    if name.contains(char::is_whitespace) {
        "give each word as an argument of its own, or run a shell: `sh -c 'WORDS'`"
    } else if name.contains('/') {
        "there is no such file: check the path"
    } else {
        "check the spelling and PATH"
    }
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
        if errno == Errno::NOENT.raw_os_error() && !command.as_bytes().contains(&b'/') {
            return Unusable::NotFound { name };
        }
        let error = std::io::Error::from_raw_os_error(errno);
        match error.kind() {
            // With a slash in it the file may be there and its interpreter not.
            std::io::ErrorKind::NotFound if !Path::new(command).exists() => {
                Unusable::NotFound { name }
            }
            std::io::ErrorKind::NotFound => Why {
                reason: "its interpreter was not found".into(),
                next: "check the first line of a script (`#!`); of a program, that its loader is \
                       installed",
            }
            .of(name),
            _ => Why::from(&error).of(name),
        }
    }
}

/// Why there is something that cannot be executed, and what to do about it.
struct Why {
    reason: String,
    next: &'static str,
}

impl Why {
    fn of(self, name: String) -> Unusable {
        let Why { reason, next } = self;
        Unusable::NotExecutable { name, reason, next }
    }
}

impl From<&std::io::Error> for Why {
    fn from(error: &std::io::Error) -> Why {
        let next = match Errno::from_io_error(error) {
            Some(Errno::ACCESS) => {
                "make it executable (`chmod +x`) and check that you may enter its directory, or \
                 give it to its interpreter: `sh FILE`"
            }
            Some(Errno::NOEXEC) => {
                "it is neither a program for this machine nor a script that begins with `#!`; give \
                 it to its interpreter: `sh FILE`"
            }
            Some(Errno::TOOBIG) => "shorten its arguments or the environment",
            _ => "check the file, and try it without agtrack",
        };
        let reason = reason(error);
        Why { reason, next }
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
    if command.is_empty() {
        let why = Why {
            reason: "it is empty".into(),
            next: "name a command",
        };
        return Err(why.of("''".into()));
    }
    if command.as_bytes().contains(&b'/') {
        return match look(Path::new(command)) {
            Found::Usable => Ok(()),
            Found::Nothing => Err(Unusable::NotFound { name: name() }),
            Found::Not(why) => Err(why.of(name())),
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
            Found::Not(why) => refused = refused.or(Some(why)),
        }
    }
    Err(match refused {
        Some(why) => why.of(name()),
        None => Unusable::NotFound { name: name() },
    })
}

enum Found {
    Usable,
    Nothing,
    Not(Why),
}

fn look(file: &Path) -> Found {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Found::Not(Why::from(&error))
        }
        Err(_) => Found::Nothing,
        Ok(metadata) if metadata.is_dir() => Found::Not(Why {
            reason: "it is a directory".into(),
            next: "name the program in it",
        }),
        Ok(_) => match rustix::fs::access(file, Access::EXEC_OK) {
            Ok(()) => Found::Usable,
            Err(errno) => Found::Not(Why::from(&errno.into())),
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
    fn each_reason_has_its_own_next_step() {
        let temp = dir();
        let told = |name: &str| {
            let word = temp.path().join(name);
            find(word.as_os_str(), None).unwrap_err().to_string()
        };
        assert!(told("plain").ends_with(
            "; make it executable (`chmod +x`) and check that you may \
            enter its directory, or give it to its interpreter: `sh FILE`"
        ));
        assert!(told("folder").ends_with(": it is a directory; name the program in it"));
        assert!(told("missing").ends_with("; there is no such file: check the path"));
        let path = Some(OsStr::new("/nowhere"));
        let told = |word: &str| find(OsStr::new(word), path).unwrap_err().to_string();
        assert!(told("sl").ends_with("; check the spelling and PATH"));
        assert!(
            told("ls -l").contains("each word as an argument"),
            "{}",
            told("ls -l")
        );
    }

    #[test]
    fn what_exec_says_is_told_apart() {
        let enoent = Errno::NOENT.raw_os_error();
        let enoexec = Errno::NOEXEC.raw_os_error();
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
