//! `agtrack report` on journals made by hand, and its page in a real browser.
//!
//! Needs Debian's `chromium`, which `cargo xtask setup` installs; `AGTRACK_BROWSER` names another
//! one of its kind. `AGTRACK_SHOTS` names a directory that gets pictures of the page.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "report/browser.rs"]
mod browser;
#[path = "report/made.rs"]
mod made;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use browser::Browser;
use made::{HOSTILE, Made, SESSIONS};

/// Calls of the long session.
const CALLS: u64 = 1000;

fn report(journal: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agtrack"))
        .args(["report", "--journal"])
        .arg(journal)
        .args(args)
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A page of a session with so many calls.
fn page(calls: u64) -> (tempfile::TempDir, std::path::PathBuf) {
    let made = Made::with_calls(calls);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("report.html");
    let said = report(&made.path(), &["--html", file.to_str().unwrap()]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    (dir, file)
}

#[test]
fn the_newest_session_is_told_unless_another_one_is_asked_for() {
    let made = Made::two_sessions();
    let first = |args: &[&str]| {
        let said = report(&made.path(), args);
        assert!(said.status.success(), "{}", text(&said.stderr));
        text(&said.stdout).lines().next().unwrap().to_owned()
    };
    let [old, new] = SESSIONS;
    assert_eq!(
        first(&[]),
        format!("claude, session {new}, by launcher, on h")
    );
    // As much of the id as tells it from the others.
    assert!(first(&["--session", &old[..9]]).contains(old));
}

#[test]
fn a_begin_of_several_ids_lists_them() {
    let made = Made::two_sessions();
    let said = report(&made.path(), &["--session", "01a2"]);
    let told = text(&said.stderr);
    assert_eq!(said.status.code(), Some(1));
    assert!(
        told.contains("2 sessions have ids that begin with 01a2")
            && SESSIONS.iter().all(|id| told.contains(id)),
        "{told}"
    );
    let said = report(&made.path(), &["--session", "ff"]);
    let told = text(&said.stderr);
    assert_eq!(said.status.code(), Some(1));
    assert!(told.contains("begins with ff"), "{told}");
}

#[test]
fn json_has_what_the_page_has() {
    let made = Made::with_calls(3);
    let said = report(&made.path(), &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let steps = report["timeline"]["items"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    assert_eq!(steps[1]["number"], 2);
    assert_eq!(steps[1]["exit"]["code"], 0);
    let file = &steps[1]["effects"]["created"]["items"][0];
    assert_eq!(file["sha256"], "02".repeat(32));
    for step in steps {
        let hosts = &step["hosts"]["items"];
        assert_eq!(hosts[0]["names"][0], "example.org");
        assert_eq!([&hosts[0]["bytes_out"], &hosts[0]["bytes_in"]], [100, 200]);
    }
    assert_eq!(report["session"]["ended"], "yes");
    assert_eq!(report["hosts"]["items"][0]["bytes_out"], 3 * 100);
    assert!(report["completeness"]["numbers"]["broken"].is_null());
}

#[test]
fn a_record_that_is_missing_is_told() {
    let made = Made::with_calls(3).without_a_line();
    let said = report(&made.path(), &[]);
    let told = text(&said.stdout);
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert!(told.contains("stands where"), "{told}");
    let said = report(&made.path(), &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let broken = &report["completeness"]["numbers"]["broken"];
    assert!(broken.as_str().unwrap().contains("stands where"));
}

#[test]
fn a_terminal_gets_names_without_control_characters() {
    let made = Made::with_calls(2);
    let told = text(&report(&made.path(), &[]).stdout);
    assert!(
        !told.contains('\u{1b}') && !told.contains('\u{202e}'),
        "{told}"
    );
    assert!(told.contains("\\u{1b}"), "{told}");
}

#[test]
fn a_page_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, file) = page(1);
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_thousand_calls_load_quickly_and_without_an_error() {
    let (_dir, file) = page(CALLS);
    let size = std::fs::metadata(&file).unwrap().len();
    let began = Instant::now();
    let seen = Browser::find().dom(&file, "");
    let took = began.elapsed();
    println!("{CALLS} calls: {size} bytes, browser start and load {took:?}");
    seen.assert_no_errors();
    assert_eq!(seen.count("<details id=\"call-"), CALLS);
    assert_eq!(seen.count("<li class=\"step\">"), CALLS);
    // The script ran: what needs it is shown.
    assert!(!seen.dom.contains("id=\"theme\" type=\"button\" hidden"));
    assert!(size < 8_000_000, "{size} bytes");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn the_filter_shows_what_has_all_of_its_words() {
    let (_dir, file) = page(CALLS);
    let browser = Browser::find();
    // Every tenth call is one of git, and one of them has this number.
    for (query, expect) in [
        ("git", CALLS / 10),
        ("GIT%20commit", CALLS / 10),
        ("git%20step-500%3B", 1),
        ("exit%203", CALLS / 50),
        ("nothing-has-this", 0),
    ] {
        let seen = browser.dom(&file, &format!("#q={query}"));
        seen.assert_no_errors();
        let hidden = seen.count("<li class=\"step\" hidden=\"\">");
        assert_eq!(CALLS - hidden, expect, "{query}");
        let said = format!(">{expect} of {CALLS}</output>");
        assert!(seen.dom.contains(&said), "{query}: {said}");
    }
}

#[test]
fn hostile_names_are_text() {
    let (_dir, file) = page(4);
    let seen = Browser::find().dom(&file, "");
    seen.assert_no_errors();
    // The program's own script is the only one, and no element came of a name.
    assert_eq!(seen.count("<script"), 1);
    for element in [
        "<img",
        "<svg onload",
        "<iframe",
        "<meta http-equiv=\"refresh",
    ] {
        assert_eq!(seen.count(element), 0, "{element}");
    }
    assert!(!seen.dom.contains("owned"), "a script of a name ran");
    assert!(seen.dom.contains("&lt;script&gt;document.title='own'+'ed'"));
    for character in ['\u{1b}', '\u{202e}', '\u{200b}'] {
        assert!(!seen.dom.contains(character), "{character:?}");
    }
    assert!(seen.dom.contains("\\u{202e}"));
    assert!(HOSTILE.iter().any(|name| name.contains('\u{202e}')));
}

#[test]
fn a_script_that_got_into_the_page_would_not_run() {
    let (_dir, file) = page(1);
    let page = std::fs::read_to_string(&file).unwrap();
    let evil = "<script>document.title='own'+'ed'</script><img src=x onerror=\"document.title='own'+'ed'\">";
    std::fs::write(&file, page.replace("<footer>", &format!("{evil}<footer>"))).unwrap();
    let seen = Browser::find().dom(&file, "");
    assert!(!seen.dom.contains("<title>owned"));
    let refused = seen
        .errors()
        .iter()
        .filter(|line| line.contains("Content Security Policy"))
        .count();
    assert!(refused >= 2, "{:?}", seen.errors());
}

#[test]
fn the_page_is_as_wide_as_the_screen() {
    let (dir, file) = page(60);
    let browser = Browser::find();
    let shots = std::env::var_os("AGTRACK_SHOTS");
    let shots = shots.map_or_else(|| dir.path().to_path_buf(), Into::into);
    for (name, width, dark) in [
        ("light-1280", 1280, false),
        ("dark-1280", 1280, true),
        ("light-400", 400, false),
        ("dark-400", 400, true),
    ] {
        let picture = shots.join(format!("{name}.png"));
        browser.shot(&file, &picture, width, dark);
        let bytes = std::fs::read(&picture).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n", "{name}");
        assert!(bytes.len() > 10_000, "{name} shows something");
    }
}
