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

/// The same few programs run again and again, and one look tells that they are as they were. Another
/// file in the place of one is not taken for it, nor what a link there leads to.
#[test]
fn a_look_tells_only_of_the_file_that_is_meant() {
    let bench = Bench::new();
    let program = bench.write("program", b"#!program");
    let link = bench.path("link");
    std::os::unix::fs::symlink(&program, &link).unwrap();
    let asked = question(&program, Deed::Executed { script: None });
    let device = asked.device.as_deref().unwrap();
    let inode = asked.inode.unwrap();
    let looked = |path: &Path, identity, made_before| {
        let place = file::Place {
            path: &text(path).0,
            pids: asked.pids,
            identity,
            made_before,
            is_running: true,
        };
        place.glance().map(|stat| (stat.inode, stat.size))
    };
    let seen = Some((inode, 9));
    assert_eq!(looked(&program, Some((device, inode)), asked.at), seen);
    assert_eq!(looked(&program, Some((device, inode + 1)), asked.at), None);
    assert_eq!(looked(&program, Some(("1:999", inode)), asked.at), None);
    assert_eq!(looked(&link, Some((device, inode)), asked.at), None);
    assert_eq!(looked(&link, None, asked.at), seen, "a script's name");
    assert_eq!(looked(&bench.path("none"), None, asked.at), None);
    // File systems that know when a file was made: one made later has only its number.
    let born = fs::metadata(&program).unwrap().created();
    let earlier = looked(&program, Some((device, inode)), asked.at - 60_000_000_000);
    assert_eq!(earlier.is_none(), born.is_ok());
}

#[test]
fn a_program_that_runs_again_has_the_hash_that_it_had() {
    let program = fs::canonicalize("/bin/true").unwrap();
    let content = fs::read(&program).unwrap();
    let mut desk = Desk::new(1 << 30);
    for _ in 0..3 {
        let asked = question(&program, Deed::Executed { script: None });
        assert_eq!(desk.answer(&asked).file, Some(hashed(&content)));
    }
}
