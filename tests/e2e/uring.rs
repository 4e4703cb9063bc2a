//! `kernel.io_uring`: what is done through io_uring, and by no system call.

pub(crate) mod socket;
pub(crate) mod table;

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use agtrack_tests::launch::Ran;
use agtrack_tests::place::Place;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{backend, follower, place, sees_objects};
use crate::{Outcome, Unable, tests};

tests![
    deeds_without_calls,
    a_thread_of_the_kernel_takes_them,
    a_chain_of_requests,
    a_ring_that_a_child_inherits,
    a_ring_with_a_thread_that_a_child_inherits,
    names_of_other_kinds,
    an_attribute,
    connects,
    a_unix_socket,
    whom_a_message_is_for,
    a_command_for_a_driver,
    storms_are_counted,
    others_are_nobodys_business,
    nothing_contradicts_the_objects,
];

const ACTION: &str = "kernel.io_uring";

/// Fails where the kernel refuses io_uring.
fn has_ring(ran: &Ran) -> Outcome {
    match ran.result("uring-ring") {
        0 => Ok(()),
        error => Err(Unable(format!("no io_uring here (errno {})", -error))),
    }
}

/// Fails where the kernel has no such request.
fn knows(ran: &Ran, step: &str) -> Outcome {
    has_ring(ran)?;
    match ran.result(step) as i32 {
        error if error == -libc::EINVAL => Err(Unable(format!("this kernel has no {step}"))),
        _ => Ok(()),
    }
}

/// The one record of this request.
fn request(place: &Place<'_>, name: &str) -> Value {
    let of_name = |record: &Value| record["object"]["request"] == name;
    let found = place.records().action(ACTION).keep(of_name);
    found.one().clone()
}

/// 5.10 does not say which request it is that has ended; 6.1 does.
pub(crate) fn tells_results() -> bool {
    let (major, minor) = kernel();
    (major, minor) >= (6, 1)
}

pub(crate) fn kernel() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn ended(record: &Value, ret: i64) {
    let outcome = if !tells_results() {
        json!({"result": "unknown", "errno": null})
    } else if ret >= 0 {
        json!({"result": "success", "errno": null})
    } else {
        let errno = nix::errno::Errno::from_raw(-ret as i32);
        json!({"result": "failure", "errno": format!("{errno:?}")})
    };
    assert_eq!(record["outcome"], outcome, "{record}");
}

/// A name that the kernel has copied before it tells of the request.
fn named(record: &Value, path: &str) {
    assert_eq!(record["object"]["path"], path, "{record}");
    assert_eq!(record["completeness"]["path_source"], "fd", "{record}");
}

/// Makes, writes, renames and removes a file through that ring. The records are in the order of the
/// requests.
fn deeds(name: &str, ring: &str, before: &[&str]) -> Outcome {
    let place = place(name);
    let (made, moved) = (place.file("made"), place.file("moved"));
    let mut all = steps!["uring-ring", ring, "+"].to_vec();
    all.extend(before.iter().map(Into::into));
    all.extend(steps! {
        "uring-create", &made, "+",
        "uring-write", "+",
        "uring-renameat", &made, &moved, "+",
        "uring-unlinkat", &moved,
    });
    let ran = place.run(&all);
    has_ring(&ran)?;
    let pid = ran.pid_of("uring-unlinkat");
    for step in [
        "uring-create",
        "uring-write",
        "uring-renameat",
        "uring-unlinkat",
    ] {
        assert!(ran.result(step) >= 0, "{step}: {}", ran.result(step));
    }
    let records = place.records().action(ACTION);
    let requests: Vec<_> = records.0.iter().map(|r| &r["object"]["request"]).collect();
    assert_eq!(requests, ["openat", "renameat", "unlinkat"], "{records}");
    for record in &records.0 {
        assert_eq!(record["process"]["pid"], pid, "{record}");
        ended(record, 0);
    }
    let open = request(&place, "openat");
    named(&open, &made);
    assert_eq!(open["object"]["access"], "read_write", "{open}");
    assert_eq!(open["object"]["flags"], json!(["CREAT"]), "{open}");
    let rename = request(&place, "renameat");
    named(&rename, &made);
    assert_eq!(rename["object"]["target"], moved, "{rename}");
    named(&request(&place, "unlinkat"), &moved);
    Ok(())
}

