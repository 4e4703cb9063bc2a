//! What is made, what is refused and what it is called.

use super::*;

#[test]
fn what_stands_in_the_way_is_called_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let told = |name: &str| {
        let refused = Directory::for_writing(&dir.path().join(name), None).unwrap_err();
        let text = refused.to_string();
        text.replace(&dir.path().display().to_string(), "D")
    };
    std::fs::write(dir.path().join("file"), "").unwrap();
    std::os::unix::fs::symlink("/elsewhere", dir.path().join("link")).unwrap();
    assert_eq!(
        told("file"),
        "D/file is a file, and a directory must be there: choose another journal directory, or \
         move it away"
    );
    assert_eq!(told("file/below"), told("file"));
    assert_eq!(
        told("link"),
        "D/link is a symbolic link (not followed, since who can change it could send the records \
         elsewhere), and a directory must be there: choose another journal directory, or move it \
         away"
    );
    std::fs::create_dir(dir.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", dir.path().join("to-real")).unwrap();
    assert!(
        told("to-real").contains("; D/real can be named itself)"),
        "{}",
        told("to-real")
    );
}

#[test]
fn a_place_without_a_journal_is_told_from_no_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x");
    let told = || Directory::for_reading(&file).unwrap_err().to_string();
    assert!(
        told().contains("/x holds no journal: it is not there; "),
        "{}",
        told()
    );
    std::fs::write(&file, "").unwrap();
    assert!(
        told().contains("/x holds no journal: it is not a directory; "),
        "{}",
        told()
    );
}

#[test]
fn others_may_pass_through_what_is_made_above_a_journal() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mode = |name: &str| std::fs::metadata(at(name)).unwrap().permissions().mode() & 0o7777;
    Directory::for_writing(&at("state/journal"), None).unwrap();
    assert_eq!((mode("state"), mode("state/journal")), (0o755, 0o750));
    make_state(&at("other/runs")).unwrap();
    assert_eq!((mode("other"), mode("other/runs")), (0o755, 0o755));
    std::fs::set_permissions(at("other"), PermissionsExt::from_mode(0o777)).unwrap();
    let refused = make_state(&at("other")).unwrap_err();
    assert!(matches!(refused, Error::Writable { .. }), "{refused}");
}

#[test]
fn another_directory_than_the_one_meant_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    std::fs::create_dir(&path).unwrap();
    let stat = fs::stat(&path).unwrap();
    let id = (stat.st_dev, stat.st_ino);
    Directory::just_this(&path, id, None).unwrap();
    std::fs::rename(&path, dir.path().join("aside")).unwrap();
    assert!(Directory::just_this(&path, id, None).is_err());
    assert!(!path.exists(), "it is not made anew");
    std::fs::create_dir(&path).unwrap();
    let refused = Directory::just_this(&path, id, None).unwrap_err();
    assert!(refused.to_string().contains("a moment ago"), "{refused}");
}
