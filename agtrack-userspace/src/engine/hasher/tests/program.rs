//! What is executed.

use super::*;

#[test]
fn what_is_executed_and_its_script_are_hashed() {
    let mut bench = Bench::new();
    let program = bench.write("program", b"#!program");
    let script = bench.write("script", b"#!script");
    let link = bench.path("link");
    std::os::unix::fs::symlink(&script, &link).unwrap();
    let deed = Deed::Executed {
        script: Some(text(&link)),
    };
    let answer = bench.desk.answer(&question(&program, deed));
    assert_eq!(answer.file, Some(hashed(b"#!program")));
    assert_eq!(
        answer.script,
        Some(hashed(b"#!script")),
        "a script's name may be a link"
    );
}

/// The kernel keeps what runs, whatever becomes of its name.
#[test]
fn a_program_without_a_name_is_found_by_who_runs_it() {
    let mut bench = Bench::new();
    let program = bench.path("program");
    fs::copy("/bin/sleep", &program).unwrap();
    let mut child = std::process::Command::new(&program)
        .arg("60")
        .spawn()
        .unwrap();
    let content = fs::read(&program).unwrap();
    let asked = HashWanted {
        pids: [child.id(), 0],
        ..question(&program, Deed::Executed { script: None })
    };
    fs::remove_file(&program).unwrap();
    let effect = Desk::new(1 << 30).answer(&asked).file.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(effect.sha256, Some(sha256(&content)), "{effect:?}");
    assert_eq!(bench.ask(&asked).unwrap().unhashed, Some(Unhashed::Gone));
}
