//! What goes wrong, what is left running, and what must not be left behind.

use std::path::Path;

use libtest_mimic::Trial;

use crate::call::{self, agtrack, cgroups_work, eventually, kill, running, said};

pub(crate) fn tests() -> Vec<Trial> {
    let tests: [(&str, fn()); 9] = [
        ("a_command_that_is_missing_leaves_nothing_behind", missing),
        (
            "a_command_that_cannot_be_executed_leaves_nothing_behind",
            not_executable,
        ),
        (
            "a_recorder_that_cannot_start_keeps_the_command_from_running",
            refused,
        ),
        ("a_recorder_that_crashes_at_start_is_told", crash),
        (
            "a_recorder_that_dies_is_told_and_the_command_goes_on",
            dies_later,
        ),
        (
            "an_engine_that_gives_up_is_told_and_the_command_goes_on",
            gives_up,
        ),
        (
            "a_launcher_that_is_killed_leaves_a_finished_journal_and_no_cgroup",
            killed,
        ),
        ("descendants_are_waited_for_or_named", descendants),
        ("quiet_is_quiet", quiet),
    ];
    call::trials(&tests)
}

fn nothing_left(temp: &Path) {
    assert_eq!(
        std::fs::read_dir(temp).unwrap().count(),
        0,
        "something was left behind"
    );
}

fn missing() {
    let temp = tempfile::tempdir().unwrap();
    let run = |command: &str| {
        agtrack(&temp.path().join("j"), &[], &[command])
            .output()
            .unwrap()
    };
    let output = run("no-such-command\u{1b}[31m");
    assert_eq!(output.status.code(), Some(127));
    assert!(said(&output).contains("no-such-command\\u{1b}[31m: command not found"));
    assert_eq!(run("/no/such/command").status.code(), Some(127));
    assert_eq!(run("/etc/passwd").status.code(), Some(126));
    assert_eq!(run("/etc").status.code(), Some(126));
    nothing_left(temp.path());
}

fn not_executable() {
    use std::os::unix::fs::PermissionsExt;
    let bin = tempfile::tempdir().unwrap();
    let script = bin.path().join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let temp = tempfile::tempdir().unwrap();
    let output = agtrack(&temp.path().join("j"), &[], &[script.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(126), "{}", said(&output));
    assert!(
        said(&output).contains("interpreter was not found"),
        "{}",
        said(&output)
    );
    nothing_left(temp.path());
}

fn refused() {
    let temp = tempfile::tempdir().unwrap();
    let ran = temp.path().join("ran");
    let output = agtrack(
        &temp.path().join("refused"),
        &[],
        &["touch", ran.to_str().unwrap()],
    )
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        said(&output),
        "agtrack: the kernel refuses\\u{1b}[31m everything\n"
    );
    nothing_left(temp.path());
}

fn crash() {
    let temp = tempfile::tempdir().unwrap();
    let ran = temp.path().join("ran");
    let output = agtrack(
        &temp.path().join("crash"),
        &[],
        &["touch", ran.to_str().unwrap()],
    )
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("ended before it was ready"),
        "{}",
        said(&output)
    );
    assert!(!ran.exists());
}

fn dies_later() {
    let temp = tempfile::tempdir().unwrap();
    let output = agtrack(
        &temp.path().join("dies-later"),
        &[],
        &["sh", "-c", "sleep 1; exit 3"],
    )
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        said(&output).contains("RECORDING HAS STOPPED"),
        "{}",
        said(&output)
    );
    assert!(
        said(&output).contains("goes on unrecorded"),
        "{}",
        said(&output)
    );
    remove_stray_cgroups(temp.path());
}

fn gives_up() {
    let temp = tempfile::tempdir().unwrap();
    let output = agtrack(
        &temp.path().join("gives-up"),
        &[],
        &["sh", "-c", "sleep 2; exit 3"],
    )
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        said(&output).contains("RECORDING HAS STOPPED"),
        "{}",
        said(&output)
    );
    assert!(
        said(&output).contains("the disk is on fire"),
        "{}",
        said(&output)
    );
}

/// A recorder that crashes cannot clean up; the test does.
fn remove_stray_cgroups(temp: &Path) {
    let tagged = std::fs::read_to_string(temp.join("dies-later/tagged")).unwrap();
    if let Some(dir) = cgroup_dir(&tagged) {
        let _ = std::fs::remove_dir(dir);
    }
}

fn cgroup_dir(tagged: &str) -> Option<&str> {
    tagged.split("dir: \"").nth(1)?.split('"').next()
}

fn killed() {
    let temp = tempfile::tempdir().unwrap();
    let script = "touch going; until [ -e end ]; do sleep 0.05; done";
    let mut child = running(script, temp.path());
    kill(child.id(), rustix::process::Signal::KILL);
    child.wait().unwrap();
    assert!(
        !temp.path().join("j/stopped").exists(),
        "recording goes on with the command"
    );
    std::fs::write(temp.path().join("end"), "").unwrap();
    eventually("the recorder finishes", || {
        temp.path().join("j/stopped").exists()
    });
    let tagged = std::fs::read_to_string(temp.path().join("j/tagged")).unwrap();
    if let Some(dir) = cgroup_dir(&tagged) {
        eventually("the cgroup is gone", || !Path::new(dir).exists());
    }
}

fn descendants() {
    if !cgroups_work() {
        eprintln!("not run: the fake engine needs a writable cgroup2 to know descendants");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let journal = temp.path().join("j");
    let script = "sleep 1.5 >/dev/null 2>&1 & exit 2";
    let output = agtrack(&journal, &[], &["sh", "-c", script])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("still running  1, no longer recorded:"),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("sleep"), "{}", said(&output));
    let output = agtrack(&journal, &["--until", "all"], &["sh", "-c", script])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("waiting for 1 more"),
        "{}",
        said(&output)
    );
    assert!(
        !said(&output).contains("still running"),
        "{}",
        said(&output)
    );
    let tagged = std::fs::read_to_string(journal.join("tagged")).unwrap();
    assert!(!Path::new(cgroup_dir(&tagged).unwrap()).exists());
}

fn quiet() {
    let temp = tempfile::tempdir().unwrap();
    let output = agtrack(&temp.path().join("j"), &["--quiet"], &["true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(said(&output), "");
}
