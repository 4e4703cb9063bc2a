//! Agents recognised by their container, and what is said of containers in records. Who tells of them is
//! a stand-in for a runtime, and their cgroups are named as a runtime names them.

pub(crate) mod recorded;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use agtrack_tests::coverage;
use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::docker::Docker;
use agtrack_tests::group::Group;
use agtrack_tests::launch::{Ran, Trigger};
use agtrack_tests::place::own;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use libc::O_RDONLY;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::own_name;
use crate::{Outcome, tests};

tests![
    one_that_a_rule_names_is_recorded_from_its_first_moment,
    one_that_no_rule_names_is_not_recorded,
    one_of_which_nobody_tells_is_nobodys_and_that_is_said,
    one_that_is_over_before_it_is_known_is_recorded,
    one_that_appears_elsewhere_is_recorded_from_when_it_was_found,
    what_runs_already_is_found_and_found_again,
    records_name_it_once_its_runtime_has_answered,
];

/// A recorder that asks a stand-in, and a file to be opened.
struct Host {
    home: Home,
    docker: Docker,
    _directory: TempDir,
    file: String,
}

impl Host {
    fn new(containers: &[&str]) -> Host {
        let directory = TempDir::new().unwrap();
        let docker = Docker::new(&directory.path().join("docker.sock"));
        let file = directory.path().canonicalize().unwrap().join("seen");
        std::fs::write(&file, b"").unwrap();
        let mut home = Home::new("other", &["/agtrack-nowhere/*"]);
        home.capture = format!("container_sockets = [{:?}]\n", docker.path());
        home.configure(&[("other", &["/agtrack-nowhere/*"])]);
        let host = Host {
            home,
            docker,
            _directory: directory,
            file: file.to_str().unwrap().to_owned(),
        };
        host.name(containers);
        host
    }

    /// The id of a container that nobody else has, and of which something will be said.
    fn id(&self) -> String {
        let id = id();
        self.docker.expects(&id);
        id
    }

    fn name(&self, containers: &[&str]) {
        let agents = self.home.config().with_file_name("agents.d");
        let _ = std::fs::create_dir(&agents);
        let agent = format!("[[agents]]\nid = \"boxed\"\ncontainers = {containers:?}\n");
        std::fs::write(agents.join("boxed.toml"), agent).unwrap();
    }

    /// A process in a container that opens the file each time it is told to go on.
    fn opener(&self, group: &Group, times: usize) -> Trigger {
        let mut steps = Vec::new();
        for time in 0..times {
            if time > 0 {
                steps.push("+".into());
            }
            steps.extend(steps![
                "wait", "+", "openat", "cwd", &self.file, O_RDONLY, "0"
            ]);
        }
        let mut trigger = Trigger::new(Path::new("/"), &steps);
        group.take(trigger.pid());
        trigger.go();
        trigger
    }

    /// What a process in a container does from its begin to its end.
    fn run(&self, group: &Group) -> Ran {
        let mut trigger = self.opener(group, 1);
        trigger.go();
        trigger.end()
    }

    fn opened(&self, record: &Value, pid: u32) -> bool {
        record["action"] == "file.open"
            && record["process"]["pid"] == pid
            && record["object"]["path"] == self.file.as_str()
    }
}

/// The id of a container that nobody else has.
fn id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    format!("{:032x}{number:032x}", std::process::id())
}

/// The cgroup of a container, as Podman without systemd makes one, where agtrack looks for them.
fn container(id: &str) -> Group {
    Group::new(&format!("libpod-{id}"))
}

/// Waits until `find` finds what it looks for among the records of a container's session.
fn wait<T>(
    daemon: &Daemon,
    group: &Path,
    what: &str,
    find: impl Fn(&Records) -> Option<T>,
) -> Records {
    let found = daemon.follower().wait(|records| {
        let own = own(records, group)?;
        find(&own).map(|_| own)
    });
    let found = found.unwrap_or_else(|| panic!("{what}: {:#?}", daemon.follower().records()));
    found.0.iter().for_each(|record| coverage::note(record));
    found
}

fn exited(records: &Records, pid: u32) -> Option<()> {
    let exits = records.action("process.exit").of(pid);
    (!exits.is_empty()).then_some(())
}

/// Stops the recorder. Gives all records.
fn end(host: &Host, daemon: Daemon) -> Records {
    assert!(
        daemon.stop(Signal::SIGTERM).success(),
        "{}",
        host.home.said()
    );
    Records::read(&host.home.journal())
}

fn sessions(records: &Records) -> Records {
    records.kind("session")
}

fn changes(records: &Records) -> Vec<Value> {
    let sessions = sessions(records).0;
    sessions.iter().map(|r| r["change"].clone()).collect()
}

