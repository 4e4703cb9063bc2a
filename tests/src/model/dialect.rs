//! The same script in three languages.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Step;

/// What the model says next: the content type, and the body.
pub(super) fn answer(target: &str, body: &Value, steps: &[Step]) -> (&'static str, String) {
    let path = target.split('?').next().unwrap_or(target);
    let plain = "application/json";
    let events = "text/event-stream";
    if path.ends_with("/count_tokens") {
        return (plain, json!({ "input_tokens": 1 }).to_string());
    }
    if path.ends_with("/messages") {
        let offers_tools = body["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty());
        let done = results(&body["messages"], "tool_result");
        let step = steps.get(done).filter(|_| offers_tools);
        return (events, messages(step, done));
    }
    if path.ends_with("/responses") {
        let done = results(&body["input"], "function_call_output");
        return (events, responses(steps.get(done), done));
    }
    if path.ends_with("/chat/completions") {
        let text = in_one(steps);
        if body["stream"] == true {
            return (events, completion(&text));
        }
        let choice = json!({ "index": 0, "finish_reason": "stop",
                             "message": { "role": "assistant", "content": text } });
        let usage = json!({ "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 });
        let answer = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
                             "choices": [choice], "usage": usage });
        return (plain, answer.to_string());
    }
    (plain, "{}".to_owned())
}

/// How many tools have answered in a conversation.
fn results(value: &Value, kind: &str) -> usize {
    match value {
        Value::Array(items) => items.iter().map(|item| results(item, kind)).sum(),
        Value::Object(item) if item.get("type").is_some_and(|name| name == kind) => 1,
        Value::Object(item) => item.values().map(|value| results(value, kind)).sum(),
        _ => 0,
    }
}

fn named(events: &[Value]) -> String {
    let mut text = String::new();
    for event in events {
        let name = event["type"].as_str().unwrap_or_default();
        let _ = write!(text, "event: {name}\ndata: {event}\n\n");
    }
    text
}

/// The Messages interface.
fn messages(step: Option<&Step>, number: usize) -> String {
    let tool = step.map(|step| match step {
        Step::Shell(command) => (
            "Bash",
            json!({ "command": command, "description": "a step" }),
        ),
        Step::Write { path, line } => (
            "Write",
            json!({ "file_path": path, "content": format!("{line}\n") }),
        ),
    });
    let id = format!("toolu_{number}");
    let (block, delta, reason) = match tool {
        Some((name, input)) => (
            json!({ "type": "tool_use", "id": id, "name": name, "input": {} }),
            json!({ "type": "input_json_delta", "partial_json": input.to_string() }),
            "tool_use",
        ),
        None => (
            json!({ "type": "text", "text": "" }),
            json!({ "type": "text_delta", "text": "done" }),
            "end_turn",
        ),
    };
    let usage = json!({ "input_tokens": 1, "output_tokens": 1 });
    named(&[
        json!({ "type": "message_start", "message": {
            "id": "msg", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": usage } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": block }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "usage": { "output_tokens": 1 },
                "delta": { "stop_reason": reason, "stop_sequence": null } }),
        json!({ "type": "message_stop" }),
    ])
}

/// The Responses interface. A file is made by a patch, which the program takes out of the command.
fn responses(step: Option<&Step>, number: usize) -> String {
    let command = step.map(|step| match step {
        Step::Shell(command) => command.clone(),
        Step::Write { path, line } => format!(
            "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: {path}\n+{line}\n*** End Patch\nEOF"
        ),
    });
    let item = match command {
        Some(command) => json!({
            "type": "function_call", "id": format!("f{number}"),
            "call_id": format!("c{number}"), "name": "exec_command",
            "arguments": json!({ "cmd": command }).to_string(),
        }),
        None => json!({ "type": "message", "role": "assistant", "id": "m",
                        "content": [{ "type": "output_text", "text": "done" }] }),
    };
    let usage = json!({ "input_tokens": 1, "input_tokens_details": null, "output_tokens": 1,
                        "output_tokens_details": null, "total_tokens": 2 });
    named(&[
        json!({ "type": "response.created", "response": { "id": "r" } }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
        json!({ "type": "response.completed", "response": { "id": "r", "usage": usage } }),
    ])
}

/// All steps as one text, with an edit block for a file and a fenced block for a command.
fn in_one(steps: &[Step]) -> String {
    let mut text = "I do it.\n".to_owned();
    for step in steps {
        let _ = match step {
            Step::Shell(command) => write!(text, "\n```bash\n{command}\n```\n"),
            Step::Write { path, line } => write!(
                text,
                "\n{path}\n```\n<<<<<<< SEARCH\n=======\n{line}\n>>>>>>> REPLACE\n```\n"
            ),
        };
    }
    text
}

/// The Chat Completions interface.
fn completion(text: &str) -> String {
    let chunk = |delta: Value, reason: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
        let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1,
                            "model": "m", "choices": [choice] });
        format!("data: {chunk}\n\n")
    };
    let said = chunk(json!({ "role": "assistant", "content": text }), Value::Null);
    let end = chunk(json!({}), "stop".into());
    format!("{said}{end}data: [DONE]\n\n")
}
