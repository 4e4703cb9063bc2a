//! Calls on files.

use std::os::unix::ffi::OsStrExt;

use crate::trigger::call::{address, call, close};
use crate::{Ret, Step, complain};

const CWD: i64 = libc::AT_FDCWD as i64;

/// Makes the call. `dir PATH` opens a directory as descriptor 9, `file PATH` a file as 8 and
/// `tree PATH` a copy of a mount as 7, to be named so by the calls that take descriptors.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"open" => closed(call(
            libc::SYS_open,
            [address(&*step.path()), step.number(), step.number(), 0, 0],
        )),
        b"creat" => closed(call(
            libc::SYS_creat,
            [address(&*step.path()), step.number(), 0, 0, 0],
        )),
        b"openat" => {
            let (dir, path) = (directory(step), step.path());
            let (flags, mode) = (step.number(), step.number());
            closed(call(
                libc::SYS_openat,
                [dir, address(&*path), flags, mode, 0],
            ))
        }
        b"openat2" => openat2(step),
        b"open-handle" => open_handle(&step.path()),
        b"unlink" => call(libc::SYS_unlink, [address(&*step.path()), 0, 0, 0, 0]),
        b"unlinkat" => {
            let (dir, path) = (directory(step), step.path());
            call(
                libc::SYS_unlinkat,
                [dir, address(&*path), step.number(), 0, 0],
            )
        }
        b"rename" => {
            let (from, to) = (step.path(), step.path());
            call(libc::SYS_rename, [address(&*from), address(&*to), 0, 0, 0])
        }
        b"renameat" => renameat(libc::SYS_renameat, step, false),
        b"renameat2" => renameat(libc::SYS_renameat2, step, true),
        b"chdir" => call(libc::SYS_chdir, [address(&*step.path()), 0, 0, 0, 0]),
        b"write" => write(step),
        b"burst" => burst(step),
        b"walk" => walk(step),
        b"dir" => kept(&step.path(), libc::O_RDONLY | libc::O_DIRECTORY, 9),
        b"file" => kept(&step.path(), libc::O_RDWR, 8),
        b"file-to-read" => kept(&step.path(), libc::O_RDONLY, 8),
        b"tree" => tree(&step.path()),
        _ => complain("no such call on files"),
    }
}

fn closed(ret: Ret) -> Ret {
    close(ret);
    ret
}

/// A descriptor; `cwd` is the working directory.
pub(crate) fn directory(step: &mut Step) -> i64 {
    let word = step.next();
    if word == "cwd" {
        return CWD;
    }
    match word.to_str().and_then(|word| word.parse().ok()) {
        Some(descriptor) => descriptor,
        None => complain("a directory is `cwd` or a descriptor"),
    }
}

/// `struct open_how`.
fn openat2(step: &mut Step) -> Ret {
    let (dir, path) = (directory(step), step.path());
    let how = [step.number(), step.number(), step.number()];
    let size = size_of_val(&how) as i64;
    closed(call(
        libc::SYS_openat2,
        [dir, address(&*path), address(&how), size, 0],
    ))
}

fn renameat(number: libc::c_long, step: &mut Step, flagged: bool) -> Ret {
    let (from_dir, from) = (directory(step), step.path());
    let (to_dir, to) = (directory(step), step.path());
    let flags = if flagged { step.number() } else { 0 };
    call(
        number,
        [from_dir, address(&*from), to_dir, address(&*to), flags],
    )
}

/// Writes a text into a file that is there.
/// Opens a file for reading by its handle, below the directory that `dir` keeps.
fn open_handle(path: &[u8]) -> Ret {
    // `struct file_handle`: room, type, and what the file system puts there (open_by_handle_at(2)).
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let mut mount = 0_i32;
    let place = (&raw mut handle) as i64;
    let named = call(
        libc::SYS_name_to_handle_at,
        [CWD, address(path), place, (&raw mut mount) as i64, 0],
    );
    if named < 0 {
        return named;
    }
    closed(call(
        libc::SYS_open_by_handle_at,
        [9, place, i64::from(libc::O_RDONLY), 0, 0],
    ))
}

fn write(step: &mut Step) -> Ret {
    let (path, text) = (step.path(), step.next());
    let file = call(
        libc::SYS_openat,
        [CWD, address(&*path), i64::from(libc::O_WRONLY), 0, 0],
    );
    if file < 0 {
        return file;
    }
    let bytes = text.as_bytes();
    let ret = call(
        libc::SYS_write,
        [file, address(bytes), bytes.len() as i64, 0, 0],
    );
    close(file);
    ret
}

/// Creates files named by their numbers; how many were created.
fn burst(step: &mut Step) -> Ret {
    let (directory, count) = (step.next(), step.number());
    let flags = i64::from(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL);
    let created = (0..count).filter(|number| {
        let mut path = directory.as_bytes().to_vec();
        path.extend_from_slice(format!("/{number}\0").as_bytes());
        closed(call(
            libc::SYS_openat,
            [CWD, address(&*path), flags, 0o644, 0],
        )) >= 0
    });
    created.count() as Ret
}

/// Makes a directory and goes into it, again and again: deeper than any path may be long.
fn walk(step: &mut Step) -> Ret {
    let (name, times) = (step.path(), step.number());
    for _ in 0..times {
        let ret = call(libc::SYS_mkdir, [address(&*name), 0o755, 0, 0, 0]);
        if ret < 0 {
            return ret;
        }
        let ret = call(libc::SYS_chdir, [address(&*name), 0, 0, 0, 0]);
        if ret < 0 {
            return ret;
        }
    }
    times
}

/// A copy of the mount at a directory, as descriptor 7.
fn tree(path: &[u8]) -> Ret {
    const OPEN_TREE_CLONE: i64 = 1;
    let opened = call(
        libc::SYS_open_tree,
        [CWD, address(path), OPEN_TREE_CLONE, 0, 0],
    );
    if opened < 0 {
        return opened;
    }
    let ret = call(libc::SYS_dup2, [opened, 7, 0, 0, 0]);
    close(opened);
    ret
}

/// Opens it and keeps it open as this descriptor.
fn kept(path: &[u8], flags: i32, descriptor: i64) -> Ret {
    let opened = call(libc::SYS_openat, [CWD, address(path), flags.into(), 0, 0]);
    if opened < 0 {
        return opened;
    }
    let ret = call(libc::SYS_dup2, [opened, descriptor, 0, 0, 0]);
    close(opened);
    ret
}
