//! What a summary chooses to tell.
mod contact;
use super::*;
use crate::record::{
    Completeness, FileChange, Item, Listed, Outcome, PathSource, Side, Text, TlsHello,
};

/// Names in a list.
const LISTED: usize = 24;

fn action(exe: &str, name: &str, object: Object, errno: Option<&str>) -> Action {
    let result = match errno {
        None => OutcomeResult::Success,
        Some("EINPROGRESS") => OutcomeResult::InProgress,
        Some(_) => OutcomeResult::Failure,
    };
    let process = Process {
        exe: Some(exe.into()),
        ..Process::default()
    };
    Action {
        tool_call: None,
        process: crate::record::Shared::new(process),
        action: name.to_owned(),
        object,
        outcome: Outcome {
            result,
            errno: errno.map(str::to_owned),
        },
        decision: None,
        effect: None,
        maps: Vec::new(),
        redacted: Vec::new(),
        completeness: Completeness {
            path_source: Some(PathSource::Kernel),
            count: 1,
            ..Completeness::default()
        },
    }
}

fn open(exe: &str, path: &str, access: Access, errno: Option<&str>) -> Action {
    let object = Object::Open {
        path: path.into(),
        access,
        created: false,
        open_flags: Vec::new(),
        inode: None,
        device: None,
        mode: None,
    };
    action(exe, "file.open", object, errno)
}

fn connect(address: Address, errno: Option<&str>) -> Action {
    action(
        "/usr/bin/curl",
        "net.connect",
        Object::Connect(address),
        errno,
    )
}

fn tcp(ip: &str) -> Address {
    Address::Ip {
        ip: ip.parse().unwrap(),
        port: 443,
        proto: "tcp".into(),
        domain: None,
    }
}

fn unix(path: &str) -> Address {
    Address::Unix {
        socket: path.into(),
    }
}

fn summary(actions: &[Action]) -> Effects {
    let mut deeds = Deeds::default();
    for action in actions {
        deeds.add(action);
    }
    deeds.effects(LISTED)
}

fn told(list: &Listed) -> Vec<String> {
    list.items
        .iter()
        .map(|item| {
            let words = [&item.name.escaped(), &item.what[..], &item.by.escaped()];
            format!("{} {} {}", words.join(" "), item.ways.join("+"), item.count)
        })
        .collect()
}

#[test]
fn credentials_are_told_however_they_are_touched() {
    let unlink = Object::File {
        path: "/root/.netrc".into(),
        inode: None,
        device: None,
        change: FileChange::default(),
    };
    let summary = summary(&[
        open("/usr/bin/cat", "/h/.aws/credentials", Access::Read, None),
        open(
            "/usr/bin/vi",
            "/h/.aws/credentials",
            Access::ReadWrite,
            None,
        ),
        open("/usr/bin/cat", "/h/notes", Access::Read, None),
        open("/usr/bin/cat", "/etc/shadow", Access::Read, Some("EACCES")),
        open("/usr/bin/cat", "/h/.ssh/id_rsa", Access::Read, Some("EIO")),
        action("/usr/bin/rm", "file.unlink", unlink, None),
    ]);
    assert_eq!(
        told(&summary.credentials),
        [
            "/etc/shadow password hashes cat refused 1",
            "/h/.aws/credentials AWS keys cat and others read+written 2",
            "/root/.netrc passwords of hosts rm deleted 1",
        ]
    );
}

#[test]
fn a_link_to_a_credential_is_told_and_its_permissions_too() {
    let file = |path: &str, target: Option<&str>| Object::File {
        path: path.into(),
        inode: None,
        device: None,
        change: FileChange {
            target: target.map(Into::into),
            ..FileChange::default()
        },
    };
    let link = file("/tmp/x", Some("/root/.netrc"));
    let summary = summary(&[
        action("/usr/bin/ln", "file.symlink", link, None),
        action(
            "/usr/bin/chmod",
            "file.chmod",
            file("/etc/shadow", None),
            None,
        ),
    ]);
    assert_eq!(
        told(&summary.credentials),
        [
            "/etc/shadow password hashes chmod changed 1",
            "/root/.netrc passwords of hosts ln linked 1",
        ]
    );
    assert_eq!(told(&summary.created), ["/tmp/x    1"]);
}

