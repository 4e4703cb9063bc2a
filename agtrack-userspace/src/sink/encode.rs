//! What a record looks like at the receiver.

use serde_json::Value;

use super::choice::Choice;
use super::ocsf;
use super::settings::Encoding;
use crate::record::Record;

/// A line of the journal as the receiver gets it: without what is not wanted, and no newline in it.
///
/// # Errors
/// It is no record: says why.
pub(super) fn encode(line: &[u8], encoding: Encoding, choice: &Choice) -> Result<Vec<u8>, String> {
    match encoding {
        Encoding::Native if choice.is_whole() => Ok(line.to_vec()),
        Encoding::Native => {
            let mut record: Value = serde_json::from_slice(line).map_err(unreadable)?;
            choice.trim(&mut record);
            Ok(record.to_string().into_bytes())
        }
        Encoding::Ocsf => {
            let record: Record = serde_json::from_slice(line).map_err(unreadable)?;
            let mut event = ocsf::event(&record);
            choice.trim(&mut event);
            Ok(event.to_string().into_bytes())
        }
    }
}

/// What to say of a line that is no record.
pub(super) fn unreadable(error: serde_json::Error) -> String {
    format!("it is no record ({error})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Settings;

    fn choice(drop: &[&str]) -> Choice {
        let settings: Settings = serde_json::from_value(serde_json::json!({
            "name": "x", "type": "stdout", "drop": drop,
        }))
        .unwrap();
        Choice::new(&settings).unwrap()
    }

    const GAP: &str = r#"{"v":1,"seq":7,"id":"l:7","time":"2026-11-29T10:00:00.000000001Z",
        "boot_time":5,"host":{"id":"h","name":"n","boot_id":"b"},"agent":null,"kind":"gap",
        "reason":"ring_full","hook":null,"action":null,"count":3,"from":1,"until":2,"detail":"d"}"#;

    #[test]
    fn a_record_can_be_an_event_of_ocsf_without_what_is_not_wanted() {
        let told = |drop: &[&str]| -> Value {
            let bytes = encode(GAP.as_bytes(), Encoding::Ocsf, &choice(drop)).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        let whole = told(&[]);
        assert_eq!(whole["metadata"]["uid"], "l:7");
        assert!(whole["class_uid"].is_number() && !whole["unmapped"].is_null());
        let less = told(&["unmapped"]);
        assert!(less["unmapped"].is_null() && less["class_uid"] == whole["class_uid"]);
        assert!(encode(b"{}", Encoding::Ocsf, &choice(&[])).is_err());
    }
}
