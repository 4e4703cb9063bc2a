//! Which actions want a hash, and of what.

use crate::correlate::Done;
use crate::input::{Clock, Deed, HashWanted};
use crate::record::{Action, Object, OutcomeResult, Text};

/// The question that an action asks, if it asks any: one that succeeded and wrote, removed, renamed
/// or executed a file. Asked before names are redacted. `pids` are the process and its parent,
/// `clock` is one reading of both clocks.
pub fn wanted(done: &Done, clock: Clock) -> Option<HashWanted> {
    let action = &done.action;
    if action.outcome.result != OutcomeResult::Success {
        return None;
    }
    let (path, deed, [inode, size], device) = asked(action)?;
    Some(HashWanted {
        ticket: 0,
        deed,
        path: path.clone(),
        pids: [action.process.pid, action.process.ppid.unwrap_or(0)],
        device: device.cloned(),
        inode,
        size,
        at: clock
            .wall
            .saturating_sub(clock.boot.saturating_sub(done.time)),
    })
}

/// The file, what was done to it, its inode and size, and its device.
fn asked(action: &Action) -> Option<(&Text, Deed, [Option<u64>; 2], Option<&String>)> {
    match &action.object {
        Object::File {
            path,
            inode,
            device,
            change,
        } => {
            let content = change.content.as_ref();
            let written = content.map(|content| Deed::Written {
                created: content.created,
            });
            let removed = (action.action == "file.unlink").then_some(Deed::Removed);
            let deed = written.or(removed)?;
            Some((path, deed, [*inode, change.size], device.as_ref()))
        }
        Object::Rename {
            from,
            to,
            rename_flags,
            inode,
            device,
        } => {
            let deed = Deed::Renamed {
                to: to.clone(),
                exchanged: rename_flags.iter().any(|flag| flag == "EXCHANGE"),
            };
            Some((from, deed, [*inode, None], device.as_ref()))
        }
        Object::Exec {
            exe, inode, device, ..
        } => {
            let script = script(&action.object);
            let deed = Deed::Executed { script };
            Some((exe, deed, [Some(*inode), None], Some(device)))
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
