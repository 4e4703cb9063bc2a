//! Processes that become an agent's by what they execute, or by who they are.

use agtrack_common::event::hook;
use agtrack_common::tag::{BOUND_NAME, BoundFile, bound_key};
use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_kernel_str};

use super::Tagged;
use crate::count::{self, Fate};
use crate::gate;
use crate::map::{BOUND_FILES, BOUND_NAMES, BOUND_USERS, CONTROL, EMPTY_SCRATCH};
use crate::object::File;
use crate::offset::{BPRM_FILE, BPRM_NAME};
use crate::read::{Kernel, field};
use crate::scratch::Slot;

/// The current process, if a rule names what it executes (a `struct linux_binprm`) or its user: tagged
/// from here on, with a session of its own.
#[inline(always)]
pub fn tagged_by_rule(program: Kernel) -> Option<Tagged> {
    // One load where there is no such rule.
    if *CONTROL.get(3)? == 0 || !gate::active() {
        return None;
    }
    let file: Kernel = field(program, &BPRM_FILE);
    let name: Kernel = field(program, &BPRM_NAME);
    // As numbers, which is all that such a function takes.
    let rule = agtrack_bound(file as u64, name as u64);
    if rule == 0 {
        return None;
    }
    let process = gate::current().leader();
    let session = bound_key(process.tgid(), process.start());
    if !gate::adopt(process, session) {
        count::run(hook::EXEC, Fate::LostMap);
        return None;
    }
    Some(Tagged {
        actor: gate::tagged()?,
        repaired: 0,
        bound: rule as u16,
    })
}

/// The number of the rule that names what is executed, or who executes it; 0: none does. The program
/// itself first: it says more than the user. Looked at by the verifier once, with a stack of its own.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_bound(file: u64, name: u64) -> u32 {
    if let Some(rule) = by_file(file as Kernel) {
        return rule;
    }
    if let Some(rule) = by_name(name as Kernel) {
        return rule;
    }
    let [uid, ..] = gate::current().ids();
    // SAFETY: the value is copied at once.
    unsafe { BOUND_USERS.get(uid) }.copied().unwrap_or(0)
}

#[inline(always)]
fn by_file(file: Kernel) -> Option<u32> {
    let id = File::new(file).id();
    let key = BoundFile {
        ino: id.ino,
        dev: id.dev,
        reserved: 0,
    };
    // SAFETY: the value is copied at once.
    unsafe { BOUND_FILES.get(key) }.copied()
}

#[inline(always)]
fn by_name(asked: Kernel) -> Option<u32> {
    let scratch = Slot::Exec.scratch()?;
    let empty = EMPTY_SCRATCH.get(0)?;
    // The message that may follow begins anew. SAFETY: both are map values, longer than the name.
    let name = unsafe {
        let name = (&raw mut (*scratch).bytes).cast::<[u8; BOUND_NAME]>();
        let empty = (&raw const empty.bytes).cast();
        // What is behind the end of a name is part of the key.
        bpf_probe_read_kernel(name.cast(), BOUND_NAME as u32, empty);
        let length = bpf_probe_read_kernel_str(name.cast(), BOUND_NAME as u32, asked.cast());
        // One that fills it may go on.
        if length <= 1 || length >= BOUND_NAME as i64 {
            return None;
        }
        &*name
    };
    // SAFETY: the value is copied at once.
    unsafe { BOUND_NAMES.get(name) }.copied()
}