/// Back end tracepoint sees nothing else of it.
#[test]
fn a_credential_named_to_io_uring_is_told() {
    let request = |errno| {
        let request = crate::record::UringRequest {
            request: "openat".into(),
            path: Some("/h/.aws/credentials".into()),
            ..Default::default()
        };
        action(
            "/usr/bin/cat",
            "kernel.io_uring",
            Object::Uring(request),
            errno,
        )
    };
    let summary = summary(&[request(None), request(Some("EACCES"))]);
    assert_eq!(
        told(&summary.credentials),
        ["/h/.aws/credentials AWS keys cat named to io_uring+refused 2"]
    );
    assert_eq!(
        told(&summary.refused),
        ["kernel.io_uring /h/.aws/credentials  cat EACCES 1"]
    );
}

#[test]
fn a_refusal_is_told_and_other_failures_are_counted() {
    let tty = open(
        "/usr/bin/bash",
        "/dev/tty",
        Access::ReadWrite,
        Some("ENXIO"),
    );
    let summary = summary(&[
        open("/usr/bin/tee", "/etc/passwd", Access::Write, Some("EACCES")),
        open("/usr/bin/tee", "/etc/passwd", Access::Write, Some("EACCES")),
        tty.clone(),
        tty,
    ]);
    assert_eq!(
        told(&summary.refused),
        ["file.open /etc/passwd  tee EACCES 2"]
    );
    assert_eq!(summary.failures, [("ENXIO".to_owned(), 2)].into());
    assert_eq!(summary.written.total, 0);
}

#[test]
fn refusals_that_tell_most_come_first() {
    let refused = |path, access| open("/usr/bin/x", path, access, Some("EACCES"));
    let summary = summary(&[
        refused("/a/libc.so.6", Access::Read),
        refused("/b/notes", Access::Read),
        refused("/c/notes", Access::Write),
        refused("/d/.env", Access::Read),
    ]);
    let names: Vec<_> = summary
        .refused
        .items
        .iter()
        .map(|item| item.name.escaped())
        .collect();
    assert_eq!(
        names,
        [
            "file.open /c/notes",
            "file.open /d/.env",
            "file.open /b/notes",
            "file.open /a/libc.so.6"
        ]
    );
}

#[test]
fn peers_are_told_with_their_results_and_other_machines_first() {
    let summary = summary(&[
        connect(unix("/run/docker.sock"), None),
        connect(unix("/var/run/nscd/socket"), Some("ENOENT")),
        connect(tcp("127.0.0.1"), Some("ECONNREFUSED")),
        connect(tcp("203.0.113.7"), Some("EINPROGRESS")),
        connect(tcp("203.0.113.7"), None),
        connect(Address::Other { family: 16 }, None),
    ]);
    assert_eq!(
        told(&summary.peers),
        [
            "203.0.113.7:443  curl connected+in progress 2",
            "127.0.0.1:443  curl ECONNREFUSED 1",
            "/run/docker.sock  curl connected 1",
        ]
    );
    assert_eq!(summary.failures, [("ENOENT".to_owned(), 1)].into());
}

#[test]
fn crashes_are_told_and_ordinary_ends_are_not() {
    let exit = |signal: &str| {
        let object = Object::Exit {
            code: None,
            signal: Some(signal.into()),
            core: false,
            usage: Default::default(),
            counted_opens: Default::default(),
        };
        action("/usr/bin/node", "process.exit", object, None)
    };
    let summary = summary(&[exit("SIGTERM"), exit("SIGSEGV"), exit("SIGSEGV")]);
    assert_eq!(told(&summary.killed), ["node  node SIGSEGV 2"]);
}

#[test]
fn a_hostile_agent_cannot_make_it_grow() {
    let mut deeds = Deeds::default();
    for number in 0..20_000_u32 {
        let path = format!("/{}/{number}/.env", "x".repeat(2000));
        deeds.add(&open(&path, &path, Access::ReadWrite, Some("EACCES")));
        deeds.add(&connect(unix(&path), Some(&format!("E{number}"))));
        deeds.add(&connect(tcp("10.0.0.1"), Some(&format!("E{number}"))));
    }
    let summary = deeds.effects(LISTED);
    assert_eq!(summary.refused.total + summary.refused.beyond, 20_000);
    assert_eq!(
        summary.credentials.total + summary.credentials.beyond,
        20_000
    );
    assert!(summary.peers.beyond > 0 && summary.peers.items[0].ways.len() <= RESULTS);
    // The launcher refuses longer messages.
    assert!(serde_json::to_vec(&summary).unwrap().len() < 500 << 10);
}

