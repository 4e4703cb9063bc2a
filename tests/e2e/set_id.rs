//! `process.setid`: a process got other ids or capabilities.

use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{backend, place};
use crate::open::has_i386;
use crate::{Outcome, tests};

tests![
    what_it_becomes_is_told,
    what_it_does_then_it_does_as_that,
    refusals_where_calls_are_seen,
    i386_calls_are_seen,
];

const ACTION: &str = "process.setid";

/// Real, effective and saved user, then real, effective and saved group.
fn ids(record: &Value) -> [u64; 6] {
    ["user", "euser", "suser", "group", "egroup", "sgroup"].map(|id| {
        record["object"][id]
            .as_u64()
            .unwrap_or_else(|| panic!("no {id}: {record}"))
    })
}

fn what_it_becomes_is_told() -> Outcome {
    let place = place("setid");
    place.run(&steps! {
        "setgid", 7, "+",
        "setresuid", -1, 1000, -1, "+",
        "setreuid", 1000, 1000,
    });
    let changes = place.records().action(ACTION);
    let told: Vec<_> = changes.0.iter().map(|record| ids(record)).collect();
    let expect = [
        [0, 0, 0, 7, 7, 7],
        [0, 1000, 0, 7, 7, 7],
        [1000, 1000, 1000, 7, 7, 7],
    ];
    assert_eq!(told, expect, "{changes}");
    for record in &changes.0 {
        assert_eq!(record["outcome"]["result"], "success", "{record}");
    }
    // An effective user that is not root has no effective capabilities (capabilities(7)).
    assert_ne!(changes.0[0]["object"]["capabilities"], "0", "{changes}");
    assert_eq!(changes.0[1]["object"]["capabilities"], "0", "{changes}");
    Ok(())
}

fn what_it_does_then_it_does_as_that() -> Outcome {
    let place = place("then");
    place.run(&steps! {
        "setresuid", 1000, 1001, 1000, "+",
        "open", "/etc/passwd", 0, 0,
    });
    let opens = place.records().action("file.open").path("/etc/passwd");
    let process = &opens.one()["process"];
    assert_eq!(
        (&process["user"], &process["euser"]),
        (&json!(1000), &json!(1001))
    );
    Ok(())
}

fn refusals_where_calls_are_seen() -> Outcome {
    let place = place("refused");
    let ran = place.run(&steps! {
        "setresuid", 1000, 1000, 1000, "+",
        "setgid", 7,
    });
    assert_eq!(ran.result("setgid") as i32, -libc::EPERM);
    let records = place.records().action(ACTION);
    let failed = records.keep(|record| record["outcome"]["result"] == "failure");
    if backend() == "tracepoint" {
        assert_eq!(failed.one()["outcome"]["errno"], "EPERM");
    } else {
        // The kernel refuses before it makes new credentials.
        failed.none();
    }
    Ok(())
}

fn i386_calls_are_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    place.run(&steps!["setuid32", 1000]);
    let changes = place.records().action(ACTION);
    assert_eq!(ids(changes.one())[..3], [1000, 1000, 1000]);
    Ok(())
}
