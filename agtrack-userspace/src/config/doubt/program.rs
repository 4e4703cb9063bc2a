//! Doubts about programs: those that everybody executes, and main programs that nobody has.

use std::path::Path;

use super::{Entry, entries};
use crate::catalogue::{self, TABLE};
use crate::config::reading::nearest;
use crate::config::{Placed, Source};

/// Programs that execute what others wrote, by how their names begin; a version may stand behind.
#[rustfmt::skip]
const COMMON: &[(&str, &[&str])] = &[
    ("a shell", &[
        "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "nu", "pwsh", "rbash", "sh",
        "tcsh", "zsh",
    ]),
    ("an interpreter", &[
        "awk", "bun", "deno", "dotnet", "electron", "gawk", "java", "lua", "luajit", "mawk", "node",
        "nodejs", "perl", "php", "pypy", "python", "ruby", "tclsh", "ts-node", "tsx",
    ]),
    ("a program that starts others", &[
        "bwrap", "chroot", "cron", "crond", "docker", "env", "flock", "init", "login", "nice", "nohup",
        "nsenter", "npm", "npx", "podman", "runc", "runuser", "screen", "setpriv", "setsid", "ssh",
        "sshd", "stdbuf", "su", "sudo", "systemd", "taskset", "timeout", "tmux", "unshare", "uv",
        "uvx", "xargs",
    ]),
];

/// Executables that more than the agent executes.
pub(super) fn common(entry: &Entry<'_>, path: &Path) -> Option<String> {
    // By its own name and by that of the file that it leads to.
    let real = path.canonicalize().ok();
    let paths = [Some(path), real.as_deref()].into_iter().flatten();
    let kind = paths.filter_map(Path::file_name).find_map(|name| {
        let name = without_version(name.to_str()?);
        let row = COMMON.iter().find(|(_, names)| names.contains(&name))?;
        Some(row.0)
    })?;
    let (shown, id) = (path.display(), &entry.id);
    Some(format!(
        "`{shown}` is {kind}: whoever executes it on this host and is no agent yet, scripts of the system \
         and of people too, is recorded as agent `{id}` with all below; name the agent's own program or \
         script, or its cgroup, unit or user"
    ))
}

/// `python` of `python3.11`.
fn without_version(name: &str) -> &str {
    let name = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    name.trim_end_matches('-')
}

/// Main programs that neither the catalogue nor this host knows.
pub(super) fn unknown(sources: &[Source], directories: &[std::path::PathBuf]) -> Vec<Placed> {
    let doubt = |entry: Entry<'_>| {
        let name = entry.value.as_str()?.to_owned();
        let message = unknown_name(&name, directories)?;
        Some(entry.placed(message))
    };
    entries(sources, "programs")
        .into_iter()
        .filter_map(doubt)
        .collect()
}

fn unknown_name(name: &str, directories: &[std::path::PathBuf]) -> Option<String> {
    if name.contains(['*', '?', '[', '{', '\\']) {
        return None;
    }
    if name.starts_with('/') {
        let error = std::fs::metadata(name).err()?;
        return Some(format!(
            "`{name}` cannot be looked at ({error}), so no main program is known by it until there is \
             such a file"
        ));
    }
    let is_known = catalogue::named(name.as_bytes()).is_some()
        || TABLE.iter().any(|program| program.name == name);
    let is_here = || {
        directories
            .iter()
            .any(|directory| directory.join(name).exists())
    };
    if is_known || is_here() {
        return None;
    }
    let known: Vec<_> = TABLE.iter().map(|program| program.name).collect();
    let meant = match nearest(name, &known).filter(|_| name.len() > 2) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "correct it, or leave it where the program is not in PATH".to_owned(),
    };
    Some(format!(
        "no well-known agent program and no file in the directories of PATH here is called `{name}`: {meant}"
    ))
}

/// Where programs are looked for, here and now.
pub(super) fn directories() -> Vec<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_no_part_of_a_name() {
        for (name, expect) in [
            ("python3.11", "python"),
            ("lua5.4", "lua"),
            ("node", "node"),
            ("perl-5", "perl"),
        ] {
            assert_eq!(without_version(name), expect);
        }
    }

    #[test]
    fn main_programs_that_nobody_has_are_told_with_the_nearest() {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("our-agent"), "").unwrap();
        let told = |name: &str| unknown_name(name, &[here.path().to_owned()]);
        for name in [
            "claude",
            "our-agent",
            "our-*",
            "/etc/passwd",
            "swe-agent",
            "goosed",
        ] {
            assert_eq!(told(name), None);
        }
        let said = told("cluade").unwrap();
        assert!(
            said.ends_with("is called `cluade`: did you mean `claude`?"),
            "{said}"
        );
        let said = told("something-else").unwrap();
        assert!(said.contains("correct it"), "{said}");
        let said = told("/nowhere/agent").unwrap();
        assert!(said.contains("cannot be looked at (No such file"), "{said}");
    }
}