fn detail(record: &Value) -> &str {
    record["detail"].as_str().unwrap_or_default()
}

fn one_that_a_rule_names_is_recorded_from_its_first_moment() -> Outcome {
    let host = Host::new(&["name=agent-*"]);
    let daemon = host.home.start();
    let id = host.id();
    let group = container(&id);
    let ran = host.run(&group);
    host.docker.is_asked(&id);
    // Another agent's records do not wait for it, and nothing of it is told yet.
    let before = Records(daemon.follower().records());
    before
        .keep(|record| record["agent"]["id"] == "boxed")
        .none();
    host.docker.tells(&id, "agent-7", &[("tier", "agents")]);
    let own = wait(&daemon, &group.path, "the end of what runs in it", |own| {
        exited(own, ran.pid)
    });
    let start = sessions(&own);
    let start = start.one();
    assert_eq!(start["agent"]["binding"], "container");
    let told = json!({
        "runtime": "podman", "id": id, "name": "agent-7", "image": "ghcr.io/acme/agent:1",
        "labels": {"tier": "agents"},
    });
    assert_eq!(start["bound"]["container"], told);
    assert_eq!(start["bound"]["cgroup_id"], group.id());
    own.action("cgroup.create")
        .path(group.path.to_str().unwrap())
        .one();
    let attach = own.action("cgroup.attach");
    assert_eq!(attach.one()["object"]["target_pid"], ran.pid);
    let opens = own.keep(|record| host.opened(record, ran.pid));
    assert_eq!(opens.one()["process"]["container"], told, "{own}");
    own.keep(|record| record["reason"] == "late_tag").none();
    let times: Vec<_> = own
        .0
        .iter()
        .map(|r| r["boot_time"].as_u64().unwrap())
        .collect();
    assert!(times.is_sorted(), "in their order: {own}");
    drop(group);
    let all = end(&host, daemon);
    assert_eq!(changes(&all), ["start", "end"], "{all}");
    // Containers of other tests are suspected here too.
    all.keep(|record| record["reason"] != "skipped" && detail(record).contains(&id))
        .none();
    Ok(())
}

fn one_that_no_rule_names_is_not_recorded() -> Outcome {
    let host = Host::new(&["label=agtrack.agent=box-*"]);
    let daemon = host.home.start();
    let (other, own) = (host.id(), host.id());
    let (beside, group) = (container(&other), container(&own));
    host.docker
        .tells(&other, "beside", &[("agtrack.agent", "other")]);
    host.docker
        .tells(&own, "own", &[("agtrack.agent", "box-1")]);
    let mut stranger = host.opener(&beside, 2);
    stranger.go();
    host.docker.is_asked(&other);
    let ran = host.run(&group);
    wait(&daemon, &group.path, "the agent's", |own| {
        exited(own, ran.pid)
    });
    stranger.go();
    let stranger = stranger.end();
    let all = end(&host, daemon);
    all.of(stranger.pid).none();
    let ids = all.0.iter().map(|record| record.to_string());
    assert!(
        !ids.into_iter().any(|text| text.contains(&other)),
        "nothing of it is told"
    );
    let begun = sessions(&all).keep(|record| record["change"] == "start");
    assert_eq!(begun.one()["bound"]["container"]["id"], own.as_str());
    Ok(())
}

fn one_of_which_nobody_tells_is_nobodys_and_that_is_said() -> Outcome {
    let host = Host::new(&["name=*x"]);
    let daemon = host.home.start();
    let id = host.id();
    let group = container(&id);
    host.docker.denies(&id);
    let ran = host.run(&group);
    let unknown = daemon.follower().wait(|records| {
        let unknown = |record: &&std::sync::Arc<Value>| {
            record["reason"] == "container_unknown" && detail(record).contains(&id)
        };
        records.iter().find(unknown).cloned()
    });
    let gap = unknown.unwrap_or_else(|| panic!("no gap: {:#?}", daemon.follower().records()));
    let detail = detail(&gap);
    let path = host.docker.path().to_str().unwrap();
    assert!(detail.contains(path), "{detail}");
    assert!(detail.contains("knows no such container"), "{detail}");
    // What comes after is nobody's either.
    let later = host.run(&group);
    let all = end(&host, daemon);
    all.of(ran.pid).none();
    all.of(later.pid).none();
    sessions(&all).none();
    Ok(())
}

fn one_that_is_over_before_it_is_known_is_recorded() -> Outcome {
    let host = Host::new(&["image=ghcr.io/acme/agent"]);
    let daemon = host.home.start();
    let id = host.id();
    let group = container(&id);
    let path = group.path.clone();
    let ran = host.run(&group);
    host.docker.is_asked(&id);
    drop(group);
    host.docker.tells(&id, "short", &[]);
    let own = wait(&daemon, &path, "its end", |own| {
        let ends = sessions(own).keep(|record| record["change"] == "end");
        (!ends.is_empty()).then_some(())
    });
    own.keep(|record| host.opened(record, ran.pid)).one();
    own.action("cgroup.remove").one();
    end(&host, daemon);
    Ok(())
}

