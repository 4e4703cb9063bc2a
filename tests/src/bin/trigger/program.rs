//! Programs that come from where nobody looks for them, and with what they are started.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use crate::trigger::call::{address, call, close};
use crate::{Ret, Step, complain};

const CWD: i64 = libc::AT_FDCWD as i64;

/// Whether a step is one of these.
pub(crate) fn knows(name: &[u8]) -> bool {
    let steps: [&[u8]; 8] = [
        b"exec",
        b"exec-env",
        b"exec-memfd",
        b"exec-memfd-name",
        b"exec-deleted",
        b"exec-tmpfile",
        b"exec-script",
        b"thread-exec",
    ];
    steps.contains(&name)
}

/// Performs the step. It returns where the program could not be executed.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"exec" => exec(&step.path(), step.rest()),
        b"exec-env" => exec_with(step),
        b"exec-memfd" => match memory(&read(step.next())) {
            memory if memory >= 0 => exec_descriptor(memory, step.rest()),
            error => error,
        },
        b"exec-memfd-name" => match memory(&read(step.next())) {
            memory if memory >= 0 => exec_named(memory, step.rest()),
            error => error,
        },
        b"exec-deleted" => exec_deleted(&step.path(), step.rest()),
        b"exec-tmpfile" => exec_nameless(step),
        b"exec-script" => exec_script(step),
        b"thread-exec" => thread_exec(&step.path(), step.rest()),
        _ => complain("no such way to execute"),
    }
}

/// Strings for the kernel and the array that ends with null.
pub(crate) struct Arguments {
    _strings: Vec<CString>,
    pointers: Vec<*const libc::c_char>,
}

impl Arguments {
    pub(crate) fn new(words: Vec<OsString>) -> Self {
        let strings: Vec<_> = words
            .into_iter()
            .map(|word| CString::new(word.into_vec()).unwrap_or_default())
            .collect();
        let mut pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        pointers.push(std::ptr::null());
        Arguments {
            _strings: strings,
            pointers,
        }
    }

    /// The array, its null included.
    pub(crate) fn copy_to(&self, pointers: &mut Vec<*const libc::c_char>) {
        pointers.extend_from_slice(&self.pointers);
    }

    pub(crate) fn address(&self) -> i64 {
        address(&*self.pointers)
    }
}

/// The arguments begin with the program's own name. Returns only on failure.
fn exec(path: &[u8], words: Vec<OsString>) -> Ret {
    exec_in(path, words, Vec::new())
}

fn exec_in(path: &[u8], words: Vec<OsString>, environment: Vec<OsString>) -> Ret {
    let (arguments, environment) = (Arguments::new(words), Arguments::new(environment));
    let given = [address(path), arguments.address(), environment.address()];
    call(libc::SYS_execve, [given[0], given[1], given[2], 0, 0])
}

/// `PROGRAM COUNT ENTRY... ARGUMENT...`. What stands behind the first `=` of an entry is turned round,
/// so that a test's secret stands nowhere else. `*N` in front of an entry: it comes N times, numbered
/// where its name ends with `#`.
fn exec_with(step: &mut Step) -> Ret {
    let (path, count) = (step.path(), step.number());
    let mut environment = Vec::new();
    for _ in 0..count {
        let word = step.next().into_vec();
        let (times, entry) = repeated(&word);
        for number in 0..times {
            let mut parts = entry.splitn(2, |byte| *byte == b'=');
            let mut name = parts.next().unwrap_or_default().to_vec();
            if name.last() == Some(&b'#') {
                name.pop();
                name.extend(number.to_string().into_bytes());
            }
            if let Some(value) = parts.next() {
                name.push(b'=');
                name.extend(value.iter().rev());
            }
            environment.push(OsString::from_vec(name));
        }
    }
    exec_in(&path, step.rest(), environment)
}

fn repeated(word: &[u8]) -> (u64, &[u8]) {
    let Some(rest) = word.strip_prefix(b"*") else {
        return (1, word);
    };
    let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(0);
    let times = std::str::from_utf8(&rest[..end]).ok();
    match times.and_then(|times| times.parse().ok()) {
        Some(times) => (times, &rest[end + 1..]),
        None => complain("it says `*TIMES ENTRY`"),
    }
}

/// A thread that is not the first becomes the process.
fn thread_exec(path: &[u8], words: Vec<OsString>) -> Ret {
    let path = path.to_vec();
    std::thread::spawn(move || exec(&path, words))
        .join()
        .unwrap_or(-1)
}

fn read(path: OsString) -> Vec<u8> {
    match std::fs::read(&path) {
        Ok(program) => program,
        Err(_) => complain("the program cannot be read"),
    }
}

/// A descriptor of memory that holds these bytes.
fn memory(bytes: &[u8]) -> Ret {
    let memory = call(libc::SYS_memfd_create, [address(b"payload\0"), 0, 0, 0, 0]);
    if memory >= 0 {
        fill(memory, bytes);
    }
    memory
}

fn fill(descriptor: i64, bytes: &[u8]) {
    let length = bytes.len() as i64;
    if call(libc::SYS_write, [descriptor, address(bytes), length, 0, 0]) != length {
        complain("the program does not fit");
    }
}

/// The program's name is removed before it runs.
fn exec_deleted(path: &[u8], words: Vec<OsString>) -> Ret {
    let file = call(libc::SYS_openat, [CWD, address(path), 0, 0, 0]);
    if file < 0 {
        return file;
    }
    call(libc::SYS_unlink, [address(path), 0, 0, 0, 0]);
    exec_descriptor(file, words)
}

/// `DIRECTORY PROGRAM ARGUMENT...`: a copy that has never had a name there.
fn exec_nameless(step: &mut Step) -> Ret {
    let (directory, program) = (step.path(), read(step.next()));
    let flags = i64::from(libc::O_TMPFILE | libc::O_WRONLY);
    let file = call(
        libc::SYS_openat,
        [CWD, address(&*directory), flags, 0o755, 0],
    );
    if file < 0 {
        return file;
    }
    fill(file, &program);
    // What is open for writing cannot be executed.
    let again = call(libc::SYS_openat, [CWD, address(&*name_of(file)), 0, 0, 0]);
    close(file);
    exec_descriptor(again, step.rest())
}

/// `descriptor|name TEXT ARGUMENT...`: a script in memory.
fn exec_script(step: &mut Step) -> Ret {
    let (way, text) = (step.next(), step.next());
    match memory(&text.into_vec()) {
        memory if memory < 0 => memory,
        memory if way == "name" => exec_named(memory, step.rest()),
        memory => exec_descriptor(memory, step.rest()),
    }
}

fn name_of(descriptor: i64) -> Vec<u8> {
    format!("/proc/self/fd/{descriptor}\0").into_bytes()
}

fn exec_named(descriptor: i64, words: Vec<OsString>) -> Ret {
    // What is open for writing cannot be executed: memory can, for it never was.
    exec(&name_of(descriptor), words)
}

fn exec_descriptor(descriptor: i64, words: Vec<OsString>) -> Ret {
    let (arguments, environment) = (Arguments::new(words), Arguments::new(Vec::new()));
    let flags = i64::from(libc::AT_EMPTY_PATH);
    call(
        libc::SYS_execveat,
        [
            descriptor,
            address(b"\0"),
            arguments.address(),
            environment.address(),
            flags,
        ],
    )
}
