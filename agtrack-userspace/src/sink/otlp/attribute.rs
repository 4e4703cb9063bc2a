//! Fields of a record under the names that OpenTelemetry has for them: a table.

use serde_json::Value;

use super::message::{Any, AnyValue, KeyValue, List, Map};
use crate::sink::batch::Host;

/// Fields of a record, joined with dots, and their names in the semantic conventions: `gen_ai` of the
/// GenAI conventions, the others of the general ones (1.44). What has no name there stands in the body.
const NAMES: &[(&str, &str)] = &[
    ("id", "log.record.uid"),
    ("agent.id", "gen_ai.agent.id"),
    ("agent.name", "gen_ai.agent.name"),
    ("agent.session", "gen_ai.conversation.id"),
    ("tool_call.id", "gen_ai.tool.call.id"),
    ("tool_call.command", "gen_ai.tool.call.arguments"),
    ("process.pid", "process.pid"),
    ("process.ppid", "process.parent_pid"),
    ("process.start", "process.creation.time"),
    ("process.exe", "process.executable.path"),
    ("process.args", "process.command_args"),
    ("process.cwd", "process.working_directory"),
    ("process.user", "process.real_user.id"),
    ("process.euser", "process.user.id"),
    ("process.cgroup", "process.linux.cgroup"),
    ("process.container.id", "container.id"),
    ("process.container.name", "container.name"),
    ("process.container.image", "container.image.name"),
    ("object.path", "file.path"),
    ("object.domain", "server.address"),
    ("object.ip", "network.peer.address"),
    ("object.port", "network.peer.port"),
    ("object.proto", "network.transport"),
    ("outcome.errno", "error.type"),
];

/// The attributes of a record.
pub(super) fn of_record(record: &Value) -> Vec<KeyValue> {
    let known = NAMES.iter().filter_map(|(field, name)| {
        let value = field
            .split('.')
            .try_fold(record, |value, part| value.get(part))?;
        (!value.is_null()).then(|| pair(name, any(value)))
    });
    let tool = tool(record).map(|tool| text("gen_ai.tool.name", tool));
    known.chain(tool).collect()
}

/// The name of the program that a tool call is.
pub(super) fn tool(record: &Value) -> Option<&str> {
    let program = record.pointer("/tool_call/command/0")?.as_str()?;
    program.rsplit('/').next()
}

/// The attributes of a machine that records.
pub(super) fn of_host(host: Option<&Host>) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("service.name", "agtrack"),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ];
    if let Some(host) = host {
        attributes.push(text("host.name", &host.name));
        attributes.push(text("host.id", &host.id));
    }
    attributes
}

/// An attribute that is a text.
pub(super) fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Some(Any::Text(value.to_owned())))
}

fn pair(key: &str, value: Option<Any>) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value }),
    }
}

/// A value of JSON; none of `null`.
pub(super) fn any(value: &Value) -> Option<Any> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => Any::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Any::Int(value),
            None => Any::Double(number.as_f64()?),
        },
        Value::String(text) => Any::Text(text.clone()),
        Value::Array(values) => Any::List(List {
            values: values
                .iter()
                .map(any)
                .map(|value| AnyValue { value })
                .collect(),
        }),
        Value::Object(members) => Any::Map(Map {
            values: members
                .iter()
                .map(|(key, value)| pair(key, any(value)))
                .collect(),
        }),
    })
}
