//! agtrack's own account of what it saw, from its journal.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The last record is read from this much of the end.
const TAIL: u64 = 256 << 10;

/// Counters of all hooks that feed an action.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) seen: u64,
    pub(super) submitted: u64,
    pub(super) filtered: u64,
    pub(super) coalesced: u64,
    pub(super) lost: u64,
    pub(super) arrived: u64,
    pub(super) skipped: u64,
}

/// What the journal's last record says, once the recorder has ended.
#[derive(Debug)]
pub(super) struct Account(Value);

impl Account {
    /// Reads it.
    ///
    /// # Errors
    /// The journal cannot be read, or the recorder did not end cleanly.
    pub(super) fn read(journal: &Path) -> Result<Account> {
        let segment = segments(journal)?.pop().context("the journal is empty")?;
        let mut file = fs::File::open(&segment)
            .with_context(|| format!("cannot open {}", segment.display()))?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Account::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> Result<Account> {
        let last = text.lines().last().unwrap_or_default();
        let record: Value = serde_json::from_str(last).unwrap_or_default();
        if record["kind"] != "lifecycle" || record["change"] != "end" {
            bail!("agtrack's journal does not end with its totals: it did not end cleanly");
        }
        Ok(Account(record))
    }

    /// The back end that was used.
    pub(super) fn backend(&self) -> String {
        self.0["backend"].as_str().unwrap_or("unknown").to_owned()
    }

    /// The sum of the hooks whose action is chosen.
    pub(super) fn sum(&self, chosen: impl Fn(&str) -> bool) -> Totals {
        let mut sum = Totals::default();
        for hook in self.0["totals"].as_array().into_iter().flatten() {
            if !hook["action"].as_str().is_some_and(&chosen) {
                continue;
            }
            let count = |name: &str| hook[name].as_u64().unwrap_or(0);
            sum.seen += count("seen");
            sum.submitted += count("submitted");
            sum.filtered += count("filtered");
            sum.coalesced += count("coalesced");
            sum.lost += count("lost");
            sum.arrived += count("arrived");
            sum.skipped += count("skipped");
        }
        sum
    }
}

/// What stands in a journal.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Records of actions, by action.
    actions: BTreeMap<String, u64>,
    /// Ends of writing that say what the file holds now.
    pub(super) hashed: u64,
    /// The counts of gap records, by reason.
    pub(super) gaps: BTreeMap<String, u64>,
}

impl Written {
    /// Reads all of it.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn read(journal: &Path) -> Result<Written> {
        let mut written = Written::default();
        for segment in segments(journal)? {
            let name = || format!("cannot read {}", segment.display());
            let file = fs::File::open(&segment).with_context(name)?;
            for line in BufReader::new(file).lines() {
                written.add(&line.with_context(name)?);
            }
        }
        Ok(written)
    }

    /// Records of the actions that are chosen.
    pub(super) fn sum(&self, chosen: impl Fn(&str) -> bool) -> u64 {
        let actions = self.actions.iter().filter(|(action, _)| chosen(action));
        actions.map(|(_, count)| count).sum()
    }

    /// Millions of records are actions and are not parsed; the load has no hostile names.
    fn add(&mut self, line: &str) {
        if line.contains("\"kind\":\"action\"") {
            let action = line
                .split_once("\"action\":\"")
                .map_or("", |(_, rest)| rest);
            let action = action.split('"').next().unwrap_or_default();
            if action == "file.close" && line.contains("\"sha256\":\"") {
                self.hashed += 1;
            }
            *self.actions.entry(action.to_owned()).or_default() += 1;
        } else if line.contains("\"kind\":\"gap\"") {
            let record: Value = serde_json::from_str(line).unwrap_or_default();
            let reason = record["reason"].as_str().unwrap_or("unknown").to_owned();
            *self.gaps.entry(reason).or_default() += record["count"].as_u64().unwrap_or(0);
        }
    }
}

fn segments(journal: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(journal)
        .with_context(|| format!("cannot read the journal {}", journal.display()))?;
    let mut segments: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    segments.sort();
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = r#"{"kind":"lifecycle","change":"end","backend":"tracepoint","totals":[
        {"action":"file.open","seen":9,"submitted":5,"filtered":1,"coalesced":1,"lost":2,"arrived":5,"skipped":3},
        {"action":"file.open","seen":1,"submitted":1,"filtered":0,"coalesced":0,"lost":0,"arrived":1,"skipped":0},
        {"action":"process.exec","seen":4,"submitted":4,"filtered":0,"coalesced":0,"lost":0,"arrived":4,"skipped":0}]}"#;

    #[test]
    fn the_hooks_of_an_action_are_summed() {
        let text = format!("cut off\"}}\n{}\n", END.replace('\n', ""));
        let account = Account::parse(&text).unwrap();
        let opens = account.sum(|action| action == "file.open");
        assert_eq!((opens.seen, opens.lost, opens.skipped), (10, 2, 3));
        assert_eq!(account.sum(|_| true).arrived, 10);
        assert_eq!(account.backend(), "tracepoint");
    }

    #[test]
    fn actions_and_gaps_of_a_journal_are_counted() {
        let mut written = Written::default();
        for line in [
            r#"{"kind":"action","action":"process.fork"}"#,
            r#"{"kind":"action","action":"file.open"}"#,
            r#"{"kind":"action","action":"file.close","effect":{"sha256":"ab"}}"#,
            r#"{"kind":"action","action":"file.close","effect":{"unhashed":"gone"}}"#,
            r#"{"kind":"gap","reason":"ring_full","count":3}"#,
            r#"{"kind":"gap","reason":"ring_full","count":4}"#,
            r#"{"kind":"heartbeat"}"#,
        ] {
            written.add(line);
        }
        assert_eq!(written.sum(|action| action == "process.fork"), 1);
        assert_eq!(written.sum(|_| true), 4);
        assert_eq!(written.hashed, 1);
        assert_eq!(written.gaps["ring_full"], 7);
    }

    #[test]
    fn a_journal_without_totals_is_no_account() {
        assert!(Account::parse("").is_err());
        assert!(Account::parse(r#"{"kind":"lifecycle","change":"start"}"#).is_err());
        assert!(Account::parse(&END[..80]).is_err());
    }
}
