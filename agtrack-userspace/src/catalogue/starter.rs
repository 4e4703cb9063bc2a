//! Programs that start others: an agent program may stand behind them.

use std::sync::LazyLock;

use foldhash::HashSet;

use super::{file_name, named};
use crate::record::Text;

/// Programs and words of a shell that start what stands behind them, wherever it stands.
#[rustfmt::skip]
const STARTERS: &[&str] = &[
    "env", "timeout", "nice", "ionice", "nohup", "sudo", "doas", "su", "runuser", "setpriv",
    "setsid", "stdbuf", "time", "strace", "ltrace", "xargs", "exec", "command", "npx", "npm",
    "pnpm", "pnpx", "yarn", "bunx", "uvx", "uv", "pipx", "poetry", "docker", "podman", "kubectl",
    "ssh", "tmux", "screen", "script", "agtrack", "unshare", "nsenter", "chroot", "systemd-run",
    "bwrap", "firejail", "taskset", "chrt", "flock", "watch", "ip", "parallel", "find", "nix",
    "mise", "direnv", "if", "then", "else", "elif", "while", "until", "do", "!", "{", "eval",
    "trap", "xvfb-run", "faketime", "dotenv", "codex-linux-sandbox",
];
static STARTING: LazyLock<HashSet<&'static [u8]>> =
    LazyLock::new(|| STARTERS.iter().map(|name| name.as_bytes()).collect());
/// Shells that take a command as one argument.
const SHELLS: &[&[u8]] = &[b"sh", b"bash", b"dash", b"zsh", b"ksh"];
/// Words that are looked at for an agent program.
const LOOKED_AT: usize = 16;

/// Whether a program of this name, or a word of a shell, starts what stands behind it.
#[must_use]
pub fn starts_others(word: &[u8]) -> bool {
    STARTING.contains(file_name(word))
}

/// Whether a command does nothing but start an agent program: `timeout 60 claude`, `sh -c codex`.
#[must_use]
pub fn starts_an_agent(command: &[Text]) -> bool {
    let mut words = command.iter().map(|word| &word.0[..]);
    let shell = words
        .next()
        .is_some_and(|first| SHELLS.contains(&file_name(first)));
    let option = words.next().unwrap_or_default();
    if shell && option.starts_with(b"-") && option.ends_with(b"c") {
        let text = words.next().unwrap_or_default();
        let parts = text.split(u8::is_ascii_whitespace);
        return leads_to_one(parts.filter(|part| !part.is_empty()));
    }
    leads_to_one(command.iter().map(|word| &word.0[..]))
}

/// Whether a command is a container's runtime, on its way to become what was meant to run in there:
/// `runc init`.
#[must_use]
pub fn makes_a_container(command: &[Text]) -> bool {
    let [program, word] = command else {
        return false;
    };
    let name = file_name(&program.0);
    word.0 == b"init" && (name.ends_with(b"runc") || name == b"exe")
}

fn leads_to_one<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> bool {
    let Some(first) = words.next() else {
        return false;
    };
    let mut behind = words.take(LOOKED_AT);
    named(first).is_some() || starts_others(first) && behind.any(|word| named(word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &[&str], expect: bool) {
        let words: Vec<Text> = command.iter().map(|word| (*word).into()).collect();
        assert_eq!(starts_an_agent(&words), expect, "{command:?}");
    }

    #[test]
    fn a_runtime_is_no_program_of_its_container() {
        let check = |words: &[&str], expect: bool| {
            let words: Vec<Text> = words.iter().map(|word| (*word).into()).collect();
            assert_eq!(makes_a_container(&words), expect, "{words:?}");
        };
        check(&["runc", "init"], true);
        check(&["/usr/sbin/runc", "init"], true);
        check(&["/proc/self/exe", "init"], true);
        check(&["/sbin/init"], false);
        check(&["terraform", "init"], false);
        check(&["runc", "init", "x"], false);
    }

    #[test]
    fn an_agent_program_may_stand_behind_others() {
        check(&["timeout", "60", "claude", "-p", "x"], true);
        check(&["/usr/bin/env", "-u", "A", "codex"], true);
        check(&["sh", "-c", "codex exec x"], true);
        check(&["bash", "-lc", " exec timeout 9 claude"], true);
        check(&["npx", "-y", "@openai/codex"], true);
        check(&["timeout", "60", "make"], false);
        check(&["sh", "-c", "cd /work && claude"], false);
        check(&["sh", "x.sh", "claude"], false);
        check(&["grep", "claude", "x"], false);
        check(&["sh", "-c"], false);
        check(&[], false);
    }
}
