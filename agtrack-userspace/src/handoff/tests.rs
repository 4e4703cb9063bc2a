use super::*;
use crate::record::{Completeness, Outcome, Process, Shared};

fn action(uid: &str, name: &str, object: Object) -> Action {
    Action {
        tool_call: None,
        process: Shared::new(Process {
            uid: uid.to_owned(),
            ..Process::default()
        }),
        action: name.to_owned(),
        object,
        outcome: Outcome {
            result: OutcomeResult::Success,
            errno: None,
        },
        decision: None,
        effect: None,
        maps: Vec::new(),
        redacted: Vec::new(),
        completeness: Completeness::default(),
    }
}

fn connect(uid: &str, socket: &str) -> Action {
    let socket = socket.into();
    action(
        uid,
        "net.connect",
        Object::Connect(Address::Unix { socket }),
    )
}

fn open(path: &str, access: Access) -> Action {
    let object = Object::Open {
        path: path.into(),
        access,
        created: false,
        open_flags: Vec::new(),
        inode: None,
        device: None,
        mode: None,
    };
    action("p", "file.open", object)
}

fn channel(action: &Action) -> Option<String> {
    let told = Handoffs::default().see(1, (0, None), action);
    told.map(|handoff| handoff.channel)
}

#[test]
fn every_glob_of_the_table_is_one_and_no_channel_is_empty() {
    for channel in TABLE {
        let globs = channel.sockets.iter().chain(channel.files);
        for glob in globs {
            GlobBuilder::new(glob).build().unwrap();
            assert!(glob.starts_with('/'), "{glob} matches no path");
        }
        let all = [channel.sockets, channel.files, channel.programs];
        assert!(all.iter().any(|list| !list.is_empty()), "{}", channel.name);
    }
}

#[test]
fn sockets_lead_to_whom_they_belong() {
    for (socket, expect) in [
        ("/run/docker.sock", Some("docker")),
        ("/var/run/docker.sock", Some("docker")),
        ("/run/containerd/containerd.sock", Some("containerd")),
        ("/run/user/1000/bus", Some("dbus")),
        ("/run/systemd/private", Some("systemd")),
        ("/tmp/ssh-XXab/agent.12", Some("ssh-agent")),
        ("/home/a/.gnupg/S.gpg-agent.ssh", Some("ssh-agent")),
        ("/home/a/.gnupg/S.gpg-agent", Some("gpg-agent")),
        ("/tmp/tmux-1000/default", Some("tmux")),
        ("/run/user/1000/keyring/control", Some("keyring")),
        ("/run/nscd/socket", None),
        ("/tmp/docker.sock", None),
        ("@/tmp/.X11-unix/X0", None),
    ] {
        assert_eq!(
            channel(&connect("p", socket)).as_deref(),
            expect,
            "{socket}"
        );
    }
}

#[test]
fn files_lead_there_when_they_are_written_only() {
    for (path, expect) in [
        ("/var/spool/cron/crontabs/root", Some("cron")),
        ("/etc/cron.d/backup", Some("cron")),
        ("/var/spool/cron/atjobs/a0001", Some("cron")),
        ("/etc/systemd/system/x.service", Some("systemd")),
        ("/home/a/.config/systemd/user/x.timer", Some("systemd")),
        ("/etc/cronut", None),
    ] {
        assert_eq!(
            channel(&open(path, Access::Write)).as_deref(),
            expect,
            "{path}"
        );
        assert_eq!(channel(&open(path, Access::Read)), None, "{path}");
    }
}

#[test]
fn a_refused_one_is_none() {
    let mut refused = connect("p", "/run/docker.sock");
    refused.outcome.result = OutcomeResult::Failure;
    assert_eq!(channel(&refused), None);
}

#[test]
fn it_is_told_once_for_each_process_and_channel() {
    let mut handoffs = Handoffs::default();
    let docker = |uid| connect(uid, "/run/docker.sock");
    assert!(handoffs.see(1, (0, None), &docker("a")).is_some());
    assert!(handoffs.see(1, (0, None), &docker("a")).is_none());
    assert!(
        handoffs
            .see(1, (0, None), &connect("a", "/tmp/tmux-0/x"))
            .is_some()
    );
    assert!(handoffs.see(1, (0, None), &docker("b")).is_some());
    assert!(handoffs.see(2, (0, None), &docker("a")).is_some());
    handoffs.forget(1);
    assert!(handoffs.see(1, (0, None), &docker("a")).is_some());
}

#[test]
fn what_is_kept_has_an_end() {
    let mut handoffs = Handoffs::default();
    for number in 0..3 * TOLD {
        handoffs.see(
            1,
            (0, None),
            &connect(&number.to_string(), "/run/docker.sock"),
        );
        assert!(handoffs.sessions[&1].len() <= TOLD);
    }
}
