//! What the launcher tells at the end, on stderr.
//!
//! Comes in: numbers and names from the recorder. Goes out: lines that are safe on a terminal.
//! Never: reads the journal, or claims more than the recorder counted.

use std::path::Path;

use super::plain;
use crate::engine::{Named, Running, Summary};

/// Names on one line, at most.
const SHOWN: usize = 5;

/// The lines of the summary.
pub(super) fn lines(journal: &Path, running: &[Running], summary: &Summary) -> Vec<String> {
    let mut lines = vec![format!("agtrack: recorded {}", actions(summary))];
    lines.extend(named("files written", &summary.written));
    lines.extend(named("files deleted", &summary.deleted));
    lines.extend(named("contacted", &summary.hosts));
    lines.extend(named("failed", &summary.failures));
    lines.push(lost(summary));
    if !running.is_empty() {
        lines.push(format!(
            "  still running  {}, no longer recorded:",
            running.len()
        ));
        lines.extend(list(running));
    }
    let journal = plain(std::os::unix::ffi::OsStrExt::as_bytes(journal.as_os_str()));
    lines.push(format!("  journal        {journal}"));
    lines.push(format!(
        "  read it with   agtrack tail --journal {}",
        quoted(&journal)
    ));
    lines
}

/// One line for each process that runs.
pub(super) fn list(running: &[Running]) -> Vec<String> {
    let mut lines: Vec<_> = running
        .iter()
        .take(SHOWN * 4)
        .map(|process| format!("    {:>7} {}", process.pid, plain(&process.exe)))
        .collect();
    if running.len() > lines.len() {
        lines.push(format!("    and {} more", running.len() - lines.len()));
    }
    lines
}

fn actions(summary: &Summary) -> String {
    let mut counts: Vec<_> = summary
        .actions
        .iter()
        .filter(|(_, count)| **count > 0)
        .collect();
    if counts.is_empty() {
        return "nothing".into();
    }
    counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let words: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{} {count}", plain(name.as_bytes())))
        .collect();
    words.join(", ")
}

fn named(title: &str, named: &Named) -> Option<String> {
    if named.total == 0 {
        return None;
    }
    let mut words: Vec<_> = named
        .first
        .iter()
        .take(SHOWN)
        .map(|name| plain(name))
        .collect();
    let more = named.total.saturating_sub(words.len() as u64);
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    Some(format!(
        "  {title:<14} {}: {}",
        named.total,
        words.join(", ")
    ))
}

fn lost(summary: &Summary) -> String {
    let skipped = match summary.skipped {
        0 => String::new(),
        count => format!("; the kernel skipped up to {count} hook runs on this host"),
    };
    match summary.lost {
        0 => format!("  lost           nothing{skipped}"),
        count => format!("  LOST           {count} events (see the gap records){skipped}"),
    }
}

/// As a word for a shell.
fn quoted(path: &str) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@%".contains(letter);
    if !path.is_empty() && path.chars().all(harmless) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&[u8]]) -> Named {
        let first = names.iter().map(|name| name.to_vec()).collect();
        Named {
            total: names.len() as u64,
            first,
        }
    }

    fn check(summary: &Summary, running: &[Running], expect: &[&str]) {
        assert_eq!(lines(Path::new("/var/lib/x"), running, summary), expect);
    }

    #[test]
    fn a_quiet_command_has_a_short_summary() {
        check(
            &Summary::default(),
            &[],
            &[
                "agtrack: recorded nothing",
                "  lost           nothing",
                "  journal        /var/lib/x",
                "  read it with   agtrack tail --journal /var/lib/x",
            ],
        );
    }

    #[test]
    fn a_busy_command_is_counted_and_named() {
        let summary = Summary {
            actions: [
                ("file.open".into(), 7),
                ("process.exec".into(), 9),
                ("x".into(), 0),
            ]
            .into(),
            written: names(&[b"/a", b"/b\x1b[31m"]),
            hosts: Named {
                total: 9,
                first: vec![b"h".to_vec(); 8],
            },
            lost: 3,
            skipped: 4,
            ..Summary::default()
        };
        check(
            &summary,
            &[Running {
                pid: 12,
                exe: b"/bin/s\nleep".to_vec(),
            }],
            &[
                "agtrack: recorded process.exec 9, file.open 7",
                "  files written  2: /a, /b\\u{1b}[31m",
                "  contacted      9: h, h, h, h, h, and 4 more",
                "  LOST           3 events (see the gap records); the kernel skipped up to 4 hook \
                 runs on this host",
                "  still running  1, no longer recorded:",
                "         12 /bin/s\\u{a}leep",
                "  journal        /var/lib/x",
                "  read it with   agtrack tail --journal /var/lib/x",
            ],
        );
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let many = vec![
            Running {
                pid: 1,
                exe: b"x".to_vec()
            };
            25
        ];
        let lines = list(&many);
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[20], "    and 5 more");
    }

    #[test]
    fn a_path_with_blanks_can_be_pasted() {
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
