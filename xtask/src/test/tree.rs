//! A command and everything it started, as /proc tells it: to be shown and ended together.

use std::fmt::Write;
use std::fs;
use std::process::Command;

/// Ends a process and its descendants, and tells them: one line each, a child below its parent.
/// What cannot be read or is gone is left out; what got another parent is not found.
pub(crate) fn end(root: u32) -> String {
    let mut told = String::new();
    let mut pids = Vec::new();
    collect(root, 0, &mut pids, &mut told);
    // The parents first: a child that dies makes a shell go on with its script.
    for pid in &pids {
        let _ = Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status();
    }
    told
}

fn collect(pid: u32, depth: usize, pids: &mut Vec<u32>, told: &mut String) {
    pids.push(pid);
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let command = read("cmdline").replace('\0', " ");
    let state = read("status")
        .lines()
        .find_map(|line| {
            line.strip_prefix("State:")
                .map(|state| state.trim().to_owned())
        })
        .unwrap_or_default();
    let _ = writeln!(
        told,
        "{:indent$}{pid} [{state}] {}",
        "",
        command.escape_debug(),
        indent = 2 * depth
    );
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return;
    };
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().flat_map(str::parse) {
            collect(child, depth + 1, pids, told);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn children_are_told_below_their_parent_and_end_with_it() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 998 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut sleeper = String::new();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        output.read_line(&mut sleeper).unwrap();
        let told = end(shell.id());
        let lines: Vec<_> = told.lines().collect();
        assert!(lines[0].starts_with(&shell.id().to_string()), "{told}");
        let child = format!("  {} [", sleeper.trim());
        assert!(lines[1].starts_with(&child), "{told}");
        assert!(!shell.wait().unwrap().success());
        // The pipe's last writer was the sleeper.
        assert_eq!(output.read_line(&mut sleeper).unwrap(), 0);
    }
}
