//! One line of the journal: is it one record, and which? Never changes or copies it.

use serde::Deserialize;

/// The longest line in bytes, without its newline. Bounds what a reader must hold.
pub(super) const LONGEST: usize = 4 << 20;
/// Where `"seq"` stands in every record agtrack writes.
const FRONT: usize = 64;
const KEY: &[u8] = b"\"seq\":";

/// The part of a record that the journal itself understands; the rest must only be valid JSON.
#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// Checks the whole line and returns its sequence number, or says what is wrong.
pub(super) fn number(line: &[u8]) -> Result<u64, String> {
    match serde_json::from_slice::<Numbered>(line) {
        Ok(record) if line.first() == Some(&b'{') && line.last() == Some(&b'}') => Ok(record.seq),
        Ok(_) => Err("not a JSON object from its first to its last byte".to_owned()),
        Err(error) => Err(format!("not a record ({error})")),
    }
}

/// Checks what the pipeline hands over, cheaply: its own serialiser is trusted to write JSON, the
/// frame and the number are not left to trust since a slip would make the journal unreadable.
pub(super) fn accept(line: &[u8], seq: u64) -> Result<(), String> {
    if line.len() > LONGEST {
        return Err(format!(
            "{} bytes are more than the longest line, {LONGEST}",
            line.len()
        ));
    }
    if memchr::memchr(b'\n', line).is_some() {
        return Err("it contains a newline".to_owned());
    }
    if line.first() != Some(&b'{') || line.last() != Some(&b'}') {
        return Err("it is not a JSON object".to_owned());
    }
    let found = match number_in_front(line) {
        Some(found) => found,
        None => number(line)?,
    };
    if found != seq {
        return Err(format!("it says it is number {found}"));
    }
    Ok(())
}

/// The number where agtrack's own records have it, without parsing the rest.
fn number_in_front(line: &[u8]) -> Option<u64> {
    let front = line.get(..FRONT)?;
    let key = front.windows(KEY.len()).position(|window| window == KEY)?;
    let digits = front.get(key + KEY.len()..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_found_wherever_it_stands() {
        let late = format!(r#"{{"pad":"{}","seq":12}}"#, "x".repeat(100));
        assert_eq!(number(late.as_bytes()), Ok(12));
        assert_eq!(number(br#"{"v":1,"seq":7}"#), Ok(7));
        assert_eq!(accept(late.as_bytes(), 12), Ok(()));
        assert_eq!(accept(br#"{"v":1,"seq":7}"#, 7), Ok(()));
    }

    #[test]
    fn what_is_not_one_record_is_refused() {
        let long = format!(r#"{{"seq":1,"x":"{}"}}"#, "y".repeat(LONGEST));
        let cases: [&[u8]; 7] = [
            b"",
            b"[1]",
            b"{\"seq\":1,\n\"x\":2}",
            b" {\"seq\":1}",
            b"{\"v\":1}",
            b"{\"seq\":2}",
            long.as_bytes(),
        ];
        for line in cases {
            assert!(
                accept(line, 1).is_err(),
                "{}",
                String::from_utf8_lossy(line)
            );
        }
    }

    #[test]
    fn damaged_lines_have_no_number() {
        let whole = br#"{"seq":1,"x":["a"]}"#;
        for end in 0..whole.len() {
            assert!(number(&whole[..end]).is_err(), "cut at {end}");
        }
        assert!(number(b"{\"seq\":-1}").is_err());
        assert!(number(b"{\"seq\":1,\"x\":\"\0\"}").is_err());
        assert!(number(&[0; 32]).is_err());
    }
}
