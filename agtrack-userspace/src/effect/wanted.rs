//! Which actions want a hash, and of what.

use crate::correlate::Done;
use crate::input::{Clock, Deed, HashWanted, RootProgram};
use crate::record::{Action, FileChange, Object, OutcomeResult, Text};

/// The question that an action asks, if it asks any: one that succeeded and wrote, removed, renamed
/// or executed a file. Asked before names are redacted. `pids` are the process and its parent,
/// `clock` is one reading of both clocks.
pub fn wanted(done: &Done, clock: Clock) -> Option<HashWanted> {
    let action = &done.action;
    if action.outcome.result != OutcomeResult::Success {
        return None;
    }
    let asked = asked(action)?;
    Some(HashWanted {
        ticket: 0,
        deed: asked.deed,
        path: asked.path.clone(),
        pids: [action.process.pid, action.process.ppid.unwrap_or(0)],
        device: asked.device.cloned(),
        inode: asked.inode,
        size: asked.size,
        at: clock
            .wall
            .saturating_sub(clock.boot.saturating_sub(done.time)),
    })
}

/// The question that the begin of a session asks about the program of its first process.
pub fn of_program(program: &RootProgram, pid: u32, clock: Clock) -> HashWanted {
    let since_boot = clock.wall.saturating_sub(clock.boot);
    HashWanted {
        ticket: 0,
        deed: Deed::Executed {
            script: program.script.clone(),
        },
        path: program.exe.clone(),
        pids: [pid, 0],
        device: program.device.clone(),
        inode: program.inode,
        size: None,
        at: since_boot.saturating_add(program.seen),
    }
}

/// What of an action the question is about.
struct Asked<'a> {
    path: &'a Text,
    deed: Deed,
    inode: Option<u64>,
    device: Option<&'a String>,
    size: Option<u64>,
}

fn asked(action: &Action) -> Option<Asked<'_>> {
    match &action.object {
        Object::File {
            path,
            inode,
            device,
            change,
        } => {
            let (path, deed) = changed(action, path, change)?;
            Some(Asked {
                path,
                deed,
                inode: *inode,
                device: device.as_ref(),
                size: change.size,
            })
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
            Some(Asked {
                path: from,
                deed,
                inode: *inode,
                device: device.as_ref(),
                size: None,
            })
        }
        Object::Exec {
            exe, inode, device, ..
        } => {
            let script = script(&action.object);
            let deed = Deed::Executed { script };
            Some(Asked {
                path: exe,
                deed,
                inode: Some(*inode),
                device: Some(device),
                size: None,
            })
        }
        _ => None,
    }
}

/// What was done to a file without opening it anew, by the name that it had.
fn changed<'a>(
    action: &Action,
    path: &'a Text,
    change: &'a FileChange,
) -> Option<(&'a Text, Deed)> {
    if let Some(content) = &change.content {
        let created = content.created;
        return Some((path, Deed::Written { created }));
    }
    match (&*action.action, &change.target) {
        ("file.unlink", _) => Some((path, Deed::Removed)),
        // It is known by its new name from now on.
        ("file.link", Some(target)) => {
            let (to, exchanged) = (path.clone(), false);
            Some((target, Deed::Renamed { to, exchanged }))
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
