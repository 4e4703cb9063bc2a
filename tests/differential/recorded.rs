//! What agtrack saw: the journal of a run as deeds.

use std::path::Path;

use agtrack_common::event::TABLE;
use agtrack_tests::follow;
use agtrack_tests::records::{bytes, number, words};
use serde_json::Value;

use crate::deed::{Deed, Deeds, NOT_COMPARED};

/// All that agtrack says it saw.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// What the program did.
    pub(crate) deeds: Deeds,
    /// What is missing, as the journal says itself.
    pub(crate) gaps: Vec<String>,
}

/// All deeds but those of strace, the program that was launched: `first` is what it started to
/// work, and what it tries out before with other children is its own business.
pub(crate) fn read(journal: &Path, first: u32) -> Recorded {
    let records = follow::all(journal);
    let launched = records
        .iter()
        .find(|record| record["action"] == "process.exec");
    let strace = number(&launched.expect("strace was started")["process"]["pid"]);
    let of_strace = |record: &&Value| record["process"]["pid"] == strace;
    let forks = records.iter().filter(of_strace);
    let mut apart: Vec<u64> = forks
        .filter_map(|record| record["object"]["child_pid"].as_u64())
        .chain([strace])
        .collect();
    let mut deeds = Deeds::new();
    for record in records.iter().filter(|record| record["kind"] == "action") {
        let pid = number(&record["process"]["pid"]);
        if pid == u64::from(first) && record["action"] == "process.exec" {
            // From here on it is no longer strace.
            apart.retain(|apart| *apart != pid);
        }
        if apart.contains(&pid) {
            continue;
        }
        if let Some(deed) = deed(record) {
            *deeds.entry(deed).or_insert(0) += number(&record["completeness"]["count"]);
        }
    }
    let gaps = records.iter().filter(|record| record["kind"] == "gap");
    Recorded {
        deeds,
        gaps: gaps.map(Value::to_string).collect(),
    }
}

fn deed(record: &Value) -> Option<Deed> {
    let action = record["action"].as_str()?;
    let row = TABLE.iter().find(|row| row.action == action)?;
    if NOT_COMPARED.iter().any(|(name, _)| *name == action) {
        return None;
    }
    let outcome = &record["outcome"];
    let result = match outcome["result"].as_str()? {
        "failure" => outcome["errno"].as_str()?,
        result => result,
    };
    Some(Deed {
        pid: u32::try_from(number(&record["process"]["pid"])).ok()?,
        action: row.action,
        what: what(row.action, &record["object"], result == "success"),
        result: result.to_owned(),
    })
}

fn what(action: &str, object: &Value, is_done: bool) -> Vec<String> {
    let plain = |name: &str| match &object[name] {
        Value::String(_) => text(&object[name]),
        other => other.to_string(),
    };
    match action {
        "process.exec" if is_done => {
            let arguments = words(&object["args"]);
            let arguments = arguments.iter().map(|word| lossy(word));
            std::iter::once(plain("exe")).chain(arguments).collect()
        }
        "process.exec" => vec![plain("exe")],
        "process.fork" => vec![plain("child_pid")],
        "process.exit" => vec![end(object)],
        "process.signal" => vec![plain("request"), plain("target_pid")],
        "process.unshare" | "process.setns" => vec![namespaces(&object["namespaces"])],
        "file.open" => vec![
            plain("path"),
            plain("access"),
            joined(&object["open_flags"]),
        ],
        "file.rename" => vec![plain("from"), plain("to"), joined(&object["rename_flags"])],
        "net.connect" => vec![address(object)],
        "net.socket" => vec![plain("family"), plain("socket_type")],
        "net.bind" | "net.listen" | "net.accept" => {
            let peer = Some(&object["peer"]).filter(|peer| !peer.is_null());
            let ends = std::iter::once(&object["local"]).chain(peer);
            ends.map(address).collect()
        }
        action if action.starts_with("file.") || action == "process.chroot" => change(object),
        // Told by the call alone.
        _ => Vec::new(),
    }
}

/// The path, and what it was to become. The file system of a mount is left out: strace does not show
/// it where the kernel does not look at it.
fn change(object: &Value) -> Vec<String> {
    const TEXTS: &[&str] = &["target", "attribute", "mode", "node"];
    const NUMBERS: &[&str] = &["owner", "group", "size"];
    let given = |name: &&&str| object.get(**name).is_some();
    let mut what = vec![text(&object["path"])];
    let texts = TEXTS.iter().filter(given);
    what.extend(texts.map(|name| format!("{name}={}", text(&object[name]))));
    let numbers = NUMBERS.iter().filter(given);
    what.extend(numbers.map(|name| format!("{name}={}", object[name])));
    if let Some(source) = object.get("source") {
        what.push(format!("source={}", text(source)));
    }
    if let Some(flags) = object.get("mount_flags") {
        what.push(format!("mount_flags={}", joined(flags)));
    }
    what
}

/// In the words of strace.
fn end(object: &Value) -> String {
    match (object["code"].as_u64(), object["signal"].as_str()) {
        (Some(code), None) => format!("exited with {code}"),
        (None, Some(signal)) if object["core"] == true => {
            format!("killed by {signal} (core dumped)")
        }
        (None, Some(signal)) => format!("killed by {signal}"),
        other => format!("{other:?}"),
    }
}

fn namespaces(list: &Value) -> String {
    let words = list.as_array().into_iter().flatten();
    let words = words
        .filter_map(|word| word.as_str())
        .map(|word| match word {
            "mnt" => "NS".to_owned(),
            other => other.to_uppercase(),
        });
    words.collect::<Vec<_>>().join("|")
}

fn joined(list: &Value) -> String {
    let words = list.as_array().into_iter().flatten();
    let words: Vec<_> = words.filter_map(|word| word.as_str()).collect();
    words.join("|")
}

fn address(object: &Value) -> String {
    match (object.get("socket"), object["family"].as_u64()) {
        (Some(socket), _) => text(socket),
        (None, Some(0)) => "AF_UNSPEC".to_owned(),
        (None, Some(16)) => "AF_NETLINK".to_owned(),
        (None, Some(family)) => format!("family {family}"),
        (None, None) => format!(
            "{} {}",
            object["ip"].as_str().unwrap_or("?"),
            object["port"]
        ),
    }
}

fn text(value: &Value) -> String {
    lossy(&bytes(value))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