fn deeds_without_calls() -> Outcome {
    deeds("uring-plain", "plain", &[])
}

fn a_thread_of_the_kernel_takes_them() -> Outcome {
    deeds("uring-poll", "poll", &[])
}

fn a_ring_that_a_child_inherits() -> Outcome {
    deeds("uring-child", "plain", &["fork", "+"])
}

/// The thread that takes the requests belongs to the process that made the ring.
fn a_ring_with_a_thread_that_a_child_inherits() -> Outcome {
    let place = place("uring-shared");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "uring-ring", "poll", "+",
        "uring-name", &path, "+",
        "fork", "+",
        "uring-named",
    });
    has_ring(&ran)?;
    let (maker, child) = (ran.pid_of("uring-ring"), ran.pid_of("uring-named"));
    assert_ne!(maker, child);
    let record = request(&place, "openat");
    named(&record, &path);
    ended(&record, ran.result("uring-named"));
    assert_eq!(record["process"]["pid"], maker, "{record}");
    Ok(())
}

fn a_chain_of_requests() -> Outcome {
    let place = place("uring-chain");
    let (made, moved) = (place.file("made"), place.file("moved"));
    let ran = place.run(&steps![
        "uring-ring",
        "plain",
        "+",
        "uring-linked",
        &made,
        &moved
    ]);
    has_ring(&ran)?;
    assert_eq!(ran.result("uring-linked"), 0);
    for (name, path) in [("openat", &made), ("renameat", &made), ("unlinkat", &moved)] {
        let record = request(&place, name);
        named(&record, path);
        ended(&record, 0);
    }
    Ok(())
}

fn names_of_other_kinds() -> Outcome {
    let place = place("uring-names");
    let old = place.make("old");
    let (new, link, directory) = (place.file("new"), place.file("link"), place.file("dir"));
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-linkat", &old, &new, "+",
        "uring-symlinkat", "some/where", &link, "+",
        "uring-mkdirat", &directory, "+",
        "uring-mkdirat", &directory,
    });
    knows(&ran, "uring-mkdirat")?;
    let linked = request(&place, "linkat");
    named(&linked, &new);
    assert_eq!(linked["object"]["target"], old, "{linked}");
    let symlinked = request(&place, "symlinkat");
    named(&symlinked, &link);
    assert_eq!(symlinked["object"]["target"], "some/where", "{symlinked}");
    let made = place.records().action(ACTION).path(&directory);
    let [first, second] = &made.0[..] else {
        panic!("{made}")
    };
    named(first, &directory);
    assert_eq!(first["object"]["mode"], "755", "{first}");
    ended(first, 0);
    ended(second, -i64::from(libc::EEXIST));
    Ok(())
}

/// No hook of `file.setxattr` sees it.
fn an_attribute() -> Outcome {
    let place = place("uring-xattr");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-setxattr", &path, "trusted.own",
    });
    knows(&ran, "uring-setxattr")?;
    let record = request(&place, "setxattr");
    named(&record, &path);
    assert_eq!(record["object"]["attribute"], "trusted.own", "{record}");
    ended(&record, ran.result("uring-setxattr"));
    Ok(())
}

fn connects() -> Outcome {
    let place = place("uring-connect");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-connect4", "127.0.0.1", port,
    });
    has_ring(&ran)?;
    assert_eq!(ran.result("uring-connect4"), 0);
    let record = request(&place, "connect");
    let address = json!({"ip": "127.0.0.1", "port": port, "proto": "tcp", "domain": null});
    assert_eq!(record["object"]["address"], address, "{record}");
    assert_eq!(
        record["completeness"]["path_source"], "argument",
        "{record}"
    );
    ended(&record, 0);
    // Programs of cgroups see it begin on each back end. Where functions are seen, the kernel may be
    // seen to try without blocking, and once more when the connection is there.
    let connects = place.records().action("net.connect");
    let results: Vec<_> = connects
        .0
        .iter()
        .map(|r| r["outcome"]["result"].as_str().unwrap())
        .collect();
    let expect: &[&[&str]] = match sees_objects() {
        true => &[&["success"], &["in_progress", "success"]],
        false => &[&["unknown"]],
    };
    assert!(expect.contains(&&results[..]), "{connects}");
    for record in &connects.0 {
        assert_eq!(record["object"], address, "{record}");
    }
    Ok(())
}

