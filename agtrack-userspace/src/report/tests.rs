//! What a report says of records.

use std::path::Path;

use jiff::tz::TimeZone;

use super::*;
use crate::record::{Body, Record, Sha256};
use crate::run::summary::Look;
use crate::terminal::Palette;

/// Records of a real recording: a shell with two calls below it.
const CALLS: &str = include_str!("../../../tests/replay/call.jsonl");
const EXEC: &str = include_str!("../../../tests/replay/exec.jsonl");
const HASHES: &str = include_str!("../../../tests/replay/hashes.jsonl");
const FLOW: &str = include_str!("../../../tests/replay/flow.jsonl");
const TAMPER: &str = include_str!("../../../tests/replay/tamper.jsonl");

fn read(lines: &str) -> Vec<Record> {
    let records = lines.lines().map(serde_json::from_str);
    records.collect::<Result<_, _>>().unwrap()
}

fn report_of(records: &[Record]) -> Report {
    let agent = records.iter().find_map(|record| record.agent.clone());
    let agent = agent.unwrap();
    let is_own = |record: &&Record| {
        let session = record.agent.as_ref().map(|agent| agent.session);
        session == Some(agent.session)
    };
    let mut builder = Builder::new(agent.clone());
    records
        .iter()
        .filter(is_own)
        .for_each(|record| builder.add(record));
    records.iter().for_each(|record| builder.note(record));
    builder.finish(None, 0)
}

#[test]
fn every_recorded_fixture_gives_a_report_whose_numbers_are_those_of_its_records() {
    for lines in [CALLS, HASHES, FLOW, TAMPER] {
        let records = read(lines);
        let report = report_of(&records);
        let own = records.iter().filter(|record| record.agent.is_some());
        let actions = own.filter(|record| matches!(record.body, Body::Action(_)));
        assert_eq!(report.actions.values().sum::<u64>(), actions.count() as u64);
        assert_eq!(report.session.ended, Ended::Yes);
        assert!(!report.session.begin_missing);
        assert_eq!(report.completeness.backend.as_deref(), Some("tracepoint"));
        assert!(report.completeness.hooks > 20);
    }
}

#[test]
fn a_file_has_its_hashes_and_the_one_from_before() {
    let report = report_of(&read(HASHES));
    let files: Vec<_> = report
        .files
        .items
        .iter()
        .map(|file| {
            let short = |hash: &Option<Sha256>| hash.map(|hash| hash.short());
            (
                file.path.printable(),
                file.what.join(", "),
                short(&file.sha256),
                short(&file.previous_sha256),
            )
        })
        .collect();
    // Its content went over with the rename, was written anew, and was deleted.
    let (first, second) = ("fc11d6f28e59".to_owned(), "d4fc1db66544".to_owned());
    let (new, old) = ("/tmp/agtrack-fixture/new", "/tmp/agtrack-fixture/old");
    assert_eq!(
        files,
        [
            (
                new.to_owned(),
                "moved here, written, deleted".to_owned(),
                Some(second),
                Some(first)
            ),
            (
                old.to_owned(),
                "created, written, moved away".to_owned(),
                None,
                None
            ),
        ]
    );
    assert!(report.files.items.iter().all(|file| file.gone));
}

#[test]
fn what_passed_with_a_host_is_added_up() {
    let records = read(FLOW);
    let report = report_of(&records);
    let sum = |of: fn(&HostDone) -> u64| report.hosts.items.iter().map(of).sum::<u64>();
    let mut expect = [0, 0];
    for record in &records {
        if let Body::Action(action) = &record.body
            && let crate::record::Object::Flow(flow) = &action.object
            && flow.peer.is_some()
        {
            expect[0] += flow.bytes_out;
            expect[1] += flow.bytes_in;
        }
    }
    assert!(expect[0] > 0);
    assert_eq!(
        [sum(|host| host.bytes_out), sum(|host| host.bytes_in)],
        expect
    );
}

#[test]
fn attempts_on_the_recorder_come_first() {
    let report = report_of(&read(TAMPER));
    let first = &report.findings.items[0];
    assert_eq!(first.weight, Weight::Bad);
    assert!(first.what.starts_with("tamper: tracker."), "{}", first.what);
}

/// A session of one action, and what is to be changed in it.
fn with(change: impl Fn(&mut Vec<serde_json::Value>)) -> Report {
    let mut lines: Vec<serde_json::Value> = CALLS
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    change(&mut lines);
    let text: Vec<_> = lines.iter().map(ToString::to_string).collect();
    report_of(&read(&text.join("\n")))
}

#[test]
fn a_session_without_its_end_goes_on_or_broke_off() {
    let is_end = |line: &serde_json::Value| line["change"] == "end";
    let report = with(|lines| lines.retain(|line| !is_end(line)));
    assert_eq!(report.session.ended, Ended::No);
    let report = with(|lines| {
        lines.retain(|line| !is_end(line));
        let last = lines.last().unwrap()["seq"].as_u64().unwrap();
        let mut again = lines[0].clone();
        again["seq"] = (last + 2).into();
        let mut gap = lines[0].clone();
        gap["kind"] = "gap".into();
        gap["seq"] = (last + 1).into();
        for (name, value) in [
            ("reason", serde_json::json!("unclean_stop")),
            ("hook", serde_json::Value::Null),
            ("action", serde_json::Value::Null),
            ("count", serde_json::Value::Null),
            ("from", 0.into()),
            ("until", 0.into()),
            ("detail", "it was killed".into()),
        ] {
            gap[name] = value;
        }
        // What a third recorder says of the second is not about this session.
        let mut other = gap.clone();
        other["seq"] = (last + 3).into();
        lines.extend([gap, again, other]);
    });
    assert_eq!(report.session.ended, Ended::BrokenOff);
    assert_eq!(report.completeness.gaps.total(), 1);
    assert_eq!(report.completeness.gaps.items[0].detail, "it was killed");
    assert!(!report.completeness.is_whole());
}

