//! As many opens as the machine can do, and steady work beside them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::Ret;
use crate::trigger::call::{address, call, close};

/// Creates, changes, renames and removes a file of its own `count` times, with `millis` ms between;
/// how many of the calls succeeded.
pub(crate) fn rounds(count: i64, millis: i64, directory: &[u8]) -> Ret {
    let directory = String::from_utf8_lossy(directory.strip_suffix(b"\0").unwrap_or(directory));
    let mut succeeded = 0;
    for round in 0..count {
        let name = format!("{directory}/{round}\0");
        let other = format!("{directory}/{round}.new\0");
        let file = call(libc::SYS_creat, [address(&*name), 0o600, 0, 0, 0]);
        close(file);
        let results = [
            file,
            call(libc::SYS_chmod, [address(&*name), 0o640, 0, 0, 0]),
            call(
                libc::SYS_rename,
                [address(&*name), address(&*other), 0, 0, 0],
            ),
            call(libc::SYS_unlink, [address(&*other), 0, 0, 0, 0]),
        ];
        succeeded += results.iter().filter(|result| **result >= 0).count();
        std::thread::sleep(Duration::from_millis(millis as u64));
    }
    succeeded as Ret
}

/// Opens and closes `path` from `threads` threads for `millis` ms, and until each has done it `least`
/// times, however slow the machine is; how many opens succeeded.
pub(crate) fn storm(threads: i64, millis: i64, least: i64, path: &[u8]) -> Ret {
    let (over, opened) = (AtomicBool::new(false), AtomicU64::new(0));
    let work = || {
        let (mut tried, mut own) = (0, 0);
        while tried < least || !over.load(Ordering::Relaxed) {
            let cwd = libc::AT_FDCWD.into();
            let file = call(
                libc::SYS_openat,
                [cwd, address(path), libc::O_RDONLY.into(), 0, 0],
            );
            close(file);
            tried += 1;
            own += u64::from(file >= 0);
        }
        opened.fetch_add(own, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
        std::thread::sleep(Duration::from_millis(millis as u64));
        over.store(true, Ordering::Relaxed);
    });
    opened.load(Ordering::Relaxed) as Ret
}
