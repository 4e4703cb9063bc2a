//! Fields of records, by the schema.

use serde_json::Value;

/// How deep the schema is looked through: records nest less.
const DEEPEST: usize = 64;

/// Whether a part of `schema` has this field.
pub(super) fn is_in(schema: &Value, part: &Value, field: &[&str]) -> bool {
    seek(schema, part, field, DEEPEST)
}

fn seek(schema: &Value, part: &Value, field: &[&str], left: usize) -> bool {
    let [first, rest @ ..] = field else {
        return true;
    };
    let Some(left) = left.checked_sub(1) else {
        return false;
    };
    let meant = part["$ref"]
        .as_str()
        .and_then(|name| schema.pointer(name.strip_prefix('#')?));
    let choices = ["anyOf", "oneOf", "allOf"].map(|key| part[key].as_array());
    let choices = choices.into_iter().flatten().flatten();
    // Of a list its elements, of a map its values, whatever they are called.
    let inside = [&part["items"]]
        .into_iter()
        .filter(|inside| inside.is_object());
    choices
        .chain(meant)
        .chain(inside)
        .any(|part| seek(schema, part, field, left))
        || part["properties"]
            .get(*first)
            .is_some_and(|part| seek(schema, part, rest, left))
        || match &part["additionalProperties"] {
            values @ Value::Object(_) => seek(schema, values, rest, left),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use crate::record::has_field;

    #[test]
    fn fields_are_known_however_deep_they_are() {
        for field in [
            "agent",
            "process.ancestry",
            "process.ancestry.uid",
            "process.container.labels.team",
            "object.path",
            "effects.peers.items.bytes_out",
            "sinks.name",
            "host.boot_id",
        ] {
            assert!(has_field(field), "{field}");
        }
        for field in [
            "proces",
            "process.ancestry.nothing",
            "object.",
            "host.boot_id.x",
        ] {
            assert!(!has_field(field), "{field}");
        }
    }
}
