//! What a process does so that a recorder takes it, or what it does, for something else.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::trigger::call::{address, call, close};
use crate::trigger::program::Arguments;
use crate::{Ret, Step, complain, report};

const CWD: i64 = libc::AT_FDCWD as i64;

/// Performs the step.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"disguised-open" => disguised_open(&step.path(), &step.path()),
        b"flip-open" => flip_names(step, open_once),
        b"flip-unlink" => flip_names(step, unlink_once),
        b"flip-exec" => flip_exec(step),
        b"clone-parent" => clone_parent(),
        b"vfork-exec" => vfork_exec(step),
        b"thread-vfork-exec" => std::thread::scope(|scope| {
            let made = scope.spawn(|| vfork_exec(step)).join();
            made.unwrap_or(-1)
        }),
        b"reuse" => reuse(step.number()),
        _ => complain("no such trick"),
    }
}

/// Whether a step is one of these.
pub(crate) fn knows(name: &[u8]) -> bool {
    let steps: [&[u8]; 8] = [
        b"disguised-open",
        b"flip-open",
        b"flip-unlink",
        b"flip-exec",
        b"clone-parent",
        b"vfork-exec",
        b"thread-vfork-exec",
        b"reuse",
    ];
    steps.contains(&name)
}

/// `NAME PATH`: opens the file under that name.
fn disguised_open(name: &[u8], path: &[u8]) -> Ret {
    match disguise(name) {
        0 => {
            let file = call(libc::SYS_openat, [CWD, address(path), 0, 0, 0]);
            close(file);
            file
        }
        error => error,
    }
}

/// Takes another name (prctl(2)), and writes it over the arguments, which `/proc` shows: all that was
/// there is gone.
fn disguise(name: &[u8]) -> Ret {
    let ret = call(
        libc::SYS_prctl,
        [libc::PR_SET_NAME.into(), address(name), 0, 0, 0],
    );
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        complain("the process does not see itself")
    };
    // arg_start and arg_end (proc_pid_stat(5)), of which the third field follows the last bracket.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let place = |field: usize| {
        let text = fields.split(' ').nth(field - 3).unwrap_or_default();
        text.parse::<usize>().unwrap_or_default()
    };
    let (begin, end) = (place(48), place(49));
    for (offset, at) in (begin..end).enumerate() {
        let byte = name.get(offset).copied().unwrap_or(0);
        // SAFETY: the kernel has put the arguments there, and nobody reads them any more.
        unsafe { (at as *mut u8).write_volatile(byte) };
    }
    ret
}

/// `FIRST SECOND COUNT`: two names of the same length that differ in their last byte, which another
/// thread changes all the time. How often the first one was met.
fn flip_names(step: &mut Step, once: fn(&[u8], u64) -> bool) -> Ret {
    let (first, second, count) = (step.path(), step.path(), step.number());
    let name: Vec<AtomicU8> = first.iter().copied().map(AtomicU8::new).collect();
    let place = &name[name.len() - 2];
    let (one, other) = (first[first.len() - 2], second[second.len() - 2]);
    let inode = inode(&first);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                place.store(other, Ordering::Relaxed);
                place.store(one, Ordering::Relaxed);
            }
        });
        // SAFETY: the atomics are bytes; the kernel alone reads them, while they change.
        let name = unsafe { std::slice::from_raw_parts(name.as_ptr().cast::<u8>(), name.len()) };
        let met = (0..count).filter(|_| once(name, inode)).count();
        stop.store(true, Ordering::Relaxed);
        met as Ret
    })
}

fn inode(path: &[u8]) -> u64 {
    let path = OsString::from_vec(path[..path.len() - 1].to_vec());
    std::fs::metadata(path).map_or(0, |file| std::os::unix::fs::MetadataExt::ino(&file))
}

fn open_once(name: &[u8], first: u64) -> bool {
    let flags = i64::from(libc::O_WRONLY);
    let file = call(libc::SYS_openat, [CWD, address(name), flags, 0, 0]);
    if file < 0 {
        return false;
    }
    // SAFETY: the kernel fills it; a structure of numbers.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    call(libc::SYS_fstat, [file, (&raw mut stat) as i64, 0, 0, 0]);
    close(file);
    stat.st_ino == first
}

fn unlink_once(name: &[u8], _: u64) -> bool {
    call(libc::SYS_unlink, [address(name), 0, 0, 0, 0]) >= 0
}

/// `PROGRAM ARGUMENT...`: another thread changes the last argument between its text and `5` while the
/// kernel copies it.
fn flip_exec(step: &mut Step) -> Ret {
    let (program, mut words) = (step.path(), step.rest());
    let last = words.pop().unwrap_or_default().into_vec();
    let text: &'static [AtomicU8] = vec![AtomicU8::new(last[0]), AtomicU8::new(0)].leak();
    words.push(OsString::from("place"));
    let mut pointers = Vec::new();
    let arguments = Arguments::new(words);
    arguments.copy_to(&mut pointers);
    let end = pointers.len() - 2;
    pointers[end] = text.as_ptr().cast();
    let one = last[0];
    std::thread::spawn(move || {
        loop {
            text[0].store(b'5', Ordering::Relaxed);
            text[0].store(one, Ordering::Relaxed);
        }
    });
    // It has begun.
    while text[0].load(Ordering::Relaxed) == one {
        std::hint::spin_loop();
    }
    let environment = [0_i64];
    let given = [
        address(&*program),
        address(&*pointers),
        address(&environment),
    ];
    call(libc::SYS_execve, [given[0], given[1], given[2], 0, 0])
}

/// The child goes on as the child of this process's own parent; this process ends.
fn clone_parent() -> Ret {
    let flags = i64::from(libc::CLONE_PARENT);
    match call(libc::SYS_clone, [flags, 0, 0, 0, 0]) {
        child if child > 0 => {
            report(b"child", child);
            std::process::exit(0)
        }
        ret => ret,
    }
}

/// The child borrows this process's memory until it execs.
fn vfork_exec(step: &mut Step) -> Ret {
    let (program, arguments) = (step.path(), Arguments::new(step.rest()));
    let (program, arguments) = (address(&*program), arguments.address());
    let environment = [0_i64];
    let environment = address(&environment);
    // SAFETY: the child makes two calls and touches nothing else.
    match unsafe { vfork() } {
        0 => {
            call(libc::SYS_execve, [program, arguments, environment, 0, 0]);
            // SAFETY: it never returns to what the parent still needs.
            unsafe { libc::_exit(97) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the kernel writes the status into it.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            libc::WEXITSTATUS(status).into()
        }
    }
}

/// A child with a process id of one's choice: that of one that has ended. The child goes on.
fn reuse(number: i64) -> Ret {
    let number = number as libc::pid_t;
    // `struct clone_args`: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size,
    // tls, set_tid, set_tid_size, cgroup.
    let mut arguments = [0_u64; 11];
    arguments[4] = libc::SIGCHLD as u64;
    arguments[8] = (&raw const number) as u64;
    arguments[9] = 1;
    let size = size_of_val(&arguments) as i64;
    match call(libc::SYS_clone3, [address(&arguments), size, 0, 0, 0]) {
        child if child > 0 => {
            report(b"child", child);
            let mut status = 0;
            // SAFETY: the kernel writes the status into it.
            unsafe { libc::waitpid(child as libc::pid_t, &raw mut status, 0) };
            std::process::exit(libc::WEXITSTATUS(status))
        }
        ret => ret,
    }
}

unsafe extern "C" {
    fn vfork() -> libc::pid_t;
}
