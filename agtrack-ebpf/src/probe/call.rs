//! Calls that are told by their arguments: namespaces, tracing, and what changes the kernel itself.

use agtrack_common::event::{Call, Kind, hook};
use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;

use crate::arch;
use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::message::event_as;
use crate::probe::{is_probing, untyped};

/// The programs at the end of the functions that are given the registers of a call, whose arguments
/// are still in them.
macro_rules! called {
    ($( $kind:ident $number:literal: $name:ident $id:ident; )+) => { $(
        #[fexit]
        pub fn $name(ctx: FExitContext) -> i32 {
            if let Some(actor) = gate::tagged_or_born() {
                let arguments = arch::arguments_at(untyped(&ctx, 0));
                let call = Call { arguments, number: $number, ret: ctx.arg(1) };
                send(Kind::$kind, hook::$id, &actor, call);
            }
            0
        }
    )+ };
}

called! {
    Setns 308: setns_result SETNS_RESULT;
    Ptrace 101: ptrace_result PTRACE_RESULT;
    Bpf 321: bpf_result BPF_RESULT;
    ModuleLoad 313: module_load_result MODULE_LOAD_RESULT;
    ModuleLoad 175: module_load_memory_result MODULE_LOAD_MEMORY_RESULT;
    ModuleUnload 176: module_unload_result MODULE_UNLOAD_RESULT;
    IoUringSetup 425: io_uring_setup_result IO_URING_SETUP_RESULT;
    PerfEventOpen 298: perf_event_open_result PERF_EVENT_OPEN_RESULT;
    Key 250: key_result KEY_RESULT;
    Key 248: key_add_result KEY_ADD_RESULT;
    Key 249: key_request_result KEY_REQUEST_RESULT;
}

/// `int ksys_unshare(unsigned long flags)`, of calls by 64-bit and by 32-bit programs.
#[fexit(function = "ksys_unshare")]
pub fn unshare_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let call = Call {
            arguments: [ctx.arg(0), 0, 0, 0],
            number: 272,
            ret: ctx.arg(1),
        };
        send(Kind::Unshare, hook::UNSHARE_RESULT, &actor, call);
    }
    0
}

/// Back end B: the call returned.
#[inline(always)]
pub fn returned(kind: u16, hook: u16, actor: &Actor, call: Call) {
    if is_probing(call.ret) {
        return count::run(hook, Fate::Filtered);
    }
    event_as(kind, hook, actor, call);
}

#[inline(always)]
fn send(kind: Kind, hook: u16, actor: &Actor, call: Call) {
    returned(kind as u16, hook, actor, call);
}
