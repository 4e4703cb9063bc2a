//! What strace saw: the files that `strace -ff -y` wrote, one a thread, as deeds.
//!
//! A line is `call(argument, …) = result`. Strings stand in quotes with C escapes, and descriptors
//! have the path of what is behind them: `3</etc/passwd>`, `AT_FDCWD</tmp>`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Deed, Deeds};

/// A finished call.
#[derive(Debug)]
struct Call {
    name: String,
    arguments: Vec<String>,
    /// What stands behind `=`.
    result: String,
}

/// What is known of a thread before its first call.
#[derive(Clone, Debug)]
struct Thread {
    id: u32,
    /// Its process.
    pid: u32,
    cwd: String,
}

/// All deeds in the directory, beginning with the thread that no other made, in `work`.
pub(crate) fn deeds(trace: &Path, work: &Path) -> Deeds {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(trace).unwrap() {
        let path = entry.unwrap().path();
        let id: u32 = path.extension().unwrap().to_str().unwrap().parse().unwrap();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        files.insert(id, text.lines().filter_map(call).collect::<Vec<_>>());
    }
    let made: Vec<u32> = files.values().flatten().filter_map(child).collect();
    let mut roots = files.keys().filter(|id| !made.contains(id));
    let (Some(&root), None) = (roots.next(), roots.next()) else {
        panic!("one thread is first")
    };
    let mut waiting = vec![Thread {
        id: root,
        pid: root,
        cwd: work.to_str().unwrap().to_owned(),
    }];
    let mut deeds = Deeds::new();
    while let Some(mut thread) = waiting.pop() {
        for call in files.get(&thread.id).into_iter().flatten() {
            if let Some(id) = child(call) {
                let is_thread = call.arguments.iter().any(|a| a.contains("CLONE_THREAD"));
                let pid = if is_thread { thread.pid } else { id };
                waiting.push(Thread {
                    id,
                    pid,
                    cwd: thread.cwd.clone(),
                });
            }
            follow(&mut thread, call);
            if let Some((action, what)) = deed(&thread, call) {
                *deeds
                    .entry(Deed {
                        pid: thread.pid,
                        action,
                        what,
                    })
                    .or_insert(0) += 1;
            }
        }
    }
    deeds
}

/// The process or thread that a call made.
fn child(call: &Call) -> Option<u32> {
    let makes = matches!(&*call.name, "clone" | "clone3" | "fork" | "vfork");
    makes
        .then(|| number(&call.result))
        .flatten()
        .filter(|id| *id > 0)
}

/// Keeps the working directory.
fn follow(thread: &mut Thread, call: &Call) {
    if number(&call.result) != Some(0) {
        return;
    }
    match &*call.name {
        "chdir" => thread.cwd = real(&at(&thread.cwd, &string(&call.arguments[0]))),
        "fchdir" => thread.cwd = behind(&call.arguments[0]),
        _ => {}
    }
}

fn deed(thread: &Thread, call: &Call) -> Option<(&'static str, Vec<String>)> {
    let argument = |index: usize| call.arguments[index].as_str();
    let path = |index| at(&thread.cwd, &string(argument(index)));
    let below = |index| at(&behind(argument(index)), &string(argument(index + 1)));
    let begun = call.name == "connect" && call.result.contains("EINPROGRESS");
    if call.result.starts_with('-') && !begun {
        return None;
    }
    Some(match &*call.name {
        "open" | "openat" | "openat2" | "creat" => {
            if call
                .arguments
                .iter()
                .any(|argument| argument.contains("O_PATH"))
            {
                return None;
            }
            ("file.open", vec![behind(&call.result)])
        }
        "unlink" => ("file.unlink", vec![path(0)]),
        "unlinkat" if argument(2).contains("AT_REMOVEDIR") => ("file.rmdir", vec![below(0)]),
        "unlinkat" => ("file.unlink", vec![below(0)]),
        "rename" => ("file.rename", vec![path(0), path(1)]),
        "renameat" | "renameat2" => ("file.rename", vec![below(0), below(2)]),
        "mkdir" => ("file.mkdir", vec![path(0)]),
        "mkdirat" => ("file.mkdir", vec![below(0)]),
        "rmdir" => ("file.rmdir", vec![path(0)]),
        "link" => ("file.link", vec![path(1), path(0)]),
        "linkat" => ("file.link", vec![below(2), below(0)]),
        "symlink" => ("file.symlink", vec![path(1), string(argument(0))]),
        "symlinkat" => ("file.symlink", vec![below(1), string(argument(0))]),
        "mknod" => ("file.mknod", vec![path(0)]),
        "mknodat" => ("file.mknod", vec![below(0)]),
        "chmod" => ("file.chmod", vec![path(0)]),
        "fchmodat" | "fchmodat2" => ("file.chmod", vec![below(0)]),
        "fchmod" => ("file.chmod", vec![behind(argument(0))]),
        "chown" | "lchown" => ("file.chown", vec![path(0)]),
        "fchownat" => ("file.chown", vec![below(0)]),
        "fchown" => ("file.chown", vec![behind(argument(0))]),
        "truncate" => ("file.truncate", vec![path(0)]),
        "ftruncate" => ("file.truncate", vec![behind(argument(0))]),
        "execve" => ("process.exec", program(&path(0), &strings(argument(1)))),
        "connect" => ("net.connect", vec![peer(argument(1), &thread.cwd)?]),
        _ => return None,
    })
}

