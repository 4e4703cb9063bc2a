//! What the journal must say.

use agtrack_tests::records::words;
use serde_json::Value;

use crate::place::{Place, Wanted};

/// Everything that is promised of a session.
pub(crate) fn check(place: &Place) {
    let calls = place.records.kind("tool_call");
    let ends: Vec<_> = calls
        .0
        .iter()
        .filter(|call| call["change"] == "end")
        .collect();
    let listed: Vec<_> = ends.iter().map(|call| told(call)).collect();
    let listed = listed.join("\n");
    if std::env::var_os("AGTRACK_SHOW").is_some() {
        println!("{}:\n{listed}", place.program.name);
    }
    let starts = calls.0.iter().filter(|call| call["change"] == "start");
    assert_eq!(
        starts.count(),
        ends.len(),
        "each call begins and ends:\n{listed}"
    );
    let tools: Vec<_> = ends.iter().filter(|call| call["class"] == "tool").collect();
    for wanted in &place.wanted {
        let found: Vec<_> = tools.iter().filter(|call| is(call, wanted)).collect();
        let [call] = &found[..] else {
            panic!(
                "`{}` is {} calls of\n{listed}\n{}",
                wanted.command,
                found.len(),
                place.said()
            );
        };
        came_to(place, call, wanted);
    }
    let others = tools
        .iter()
        .filter(|call| !place.wanted.iter().any(|wanted| is(call, wanted)));
    let others: Vec<_> = others.map(|call| told(call)).collect();
    assert!(others.is_empty(), "nobody wanted\n{}", others.join("\n"));
    edited(place);
    begins(place);
    prompts(place);
    assert!(
        place.records.kind("gap").is_empty(),
        "{}",
        place.records.kind("gap")
    );
}

/// A call in a line.
fn told(call: &Value) -> String {
    format!(
        "{} {} {}",
        call["class"],
        call["exit"]["code"],
        command(call)
    )
}

/// The command as one text, without quotes: how a shell is told it differs.
fn command(call: &Value) -> String {
    let words = words(&call["tool_call"]["command"]);
    let text = words.join(&b' ');
    let text = String::from_utf8_lossy(&text).into_owned();
    text.replace(['\'', '"', '\\'], "")
}

fn is(call: &Value, wanted: &Wanted) -> bool {
    command(call).contains(&wanted.command.replace('\'', ""))
}

fn came_to(place: &Place, call: &Value, wanted: &Wanted) {
    assert_eq!(call["exit"]["code"], wanted.code, "{call}");
    let names = |list: &str| -> Vec<String> {
        let items = call["effects"][list]["items"].as_array();
        let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
        items.into_iter().flatten().map(name).collect()
    };
    let created = names("created");
    for file in &wanted.created {
        let path = place.work.join(file).to_str().unwrap().to_owned();
        assert!(created.contains(&path), "{path} in {created:?}: {call}");
    }
    if let Some(peer) = &wanted.peer {
        let effects = call["effects"].to_string();
        assert!(effects.contains(peer), "{peer} in {effects}");
    }
}

/// The file that the program made itself: no call did it.
fn edited(place: &Place) {
    let content = std::fs::read_to_string(&place.edited).unwrap_or_default();
    assert_eq!(content, "one\n", "{}", place.said());
    let actions = place.records.kind("action").keep(|record| {
        let object = &record["object"];
        // A name may lead over a directory that is open.
        let names = [&object["path"], &object["to"]];
        let has = |name: &&Value| {
            name.as_str()
                .is_some_and(|name| name.ends_with("/edited.txt"))
        };
        let wrote = object["access"] != "read" && record["action"] != "file.chown";
        names.iter().any(has) && wrote && record["outcome"]["result"] == "success"
    });
    assert!(!actions.is_empty(), "{} was made", place.edited);
    let own = actions.keep(|record| record["tool_call"].is_null());
    assert_eq!(own.len(), actions.len(), "no call made it: {actions}");
    let pids: std::collections::BTreeSet<_> = own
        .0
        .iter()
        .map(|record| record["process"]["pid"].as_u64())
        .collect();
    assert_eq!(pids.len(), 1, "the main program made it: {own}");
}

/// The first thing that is known of the session is the program's exec.
fn begins(place: &Place) {
    let actions = place.records.kind("action").keep(|record| {
        // Being placed in a cgroup, and what placed it there.
        let before = ["sh", "timeout", "env"];
        let exe = record["process"]["exe"].as_str().unwrap_or_default();
        let name = exe.rsplit('/').next().unwrap_or_default();
        !before.contains(&name)
            && name != "dash"
            && record["action"] != "cgroup.attach"
            && record["action"] != "cgroup.create"
    });
    let first = actions.0.first().expect("it did something");
    assert_eq!(first["action"], "process.exec", "{first}");
    let args = first["object"]["args"].to_string();
    assert!(args.contains(place.known), "{first}");
}

/// What it was asked stands nowhere.
fn prompts(place: &Place) {
    for record in &place.records.0 {
        let text = record.to_string();
        assert!(!text.contains(place.program.prompt), "{text}");
    }
    let execs = place.records.action("process.exec");
    let hidden = execs.keep(|record| record["object"]["args"].to_string().contains("<prompt:"));
    assert!(!hidden.is_empty(), "{execs}");
}

/// Beside [`check`]: one session, bound by the program, that begins with the exec itself and ends
/// with its last process; nothing of whoever started it.
pub(crate) fn recognised(place: &Place) {
    let sessions = place.records.kind("session");
    let [start, end] = &sessions.0[..] else {
        panic!("one session begins and ends: {sessions}");
    };
    assert_eq!(start["change"], "start", "{sessions}");
    assert_eq!(end["change"], "end", "{sessions}");
    assert_eq!(start["agent"]["id"], place.program.name, "{start}");
    assert_eq!(start["agent"]["binding"], "executable", "{start}");
    let actions = place.records.kind("action");
    let session = &start["agent"]["session"];
    let strange = actions.keep(|record| record["agent"]["session"] != *session);
    assert!(strange.is_empty(), "of no other session: {strange}");
    let first = actions.0.first().expect("it did something");
    assert_eq!(first["action"], "process.exec", "{first}");
    assert_eq!(first["process"]["pid"], start["process"]["pid"], "{first}");
    let args = first["object"]["args"].to_string();
    assert!(args.contains(place.known), "{first}");
}
