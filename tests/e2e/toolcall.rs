//! Tool calls: what children of an agent's main program start, to the last process below it.

pub(crate) mod nested;

use std::path::Path;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::launch::{Trigger, copy};
use agtrack_tests::place::own;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use agtrack_tests::records::Records;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{own_name, place};
use crate::{Outcome, tests};

tests![
    a_command_is_a_call_from_its_start_to_its_last_process,
    what_the_main_program_does_itself_is_no_call,
    what_goes_on_behind_a_command_belongs_to_it,
    a_main_program_that_the_configuration_names,
];

fn calls(records: &Records, change: &str) -> Vec<Value> {
    let calls = records.kind("tool_call");
    let calls = calls.0.iter().filter(|call| call["change"] == change);
    calls.map(|call| (**call).clone()).collect()
}

/// One of the lists of what came of a call.
fn names(call: &Value, list: &str) -> Vec<String> {
    let items = call["effects"][list]["items"].as_array();
    let name = |item: &Value| item["name"].as_str().expect("a name").to_owned();
    items.into_iter().flatten().map(name).collect()
}

fn a_command_is_a_call_from_its_start_to_its_last_process() -> Outcome {
    let place = place("call");
    let [made, gone] = ["made", "gone"].map(|name| place.file(name));
    let script = format!("echo one > {made}; (echo two > {gone}; rm {gone}); exit 3");
    let steps = steps!["fork", "+", "exec", "/bin/sh", "sh", "-c", &script];
    let ran = place.run(&steps);
    let records = place.records();
    let [start] = &calls(&records, "start")[..] else {
        panic!("{records}")
    };
    let [end] = &calls(&records, "end")[..] else {
        panic!("{records}")
    };
    let command = json!(["sh", "-c", script]);
    for call in [start, end] {
        assert_eq!(call["tool_call"]["command"], command, "{call}");
        assert_eq!(call["tool_call"]["id"], call["process"]["uid"], "{call}");
        assert_eq!(call["process"]["ppid"], ran.pid, "{call}");
        assert_eq!(call["class"], "tool", "{call}");
    }
    assert_eq!(end["exit"], json!({ "code": 3, "signal": null }), "{end}");
    assert_eq!(end["running"], 0, "{end}");
    assert_eq!(names(end, "created"), [made], "{end}");
    let file = &end["effects"]["created"]["items"][0];
    assert_eq!(file["size"], 4, "{end}");
    assert_eq!(file["sha256"], crate::hashes::sha256(b"one\n"), "{end}");
    assert_eq!(end["effects"]["temporary"], 1, "{end}");
    // Each action of the command carries it, and no other does.
    for record in &records.kind("action").0 {
        let inside = record["process"]["pid"] != ran.pid && record["action"] != "process.fork"
            || record["process"]["uid"] == start["tool_call"]["id"];
        let is_before = record["seq"].as_u64() < start["seq"].as_u64();
        if inside && !is_before {
            assert_eq!(
                record["tool_call"]["id"], start["tool_call"]["id"],
                "{record}"
            );
        }
    }
    Ok(())
}

fn what_the_main_program_does_itself_is_no_call() -> Outcome {
    let place = place("direct");
    let path = place.make("file");
    place.run(&steps!["unlink", &path, "+", "fork", "+", "getpid"]);
    let records = place.records();
    assert_eq!(records.kind("tool_call").len(), 0, "{records}");
    let unlinked = records.action("file.unlink");
    assert_eq!(unlinked.one()["tool_call"], Value::Null, "{unlinked}");
    Ok(())
}

fn what_goes_on_behind_a_command_belongs_to_it() -> Outcome {
    let place = place("behind");
    let late = place.file("late");
    let flag = place.file("flag");
    // The shell ends at once; what it leaves behind waits for a file.
    let script = format!(
        "(while ! test -e {flag}; do sleep 0.05; done; echo x > {late}) > /dev/null 2>&1 &"
    );
    let steps = steps!["fork", "+", "exec", "/bin/sh", "sh", "-c", &script];
    let mut trigger = place.place(&steps);
    trigger.go();
    let first = place.wait("that the shell ended", |record| {
        record["action"] == "process.exit"
            && record["process"]["args"][0] == "sh"
            && record["process"]["uid"] == record["tool_call"]["id"]
    });
    let records = place.records();
    assert!(calls(&records, "end").is_empty(), "{records}");
    std::fs::write(Path::new(&flag), b"").expect("a file");
    let end = place.wait("the call's end", |record| {
        record["kind"] == "tool_call" && record["change"] == "end"
    });
    trigger.end();
    assert_eq!(end["tool_call"]["id"], first["process"]["uid"], "{end}");
    assert_eq!(end["exit"]["code"], 0, "{end}");
    assert_eq!(names(&end, "created"), [late], "{end}");
    Ok(())
}

/// A shell starts it, as a wrapper does: without its name the shell would pass for the main program.
fn a_main_program_that_the_configuration_names() -> Outcome {
    let group = Group::new(&own_name("-programs"));
    let home = Home::new("acme", &[group.path.to_str().expect("a plain name")]);
    let text = std::fs::read_to_string(home.config()).expect("a configuration");
    std::fs::write(home.config(), format!("{text}programs = [\"acme-*\"]\n")).expect("a file");
    let daemon = home.start();
    let directory = TempDir::new().expect("a directory");
    let main = copy(&directory.path().join("acme-agent"));
    let steps = steps!["fork", "+", "exec", "/bin/sh", "sh", "-c", "exit 4"];
    let words: Vec<_> = steps
        .iter()
        .map(|word| word.to_str().expect("plain"))
        .collect();
    let quoted = words.iter().map(|word| format!("'{word}'"));
    let script = format!(
        "{} {}; exit 0",
        main.display(),
        quoted.collect::<Vec<_>>().join(" ")
    );
    let begun = steps!["wait", "+", "exec", "/bin/sh", "sh", "-c", &script];
    let mut wrapper = Trigger::new(Path::new("/"), &begun);
    group.take(wrapper.pid());
    wrapper.go();
    wrapper.go();
    // The main program waits for its start as any trigger does.
    wrapper.go();
    wrapper.end();
    let found = daemon.follower().wait(|records| {
        let own = own(records, &group.path)?;
        (!calls(&own, "end").is_empty()).then_some(own)
    });
    let own = found.expect("a call that ends");
    assert!(daemon.stop(Signal::SIGTERM).success());
    let [end] = &calls(&own, "end")[..] else {
        panic!("{own}")
    };
    assert_eq!(end["tool_call"]["command"], json!(["sh", "-c", "exit 4"]));
    assert_eq!(end["exit"]["code"], 4, "{end}");
    let agents = own.keep(|record| record["agent"]["program"] != Value::Null);
    agents.none();
    Ok(())
}
