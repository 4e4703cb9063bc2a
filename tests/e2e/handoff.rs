//! Who else was reached that acts on the agent's account is told, once for each process.

use std::fs;
use std::os::unix::net::UnixListener;

use agtrack_tests::records::Records;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::place;
use crate::{Outcome, tests};

tests![
    a_socket_of_a_container_daemon,
    a_unit_file_that_is_written,
    a_program_that_changes_the_user,
    what_leads_nowhere_is_none,
];

/// The only handoff, which stands right behind the action that it is.
fn handoff(records: &Records) -> Value {
    let told = records.kind("handoff");
    let told = told.one();
    let before = |record: &&std::sync::Arc<Value>| {
        record["seq"].as_u64() < told["seq"].as_u64() && record["action"] == told["via"]
    };
    let action = records.0.iter().rfind(before).expect("its action");
    assert_eq!(action["process"]["uid"], told["process"]["uid"], "{told}");
    assert_eq!(action["time"], told["time"], "{told}");
    assert_eq!(action["tool_call"], told["tool_call"], "{told}");
    told.clone()
}

fn a_socket_of_a_container_daemon() -> Outcome {
    let place = place("docker");
    fs::create_dir_all(place.file(".docker/run")).expect("directories");
    let path = place.file(".docker/run/docker.sock");
    let _daemon = UnixListener::bind(&path).expect("a socket");
    place.run(&steps!["connect-unix", &path, "+", "connect-unix", &path]);
    let records = place.records();
    let told = handoff(&records);
    assert_eq!(told["channel"], "docker", "{told}");
    assert_eq!(told["via"], "net.connect", "{told}");
    assert_eq!(told["reached"], path, "{told}");
    assert_eq!(told["recorded"], false, "{told}");
    assert_eq!(records.action("net.connect").len(), 2, "{records}");
    assert_eq!(told["tool_call"], Value::Null, "{told}");
    Ok(())
}

fn a_unit_file_that_is_written() -> Outcome {
    let place = place("unit");
    let directory = place.file(".config/systemd/user");
    fs::create_dir_all(&directory).expect("directories");
    let path = format!("{directory}/x.service");
    place.run(&steps![
        "open",
        &path,
        libc::O_WRONLY | libc::O_CREAT,
        0o600
    ]);
    let told = handoff(&place.records());
    assert_eq!(told["channel"], "systemd", "{told}");
    assert_eq!(told["via"], "file.open", "{told}");
    assert_eq!(told["reached"], path, "{told}");
    assert_eq!(told["tool_call"], Value::Null, "{told}");
    Ok(())
}

fn a_program_that_changes_the_user() -> Outcome {
    let place = place("sudo");
    let program = place.file("sudo");
    fs::copy("/bin/true", &program).expect("a program");
    place.run(&steps!["fork", "+", "exec", &program, "sudo", "id"]);
    let told = handoff(&place.records());
    assert_eq!(told["channel"], "sudo", "{told}");
    assert_eq!(told["reached"], program, "{told}");
    assert_eq!(told["recorded"], true, "{told}");
    assert_eq!(
        told["tool_call"]["command"],
        json!(["sudo", "id"]),
        "{told}"
    );
    assert_eq!(told["process"]["args"], json!(["sudo", "id"]), "{told}");
    Ok(())
}

fn what_leads_nowhere_is_none() -> Outcome {
    let place = place("nowhere");
    let path = place.file("docker.sock");
    let _daemon = UnixListener::bind(&path).expect("a socket");
    let gone = place.file(".docker/run/docker.sock");
    place.run(&steps!["connect-unix", &path, "+", "connect-unix", &gone]);
    let records = place.records();
    assert_eq!(records.action("net.connect").len(), 2, "{records}");
    assert_eq!(records.kind("handoff").len(), 0, "{records}");
    Ok(())
}
