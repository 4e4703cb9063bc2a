//! Names of files: made absolute, and followed to programs.

use std::path::Path;

/// A path relative to a directory, without `.` and empty components.
pub(super) fn at(directory: &str, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{directory}/{path}")
    };
    let parts = whole
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    let joined = parts.fold(String::new(), |path, part| path + "/" + part);
    if joined.is_empty() {
        "/".to_owned()
    } else {
        joined
    }
}

/// Without links and `..`; where it is gone by now, as if there had been no links.
pub(super) fn real(path: &str) -> String {
    if let Ok(real) = std::fs::canonicalize(path) {
        return real.to_string_lossy().into_owned();
    }
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The program that runs, and its arguments: for a script, its interpreter's (execve(2)).
pub(super) fn program(directory: &str, path: &str, arguments: &[String]) -> Vec<String> {
    let place = at(directory, path);
    let head = std::fs::read(Path::new(&place)).unwrap_or_default();
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else {
        return [&[real(&place)], arguments].concat();
    };
    let line = String::from_utf8_lossy(line).trim().to_owned();
    let words = line.splitn(2, ' ').map(|word| word.trim().to_owned());
    let mut words: Vec<_> = words.collect();
    words.push(path.to_owned());
    words.extend(arguments.iter().skip(1).cloned());
    let interpreter = words[0].clone();
    // An interpreter may be a script too.
    program(directory, &interpreter, &words)
}

/// Paths are made as agtrack makes them.
pub(super) fn check() {
    assert_eq!(at("/a/b", "./c//../d/"), "/a/b/c/../d");
    assert_eq!(at("/a", "/"), "/");
    assert_eq!(at("/a", ""), "/a");
    assert_eq!(real("/gone/a/../b/"), "/gone/b");
}
