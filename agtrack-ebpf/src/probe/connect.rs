use agtrack_common::event::{Connect, flow_direction, hook};
use agtrack_common::wire::{Path, RET_UNKNOWN};
use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::{cgroup_sock_addr, fexit};
use aya_ebpf::programs::{FExitContext, SockAddrContext};

use crate::gate::{self, Actor};
use crate::message::{self, Message};
use crate::object::{File, Socket};
use crate::probe::unix::{self, Address};
use crate::scratch::{Scratch, Slot};
use crate::socket;

const AF_UNIX: u16 = 1;
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;
/// The program lets the call go on.
pub const ALLOW: i32 = 1;

/// Programs of cgroups may be preempted by themselves, so their events are made on the stack.
#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        // SAFETY: the kernel passes a valid context.
        let body = unsafe { announced(AF_INET, ip4(ctx.sock_addr), ctx.sock_addr) };
        begin(&actor, body.protocol, ctx.sock_addr);
        message::event(hook::CONNECT_V4, &actor, body);
    }
    ALLOW
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        // SAFETY: as in `connect4`.
        let body = unsafe { announced(AF_INET6, ip6(ctx.sock_addr), ctx.sock_addr) };
        begin(&actor, body.protocol, ctx.sock_addr);
        message::event(hook::CONNECT_V6, &actor, body);
    }
    ALLOW
}

/// The process holds the socket from now on.
#[inline(always)]
fn begin(actor: &Actor, protocol: u16, address: *mut bpf_sock_addr) {
    // SAFETY: the kernel passes a valid context.
    let cookie = unsafe { bpf_get_socket_cookie(address.cast()) };
    match u32::from(protocol) {
        socket::TCP => socket::begin(actor, cookie, flow_direction::OUTBOUND),
        socket::UDP => _ = socket::hold(actor, cookie, socket::UDP),
        _ => {}
    }
}

/// The kernel is about to connect; the result follows.
#[inline(always)]
unsafe fn announced(family: u16, ip: [u8; 16], address: *mut bpf_sock_addr) -> Connect {
    // SAFETY: as in `connect4`.
    let (port, (socket_type, protocol)) = unsafe { (port(address), kind(address)) };
    Connect {
        address: ip,
        path: Path::default(),
        family,
        port,
        protocol,
        socket_type,
        ret: RET_UNKNOWN,
        argument: 0,
    }
}

/// The IPv4 address of the peer. Volatile reads keep the fields' own widths, here and below: the
/// verifier demands them.
///
/// # Safety
/// `address` is the context of a program.
#[inline(always)]
pub unsafe fn ip4(address: *mut bpf_sock_addr) -> [u8; 16] {
    // SAFETY: as the caller says. Any bytes are an address, in network order already.
    unsafe {
        let ip = (&raw const (*address).user_ip4).read_volatile();
        core::mem::transmute::<[u32; 4], [u8; 16]>([ip, 0, 0, 0])
    }
}

/// The IPv6 address of the peer.
///
/// # Safety
/// As [`ip4`].
#[inline(always)]
pub unsafe fn ip6(address: *mut bpf_sock_addr) -> [u8; 16] {
    // SAFETY: as in `ip4`.
    unsafe {
        let ip: *const u32 = (&raw const (*address).user_ip6).cast();
        let word = |index| ip.add(index).read_volatile();
        core::mem::transmute::<[u32; 4], [u8; 16]>([word(0), word(1), word(2), word(3)])
    }
}

/// Its port, in host order.
///
/// # Safety
/// As [`ip4`].
#[inline(always)]
pub unsafe fn port(address: *mut bpf_sock_addr) -> u16 {
    // SAFETY: as in `ip4`.
    u16::from_be(unsafe { (&raw const (*address).user_port).read_volatile() } as u16)
}

/// `SOCK_*` and `IPPROTO_*` of the socket.
///
/// # Safety
/// As [`ip4`].
#[inline(always)]
pub unsafe fn kind(address: *mut bpf_sock_addr) -> (u16, u16) {
    // SAFETY: as in `ip4`.
    unsafe {
        let kind = (&raw const (*address).type_).read_volatile();
        let protocol = (&raw const (*address).protocol).read_volatile();
        (kind as u16, protocol as u16)
    }
}

/// `int __sys_connect_file(struct file *, struct sockaddr_storage *, int addrlen, int file_flags)`
#[fexit(function = "__sys_connect_file")]
pub fn connect_result(ctx: FExitContext) -> i32 {
    let Some(actor) = gate::tagged_or_born() else {
        return 0;
    };
    let socket = File::new(ctx.arg(0)).socket();
    let address = Address::Kernel(ctx.arg(1));
    let slot = Slot::ConnectResult.scratch();
    finished(
        hook::CONNECT_RESULT,
        &actor,
        socket,
        address,
        ctx.arg(2),
        ctx.arg(4),
        slot,
    );
    0
}

/// Back end B: `connect(descriptor, address, length)` returned `ret`.
#[inline(always)]
pub fn returned(actor: &Actor, descriptor: u32, address: u64, length: u32, ret: i32) {
    // Not a descriptor, or not of a socket: nothing was asked of anyone.
    const EBADF: i32 = -9;
    const ENOTSOCK: i32 = -88;
    let file = actor.task.file(descriptor);
    let (Some(file), false) = (file, ret == EBADF || ret == ENOTSOCK) else {
        return crate::count::run(hook::CONNECT_SYSCALL, crate::count::Fate::Filtered);
    };
    let address = Address::User(address);
    let slot = Slot::SysExit.scratch();
    finished(
        hook::CONNECT_SYSCALL,
        actor,
        file.socket(),
        address,
        length,
        ret,
        slot,
    );
}

#[inline(always)]
fn finished(
    hook: u16,
    actor: &Actor,
    socket: Socket,
    address: Address,
    length: u32,
    ret: i32,
    scratch: Option<*mut Scratch>,
) {
    let Some(mut message) = Message::<Connect>::begin(hook, actor, scratch) else {
        return;
    };
    let family: u16 = address.read(0);
    let mut body = Connect {
        address: [0; 16],
        path: Path::default(),
        family,
        port: 0,
        protocol: socket.protocol(),
        socket_type: socket.kind(),
        ret,
        argument: matches!(address, Address::User(_)) as u32,
    };
    match family {
        AF_INET => {
            body.port = u16::from_be(address.read(2));
            let ip: [u8; 4] = address.read(4);
            body.address = [
                ip[0], ip[1], ip[2], ip[3], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ];
        }
        AF_INET6 => {
            body.port = u16::from_be(address.read(2));
            body.address = address.read(8);
        }
        AF_UNIX => body.path = unix_path(&mut message, actor, socket, address, length, ret),
        _ => {}
    }
    // SAFETY: the body is within the message.
    unsafe { *message.body() = body };
    message.submit();
}

/// The peer's own place where it is connected and bound to a file, else the address as given.
#[inline(always)]
fn unix_path(
    message: &mut Message<Connect>,
    actor: &Actor,
    socket: Socket,
    address: Address,
    length: u32,
    ret: i32,
) -> Path {
    if ret == 0
        && socket.family() == AF_UNIX
        && let Some(place) = socket.unix_peer()
    {
        return message.path(actor.task, place);
    }
    unix::name(message, actor, address, length)
}
