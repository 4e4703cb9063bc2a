use serde_json::json;

use super::*;
use crate::record::{Agent, Shared};

fn done(action: &str, object: serde_json::Value, unwritable: bool) -> Done {
    let agent: Agent = serde_json::from_value(json!({
        "id": "a", "name": "a", "owner": null, "binding": "cgroup",
        "session": "00000000-0000-0000-0000-000000000007",
    }))
    .unwrap();
    let action = json!({
        "tool_call": null, "action": action, "object": object,
        "process": { "uid": "b-7-1", "pid": 7, "args": [], "ancestry": [] },
        "outcome": { "result": "success", "errno": null },
        "decision": null, "effect": null, "maps": [],
        "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
    });
    Done {
        time: 1,
        agent: Shared::new(agent),
        session: 7,
        unwritable,
        action: serde_json::from_value(action).unwrap(),
    }
}

fn read(path: &str) -> Done {
    let object = json!({
        "path": path, "access": "read", "created": false, "open_flags": [],
        "inode": 1, "device": "0:1", "mode": "100644",
    });
    done("file.open", object, true)
}

fn exit() -> Done {
    let object =
        json!({ "code": 0, "signal": null, "core": false, "counted_opens": { "repeated": 5 } });
    done("process.exit", object, false)
}

fn told(noise: &mut Noise) -> Counts {
    let mut exit = exit();
    assert_eq!(noise.take(&mut exit), None);
    match exit.action.object {
        Object::Exit { counted_opens, .. } => counted_opens,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_counted_is_told_at_the_end_of_the_process() {
    let mut noise = Noise::new(&built_in());
    assert_eq!(noise.take(&mut read("/usr/lib/libc.so.6")), Some("library"));
    let mut again = read("/usr/lib/libm.so.6");
    again.action.completeness.count = 3;
    assert_eq!(noise.take(&mut again), Some("library"));
    let expect = [("library", 4), ("repeated", 5)].map(|(class, count)| (class.to_owned(), count));
    assert_eq!(told(&mut noise), Counts::from(expect));
    assert_eq!(told(&mut noise).len(), 1, "once");
}

#[test]
fn what_is_uncertain_is_recorded() {
    let mut noise = Noise::new(&built_in());
    let mut check = |change: fn(&mut Done)| {
        let mut read = read("/usr/lib/libc.so.6");
        change(&mut read);
        assert_eq!(noise.take(&mut read), None);
    };
    check(|read| read.unwritable = false);
    check(|read| read.action.outcome.result = OutcomeResult::Unknown);
    check(|read| read.action.completeness.truncated = true);
    check(|read| read.action.completeness.notes.push("deleted".to_owned()));
    assert_eq!(told(&mut noise).len(), 1);
}

#[test]
fn without_classes_all_is_recorded() {
    let mut noise = Noise::new(&Globs::new());
    assert_eq!(noise.take(&mut read("/usr/lib/libc.so.6")), None);
}
