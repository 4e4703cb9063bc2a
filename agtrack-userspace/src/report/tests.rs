//! What a report says of records.

mod changes;
mod whole;

use std::path::Path;

use jiff::tz::TimeZone;

use super::*;
use crate::journal::Hole;
use crate::record::{Body, Change, Record, Sha256, Text, is_outsiders};
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
    report_from(
        records,
        Source {
            is_written: true,
            ..Source::default()
        },
    )
}

fn report_from(records: &[Record], source: Source) -> Report {
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
    builder.finish(source)
}

#[test]
fn every_recorded_fixture_gives_a_report_whose_numbers_are_those_of_its_records() {
    for lines in [CALLS, HASHES, FLOW, TAMPER] {
        let records = read(lines);
        let report = report_of(&records);
        let own = records.iter().filter(|record| record.agent.is_some());
        // What others did to the agent's cgroup is nothing that the agent did.
        let actions = own
            .filter(|record| matches!(&record.body, Body::Action(action) if !is_outsiders(action)));
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
                file.told(),
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
    // The head says when, and each gap when, whose and what.
    let between = told.gaps.items[0].between.unwrap();
    assert_eq!(told.doubtful(), Some(between));
    let when = between.words(&TimeZone::UTC);
    assert!(when.starts_with("at ") && when.contains(':'), "{when}");
    let text = lines(&report).join("\n");
    let head = format!("  not whole      {when}: something");
    let one =
        format!("  gap            {when}, any session: lost. May be missing: so many actions");
    assert!(text.contains(&head) && text.contains(&one), "{text}");
    let page = html::page(&report);
    assert!(page.contains(&format!("{when} UTC. <a ")), "in the head");
    assert!(page.contains(&format!(">{when} record ")), "beside the gap");
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
    let lines = lines(&report);
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
    assert!(!text.contains("not whole"), "{text}");
}

fn lines(report: &Report) -> Vec<String> {
    let look = Look {
        palette: Palette::default(),
        width: 100,
        cuts: false,
        here: Vec::new(),
        home: Vec::new(),
        command: "agtrack".into(),
    };
    text::laid_out(&look, report, Path::new("/j"), &TimeZone::UTC)
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

#[test]
fn a_connect_that_nobody_waited_for_and_nothing_came_of_is_told_as_that_everywhere() {
    let told = |keep: &dyn Fn(&serde_json::Value) -> bool| {
        let lines = FLOW.lines().filter_map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            if line["action"] == "net.connect" && line["outcome"]["result"] == "success" {
                line["outcome"] =
                    serde_json::json!({"result": "in_progress", "errno": "EINPROGRESS"});
            }
            keep(&line).then(|| line.to_string())
        });
        report_of(&read(&lines.collect::<Vec<_>>().join("\n")))
    };
    let words = "asked for, no connection seen";
    // Of each the connection ends, which is told.
    let whole = told(&|_| true);
    let reached = whole.hosts.items.iter().filter(|host| host.begun > 0);
    assert!(reached.clone().count() > 0 && reached.clone().all(HostDone::is_reached));
    assert!(!lines(&whole).join("\n").contains(words));
    assert!(!html::page(&whole).contains(words));
    let refused = told(&|line| line["action"] != "net.flow");
    let mut refused_hosts = refused.hosts.items.iter().filter(|host| host.begun > 0);
    assert!(refused_hosts.all(|host| !host.is_reached()));
    assert!(lines(&refused).join("\n").contains(words));
    let page = html::page(&refused);
    assert!(page.contains(words) && page.contains("asked for and not reached"));
}

#[test]
fn files_that_came_and_went_are_counted_alike_in_lines_and_on_the_page() {
    // A file that was created got another name, which may have been there before, and was deleted.
    let mut report = report_of(&read(HASHES));
    assert_eq!(report.effects.temporary, 0);
    let words = "came and went";
    assert!(!lines(&report).join("\n").contains(words));
    let page = html::page(&report);
    assert!(!page.contains(words));
    assert!(page.contains("1 name that files were created under and left"));
    for (count, words) in [(1, "1 file came and went"), (3, "3 files came and went")] {
        report.effects.temporary = count;
        assert!(lines(&report).join("\n").contains(words));
        assert!(html::page(&report).contains(words));
    }
}
