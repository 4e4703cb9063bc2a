use agtrack_common::event::{SetId, hook};
use aya_ebpf::macros::fentry;
use aya_ebpf::programs::FEntryContext;

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::message;
use crate::object::Cred;

/// `int commit_creds(struct cred *new)`: by any call, also by the exec of a program with set-id bits.
#[fentry(function = "commit_creds")]
pub fn set_id_cred(ctx: FEntryContext) -> i32 {
    let Some(actor) = gate::tagged_or_born() else {
        return 0;
    };
    let (old, new) = (who(actor.task.cred(), 0), who(Cred::new(ctx.arg(0)), 0));
    if is_same(&old, &new) {
        count::run(hook::SET_ID_CRED, Fate::Filtered);
    } else {
        message::event(hook::SET_ID_CRED, &actor, new);
    }
    0
}

/// Keyrings, groups beside the main one and security labels stand in the same struct.
#[inline(always)]
fn is_same(old: &SetId, new: &SetId) -> bool {
    old.capabilities == new.capabilities
        && old.uid == new.uid
        && old.euid == new.euid
        && old.suid == new.suid
        && old.gid == new.gid
        && old.egid == new.egid
        && old.sgid == new.sgid
}

/// Back end B: a call that sets ids returned `ret`.
#[inline(always)]
pub fn returned(actor: &Actor, ret: i32) {
    message::event(hook::SET_ID_SYSCALL, actor, who(actor.task.cred(), ret));
}

#[inline(always)]
fn who(cred: Cred, ret: i32) -> SetId {
    let [uid, euid, gid, egid] = cred.ids();
    let [suid, sgid] = cred.saved();
    SetId {
        capabilities: cred.capabilities(),
        uid,
        euid,
        suid,
        gid,
        egid,
        sgid,
        ret,
        reserved: 0,
    }
}
