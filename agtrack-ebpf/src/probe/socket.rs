//! Sockets that see or send more than the packets of their own connections.

use agtrack_common::event::{Call, Kind, hook};
use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::probe::call;

const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
const AF_PACKET: u64 = 17;
const AF_XDP: u64 = 44;
/// Types are in these bits (include/linux/net.h, `SOCK_TYPE_MASK`).
const TYPE: u64 = 15;
const SOCK_RAW: u64 = 3;

/// `int __sys_socket(int family, int type, int protocol)`, of calls by 64-bit and by 32-bit programs.
#[fexit(function = "__sys_socket")]
pub fn socket_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let asked: [u32; 3] = [ctx.arg(0), ctx.arg(1), ctx.arg(2)];
        let [family, kind, protocol] = asked.map(u64::from);
        let call = Call {
            arguments: [family, kind, protocol, 0],
            number: 41,
            ret: ctx.arg(3),
        };
        made(hook::SOCKET_RESULT, &actor, call);
    }
    0
}

/// The call returned.
#[inline(always)]
pub fn made(hook: u16, actor: &Actor, call: Call) {
    let [family, kind, ..] = call.arguments;
    let raw = match family {
        AF_PACKET | AF_XDP => true,
        AF_INET | AF_INET6 => kind & TYPE == SOCK_RAW,
        _ => false,
    };
    if raw {
        call::returned(Kind::Socket as u16, hook, actor, call);
    } else {
        count::run(hook, Fate::Filtered);
    }
}
