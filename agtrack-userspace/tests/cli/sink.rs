//! `agtrack sink`, without a daemon.

use std::path::Path;

use agtrack::journal::{Journal, Options};

use super::call::{agtrack, say};

/// A configuration with a file sink and one that nobody listens to.
fn place() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[journal]\ndir = {:?}\n\
         [[sinks]]\nname = \"archive\"\ntype = \"file\"\npath = {:?}\nstart = 7\n\
         [[sinks]]\nname = \"local\"\ntype = \"unix\"\npath = {:?}\n",
        dir.path().join("journal"),
        dir.path().join("out.jsonl"),
        dir.path().join("nobody.sock"),
    );
    let file = dir.path().join("agtrack.toml");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (dir, file)
}

/// Begins the journal; its log's id.
fn begin(dir: &Path) -> String {
    let (journal, opened) = Journal::open(&dir.join("journal"), Options::default()).unwrap();
    journal.close().unwrap();
    opened.log_id.to_string()
}

/// Leaves a cursor of the sink `local` under the name `file`.
fn leave(dir: &Path, log_id: &str, sent_seq: u64, file: &str) {
    let sinks = dir.join("sinks");
    std::fs::create_dir_all(&sinks).unwrap();
    let cursor = serde_json::json!({
        "log_id": log_id, "next_seq": 3, "sent_seq": sent_seq,
        "delivered": 7, "refused": 1, "missed": 0,
        "error": { "since": "2026-11-29T10:20:09.501Z", "reason": "nobody listens" },
    });
    std::fs::write(sinks.join(file), cursor.to_string()).unwrap();
}

#[test]
fn sinks_that_have_not_begun_are_listed_so() {
    let (_dir, file) = place();
    let said = say(&mut agtrack(&["sink", "list", "--config", &file]));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(
        said.out,
        "archive (file): has not begun; begins at `7`\n\
         local (unix): has not begun; begins at `now`\n"
    );
    let said = say(&mut agtrack(&["sink", "list", "--json", "--config", &file]));
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["sinks"][1]["name"], "local");
    assert!(told["sinks"][1]["behind"].is_null(), "{told}");
}

#[test]
fn what_delivered_means_and_that_it_is_tried_again_is_said() {
    let (dir, file) = place();
    let log_id = begin(dir.path());
    leave(dir.path(), &log_id, 3, "local.json");
    let said = say(&mut agtrack(&["sink", "list", "--config", &file]));
    let line = "local (unix): delivered up to record 2 of 0, 0 behind (\"delivered\" means: the kernel \
                took it for the receiver, and the connection held); since it began 7 sent, those sent \
                again included, 1 refused\n";
    assert!(said.out.contains(line), "{}{}", said.out, said.err);
    let fails =
        "  fails since 2026-11-29T10:20:09.501Z: nobody listens; a running daemon tries again";
    assert!(said.out.contains(fails), "{}", said.out);
    leave(dir.path(), &log_id, 5, &format!("local.{log_id}.json"));
    let said = say(&mut agtrack(&["sink", "list", "--config", &file]));
    let unsure = ", 2 of them sent and sure once the connection has held for a while (";
    assert!(said.out.contains(unsure), "{}", said.out);
}

#[test]
fn the_cursor_of_another_journal_is_said_to_be_one() {
    let (dir, file) = place();
    let other = "00000000-0000-0000-0000-000000000001";
    let line = format!(
        "local (unix): its cursor is of another journal ({other}); it begins at `now` of this one\n"
    );
    leave(dir.path(), other, 3, "local.json");
    for has_journal in [false, true] {
        if has_journal {
            begin(dir.path());
        }
        let said = say(&mut agtrack(&["sink", "list", "--config", &file]));
        assert!(said.out.ends_with(&line), "{}{}", said.out, said.err);
    }
    let said = say(&mut agtrack(&["sink", "list", "--json", "--config", &file]));
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let local = &told["sinks"][1];
    assert_eq!(local["other_log_id"], other);
    assert!(local["delivered_seq"].is_null() && local["behind"].is_null());
}

#[test]
fn a_test_record_says_that_it_is_one_and_moves_no_cursor() {
    let (dir, file) = place();
    let said = say(&mut agtrack(&[
        "sink", "test", "archive", "--config", &file,
    ]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("it is on disk"), "{}", said.out);
    let text = std::fs::read_to_string(dir.path().join("out.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["test"], true);
    assert!(!dir.path().join("sinks").exists());
}

#[test]
fn why_a_sink_does_not_work_is_told_once() {
    let (_dir, file) = place();
    let said = say(&mut agtrack(&["sink", "test", "local", "--config", &file]));
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(
        said.err.contains("nobody.sock: No such file"),
        "{}",
        said.err
    );
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    let said = say(&mut agtrack(&["sink", "test", "siem", "--config", &file]));
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.ends_with("; it has archive, local\n"),
        "{}",
        said.err
    );
}
