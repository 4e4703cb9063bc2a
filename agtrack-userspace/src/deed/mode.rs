//! Modes that let a program act as somebody else.

use crate::record::{Action, Object, OutcomeResult, Text};

/// `S_ISUID` of stat(2).
const SET_USER_ID: u32 = 0o4000;

/// The file that an action lets run as its owner, whoever starts it, and the mode that it got.
pub fn sets_user_id(action: &Action) -> Option<(&Text, &str)> {
    let Object::File { path, change, .. } = &action.object else {
        return None;
    };
    let mode = change.mode.as_deref()?;
    let bits = u32::from_str_radix(mode, 8).ok()?;
    let is_set = action.action == "file.chmod" && bits & SET_USER_ID != 0;
    let is_done = action.outcome.result != OutcomeResult::Failure;
    (is_set && is_done).then_some((path, mode))
}
