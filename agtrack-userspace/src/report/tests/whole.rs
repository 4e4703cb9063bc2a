//! Whether a session is told as a whole.

use super::*;

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
    let text = lines(&report).join("\n");
    assert!(text.contains("  not whole      "), "{text}");
}

#[test]
fn a_session_that_goes_on_unwatched_is_not_told_as_whole() {
    let records = read(CALLS);
    let is_end =
        |record: &Record| matches!(&record.body, Body::Session(it) if it.change == Change::End);
    let open: Vec<_> = records.iter().filter(|it| !is_end(it)).cloned().collect();
    let source = Source::default;
    let report = report_from(&open, source());
    assert_eq!(report.session.ended, Ended::BrokenOff);
    let text = lines(&report).join("\n");
    assert!(text.contains("no recorder is at work"), "{text}");
    assert!(!text.contains("lost           nothing"), "{text}");
    // One that is over needs nobody any more.
    assert!(report_from(&records, source()).completeness.is_whole());
}

#[test]
fn records_that_were_removed_are_missed_where_they_may_be_of_the_session() {
    let records = read(CALLS);
    let own: Vec<_> = records.iter().filter(|it| it.agent.is_some()).collect();
    let (begin, end) = (own[0].seq, own[own.len() - 1].seq);
    let is_whole = |first, last, without_begin: bool| {
        let kept = records
            .iter()
            .filter(|it| !(without_begin && it.seq == begin));
        let kept: Vec<_> = kept.cloned().collect();
        let holes = vec![Hole { first, last }];
        let report = report_from(
            &kept,
            Source {
                holes,
                is_written: true,
                ..Source::default()
            },
        );
        let said = lines(&report)
            .join("\n")
            .contains("files of it were removed");
        assert_eq!(said, !report.completeness.is_whole());
        report.completeness.is_whole()
    };
    assert!(is_whole(end + 1, end + 9, false), "behind its end");
    assert!(
        is_whole(1, begin.saturating_sub(1), false),
        "before its begin"
    );
    assert!(!is_whole(begin + 1, begin + 1, false), "within");
    assert!(!is_whole(1, begin, true), "its begin");
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

#[test]
fn a_session_that_somebody_had_recorded_no_more_is_not_told_as_whole() {
    let ended = |why: &str| {
        with(|lines| {
            let end = |line: &&mut serde_json::Value| {
                line["kind"] == "session" && line["change"] == "end"
            };
            let end = lines.iter_mut().find(end).unwrap();
            end["why"] = why.into();
        })
    };
    let report = ended("untagged_by_request");
    assert!(!report.completeness.is_whole());
    let text = lines(&report).join("\n");
    assert!(text.contains("; untagged by request\n"), "{text}");
    assert!(text.contains("recorded no more before it ended"), "{text}");
    assert!(ended("cgroup_gone").completeness.is_whole());
}

#[test]
fn a_recorder_that_took_over_what_the_kernel_had_kept_is_told() {
    let report = with(|lines| {
        let mut again = lines[0].clone();
        let first = lines.iter().find(|line| !line["agent"].is_null()).unwrap();
        again["seq"] = (first["seq"].as_u64().unwrap() + 1).into();
        let boot_time = again["boot_time"].as_u64().unwrap();
        again["kept"] = serde_json::json!({"since": boot_time - 3_000_000_000, "events": 7});
        lines.push(again);
    });
    let text = lines(&report).join("\n");
    let expect = "no recorder ran for 3.0 s; the kernel kept 7 events, which are told";
    assert!(text.contains(expect), "{text}");
}