fn one_that_appears_elsewhere_is_recorded_from_when_it_was_found() -> Outcome {
    let parent = Group::new(&own_name("-elsewhere"));
    let docker = parent.child("docker");
    let host = Host::new(&["name=box"]);
    let daemon = host.home.start();
    let id = host.id();
    let group = docker.child(&id);
    let mut inside = host.opener(&group, 1);
    host.docker.is_asked(&id);
    inside.go();
    host.docker.tells(&id, "box", &[]);
    let pid = inside.end().pid;
    let own = wait(&daemon, &group.path, "what is done in it", |own| {
        exited(own, pid)
    });
    own.keep(|record| host.opened(record, pid)).one();
    assert_eq!(sessions(&own).one()["agent"]["binding"], "container");
    drop(group);
    let all = end(&host, daemon);
    assert_eq!(changes(&all), ["start", "end"], "{all}");
    Ok(())
}

fn what_runs_already_is_found_and_found_again() -> Outcome {
    let host = Host::new(&["name=agent-*"]);
    let id = host.id();
    let group = container(&id);
    host.docker.tells(&id, "agent-1", &[]);
    let mut worker = host.opener(&group, 3);
    let pid = worker.pid();
    let opens = |own: &Records, count: usize| {
        let opens = own.keep(|record| host.opened(record, pid));
        (opens.len() == count).then_some(())
    };
    let daemon = host.home.start();
    worker.go();
    let own = wait(&daemon, &group.path, "what it does", |own| opens(own, 1));
    own.keep(|record| record["reason"] == "late_tag").one();
    assert!(daemon.stop(Signal::SIGTERM).success());
    // The next recorder goes on with the session, and gives it up when no rule names it.
    let mut daemon = host.home.start();
    worker.go();
    wait(&daemon, &group.path, "what it does then", |own| {
        opens(own, 2)
    });
    host.name(&["name=other"]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    wait(&daemon, &group.path, "its end", |own| {
        let ends = sessions(own).keep(|record| record["change"] == "end");
        (!ends.is_empty()).then_some(())
    });
    worker.go();
    let ended = worker.end();
    let all = end(&host, daemon);
    assert_eq!(
        changes(&all),
        ["start", "suspend", "resume", "end"],
        "{all}"
    );
    let of_one = sessions(&all).keep(|record| record["agent"]["binding"] == "container");
    let first = &of_one.0[0]["agent"]["session"];
    assert!(
        of_one
            .0
            .iter()
            .all(|record| record["agent"]["session"] == *first)
    );
    assert_eq!(all.keep(|record| host.opened(record, ended.pid)).len(), 2);
    Ok(())
}

fn records_name_it_once_its_runtime_has_answered() -> Outcome {
    let host = Host::new(&["name=nobody"]);
    let parent = Group::new(&own_name("-named"));
    let docker = parent.child("docker");
    let glob = format!("{}/docker/*", parent.path.display());
    host.home.configure(&[("by-glob", &[&glob])]);
    std::fs::remove_dir_all(host.home.config().with_file_name("agents.d")).unwrap();
    let daemon = host.home.start();
    let id = host.id();
    let group = docker.child(&id);
    let first = host.run(&group);
    host.docker.is_asked(&id);
    let own = wait(&daemon, &group.path, "the first", |own| {
        exited(own, first.pid)
    });
    let before = json!({"runtime": "docker", "id": id});
    for record in &own.keep(|record| host.opened(record, first.pid)).0 {
        assert_eq!(record["process"]["container"], before);
        assert_eq!(record["agent"]["binding"], "cgroup");
    }
    host.docker
        .tells(&id, "box", &[("password", "hunter2hunter2")]);
    // How long the answer takes nobody knows: records after it have the name.
    let told = (0..1000).find_map(|_| {
        let ran = host.run(&group);
        let own = wait(&daemon, &group.path, "the next", |own| exited(own, ran.pid));
        let opens = own.keep(|record| host.opened(record, ran.pid));
        let container = opens.one()["process"]["container"].clone();
        (container["name"] == "box").then_some(container)
    });
    let told = told.expect("a record with the name");
    assert_eq!(told["image"], "ghcr.io/acme/agent:1");
    let secret = told["labels"]["password"].as_str().unwrap();
    assert!(secret.starts_with("<redacted:"), "{secret}");
    end(&host, daemon);
    Ok(())
}