fn a_unix_socket() -> Outcome {
    let place = place("uring-unix");
    let path = place.file("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-connect-unix", &path,
    });
    has_ring(&ran)?;
    assert_eq!(ran.result("uring-connect-unix"), 0);
    let record = request(&place, "connect");
    assert_eq!(
        record["object"]["address"],
        json!({"socket": path}),
        "{record}"
    );
    ended(&record, 0);
    let connects = place.records().action("net.connect");
    assert_eq!(connects.len(), usize::from(sees_objects()), "{connects}");
    Ok(())
}

fn whom_a_message_is_for() -> Outcome {
    let place = place("uring-sendmsg");
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port();
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-sendmsg", "127.0.0.1", port,
    });
    has_ring(&ran)?;
    assert_eq!(ran.result("uring-sendmsg"), 5);
    let record = request(&place, "sendmsg");
    let address = json!({"ip": "127.0.0.1", "port": port, "proto": "udp", "domain": null});
    assert_eq!(record["object"]["address"], address, "{record}");
    // Newer kernels have copied it when they tell of the request.
    let source = if kernel() >= (6, 15) {
        "kernel"
    } else {
        "argument"
    };
    assert_eq!(record["completeness"]["path_source"], source, "{record}");
    ended(&record, 5);
    Ok(())
}

fn a_command_for_a_driver() -> Outcome {
    let place = place("uring-command");
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-command", "/dev/null",
    });
    knows(&ran, "uring-command")?;
    let record = request(&place, "uring_cmd");
    named(&record, "/dev/null");
    assert_eq!(record["object"]["command"], 7, "{record}");
    ended(&record, ran.result("uring-command"));
    Ok(())
}

fn storms_are_counted() -> Outcome {
    let place = place("uring-storm");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-storm", 3200, "+",
        "uring-openat", &path,
    });
    has_ring(&ran)?;
    assert_eq!(ran.result("uring-storm"), 3200);
    let records = place.records().action(ACTION);
    assert_eq!(records.one()["object"]["path"], path, "{records}");
    Ok(())
}

/// A process without a tag, at the same time.
fn others_are_nobodys_business() -> Outcome {
    let place = place("uring-others");
    let (own, foreign) = (place.make("own"), place.make("foreign"));
    let steps = |path| steps!["uring-ring", "poll", "+", "uring-openat", path];
    let mut stranger = agtrack_tests::launch::Trigger::new(
        std::path::Path::new(place.directory()),
        &steps(&foreign),
    );
    stranger.go();
    stranger.end();
    let ran = place.run(&steps(&own));
    has_ring(&ran)?;
    named(&request(&place, "openat"), &own);
    let all = Records(follower().records());
    all.path(&foreign).none();
    Ok(())
}

/// Where the objects are seen too, the same names are told of the same thing.
fn nothing_contradicts_the_objects() -> Outcome {
    let place = place("uring-both");
    let (made, moved) = (place.file("made"), place.file("moved"));
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-create", &made, "+",
        "uring-renameat", &made, &moved, "+",
        "uring-unlinkat", &moved,
    });
    has_ring(&ran)?;
    let records = place.records().below(place.directory());
    let files = records.keep(|record| record["action"] != ACTION);
    if !sees_objects() {
        files.none();
        return Ok(());
    }
    let actions: BTreeSet<_> = files.0.iter().map(|r| r["action"].to_string()).collect();
    let expect =
        ["file.close", "file.open", "file.rename", "file.unlink"].map(|it| format!("\"{it}\""));
    assert!(actions.iter().eq(&expect), "{files} ({})", backend());
    for record in &files.0 {
        assert_eq!(record["outcome"]["result"], "success", "{record}");
    }
    let rename = files.action("file.rename");
    let rename = &rename.one()["object"];
    let of_ring = &request(&place, "renameat")["object"];
    assert_eq!(rename["from"], of_ring["path"]);
    assert_eq!(rename["to"], of_ring["target"]);
    Ok(())
}
