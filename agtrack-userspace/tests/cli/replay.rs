//! `agtrack replay` where somebody looks.

use std::path::Path;

use agtrack::input::{Input, InputWriter, Start};
use agtrack::record::Host;
use rexpect::session::spawn_command;

use super::call::{agtrack, say};

/// What an 8-bit terminal obeys and JSON lets through.
const CLEAR: &str = "\u{9b}2J";

fn log(path: &Path) {
    let host = Host {
        name: format!("h{CLEAR}h"),
        ..Host::default()
    };
    let start = Start {
        host,
        ..Start::default()
    };
    let mut writer = InputWriter::new(std::fs::File::create(path).unwrap());
    writer.write(&Input::Start(Box::new(start))).unwrap();
    writer.write(&Input::Stop).unwrap();
}

#[test]
fn a_terminal_gets_no_control_characters_and_a_file_gets_the_records() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    log(&path);
    let command = || {
        let mut command = agtrack(&["replay"]);
        command.arg(&path);
        command
    };
    let said = say(&mut command());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.contains(CLEAR), "{:?}", said.out);

    let mut command = command();
    command.stdin(std::process::Stdio::inherit());
    let mut terminal = spawn_command(command, Some(20_000)).unwrap();
    let shown = terminal.exp_eof().unwrap();
    assert!(!shown.contains(CLEAR), "{shown:?}");
    assert!(shown.contains("h\\u009b2Jh"), "{shown:?}");
}
