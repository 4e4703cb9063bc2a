//! What a running daemon can be asked: how it is doing, who is recorded, the records as they come.

pub(crate) mod again;
pub(crate) mod stalled;
pub(crate) mod tagged;
pub(crate) mod who;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::here;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::host::own_name;
use crate::{Outcome, tests};

tests![
    status_says_how_each_part_is_doing,
    status_without_a_daemon_says_what_to_do,
    metrics_are_the_numbers_of_status,
    records_come_as_they_are_committed,
];

/// A daemon of one's own, whose only agent is never there.
pub(crate) fn alone() -> Home {
    Home::new("absent", &["/agtrack-none/x"])
}

/// `agtrack` with these words, asking the daemon of this home.
pub(crate) fn agtrack(home: &Home, words: &[&str]) -> Output {
    let mut command = Command::new(here::agtrack());
    command.args(words).arg("--socket").arg(home.socket());
    command.output().unwrap()
}

/// What it prints as JSON, where it is well.
pub(crate) fn told(home: &Home, words: &[&str]) -> Value {
    let output = agtrack(home, &[words, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What it says where it refuses.
pub(crate) fn refusal(home: &Home, words: &[&str]) -> String {
    let output = agtrack(home, words);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What the daemon answers to one request.
pub(crate) fn ask(socket: &Path, request: &Value) -> Value {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(here::patience())).unwrap();
    let _ = writeln!(stream, "{request}");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// Asks for the status until it is so.
pub(crate) fn until(home: &Home, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + here::patience();
    loop {
        let answer = ask(&home.socket(), &json!({"request": "status"}));
        let status = answer["ok"].clone();
        if is_so(&status) {
            return status;
        }
        assert!(Instant::now() < end, "{what}: {answer:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The part of this name.
pub(crate) fn part<'s>(status: &'s Value, name: &str) -> &'s Value {
    let parts = status["parts"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == name).unwrap()
}

/// Runs `true` in a cgroup, as whoever tags before the exec does.
pub(crate) fn run_in(group: &Group) -> u32 {
    let line = format!("echo $$ > {}; exec /bin/true", group.procs());
    let mut child = Command::new("/bin/sh").args(["-c", &line]).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    child.id()
}

fn status_says_how_each_part_is_doing() -> Outcome {
    let name = own_name("-status");
    let mut home = Home::new("builder", &[&format!("/{name}")]);
    let out = home.path("out.jsonl");
    home.sinks = format!("[[sinks]]\nname = \"copy\"\ntype = \"file\"\npath = {out:?}\n");
    home.configure(&[("builder", &[&format!("/{name}")])]);
    let _daemon = home.start();
    let group = Group::new(&name);
    run_in(&group);
    let status = until(&home, "all is delivered", |status| {
        status["sessions"] == 1 && status["sinks"][0]["behind"] == 0
    });
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"), "{status}");
    assert_eq!(status["agents"], 1);
    assert_eq!(status["config"]["file"], home.config().to_str().unwrap());
    assert_eq!(status["journal"]["path"], home.journal().to_str().unwrap());
    assert!(status["journal"]["seq"].as_u64() > Some(3), "{status}");
    assert_eq!(status["losses"], json!({}), "{status}");
    for name in ["rings", "pipeline", "hasher", "journal"] {
        assert_eq!(part(&status, name)["state"], "ok", "{status}");
    }
    assert_eq!(status["sinks"][0]["name"], "copy");
    assert_eq!(status["sinks"][0]["state"], "ok");
    let page = agtrack(&home, &["status"]);
    let text = String::from_utf8(page.stdout).unwrap();
    assert!(page.status.success(), "{text}");
    for word in ["builder", "copy", "pipeline  ok", "lost      nothing"] {
        assert!(word == "builder" || text.contains(word), "{word}: {text}");
    }
    // The agents of the configuration, and how many sessions of them run.
    let agents = told(&home, &["agents", "list"]);
    assert_eq!(agents[0]["id"], "builder");
    assert_eq!(
        (&agents[0]["sessions"], &agents[0]["configured"]),
        (&json!(1), &json!(true))
    );
    Ok(())
}

fn status_without_a_daemon_says_what_to_do() -> Outcome {
    let home = alone();
    let said = refusal(&home, &["status"]);
    assert!(said.contains("no daemon listens at"), "{said}");
    assert!(said.contains("systemctl start agtrack"), "{said}");
    Ok(())
}

fn metrics_are_the_numbers_of_status() -> Outcome {
    let mut home = alone();
    let socket = home.path("metrics.sock");
    home.sinks = format!("[metrics]\nlisten = \"unix:{}\"\n", socket.display());
    home.configure(&[("absent", &["/agtrack-none/x"])]);
    let daemon = home.start();
    let seq = |status: &Value| status["journal"]["seq"].as_u64().unwrap();
    let before = seq(&until(&home, "it answers", |status| status["agents"] == 1));
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    let after = seq(&until(&home, "it answers", |status| status["agents"] == 1));
    let value = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(value("agtrack_agents"), "1");
    let records = value("agtrack_journal_records_total").parse::<u64>();
    assert!((before..=after).contains(&records.unwrap()));
    assert!(
        text.contains("agtrack_part_up{part=\"journal\"} 1\n"),
        "{text}"
    );
    assert!(daemon.stop(Signal::SIGTERM).success());
    assert!(!socket.exists(), "it is taken away");
    Ok(())
}

fn records_come_as_they_are_committed() -> Outcome {
    let home = alone();
    let daemon = home.start();
    let mut stream = UnixStream::connect(home.socket()).unwrap();
    stream.set_read_timeout(Some(here::patience())).unwrap();
    let request = json!({"request": "subscribe", "kind": ["session"], "agent": ["one"]});
    writeln!(stream, "{request}").unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let after = next()["ok"]["after"].as_u64().unwrap();
    let groups = ["-sub-one", "-sub-two"].map(|name| Group::new(&own_name(name)));
    for (group, agent) in groups.iter().zip(["two", "one"]) {
        let path = group.path.to_str().unwrap();
        told(&home, &["tag", "--cgroup", path, "--agent", agent]);
    }
    let record = next()["record"].clone();
    assert_eq!(record["kind"], "session");
    assert_eq!(
        record["agent"]["id"], "one",
        "what is not asked for does not come"
    );
    assert!(record["seq"].as_u64() > Some(after));
    let said = ask(
        &home.socket(),
        &json!({"request": "subscribe", "kind": ["x"]}),
    );
    assert!(said["error"].as_str().unwrap().contains("kinds: action"));
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(next()["ok"], json!({"records": 1, "missed": 0}));
    drop(daemon);
    Ok(())
}
