//! The published shape of records.

use std::process::Command;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::here;

/// What is wrong with a record's shape, if anything.
pub fn mistakes(record: &Value) -> Option<String> {
    let mut errors = validator().iter_errors(record).peekable();
    errors.peek()?;
    let words: Vec<_> = errors
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    Some(format!(
        "not as the schema has it: {}: {record}",
        words.join("; ")
    ))
}

/// From the `schema` command of the agtrack under test.
fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| {
        let agtrack = here::agtrack();
        let output = Command::new(&agtrack)
            .arg("schema")
            .output()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", agtrack.display()));
        assert!(
            output.status.success(),
            "`agtrack schema` failed: {output:?}"
        );
        let schema = serde_json::from_slice(&output.stdout).expect("the schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is a JSON Schema")
    })
}
