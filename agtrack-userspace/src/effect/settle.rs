//! What is known of a file is put into its draft.

use crate::input::Hashed;
use crate::record::{Action, Body, Draft, Effect, Object, ProgramHash, Unhashed};

/// The answer came.
pub(super) fn put(draft: &mut Draft, hashed: Hashed) {
    let Body::Action(action) = &mut draft.body else {
        return;
    };
    match &mut action.object {
        Object::Exec { hash, .. } => {
            let (program, script) = (hashed.file.unwrap_or_default(), hashed.script);
            let script = script.unwrap_or_default();
            *hash = ProgramHash {
                sha256: program.sha256,
                changed_since: program.changed_since,
                unhashed: program.unhashed,
                script_sha256: script.sha256,
                script_changed_since: script.changed_since,
                script_unhashed: script.unhashed,
            };
        }
        _ => action.effect = hashed.file,
    }
}

/// It did not.
pub(super) fn without(draft: &mut Draft, reason: Unhashed) {
    let Body::Action(action) = &draft.body else {
        return;
    };
    let hashed = Hashed {
        ticket: 0,
        file: Some(Effect::without(size(action), reason)),
        script: has_script(action).then(|| Effect::without(None, reason)),
    };
    put(draft, hashed);
}

fn size(action: &Action) -> Option<u64> {
    match &action.object {
        Object::File { change, .. } => change.size,
        _ => None,
    }
}

fn has_script(action: &Action) -> bool {
    matches!(
        &action.object,
        Object::Exec { script, brought, .. } if script.is_some() || brought.script_file.is_some()
    )
}
