//! Which actions want a hash, and of what.

use crate::correlate::Done;
use crate::input::{Clock, Deed, HashWanted};
use crate::record::{Object, OutcomeResult, Text};

/// The question that an action asks, if it asks any: one that succeeded and wrote, removed, renamed
/// or executed a file. Asked before names are redacted. `pids` are the process and its parent,
/// `clock` is one reading of both clocks.
pub fn wanted(done: &Done, clock: Clock) -> Option<HashWanted> {
    let action = &done.action;
    if action.outcome.result != OutcomeResult::Success {
        return None;
    }
    let pids = [action.process.pid, action.process.ppid.unwrap_or(0)];
    let at = clock
        .wall
        .saturating_sub(clock.boot.saturating_sub(done.time));
    let question = |path: &Text, deed, device: &Option<String>, inode: &Option<u64>| HashWanted {
        ticket: 0,
        deed,
        path: path.clone(),
        pids,
        device: device.clone(),
        inode: *inode,
        size: None,
        at,
    };
    match &action.object {
        Object::File {
            path,
            inode,
            device,
            change,
        } if change.content.is_some() => {
            let created = change
                .content
                .as_ref()
                .is_some_and(|content| content.created);
            let asked = question(path, Deed::Written { created }, device, inode);
            let size = change.size;
            Some(HashWanted { size, ..asked })
        }
        Object::File {
            path,
            inode,
            device,
            ..
        } if action.action == "file.unlink" => Some(question(path, Deed::Removed, device, inode)),
        Object::Rename {
            from,
            to,
            rename_flags,
            inode,
            device,
        } => {
            let exchanged = rename_flags.iter().any(|flag| flag == "EXCHANGE");
            let to = to.clone();
            let deed = Deed::Renamed { to, exchanged };
            Some(question(from, deed, device, inode))
        }
        Object::Exec {
            exe, inode, device, ..
        } => {
            let script = script(&action.object);
            let deed = Deed::Executed { script };
            Some(question(exe, deed, &Some(device.clone()), &Some(*inode)))
        }
        _ => None,
    }
}

/// The script's path, from the working directory where it was named so.
fn script(object: &Object) -> Option<Text> {
    let Object::Exec {
        script,
        brought,
        cwd,
        ..
    } = object
    else {
        return None;
    };
    let named = brought.script_file.as_ref().or(script.as_ref())?;
    if named.0.starts_with(b"/") {
        return Some(named.clone());
    }
    Some(Text([&*cwd.0, b"/", &*named.0].concat()))
}
