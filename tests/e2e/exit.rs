//! `process.exit`: the last thread of a process ended.

use agtrack_tests::steps;
use serde_json::json;

use crate::{Outcome, host::place, tests};

tests![
    codes_are_recorded,
    signals_are_recorded,
    the_last_thread_ends_a_process
];

fn codes_are_recorded() -> Outcome {
    let place = place("exit");
    for code in [0, 1, 7, 255] {
        let ran = place.run(&steps!["exit", code]);
        assert_eq!(ran.status.code(), Some(code));
        let exits = place.records().action("process.exit").of(ran.pid);
        let expect = json!({"code": code, "signal": null, "core": false});
        assert_eq!(exits.one()["object"], expect);
    }
    Ok(())
}

fn signals_are_recorded() -> Outcome {
    let place = place("signal");
    for (number, name) in [(15, "SIGTERM"), (9, "SIGKILL"), (40, "SIG40")] {
        let ran = place.run(&steps!["signal", number]);
        let exits = place.records().action("process.exit").of(ran.pid);
        let expect = json!({"code": null, "signal": name, "core": false});
        assert_eq!(exits.one()["object"], expect);
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
