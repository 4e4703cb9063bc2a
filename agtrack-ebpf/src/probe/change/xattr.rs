//! Extended attributes: the hooks inside are given no mount, so the calls themselves are looked at.

use agtrack_common::call::{NONE, Packed};
use agtrack_common::event::{Kind, hook};
use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;

use super::{Names, Returned, returned};
use crate::arch;
use crate::gate;
use crate::probe::{AT_FDCWD, untyped};
use crate::scratch::Slot;

macro_rules! called {
    ($( $number:literal: $name:ident $id:ident $slot:ident; )+) => { $(
        #[fexit]
        pub fn $name(ctx: FExitContext) -> i32 {
            const CALL: Packed = Packed::native($number);
            if let Some(actor) = gate::tagged_or_born() {
                let arguments = arch::arguments_at(untyped(&ctx, 0));
                let call = ended(CALL, hook::$id, arguments, ctx.arg(1));
                returned(&actor, call, Slot::$slot.scratch());
            }
            0
        }
    )+ };
}

called! {
    188: setxattr_result SETXATTR_RESULT SetXattr;
    189: lsetxattr_result LSETXATTR_RESULT SetXattrLink;
    190: fsetxattr_result FSETXATTR_RESULT SetXattrFile;
    197: removexattr_result REMOVEXATTR_RESULT RemoveXattr;
    198: lremovexattr_result LREMOVEXATTR_RESULT RemoveXattrLink;
    199: fremovexattr_result FREMOVEXATTR_RESULT RemoveXattrFile;
}

const _: () = assert!(Packed::native(188).kind() == Kind::SetXattr as u32);
const _: () = assert!(Packed::native(199).kind() == Kind::RemoveXattr as u32);

/// The arguments by their places, which are known when this is compiled.
#[inline(always)]
fn ended(call: Packed, hook: u16, arguments: [u64; 4], ret: i32) -> Returned {
    let at = |place: u32| match place {
        NONE => None,
        place => Some(arguments[place as usize - 1]),
    };
    Returned {
        kind: call.kind() as u16,
        hook,
        directory: at(call.directory()).unwrap_or(AT_FDCWD as u64) as i32,
        name: at(call.name()),
        directory2: AT_FDCWD,
        name2: at(call.name2()),
        names: Names::Text,
        value: 0,
        second: 0,
        ret,
    }
}