#[test]
fn a_peer_has_its_name_and_how_it_was_spoken_to() {
    let ip = |domain: Option<&str>| Address::Ip {
        ip: "192.0.2.7".parse().unwrap(),
        port: 443,
        proto: "tcp".to_owned(),
        domain: domain.map(str::to_owned),
    };
    let hello = |direction, domain| {
        let hello = TlsHello {
            peer: ip(domain),
            direction,
            hello: Side::Client,
            server_name: Some("api.example.org".into()),
            alpn: Vec::new(),
            tls_version: "1.3".to_owned(),
            ech: false,
        };
        action("/usr/bin/curl", "net.tls_hello", Object::Tls(hello), None)
    };
    let mut deeds = Deeds::default();
    deeds.add(&connect(ip(Some("example.org")), None));
    deeds.add(&hello(Direction::Outbound, Some("example.org")));
    deeds.add(&hello(Direction::Outbound, None));
    deeds.add(&hello(Direction::Inbound, Some("a.client")));
    let summary = deeds.effects(LISTED);
    let peers: Vec<_> = summary
        .peers
        .items
        .iter()
        .map(|item| (item.name.printable(), item.ways.join(", ")))
        .collect();
    let counts: Vec<_> = summary.peers.items.iter().map(|item| item.count).collect();
    assert_eq!(counts, [1, 1], "one connection each");
    let expect = [
        ("192.0.2.7:443 (api.example.org)", "TLS"),
        ("192.0.2.7:443 (example.org)", "TLS, connected"),
    ];
    assert_eq!(
        peers,
        expect.map(|(name, ways)| (name.to_owned(), ways.to_owned()))
    );
}

#[test]
fn credentials_that_could_be_used_are_told_apart_from_those_that_were_reached() {
    let mut deeds = Deeds::default();
    let mut exec: Object = serde_json::from_value(serde_json::json!({
        "exe": "/usr/bin/aws", "inode": 1, "device": "0:1", "args": [], "args_bytes": 0,
        "group": 0, "egroup": 0, "cwd": "/w",
    }))
    .unwrap();
    if let Object::Exec { brought, .. } = &mut exec {
        let names = ["PATH", "GITHUB_TOKEN", "DB_PASSWORD"].map(Text::from);
        brought.env_names = crate::record::Shared::new(names.to_vec().into());
    }
    deeds.add(&action("/usr/bin/aws", "process.exec", exec, None));
    let metadata = |errno| {
        let ip = "169.254.169.254".parse().unwrap();
        let address = Address::Ip {
            ip,
            port: 80,
            proto: "tcp".to_owned(),
            domain: None,
        };
        connect(address, errno)
    };
    deeds.add(&metadata(Some("EHOSTUNREACH")));
    assert!(deeds.effects(LISTED).credentials.is_empty());
    deeds.add(&metadata(None));
    let effects = deeds.effects(LISTED);
    let told = |list: &Listed| -> Vec<(String, String)> {
        let word = |item: &Item| (item.name.escaped().into_owned(), item.what.clone());
        list.items.iter().map(word).collect()
    };
    let word = |name: &str, what: &str| (name.to_owned(), what.to_owned());
    assert_eq!(
        told(&effects.offered),
        [
            word("DB_PASSWORD", "password"),
            word("GITHUB_TOKEN", "GitHub token")
        ]
    );
    assert_eq!(effects.credentials.total, 1);
    assert_eq!(effects.credentials.items[0].what, "cloud metadata");
}

#[test]
fn what_passed_is_told_of_each_peer() {
    let mut deeds = Deeds::default();
    let flow = |ip: &str, direction: &str, out: u64, back: u64| {
        let flow = serde_json::json!({
            "local": tcp("127.0.0.1"), "peer": tcp(ip), "direction": direction, "bytes_out": out,
            "bytes_in": back, "packets_out": 1, "packets_in": 1, "ended_boot_time": 0,
        });
        let flow = Object::Flow(serde_json::from_value(flow).unwrap());
        action("/usr/bin/curl", "net.flow", flow, None)
    };
    deeds.add(&connect(tcp("10.0.0.7"), None));
    deeds.add(&connect(tcp("10.0.0.8"), None));
    deeds.add(&flow("10.0.0.7", "outbound", 5, 70));
    deeds.add(&flow("10.0.0.7", "outbound", 1, 2));
    // Somebody else's connection to the agent.
    deeds.add(&flow("10.0.0.8", "inbound", 100, 200));
    let effects = deeds.effects(LISTED);
    let told = effects.peers.items.iter();
    let told: Vec<_> = told.map(|item| [item.bytes_out, item.bytes_in]).collect();
    assert_eq!(told, [[6, 72], [0, 0]]);
    assert_eq!((effects.bytes_out, effects.bytes_in), (106, 272));
}
