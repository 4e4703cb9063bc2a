//! Several records of one attempt on the recorder's files.

use super::model::Weight;
use crate::journal;
use crate::record::{By, Object, Tamper, Text};

/// Records that tell of one deed on files of the recorder's own: an editor that saves makes, writes and
/// renames within a moment, which is a record for each.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    last: Option<(Deed, u64)>,
}

/// What one process does in one directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Uid of the process.
    process: String,
    directory: Text,
}

/// The next record of a deed comes so soon, ns.
const MOMENT: u64 = 2_000_000_000;

impl Deed {
    /// The deed that a record is of; none where each record is one of its own, as of a journal's files.
    pub fn of(tamper: &Tamper) -> Option<Deed> {
        let Object::File { path, .. } = &tamper.object else {
            return None;
        };
        let cut = path.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        if tamper.process.uid.is_empty() || journal::is_file(&path.0) {
            return None;
        }
        Some(Deed {
            process: tamper.process.uid.clone(),
            directory: Text(path.0.iter().take(cut).copied().collect()),
        })
    }
}

impl Attempts {
    /// Whether a record, `at` on the boot clock, is of the same deed as the one before.
    pub fn goes_on(&mut self, deed: Option<&Deed>, at: u64) -> bool {
        let Some(deed) = deed else { return false };
        let goes_on = |(before, then): &(Deed, u64)| before == deed && at.abs_diff(*then) < MOMENT;
        let goes_on = self.last.as_ref().is_some_and(goes_on);
        self.last = Some((deed.clone(), at));
        goes_on
    }
}

/// How grave an attempt is.
///
/// An administrator edits the configuration now and then, and no session is the worse for it: that is
/// to be looked at. An agent that does, and whoever touches the journal or the recorder itself, is wrong.
pub fn weight(tamper: &Tamper) -> Weight {
    let Object::File { path, .. } = &tamper.object else {
        return Weight::Bad;
    };
    match tamper.by {
        By::Agent => Weight::Bad,
        _ if journal::is_file(&path.0) => Weight::Bad,
        _ => Weight::Warning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tamper(uid: &str, path: &str) -> Tamper {
        let value = serde_json::json!({
            "action": "tracker.write", "by": "other", "expected": false,
            "process": { "uid": uid, "pid": 7, "args": [], "ancestry": [] },
            "object": { "path": path, "inode": null, "device": null },
            "outcome": { "result": "success", "errno": null },
            "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_administrator_may_edit_the_configuration_and_nobody_the_journal() {
        let graded = |by, path| {
            let tamper = tamper("b-7-1", path);
            weight(&Tamper { by, ..tamper })
        };
        let config = "/etc/agtrack/agtrack.toml";
        assert_eq!(graded(By::Other, config), Weight::Warning);
        assert_eq!(graded(By::Agent, config), Weight::Bad);
        let journal = "/var/lib/agtrack/journal/journal.json";
        assert_eq!(graded(By::Other, journal), Weight::Bad);
    }

    #[test]
    fn what_one_process_does_in_one_place_within_a_moment_is_one_deed() {
        let mut attempts = Attempts::default();
        let mut goes_on =
            |uid, path, at| attempts.goes_on(Deed::of(&tamper(uid, path)).as_ref(), at);
        assert!(!goes_on("b-7-1", "/etc/agtrack/agents.d/.x.swp", 1));
        assert!(goes_on("b-7-1", "/etc/agtrack/agents.d/x.toml", 2));
        assert!(
            !goes_on("b-7-1", "/etc/agtrack/agtrack.toml", 3),
            "elsewhere"
        );
        assert!(!goes_on("b-8-1", "/etc/agtrack/agtrack.toml", 4), "another");
        assert!(
            !goes_on("b-8-1", "/etc/agtrack/agtrack.toml", 4 + MOMENT),
            "later"
        );
        assert!(
            !goes_on("b-8-1", "/etc/agtrack/agtrack.toml", 4),
            "earlier, and read later"
        );
    }

    /// Nobody is spared a record of that.
    #[test]
    fn what_is_done_to_a_journal_and_by_whom_is_unknown_is_told_each_time() {
        let mut attempts = Attempts::default();
        for (uid, path) in [("b-7-1", "/j/head"), ("", "/etc/agtrack/agtrack.toml")] {
            for _ in 0..2 {
                assert!(
                    !attempts.goes_on(Deed::of(&tamper(uid, path)).as_ref(), 1),
                    "{path}"
                );
            }
        }
    }
}
