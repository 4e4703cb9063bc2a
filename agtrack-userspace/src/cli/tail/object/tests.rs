use super::*;

fn check(object: Object, expect: &str) {
    assert_eq!(words(&object), expect);
    // As `tail` meets it: read back from a line.
    let line = serde_json::to_string(&object).unwrap();
    assert_eq!(
        words(&serde_json::from_str(&line).unwrap()),
        expect,
        "{line}"
    );
}

#[test]
fn files() {
    let open = |access, created, flags: &[&str]| Object::Open {
        path: "/etc/passwd".into(),
        access,
        created,
        open_flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        inode: None,
        device: None,
        mode: None,
    };
    check(open(Access::Read, false, &[]), "/etc/passwd (read)");
    check(
        open(Access::ReadWrite, true, &["CREAT", "TRUNC"]),
        "/etc/passwd (read, write, created, truncated)",
    );
    check(
        Object::File {
            path: "/a".into(),
            inode: None,
            device: None,
            change: FileChange::default(),
        },
        "/a",
    );
    check(
        Object::File {
            path: "/a".into(),
            inode: Some(1),
            device: None,
            change: FileChange {
                target: Some("/b\u{7}".into()),
                mode: Some("644".to_owned()),
                owner: Some(0),
                ..FileChange::default()
            },
        },
        "/a -> /b\\u{7} (mode 644, owner 0)",
    );
    let (from, to) = ("/a".into(), "/b\n".into());
    let rename_flags = vec!["EXCHANGE".to_owned()];
    check(
        Object::Rename {
            from,
            to,
            rename_flags,
            inode: Some(1),
            device: None,
        },
        "/a -> /b\\u{a} (EXCHANGE)",
    );
}

#[test]
fn processes() {
    check(
        Object::Fork {
            child_uid: "x-1-2".into(),
            child_pid: 1,
            namespaces: Vec::new(),
        },
        "process 1",
    );
    check(
        Object::Exit {
            code: Some(3),
            signal: None,
            core: false,
            usage: Default::default(),
            counted_opens: Default::default(),
        },
        "code 3",
    );
    let signal = Some("SIGSEGV".to_owned());
    check(
        Object::Exit {
            code: None,
            signal,
            core: true,
            usage: Default::default(),
            counted_opens: Default::default(),
        },
        "by SIGSEGV, core dumped",
    );
    let exec = Object::Exec {
        exe: "/bin/sh".into(),
        inode: 1,
        device: "8:1".into(),
        args: vec![
            "sh".into(),
            "-c".into(),
            "echo 'it'\u{1b}".into(),
            "".into(),
        ],
        args_bytes: 9,
        group: 0,
        egroup: 0,
        cwd: "/".into(),
        script: None,
        brought: Default::default(),
        hash: Default::default(),
    };
    check(exec, "/bin/sh -c 'echo '\\''it'\\''\\u{1b}' ''");
}

#[test]
fn peers() {
    let ip = |ip: &str, domain: Option<&str>| {
        Object::Connect(Address::Ip {
            ip: ip.parse().unwrap(),
            port: 443,
            proto: "tcp".into(),
            domain: domain.map(Into::into),
        })
    };
    check(
        ip("10.0.0.7", Some("example.org")),
        "10.0.0.7:443 tcp (example.org)",
    );
    check(ip("::1", None), "[::1]:443 tcp");
    check(
        Object::Connect(Address::Unix {
            socket: "@x".into(),
        }),
        "unix @x",
    );
    check(
        Object::Connect(Address::Other { family: 16 }),
        "address family 16",
    );
}

#[test]
fn requests() {
    let request = UringRequest {
        request: "renameat".into(),
        path: Some("/a".into()),
        target: Some("/b\n".into()),
        ..UringRequest::default()
    };
    check(Object::Uring(request), "renameat /a (/b\\u{a})");
    let request = UringRequest {
        request: "shutdown".into(),
        descriptor: Some(7),
        ..UringRequest::default()
    };
    check(Object::Uring(request), "shutdown descriptor 7");
}

#[test]
fn cgroups() {
    let cgroup = |target_pid| Object::Cgroup {
        cgroup: "/agents/a".into(),
        cgroup_id: 1,
        target_uid: None,
        target_pid,
    };
    check(cgroup(None), "/agents/a");
    check(cgroup(Some(7)), "process 7 to /agents/a");
}
