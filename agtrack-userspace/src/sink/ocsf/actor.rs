//! Who did it, and where: processes, users, the agent, the machine.

use serde_json::{Value, json};

use super::fields::{Fields, milliseconds, name, text};
use crate::record::{Agent, Host, Process, Text, ToolCall};

/// Characters of a command line; the record has all arguments it kept.
const COMMAND: usize = 4096;

/// The object `process`.
pub(super) fn process(process: &Process) -> Fields {
    let parent = Fields::default()
        .maybe("pid", process.ppid)
        .maybe("uid", process.parent_uid.clone());
    let nearest = process.ancestry.first();
    let parent = parent.maybe("name", nearest.map(|ancestor| text(&ancestor.name)));
    let has_parent = process.ppid.is_some() || process.parent_uid.is_some();
    let ancestry = process.ancestry.iter();
    let ancestry = ancestry.map(|one| json!({"uid": one.uid, "name": text(&one.name)}));
    let container = process.container.as_ref().map(|container| {
        Fields::default()
            .with("uid", container.id.clone())
            .maybe("runtime", container.runtime.clone())
    });
    Fields::default()
        .with("uid", process.uid.clone())
        .with("pid", process.pid)
        .maybe(
            "created_time",
            process.start.as_deref().and_then(milliseconds),
        )
        .all(program(process.exe.as_ref()))
        .maybe("cmd_line", command(&process.args))
        .maybe("working_directory", process.cwd.as_ref().map(text))
        .maybe("user", user(process.user))
        .maybe("euid", process.euser)
        .maybe("auid", process.login_user)
        .maybe("container", container)
        .maybe("parent_process", has_parent.then_some(parent))
        .list("ancestry", ancestry.collect())
}

/// Of the executable, what a process has.
pub(super) fn program(exe: Option<&Text>) -> Fields {
    let Some(exe) = exe.filter(|exe| !exe.0.is_empty()) else {
        return Fields::default();
    };
    Fields::default()
        .with("name", name(exe))
        .with("path", text(exe))
        .with("file", file(exe))
}

/// The executable as a `file`.
pub(super) fn file(exe: &Text) -> Fields {
    Fields::default()
        .with("name", name(exe))
        .with("path", text(exe))
        .with("type_id", 1)
}

/// Arguments as a shell would take them.
pub(super) fn command(args: &[Text]) -> Option<String> {
    let words: Vec<_> = args.iter().map(word).collect();
    let line: String = words.join(" ").chars().take(COMMAND).collect();
    (!args.is_empty()).then_some(line)
}

fn word(argument: &Text) -> String {
    let argument = argument.escaped();
    let plain = |character: char| character.is_alphanumeric() || "-_./=:,@%+~".contains(character);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.into_owned(),
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    }
}

/// The object `user`.
pub(super) fn user(id: Option<u32>) -> Option<Value> {
    let id = id?;
    Some(json!({"uid": id.to_string()}))
}

/// The object `actor`: the agent as an application, its session, and the process.
pub(super) fn actor(agent: Option<&Agent>, process: Option<Fields>) -> Fields {
    let user = process.as_ref().and_then(|process| process.get("user"));
    let user = user.cloned();
    let session = agent
        .map(|agent| json!({"uid": agent.session.to_string(), "uuid": agent.session.to_string()}));
    Fields::default()
        .maybe("app_name", agent.map(|agent| agent.name.clone()))
        .maybe("app_uid", agent.map(|agent| agent.id.clone()))
        .maybe("session", session)
        .maybe("user", user)
        .maybe("process", process)
}

/// The agent as an application, in `message_context` and `app`.
pub(super) fn application(agent: &Agent) -> Fields {
    Fields::default()
        .with("name", agent.name.clone())
        .with("uid", agent.id.clone())
        .maybe("version", agent.version.clone())
}

/// The object `message_context` of the profile `ai_operation`: a tool call, or the agent itself.
pub(super) fn message_context(agent: &Agent, call: Option<&ToolCall>) -> Fields {
    let (role, word) = match call {
        Some(_) => (3, "Tool"),
        None => (4, "Agent"),
    };
    let uid = call.map_or_else(|| agent.session.to_string(), |call| call.id.clone());
    let owner = agent.owner.as_ref().map(|owner| json!({"name": owner}));
    Fields::default()
        .with("ai_role_id", role)
        .with("ai_role", word)
        .with("uid", uid)
        .with("application", application(agent).maybe("owner", owner))
}

/// The object `device`. Which kind of machine it is is not known.
pub(super) fn device(host: &Host) -> Fields {
    Fields::default()
        .with("type_id", 0)
        .with("uid", host.id.clone())
        .with("hostname", host.name.clone())
        .with("boot_uid", host.boot_id.clone())
        .with("os", json!({"name": "Linux", "type_id": 200}))
}

/// The machine as an end of a connection.
pub(super) fn endpoint(host: &Host) -> Fields {
    Fields::default()
        .with("uid", host.id.clone())
        .with("hostname", host.name.clone())
}
