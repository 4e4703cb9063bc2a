use super::*;

fn seen(changes: &[FileTouch]) -> BTreeMap<(u32, PathBuf), BTreeSet<FileTouch>> {
    let key = (7, PathBuf::from("/j/segment"));
    BTreeMap::from([(key, changes.iter().copied().collect())])
}

fn counts(touches: &[Touch]) -> Vec<u64> {
    touches.iter().map(|touch| touch.count).collect()
}

#[test]
fn what_is_repeated_is_counted_for_a_second() {
    use FileTouch::*;
    let mut repeats = Repeats::default();
    let begin = Instant::now();
    let at = |tenths: u32| begin + REPEAT * tenths / 10;
    assert_eq!(counts(&repeats.told(seen(&[Write]), at(0))), [1]);
    for tenth in 1..5 {
        assert_eq!(repeats.told(seen(&[Write]), at(tenth)), []);
    }
    let other = repeats.told(seen(&[Delete, Write]), at(5));
    assert_eq!(counts(&other), [1], "another change is told at once");
    assert_eq!(repeats.due(at(14)), []);
    assert_eq!(counts(&repeats.due(at(15))), [4]);
    assert_eq!(repeats.due(at(30)), [], "nothing is told twice");
    assert!(repeats.0.is_empty(), "and nothing is kept for ever");
    assert_eq!(counts(&repeats.told(seen(&[Write]), at(31))), [1]);
}

#[test]
fn many_files_are_told_and_not_kept() {
    let mut repeats = Repeats::default();
    let now = Instant::now();
    for number in 0..2 * KEPT as u32 {
        let key = (number, PathBuf::from("/j/segment"));
        let one = BTreeMap::from([(key, BTreeSet::from([FileTouch::Write]))]);
        assert_eq!(repeats.told(one, now).len(), 1);
    }
    assert_eq!(repeats.0.len(), KEPT);
}

#[test]
fn a_name_alone_is_in_the_working_directory() {
    assert_eq!(directory(Path::new("a.toml")), Some(Path::new(".")));
    assert_eq!(directory(Path::new("/a.toml")), Some(Path::new("/")));
}

/// Unprivileged processes may have a group without pids, root one with them: what is done here is
/// done by this process, and so nothing.
#[test]
fn own_changes_are_none() {
    let directory = tempfile::tempdir().unwrap();
    let (mut guard, reports) = Guard::new(directory.path(), None);
    assert_eq!(reports.len(), 2);
    if !rustix::process::geteuid().is_root() || guard.places.is_empty() {
        return;
    }
    std::fs::write(directory.path().join("own"), "x").unwrap();
    std::fs::remove_file(directory.path().join("own")).unwrap();
    assert_eq!(guard.look().touches, []);
    let script = "echo x > other; rm other";
    let mut shell = std::process::Command::new("sh");
    let status = shell
        .args(["-c", script])
        .current_dir(directory.path())
        .status();
    assert!(status.unwrap().success());
    let touches = guard.look().touches;
    assert!(!touches.is_empty());
    for touch in touches {
        assert_eq!(touch.path, directory.path().join("other"));
        assert!(touch.pid != 0);
    }
}
