//! What is known of a file is put into its draft.

use crate::input::Hashed;
use crate::record::{Action, Body, Draft, Effect, Object, ProgramHash, SessionChange, Unhashed};

/// The answer came.
pub(super) fn put(draft: &mut Draft, hashed: Hashed) {
    match &mut draft.body {
        Body::Action(action) => match &mut action.object {
            Object::Exec { hash, .. } => *hash = of_program(hashed),
            _ => action.effect = hashed.file,
        },
        Body::Session(change) => {
            let bound = change.bound.as_mut();
            if let Some(exe) = bound.and_then(|bound| bound.exe.as_mut()) {
                exe.hash = of_program(hashed);
            }
        }
        Body::ToolCall(_)
        | Body::Handoff(_)
        | Body::Tamper(_)
        | Body::Gap(_)
        | Body::Lifecycle(_)
        | Body::Heartbeat(_) => {}
    }
}

fn of_program(hashed: Hashed) -> ProgramHash {
    let (program, script) = (hashed.file.unwrap_or_default(), hashed.script);
    let script = script.unwrap_or_default();
    ProgramHash {
        sha256: program.sha256,
        changed_since: program.changed_since,
        unhashed: program.unhashed,
        script_sha256: script.sha256,
        script_changed_since: script.changed_since,
        script_unhashed: script.unhashed,
    }
}

/// It did not.
pub(super) fn without(draft: &mut Draft, reason: Unhashed) {
    let (size, has_script) = match &draft.body {
        Body::Action(action) => (size(action), has_script(action)),
        Body::Session(change) => (None, begins_with_script(change)),
        Body::ToolCall(_)
        | Body::Handoff(_)
        | Body::Tamper(_)
        | Body::Gap(_)
        | Body::Lifecycle(_)
        | Body::Heartbeat(_) => return,
    };
    let hashed = Hashed {
        ticket: 0,
        file: Some(Effect::without(size, reason)),
        script: has_script.then(|| Effect::without(None, reason)),
    };
    put(draft, hashed);
}

fn size(action: &Action) -> Option<u64> {
    match &action.object {
        Object::File { change, .. } => change.size,
        _ => None,
    }
}

fn begins_with_script(change: &SessionChange) -> bool {
    let bound = change.bound.as_ref();
    let exe = bound.and_then(|bound| bound.exe.as_ref());
    exe.is_some_and(|exe| exe.script.is_some())
}

fn has_script(action: &Action) -> bool {
    matches!(
        &action.object,
        Object::Exec { script, brought, .. } if script.is_some() || brought.script_file.is_some()
    )
}
