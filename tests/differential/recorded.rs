//! What agtrack saw: the journal of a run as deeds.

use std::path::Path;

use agtrack_tests::follow;
use agtrack_tests::records::{bytes, number, words};
use serde_json::Value;

use crate::{Deed, Deeds};

/// All deeds but those of strace itself, the program that was launched.
pub(crate) fn deeds(journal: &Path) -> Deeds {
    let records = follow::all(journal);
    let launched = records
        .iter()
        .find(|record| record["action"] == "process.exec");
    let strace = number(&launched.expect("strace was started")["process"]["pid"]);
    let mut deeds = Deeds::new();
    for record in records
        .iter()
        .filter(|record| record["process"]["pid"] != strace)
    {
        if let Some(deed) = deed(record) {
            *deeds.entry(deed).or_insert(0) += number(&record["completeness"]["count"]);
        }
    }
    deeds
}

/// Actions that are told by one path.
const BY_PATH: &[&str] = &[
    "file.open",
    "file.unlink",
    "file.mkdir",
    "file.rmdir",
    "file.mknod",
    "file.chmod",
    "file.chown",
    "file.truncate",
];

fn deed(record: &Value) -> Option<Deed> {
    let object = &record["object"];
    let begun = record["outcome"]["result"] == "success"
        || (record["action"] == "net.connect" && record["outcome"]["result"] == "in_progress");
    if !begun {
        return None;
    }
    let text = |name: &str| String::from_utf8_lossy(&bytes(&object[name])).into_owned();
    let (action, what) = match record["action"].as_str()? {
        "process.exec" => {
            let mut what = vec![text("exe")];
            let words = words(&object["args"]).into_iter();
            what.extend(words.map(|word| String::from_utf8_lossy(&word).into_owned()));
            ("process.exec", what)
        }
        "file.link" => ("file.link", vec![text("path"), text("target")]),
        "file.symlink" => ("file.symlink", vec![text("path"), text("target")]),
        "file.rename" => ("file.rename", vec![text("from"), text("to")]),
        "net.connect" => ("net.connect", vec![peer(object)]),
        action => match BY_PATH.iter().find(|known| **known == action) {
            Some(known) => (*known, vec![text("path")]),
            None => return None,
        },
    };
    let pid = u32::try_from(number(&record["process"]["pid"])).ok()?;
    Some(Deed { pid, action, what })
}

fn peer(object: &Value) -> String {
    match object.get("socket") {
        Some(socket) => String::from_utf8_lossy(&bytes(socket)).into_owned(),
        None => format!(
            "{} {}",
            object["ip"].as_str().unwrap_or("?"),
            object["port"]
        ),
    }
}
