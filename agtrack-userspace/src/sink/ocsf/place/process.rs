//! Processes.

use serde_json::json;

use super::{Deed, file::fingerprint};
use crate::record::{Object, Process};
use crate::sink::ocsf::actor;
use crate::sink::ocsf::fields::{Fields, text};

pub(super) fn launched(deed: Deed<'_>) -> Option<Fields> {
    let own = actor::process(deed.process());
    let launch = launch(3, "Exec");
    match &deed.action.object {
        Object::Exec {
            exe,
            inode,
            device,
            args,
            group,
            egroup,
            cwd,
            brought,
            hash,
            ..
        } => {
            let file = actor::file(exe)
                .with("uid", inode.to_string())
                .with("volume", device.clone())
                .maybe("is_deleted", brought.deleted.then_some(true))
                .list("hashes", hash.sha256.iter().map(fingerprint).collect());
            let process = own
                .all(actor::program(Some(exe)))
                .with("file", file)
                .maybe("cmd_line", actor::command(args))
                .with("working_directory", text(cwd))
                .with("group", json!({"uid": group.to_string()}))
                .with("egid", *egroup);
            let actor = actor::actor(deed.agent, Some(parent(&process, deed.process())));
            Some(launch.with("process", process).with("actor", actor))
        }
        // What was to be started, in the process that would have become it.
        Object::Program { exe } => {
            let process = own.all(actor::program(Some(exe)));
            Some(launch.with("process", process))
        }
        _ => None,
    }
}

/// Who started it, as far as its child knows; itself where nothing is known.
fn parent(process: &Fields, own: &Process) -> Fields {
    let parent = process.get("parent_process").and_then(|it| it.as_object());
    let parent = parent.cloned().map(Fields::from);
    match parent {
        Some(parent) => parent.maybe("user", actor::user(own.user)),
        None => actor::process(own),
    }
}

pub(super) fn forked(deed: Deed<'_>) -> Option<Fields> {
    let Object::Fork {
        child_uid,
        child_pid,
        ..
    } = &deed.action.object
    else {
        return None;
    };
    let process = deed.process();
    let parent = Fields::default()
        .with("uid", process.uid.clone())
        .with("pid", process.pid);
    // It is a copy until it starts a program.
    let child = Fields::default()
        .with("uid", child_uid.clone())
        .with("pid", *child_pid)
        .with("parent_process", parent)
        .all(actor::program(process.exe.as_ref()))
        .maybe("cmd_line", actor::command(&process.args))
        .maybe("user", actor::user(process.user));
    Some(launch(2, "Fork").with("process", child))
}

fn launch(id: u32, word: &str) -> Fields {
    Fields::default()
        .with("launch_type_id", id)
        .with("launch_type", word)
}

pub(super) fn itself(deed: Deed<'_>) -> Option<Fields> {
    let own = actor::process(deed.process());
    match &deed.action.object {
        Object::Exit { code, .. } => {
            let ended = own.with("terminated_time", deed.time);
            let fields = Fields::default().with("process", ended);
            Some(fields.maybe("exit_code", *code))
        }
        Object::Ids {
            user,
            euser,
            group,
            egroup,
            ..
        } => {
            let process = own
                .maybe("user", actor::user(Some(*user)))
                .with("euid", *euser)
                .with("group", json!({"uid": group.to_string()}))
                .with("egid", *egroup);
            Some(Fields::default().with("process", process))
        }
        _ => None,
    }
}

pub(super) fn target(deed: Deed<'_>) -> Option<Fields> {
    let Object::Request {
        target_pid,
        target_uid,
        ..
    } = &deed.action.object
    else {
        return None;
    };
    let process = match (target_pid, target_uid) {
        (None, None) => actor::process(deed.process()),
        (pid, uid) => Fields::default()
            .maybe("pid", *pid)
            .maybe("uid", uid.clone()),
    };
    Some(Fields::default().with("process", process))
}
