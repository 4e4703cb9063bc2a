//! Who may ask, and for what.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use agtrack_tests::daemon::Home;
use agtrack_tests::{here, steps};
use serde_json::{Value, json};

use super::alone;
use crate::host::{self, place};
use crate::{Outcome, tests};

tests![
    the_group_may_look_and_no_more,
    the_group_may_do_all_where_that_is_said,
    an_agent_that_asks_is_recorded,
];

/// Of Debian, with nobody in it.
const GROUP: (&str, u32) = ("nogroup", 65_534);

/// What the daemon answers a process of this user and group.
fn as_user(socket: &Path, (uid, gid): (u32, u32), request: &Value) -> Value {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            // Of this thread only.
            let group = rustix::process::Gid::from_raw(gid);
            rustix::thread::set_thread_groups(&[]).unwrap();
            rustix::thread::set_thread_res_gid(group, group, group).unwrap();
            let user = rustix::process::Uid::from_raw(uid);
            rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            let mut stream = UnixStream::connect(socket).unwrap();
            let _ = writeln!(stream, "{request}");
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).unwrap();
            serde_json::from_str(&line).unwrap()
        });
        asking.join().unwrap()
    })
}

fn open_to_group(may: &str) -> Option<Home> {
    let found = nix::unistd::Group::from_name(GROUP.0).ok().flatten()?;
    (found.gid.as_raw() == GROUP.1).then_some(())?;
    let mut home = alone();
    home.control = format!("group = \"{}\"\ngroup_may = \"{may}\"\n", GROUP.0);
    home.configure(&[("absent", &["/agtrack-none/x"])]);
    let above = home.socket();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(above.parent().unwrap(), open).unwrap();
    Some(home)
}

fn the_group_may_look_and_no_more() -> Outcome {
    let Some(home) = open_to_group("read") else {
        return Err(crate::Unable(format!("there is no group {}", GROUP.0)));
    };
    let daemon = home.start();
    let socket = home.socket();
    let metadata = std::fs::metadata(&socket).unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.gid()), (0o660, GROUP.1));
    let member = (12_345, GROUP.1);
    for verb in ["status", "agents", "sessions"] {
        let answer = as_user(&socket, member, &json!({"request": verb}));
        assert!(answer["ok"].is_object(), "{verb}: {answer}");
    }
    let tag = json!({"request": "tag", "pid": std::process::id(), "agent": "a"});
    let answer = as_user(&socket, member, &tag);
    assert!(
        answer["error"].as_str().unwrap().contains("group_may"),
        "{answer}"
    );
    // Another one does not come that far, nor is it listened to where it does.
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    for _ in 0..20 {
        let answer = as_user(&socket, (12_345, 12_345), &json!({"request": "status"}));
        let said = answer["error"].as_str().unwrap();
        assert!(said.contains("only root and members of group"), "{said}");
    }
    let tampered = daemon.follower().wait(|records| {
        let mut own = records.iter();
        own.find(|r| r["kind"] == "tamper" && r["action"] == "tracker.request")
            .cloned()
    });
    let tampered = tampered.expect("it is recorded that somebody tried");
    assert_eq!(tampered["process"]["pid"], std::process::id());
    assert_eq!(tampered["outcome"]["errno"], "EPERM", "{tampered}");
    assert_eq!(tampered["object"]["path"], socket.to_str().unwrap());
    let many = daemon.follower().records();
    let many = many.iter().filter(|r| r["action"] == "tracker.request");
    assert!(many.count() <= 2, "twenty refusals are not twenty records");
    Ok(())
}

fn the_group_may_do_all_where_that_is_said() -> Outcome {
    let Some(home) = open_to_group("all") else {
        return Err(crate::Unable(format!("there is no group {}", GROUP.0)));
    };
    let _daemon = home.start();
    let tag = json!({"request": "tag", "cgroup": "/agtrack-none", "agent": "a"});
    let answer = as_user(&home.socket(), (12_345, GROUP.1), &tag);
    // It is heard; there is only no such cgroup.
    assert!(
        answer["error"].as_str().unwrap().contains("mkdir"),
        "{answer}"
    );
    Ok(())
}

fn an_agent_that_asks_is_recorded() -> Outcome {
    let place = place("asks-too");
    let line = format!(
        "{} status --socket {}",
        here::agtrack().display(),
        host::socket().display()
    );
    place.run(&steps! { "exec", "/bin/sh", "sh", "-c", line });
    let tampered = place.wait("a tamper record", |record| {
        record["action"] == "tracker.request"
    });
    assert_eq!(tampered["by"], "agent");
    assert_eq!(tampered["changes"], json!(["request"]));
    Ok(())
}
