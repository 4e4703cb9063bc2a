//! As many opens as the machine can do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::Ret;
use crate::trigger::call::{address, call, close};

/// Opens and closes `path` from `threads` threads for `millis` ms; how many opens succeeded.
pub(crate) fn storm(threads: i64, millis: i64, path: &[u8]) -> Ret {
    let (over, opened) = (AtomicBool::new(false), AtomicU64::new(0));
    let work = || {
        let mut own = 0;
        while !over.load(Ordering::Relaxed) {
            let cwd = libc::AT_FDCWD.into();
            let file = call(
                libc::SYS_openat,
                [cwd, address(path), libc::O_RDONLY.into(), 0, 0],
            );
            close(file);
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