#[test]
fn a_session_that_the_next_recorder_found_again_goes_on() {
    let report = with(|lines| {
        let mut again = lines[0].clone();
        let first = lines.iter().find(|line| !line["agent"].is_null()).unwrap();
        again["seq"] = (first["seq"].as_u64().unwrap() + 1).into();
        lines.push(again);
    });
    assert_eq!(report.session.ended, Ended::Yes);
    assert!(!report.completeness.broken_off);
}

#[test]
fn an_end_that_nobody_saw_is_no_time_of_the_session() {
    let seen = with(|_| {});
    let report = with(|lines| {
        let end = lines
            .iter_mut()
            .find(|line| line["change"] == "end" && line["kind"] == "session");
        let end = end.unwrap();
        end["boot_time"] = 5.into();
        end["unseen"] = serde_json::json!({
            "why": "reboot", "totals_known": false, "last_recorded": "", "boot_id": "x",
        });
    });
    assert_eq!(report.session.ended, Ended::BrokenOff);
    assert!(report.session.duration <= seen.session.duration);
    assert!(report.session.duration > 0 && !report.completeness.is_whole());
}

fn gap(lines: &mut Vec<serde_json::Value>, reason: &str, count: u64, until: u64) {
    let mut gap = lines[0].clone();
    gap["kind"] = "gap".into();
    gap["reason"] = reason.into();
    gap["count"] = count.into();
    gap["from"] = until.into();
    gap["until"] = until.into();
    gap["hook"] = serde_json::Value::Null;
    gap["action"] = serde_json::Value::Null;
    gap["detail"] = "lost".into();
    lines.push(gap);
}

#[test]
fn only_gaps_of_the_sessions_time_count() {
    let during = read(CALLS)
        .iter()
        .find(|record| record.agent.is_some())
        .unwrap()
        .boot_time;
    let report = with(|lines| {
        gap(lines, "ring_full", 7, during + 1);
        gap(lines, "ring_full", 9, during - 60_000_000_000);
        gap(lines, "skipped", 3, during + 1);
    });
    let told = &report.completeness;
    assert_eq!((told.lost, told.skipped, told.gaps.total()), (7, 3, 2));
    assert!(!told.is_whole());
    let report = with(|lines| gap(lines, "skipped", 3, during + 1));
    assert!(report.completeness.is_whole(), "an upper bound is no loss");
}

#[test]
fn a_terminal_gets_no_control_characters() {
    let report = with(|lines| {
        for line in lines {
            if line["agent"].is_object() {
                line["agent"]["name"] = "a\u{1b}[31m\u{202e}".into();
            }
        }
    });
    let look = Look {
        palette: Palette::default(),
        width: 100,
        cuts: false,
        here: Vec::new(),
        home: Vec::new(),
        command: "agtrack".into(),
    };
    let lines = text::laid_out(&look, &report, Path::new("/j"), &TimeZone::UTC);
    assert!(
        lines[0].starts_with("a\\u{1b}[31m\\u{202e}, session "),
        "{}",
        lines[0]
    );
    let text = lines.join("\n");
    assert!(
        text.chars()
            .all(|letter| letter == '\n' || !letter.is_control())
    );
    assert!(text.contains("back end tracepoint"), "{text}");
    assert!(text.contains("  lost           nothing"), "{text}");
}

#[test]
fn what_a_program_tries_for_itself_is_no_failure_of_its_work() {
    let of = |class: &str| {
        let lines = EXEC.lines().map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            if line["kind"] == "tool_call" {
                line["class"] = class.into();
            }
            if line["kind"] == "tool_call" && line["change"] == "end" {
                line["exit"] = serde_json::json!({"code": 3, "signal": null});
            }
            line.to_string()
        });
        html::page(&report_of(&read(&lines.collect::<Vec<_>>().join("\n"))))
    };
    assert!(of("tool").contains(">1 failed<"));
    let own = of("housekeeping");
    assert!(!own.contains("1 failed"));
    assert!(own.contains(">exit 3<"), "it is told all the same");
}

#[test]
fn a_page_may_load_nothing() {
    let page = html::page(&report_of(&read(CALLS)));
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    // Attributes that make a browser fetch something, and handlers.
    for forbidden in [" src=", "url(", "@import", "<link", "<iframe", " on"] {
        let found = page
            .match_indices(forbidden)
            .find(|(at, _)| forbidden != " on" || is_handler(&page[*at..]));
        assert_eq!(found, None);
    }
}

/// `onclick=` and the like.
fn is_handler(text: &str) -> bool {
    let name: String = text[1..]
        .chars()
        .take_while(char::is_ascii_lowercase)
        .collect();
    name.len() > 2 && text[1 + name.len()..].starts_with("=\"")
}
