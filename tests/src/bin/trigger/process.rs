//! Processes: how they begin, become another program, and end.

use std::ffi::OsString;

use crate::trigger::call::{address, call, errno};
use crate::{Ret, Step, complain, report};

/// Performs the step. Those that make a child return in the child.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"wait" => wait_for_byte(),
        b"getpid" => call(libc::SYS_getpid, [0; 5]),
        b"setsid" => call(libc::SYS_setsid, [0; 5]),
        b"setuid" => setuid(step.number()),
        b"fork" => fork(),
        b"fork-apart" => fork_apart(step.number()),
        b"burn" => burn(step.number()),
        b"double-fork" => double_fork(),
        b"into-cgroup" => into_cgroup(&step.path()),
        b"spawn" => spawn(&step.next(), &step.rest()),
        b"threads" => threads(step.number()),
        b"pause" => pause(step.number()),
        b"exit" => std::process::exit(step.number() as i32),
        b"signal" => signal(step.number()),
        _ => complain(&format!("no such step: {}", String::from_utf8_lossy(name))),
    }
}

/// Reads one byte from standard input; 1, or 0 at its end.
pub(crate) fn wait_for_byte() -> Ret {
    let byte = [0_u8; 1];
    call(libc::SYS_read, [0, address(&byte), 1, 0, 0])
}

/// Does nothing for so many ms.
fn pause(millis: i64) -> Ret {
    std::thread::sleep(std::time::Duration::from_millis(millis as u64));
    millis
}

/// All three user ids and group ids, and no other groups.
fn setuid(id: i64) -> Ret {
    call(libc::SYS_setgroups, [0; 5]);
    call(libc::SYS_setresgid, [id, id, id, 0, 0]);
    call(libc::SYS_setresuid, [id, id, id, 0, 0])
}

/// The child goes on; the parent waits for it and ends as it did.
fn fork() -> Ret {
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => -errno(),
        0 => 0,
        child => end_as(child),
    }
}

/// As `fork`, with these `CLONE_NEW*` flags.
fn fork_apart(flags: i64) -> Ret {
    let flags = flags | i64::from(libc::SIGCHLD);
    match call(libc::SYS_clone, [flags, 0, 0, 0, 0]) {
        child if child > 0 => end_as(child as libc::pid_t),
        ret => ret,
    }
}

/// Computes until this thread has been on a processor for so many ms.
fn burn(millis: i64) -> Ret {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    };
    let begin = now();
    while now() - begin < millis {
        std::hint::spin_loop();
    }
    millis
}

fn end_as(child: libc::pid_t) -> ! {
    report(b"child", child.into());
    std::process::exit(wait(child));
}

/// The exit code of a child, 128 and the signal's number for one that was killed.
fn wait(child: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: the kernel writes the status into it.
    if unsafe { libc::waitpid(child, &raw mut status, 0) } != child {
        complain("the child cannot be waited for");
    }
    if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        128 + libc::WTERMSIG(status)
    }
}

/// As daemons do it: the grandchild goes on, with no parent of its own and no session.
fn double_fork() -> Ret {
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => return -errno(),
        0 => {}
        child => std::process::exit(wait(child)),
    }
    call(libc::SYS_setsid, [0; 5]);
    // SAFETY: as above.
    match unsafe { libc::fork() } {
        -1 => -errno(),
        0 => 0,
        _ => std::process::exit(0),
    }
}

/// The child begins its life in another cgroup: nothing ever moves it there.
fn into_cgroup(path: &[u8]) -> Ret {
    /// `CLONE_INTO_CGROUP` (include/uapi/linux/sched.h).
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    let flags = i64::from(libc::O_RDONLY | libc::O_DIRECTORY);
    let directory = call(
        libc::SYS_openat,
        [libc::AT_FDCWD.into(), address(path), flags, 0, 0],
    );
    if directory < 0 {
        return directory;
    }
    // `struct clone_args`: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size,
    // tls, set_tid, set_tid_size, cgroup.
    let mut arguments = [0_u64; 11];
    arguments[0] = INTO_CGROUP;
    arguments[4] = libc::SIGCHLD as u64;
    arguments[10] = directory as u64;
    let size = size_of_val(&arguments) as i64;
    match call(libc::SYS_clone3, [address(&arguments), size, 0, 0, 0]) {
        child if child > 0 => end_as(child as libc::pid_t),
        ret => ret,
    }
}

/// As `posix_spawn`, which is a vfork; the exit code of the program. What it is given does not depend
/// on where the tests run.
fn spawn(program: &OsString, arguments: &[OsString]) -> Ret {
    let mut command = std::process::Command::new(program);
    command.env_clear().env("SPAWNED", "1");
    match command.args(arguments).status() {
        Ok(status) => status.code().unwrap_or(-1).into(),
        Err(error) => -i64::from(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// Threads that do nothing and end by themselves, without ending the process.
fn threads(count: i64) -> Ret {
    let threads: Vec<_> = (0..count).map(|_| std::thread::spawn(|| {})).collect();
    threads
        .into_iter()
        .filter_map(|thread| thread.join().ok())
        .count() as Ret
}

/// Ends by a signal.
fn signal(number: i64) -> Ret {
    // SAFETY: no memory is concerned. The Rust runtime may have changed what the signal does.
    unsafe { libc::signal(number as libc::c_int, libc::SIG_DFL) };
    call(libc::SYS_kill, [std::process::id().into(), number, 0, 0, 0])
}
