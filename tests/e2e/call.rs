//! `process.unshare`, `process.setns`, `process.ptrace`, `kernel.*`: calls that are told by their
//! arguments.

use std::process::{Command, Stdio};

use agtrack_tests::place::Place;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{backend, has_hook, place};
use crate::open::has_i386;
use crate::{Outcome, Unable, tests};

tests![
    namespaces_of_its_own,
    namespaces_of_others,
    tracing,
    programs_of_the_kernel,
    modules,
    rings,
    measuring,
    keys,
    i386_calls_are_seen,
];

/// The one record of this action.
fn one(place: &Place<'_>, action: &str) -> Value {
    place.records().action(action).one().clone()
}

fn succeeded(record: &Value) {
    let success = json!({"result": "success", "errno": null});
    assert_eq!(record["outcome"], success, "{record}");
}

fn failed(record: &Value, errno: &str) {
    let failure = json!({"result": "failure", "errno": errno});
    assert_eq!(record["outcome"], failure, "{record}");
}

/// Where a kernel lacks the function, the start record says so.
fn needs(action: &str) -> Outcome {
    if has_hook(action) {
        return Ok(());
    }
    Err(Unable(format!("no hook for {action} on this kernel")))
}

fn namespaces_of_its_own() -> Outcome {
    let place = place("unshare");
    place.run(&steps!["unshare", libc::CLONE_NEWNS | libc::CLONE_NEWUTS]);
    let record = one(&place, "process.unshare");
    succeeded(&record);
    let object = json!({"request": "unshare", "namespaces": ["mnt", "uts"]});
    assert_eq!(record["object"], object, "{record}");
    Ok(())
}

fn namespaces_of_others() -> Outcome {
    let place = place("setns");
    place.run(&steps! {
        "file-to-read", "/proc/self/ns/uts", "+",
        "setns", 8, libc::CLONE_NEWUTS,
    });
    let record = one(&place, "process.setns");
    succeeded(&record);
    assert_eq!(
        record["object"],
        json!({"request": "setns", "namespaces": ["uts"]})
    );
    Ok(())
}

fn tracing() -> Outcome {
    let place = place("ptrace");
    let mut other = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ran = place.run(&steps!["ptrace", libc::PTRACE_SEIZE, other.id(), 0, 0]);
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(ran.result("ptrace"), 0, "{ran:?}");
    let record = one(&place, "process.ptrace");
    succeeded(&record);
    assert_eq!(
        record["object"],
        json!({"request": "SEIZE", "target_pid": other.id()})
    );
    Ok(())
}

fn programs_of_the_kernel() -> Outcome {
    needs("kernel.bpf")?;
    const PROG_LOAD: i32 = 5;
    let place = place("bpf");
    let ran = place.run(&steps!["bpf", PROG_LOAD, 0, 0]);
    let record = one(&place, "kernel.bpf");
    assert_eq!(
        record["object"],
        json!({"request": "PROG_LOAD"}),
        "{record}"
    );
    assert!(ran.result("bpf") < 0, "{ran:?}");
    assert_eq!(record["outcome"]["result"], "failure", "{record}");
    Ok(())
}

fn modules() -> Outcome {
    needs("kernel.module_load")?;
    let place = place("modules");
    let ran = place.run(&steps! {
        "setuid", 65534, "+",
        "init_module", 0, 0, "", "+",
        "finit_module", 0, "", 0, "+",
        "delete_module", "nothing", 0,
    });
    let records = place.records();
    let loads = records.action("kernel.module_load");
    let requests: Vec<_> = loads
        .0
        .iter()
        .map(|record| &record["object"]["request"])
        .collect();
    assert_eq!(requests, ["init_module", "finit_module"], "{loads}");
    // Some kernels are built without modules.
    let missing = ran.result("init_module") as i32 == -libc::ENOSYS;
    let errno = if missing { "ENOSYS" } else { "EPERM" };
    for record in &loads.0 {
        failed(record, errno);
    }
    failed(records.action("kernel.module_unload").one(), errno);
    Ok(())
}

fn rings() -> Outcome {
    let place = place("rings");
    let path = place.make("file");
    let ran = place.run(&steps!["uring-openat", &path]);
    if ran.result("uring-openat") as i32 == -libc::ENOSYS {
        return Err(Unable("this kernel has no io_uring".to_owned()));
    }
    let record = one(&place, "kernel.io_uring_setup");
    succeeded(&record);
    assert_eq!(record["object"], json!({"request": "io_uring_setup"}));
    Ok(())
}

fn measuring() -> Outcome {
    needs("kernel.perf_event_open")?;
    let place = place("perf");
    place.run(&steps!["perf_event_open", 0, 1, -1, -1, 0]);
    let record = one(&place, "kernel.perf_event_open");
    assert_eq!(
        record["object"],
        json!({"request": "perf_event_open", "target_pid": 1})
    );
    assert_eq!(record["outcome"]["result"], "failure", "{record}");
    Ok(())
}

fn keys() -> Outcome {
    needs("kernel.key")?;
    const PROCESS_KEYRING: i32 = -2;
    let place = place("keys");
    let ran = place.run(&steps! {
        "add_key", "user", "agtrack-test", 0, 0, PROCESS_KEYRING, "+",
        "keyctl", 0, PROCESS_KEYRING, 0, 0,
    });
    if ran.result("keyctl") as i32 == -libc::ENOSYS {
        return Err(Unable("this kernel has no keyrings".to_owned()));
    }
    let calls = place.records().action("kernel.key");
    let requests: Vec<_> = calls
        .0
        .iter()
        .map(|record| &record["object"]["request"])
        .collect();
    assert_eq!(requests, ["add_key", "GET_KEYRING_ID"], "{calls}");
    Ok(())
}

fn i386_calls_are_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    let ran = place.run(&steps!["unshare32", libc::CLONE_NEWUTS]);
    assert_eq!(ran.result("unshare32"), 0, "{}", backend());
    let record = one(&place, "process.unshare");
    assert_eq!(
        record["object"],
        json!({"request": "unshare", "namespaces": ["uts"]})
    );
    Ok(())
}
