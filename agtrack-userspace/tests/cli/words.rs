//! What agtrack says where something is wrong: the thing, the reason, the next step, each once.
//!
//! [`say`] itself checks that nothing is said twice.

use std::os::unix::fs::symlink;

use super::call::{Public, agtrack, say};

/// A directory with a file, a directory and a link to each; their names in messages are short.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("file"), "x\n").unwrap();
        std::fs::create_dir(place.path().join("dir")).unwrap();
        symlink("dir", place.path().join("link")).unwrap();
        Place(place)
    }

    /// Calls agtrack there, where it must fail with this code; what it says.
    fn fails(&self, args: &[&str], code: i32) -> String {
        let said = say(agtrack(args).current_dir(self.0.path()));
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(code), ""),
            "{args:?}: {}",
            said.err
        );
        let here = self.0.path().canonicalize().unwrap();
        said.err.replace(here.to_str().unwrap(), "D")
    }
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_reason_once() {
    let place = Place::new();
    for (args, part) in [
        (
            &["config", "check", "missing"][..],
            "; name another file, or begin one with ",
        ),
        (
            &["config", "check", "dir"],
            "dir: Is a directory (os error 21); name the file in it",
        ),
        (
            &["config", "show", "--config", "missing"],
            "missing: No such file",
        ),
        (&["daemon", "--config", "dir"], "; name the file in it"),
        (&["replay", "missing"], "cannot open missing: No such file"),
        (
            &["replay", "dir"],
            "cannot replay dir: cannot read it: Is a directory",
        ),
        (
            &["replay", "file"],
            "line 1 is not an input (expected value): ",
        ),
        (
            &["tail", "--journal", "missing"],
            "D/missing holds no journal: it is not there; check the path",
        ),
        (
            &["tail", "--journal", "file"],
            "D/file holds no journal: it is not a directory; check the path",
        ),
        (
            &["tail", "--journal", "dir"],
            "D/dir holds no journal: nothing was recorded there; check the path",
        ),
    ] {
        let said = place.fails(args, 1);
        assert!(said.contains(part), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    }
}

#[test]
fn commands_that_cannot_be_run_are_told_with_what_to_do() {
    let place = Place::new();
    for (command, code, part) in [
        ("no-such-command", 127, "; check the spelling and PATH"),
        ("./missing", 127, "; there is no such file: check the path"),
        ("ls -l", 127, "; give each word as an argument of its own"),
        ("./dir", 126, "it is a directory; name the program in it"),
        ("./file", 126, "make it executable (`chmod +x`)"),
        ("", 126, "it is empty; name a command"),
    ] {
        let said = place.fails(&["run", command], code);
        assert!(said.contains(part), "{command:?}: {said}");
    }
}

/// As root only: others are asked for a password first.
#[test]
fn places_that_are_no_place_for_a_journal_are_told_what_they_are() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: needs root");
        return;
    }
    let place = Place::new();
    for (journal, part) in [
        ("file", "D/file is a file, and a directory must be there"),
        ("link", "D/link is a symbolic link (not followed, "),
        ("link", "; D/dir can be named itself)"),
        (
            "missing/below",
            "; make D/missing first (`mkdir -p D/missing`)",
        ),
        ("file/below", "a file stands in its way"),
    ] {
        let said = place.fails(&["run", "--journal", journal, "true"], 1);
        assert!(said.contains(part), "{journal}: {said}");
    }
}

#[test]
fn a_closed_standard_error_does_not_change_how_it_ends() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = agtrack(&["run", "no-such-command"])
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(127));
}

/// Whoever starts it by systemd reads its log and has never called `agtrack config check`.
#[test]
fn a_daemon_warns_of_globs_that_get_an_agent_nothing() {
    let public = Public::new();
    let config = public.dir.path().join("agtrack.toml");
    let text = "[journal]\ndir = \"/var/lib/agtrack-of-nobody/journal\"\n\
                [[agents]]\nid = \"a\"\ncgroups = [\"/sys/fs/cgroup/a\"]\n";
    std::fs::write(&config, text).unwrap();
    let args = ["daemon", "--config", config.to_str().unwrap()];
    let said = say(&mut public.unprivileged(&args));
    let first = said.err.lines().next().unwrap_or_default();
    assert!(
        first.contains("agtrack.toml:5:12: warning: "),
        "{}",
        said.err
    );
}