/// The program that runs, and its arguments: for a script, its interpreter's (execve(2)).
fn program(path: &str, arguments: &[String]) -> Vec<String> {
    let head = std::fs::read(path).unwrap_or_default();
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else {
        return [&[real(path)], arguments].concat();
    };
    let line = String::from_utf8_lossy(line).trim().to_owned();
    let mut words: Vec<_> = line
        .splitn(2, ' ')
        .map(|word| word.trim().to_owned())
        .collect();
    words.push(path.to_owned());
    words.extend(arguments.iter().skip(1).cloned());
    let interpreter = words[0].clone();
    // An interpreter may be a script too.
    program(&interpreter, &words)
}

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}` and its like.
fn peer(address: &str, cwd: &str) -> Option<String> {
    let behind = |mark: &str| address.split_once(mark).map(|(_, rest)| rest);
    if let Some(path) = behind("sun_path=@") {
        return Some(format!("@{}", string(path)));
    }
    if let Some(path) = behind("sun_path=") {
        return Some(at(cwd, &string(path)));
    }
    let port = behind("htons(")?.split(')').next()?;
    let ip = behind("inet_addr(").or_else(|| behind("inet_pton(AF_INET6, "))?;
    Some(format!("{} {port}", string(ip)))
}

/// A path relative to a directory, without `.` and empty components.
fn at(directory: &str, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{directory}/{path}")
    };
    let parts = whole
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    parts.fold(String::new(), |path, part| path + "/" + part)
}

/// Without links, if it is still there.
fn real(path: &str) -> String {
    std::fs::canonicalize(path).map_or(path.to_owned(), |real| real.to_string_lossy().into_owned())
}

/// The path behind a descriptor: `3</tmp/x>`; a name that is gone is marked, and agtrack gives it.
fn behind(word: &str) -> String {
    let path = word.split_once('<').map_or("", |(_, rest)| rest);
    let path = path.rsplit_once('>').map_or(path, |(path, _)| path);
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    unescape(path)
}

/// The first string in quotes.
fn string(word: &str) -> String {
    strings(word).into_iter().next().unwrap_or_default()
}

/// All strings in quotes.
fn strings(word: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = word;
    while let Some((_, behind)) = rest.split_once('"') {
        let end = end_of_string(behind);
        found.push(unescape(&behind[..end]));
        rest = behind.get(end + 1..).unwrap_or_default();
    }
    found
}

/// Where the closing quote stands.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// C escapes: octal, `\n` and its like.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let digits = rest
            .iter()
            .take(3)
            .take_while(|byte| (b'0'..=b'7').contains(byte))
            .count();
        let (escape, tail) = rest.split_at(digits.max(1).min(rest.len()));
        rest = tail;
        bytes.push(match escape {
            b"n" => b'\n',
            b"t" => b'\t',
            b"r" => b'\r',
            b"v" => 0x0b,
            b"f" => 0x0c,
            [other] if digits == 0 => *other,
            octal => octal
                .iter()
                .fold(0, |value: u8, digit| (value << 3) + (digit - b'0')),
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A result that is a number.
fn number(result: &str) -> Option<u32> {
    result.split([' ', '<']).next()?.parse().ok()
}

/// A line of a finished call; others (signals, ends) are none.
fn call(line: &str) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return None;
    }
    let (mut arguments, mut current, mut depth) = (Vec::new(), String::new(), 0);
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let end = end_of_string(&rest[at + 1..]);
                current.push_str(rest.get(at..at + end + 2)?);
                characters = rest.char_indices();
                characters
                    .by_ref()
                    .take_while(|(index, _)| *index < at + end + 1)
                    .for_each(drop);
                continue;
            }
            ')' if depth == 0 => {
                arguments.push(current);
                let result = rest[at + 1..].split_once("= ")?.1.to_owned();
                return Some(Call {
                    name: name.to_owned(),
                    arguments,
                    result,
                });
            }
            ',' if depth == 0 => {
                arguments.push(std::mem::take(&mut current));
                continue;
            }
            // What a call returned in a structure stands behind an arrow.
            '>' if current.ends_with('=') => {}
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth -= 1,
            _ => {}
        }
        current.push(character);
    }
    None
}

#[test]
fn lines_are_read_as_strace_writes_them() {
    let call = call(r#"openat(AT_FDCWD</tmp/a b>, "x,\"\303\274)\n", O_RDONLY) = 3</tmp/a b/x>"#);
    let call = call.unwrap();
    assert_eq!((&*call.name, call.arguments.len()), ("openat", 3));
    assert_eq!(behind(&call.arguments[0]), "/tmp/a b");
    assert_eq!(string(&call.arguments[1]), "x,\"ü)\n");
    assert_eq!(behind(&call.result), "/tmp/a b/x");
    let clone = super::strace::call("clone3({flags=0} => {parent_tid=[7]}, 88) = 7").unwrap();
    assert_eq!(child(&clone), Some(7));
    assert_eq!(at("/a/b", "./c//../d"), "/a/b/c/../d");
    let inet = r#"{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}"#;
    assert_eq!(peer(inet, "/").unwrap(), "127.0.0.1 80");
}
