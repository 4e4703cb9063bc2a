//! `process.exit`: the last thread of a process ended.

use agtrack_tests::records::number;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::{Outcome, host::place, tests};

tests![
    codes_are_recorded,
    signals_are_recorded,
    the_last_thread_ends_a_process,
    what_it_used_is_told,
    what_other_threads_used_is_told
];

/// How it ended; what it used is the business of other tests.
fn check(exit: &Value, expect: &Value) {
    for (name, value) in expect.as_object().expect("an object") {
        assert_eq!(&exit["object"][name], value, "{name}");
    }
}

fn codes_are_recorded() -> Outcome {
    let place = place("exit");
    for code in [0, 1, 7, 255] {
        let ran = place.run(&steps!["exit", code]);
        assert_eq!(ran.status.code(), Some(code));
        let exits = place.records().action("process.exit").of(ran.pid);
        check(
            exits.one(),
            &json!({"code": code, "signal": null, "core": false}),
        );
    }
    Ok(())
}

fn signals_are_recorded() -> Outcome {
    let place = place("signal");
    for (number, name) in [(15, "SIGTERM"), (9, "SIGKILL"), (40, "SIG40")] {
        let ran = place.run(&steps!["signal", number]);
        let exits = place.records().action("process.exit").of(ran.pid);
        check(
            exits.one(),
            &json!({"code": null, "signal": name, "core": false}),
        );
    }
    Ok(())
}

fn the_last_thread_ends_a_process() -> Outcome {
    let place = place("leader");
    let ran = place.run(&steps!["in-thread", "+", "exit", "5"]);
    assert_eq!(ran.status.code(), Some(5));
    let exits = place.records().action("process.exit").of(ran.pid);
    assert_eq!(exits.one()["object"]["code"], 5);
    Ok(())
}

/// ns. What ran since the last clock tick is missing: 10 ms at most.
fn time_used(exit: &Value) -> u64 {
    number(&exit["object"]["user_time"]) + number(&exit["object"]["system_time"])
}

fn what_it_used_is_told() -> Outcome {
    let place = place("used");
    place.make("file");
    let ran = place.run(&steps![
        "burn",
        "60",
        "+",
        "write",
        place.file("file"),
        "x".repeat(100_000)
    ]);
    assert_eq!(ran.result("write"), 100_000);
    let exits = place.records().action("process.exit").of(ran.pid);
    let exit = exits.one();
    assert!(time_used(exit) > 40_000_000, "{exit}");
    let object = &exit["object"];
    assert!(number(&object["max_memory"]) > 100_000, "{exit}");
    // Its reports are written too.
    let written = number(&object["written"]);
    assert!((100_000..200_000).contains(&written), "{exit}");
    assert!(number(&object["read"]) > 0, "{exit}");
    for name in ["storage_read", "storage_written"] {
        number(&object[name]);
    }
    Ok(())
}

fn what_other_threads_used_is_told() -> Outcome {
    let place = place("threads");
    // The first thread ends before the others, and is not reaped.
    let ran = place.run(&steps![
        "burn",
        "60",
        "+",
        "in-thread",
        "+",
        "burn",
        "60",
        "+",
        "exit",
        "0"
    ]);
    let exits = place.records().action("process.exit").of(ran.pid);
    assert!(time_used(exits.one()) > 90_000_000, "{exits}");
    Ok(())
}
