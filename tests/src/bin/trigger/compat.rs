//! i386 system calls, which any 64-bit process may make with `int 0x80`.

use crate::trigger::call;
use crate::trigger::change::Argument;
use crate::{Ret, Step, complain};

/// arch/x86/entry/syscalls/syscall_32.tbl
const OPEN: u32 = 5;
const UNLINK: u32 = 10;
const GETPID: u32 = 20;
const RENAME: u32 = 38;
const SOCKETCALL: u32 = 102;
const OPENAT: u32 = 295;
/// `socketcall` numbers (include/uapi/linux/net.h).
const SOCKET: u32 = 1;
const CONNECT: u32 = 3;

/// Makes the call.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    let cwd = libc::AT_FDCWD as u32;
    let mut low = Low::new();
    let ret = match name {
        // Where the kernel runs no i386 calls, this ends the process with SIGSEGV.
        b"has32" => int80(GETPID, [0; 5]),
        b"open32" => {
            let path = low.string(&step.path());
            int80(
                OPEN,
                [path, step.number() as u32, step.number() as u32, 0, 0],
            )
        }
        b"openat32" => {
            let path = low.string(&step.path());
            int80(
                OPENAT,
                [cwd, path, step.number() as u32, step.number() as u32, 0],
            )
        }
        b"write32" => {
            const WRITE: u32 = 4;
            const CLOSE: u32 = 6;
            let path = low.string(&step.path());
            let file = int80(OPEN, [path, step.number() as u32, 0, 0, 0]) as u32;
            // The bytes are those of the path.
            let ret = int80(WRITE, [file, path, step.number() as u32, 0, 0]);
            int80(CLOSE, [file, 0, 0, 0, 0]);
            ret
        }
        b"unlink32" => int80(UNLINK, [low.string(&step.path()), 0, 0, 0, 0]),
        b"rename32" => {
            let (from, to) = (low.string(&step.path()), low.string(&step.path()));
            int80(RENAME, [from, to, 0, 0, 0])
        }
        b"socket32" => socketcall(&mut low, SOCKET, [0; 3].map(|_: i32| step.number() as u32)),
        b"connect32" => connect(&mut low, step.number() as u16),
        _ => complain("no such i386 call"),
    };
    if name.starts_with(b"open") {
        call::close(ret);
    }
    ret
}

/// Makes the call of that number.
pub(crate) fn perform_as(number: u32, arguments: &[Argument]) -> Ret {
    let mut low = Low::new();
    let mut raw = [0; 5];
    for (raw, argument) in raw.iter_mut().zip(arguments) {
        *raw = match argument {
            Argument::Path(path) => low.string(path),
            Argument::Number(number) => *number as u32,
        };
    }
    int80(number, raw)
}

/// A call of sockets, whose arguments lie in memory.
fn socketcall(low: &mut Low, which: u32, words: [u32; 3]) -> Ret {
    let words = low.string(words.map(u32::to_ne_bytes).as_flattened());
    int80(SOCKETCALL, [which, words, 0, 0, 0])
}

/// A TCP connect to the loopback address through `socketcall`.
fn connect(low: &mut Low, port: u16) -> Ret {
    let words: [u32; 3] = [libc::AF_INET as u32, libc::SOCK_STREAM as u32, 0];
    let socket = socketcall(low, SOCKET, words);
    if socket < 0 {
        return socket;
    }
    let mut address = vec![libc::AF_INET as u8, 0];
    address.extend_from_slice(&port.to_be_bytes());
    address.extend_from_slice(&[127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let words = [socket as u32, low.string(&address), address.len() as u32];
    let ret = int80(
        SOCKETCALL,
        [
            CONNECT,
            low.string(words.map(u32::to_ne_bytes).as_flattened()),
            0,
            0,
            0,
        ],
    );
    call::close(socket);
    ret
}

/// Memory whose addresses have 32 bits.
struct Low {
    next: *mut u8,
    room: usize,
}

impl Low {
    fn new() -> Self {
        const ROOM: usize = 64 * 1024;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        // SAFETY: a new mapping, of which nobody else knows.
        let next = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), ROOM, access, flags, -1, 0)
        };
        if next == libc::MAP_FAILED {
            complain("there is no memory below 4 GiB");
        }
        Low {
            next: next.cast(),
            room: ROOM,
        }
    }

    /// A copy of `bytes`, four-byte aligned.
    fn string(&mut self, bytes: &[u8]) -> u32 {
        let size = bytes.len().next_multiple_of(4);
        if size > self.room {
            complain("an argument is too long for an i386 call");
        }
        let at = self.next;
        // SAFETY: `room` bytes from `next` on are mapped and unused.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
            self.next = at.add(size);
        }
        self.room -= size;
        at as usize as u32
    }
}

fn int80(number: u32, arguments: [u32; 5]) -> Ret {
    let [b, c, d, si, di] = arguments.map(u64::from);
    let mut ret = i64::from(number);
    // SAFETY: the compiler keeps rbx for itself, so it is exchanged around the call. Pointers are
    // to memory of `Low`. Kernels may clear r8 to r11.
    unsafe {
        std::arch::asm!(
            "xchg {b}, rbx",
            "int 0x80",
            "xchg {b}, rbx",
            b = inout(reg) b => _,
            inout("rax") ret,
            in("rcx") c,
            in("rdx") d,
            in("rsi") si,
            in("rdi") di,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    // Results have 32 bits.
    ret = i64::from(ret as i32);
    ret
}
