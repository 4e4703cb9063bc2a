//! What stands in a summary, line by line.

use super::*;
use crate::engine::Running;
use crate::record::Effects;
use crate::terminal::Palette;

fn look() -> Look {
    Look {
        palette: Palette::default(),
        width: 100,
        cuts: false,
        here: b"/w".to_vec(),
        home: b"/home/u".to_vec(),
        command: "agtrack".into(),
    }
}

fn item(name: &[u8], count: u64) -> Item {
    Item {
        name: name.to_vec().into(),
        count,
        ..Item::default()
    }
}

fn deed(name: &str, what: &str, by: &str, ways: &[&str], count: u64) -> Item {
    Item {
        what: what.into(),
        by: by.into(),
        ways: ways.iter().map(|way| (*way).to_owned()).collect(),
        ..item(name.as_bytes(), count)
    }
}

fn listed(items: &[Item]) -> Listed {
    Listed {
        total: items.len() as u64,
        beyond: 0,
        items: items.to_vec(),
    }
}

fn of(summary: Summary) -> Done {
    Done {
        summary,
        ..Done::default()
    }
}

fn check(summary: &Summary, running: Vec<Running>, expect: &[&str]) {
    let lines = laid_out(
        &look(),
        Path::new("/var/lib/x"),
        &Done {
            still: running.into(),
            summary: summary.clone(),
            packets: None,
        },
    );
    assert_eq!(lines, expect);
}

#[test]
fn a_quiet_command_has_a_short_summary() {
    check(
        &Summary::default(),
        Vec::new(),
        &[
            "agtrack: recorded nothing",
            "  lost           nothing",
            "  journal        /var/lib/x",
            "  read it with   agtrack tail --journal /var/lib/x",
            "  report         agtrack report --journal /var/lib/x --html report.html",
        ],
    );
}

fn busy() -> Summary {
    let renamed = Item {
        to: Some("/w/b".into()),
        ..item(b"/w/a", 1)
    };
    Summary {
        actions: [
            ("file.open".into(), 7),
            ("process.exec".into(), 9),
            ("x".into(), 0),
        ]
        .into(),
        effects: Effects {
            programs: listed(&[item(b"curl", 1), item(b"bash", 8)]),
            credentials: listed(&[deed(
                "/home/u/.aws/credentials",
                "AWS keys",
                "cat",
                &["read", "written"],
                2,
            )]),
            created: Listed {
                total: 61,
                beyond: 0,
                items: vec![item(b"/etc/b\x1b[31m", 1), item(b"/w/.git/", 60)],
            },
            renamed: listed(&[renamed]),
            peers: listed(&[
                deed("203.0.113.7:443", "", "curl", &["connected"], 1),
                deed("127.0.0.1:9", "", "curl", &["ECONNREFUSED"], 3),
            ]),
            refused: listed(&[deed("file.open /w/c d", "", "tee", &["EACCES"], 1)]),
            killed: listed(&[deed("node", "", "node", &["SIGSEGV"], 2)]),
            temporary: 4,
            failures: [("ENXIO".to_owned(), 2)].into(),
            ..Effects::default()
        },
        lost: 3,
        skipped: 4,
        ..Summary::default()
    }
}

#[test]
fn a_busy_command_is_told_in_a_few_lines() {
    let running = Running {
        pid: 12,
        exe: b"/bin/s\nleep".to_vec(),
    };
    check(
        &busy(),
        vec![running],
        &[
            "agtrack: recorded process.exec 9, file.open 7",
            "  programs       curl, bash 8",
            "  credentials    ~/.aws/credentials (AWS keys, read, written, by cat, 2 times)",
            "  files created  /etc/b\\u{1b}[31m, .git/ (60 files)",
            "  files renamed  a -> b",
            "  connects       203.0.113.7:443 (by curl), 127.0.0.1:9 (ECONNREFUSED, by curl, \
             3 times)",
            "  refused        file.open c d (EACCES, by tee)",
            "  killed         node by SIGSEGV 2",
            "  besides        4 files came and went, 2 other failures (ENXIO 2)",
            "  LOST           3 events (see the gap records); the kernel skipped up to 4 hook \
             runs on this host",
            "  still running  1, no longer recorded:",
            "         12 /bin/s\\u{a}leep",
            "  journal        /var/lib/x",
            "  read it with   agtrack tail --journal /var/lib/x",
            "  report         agtrack report --journal /var/lib/x --html report.html",
        ],
    );
}

#[test]
fn the_file_of_packets_is_named() {
    let told = |lost, error: Option<&str>| {
        let packets = Packets {
            name: "packets.pcapng".to_owned(),
            done: crate::engine::CaptureDone {
                packets: 12,
                bytes: 3400,
                lost,
                error: error.map(str::to_owned),
            },
        };
        let done = Done {
            packets: Some(packets),
            ..Done::default()
        };
        let lines = laid_out(&look(), Path::new("/j"), &done);
        lines.into_iter().find(|line| line.contains("packets"))
    };
    let whole = "  packets        12 in /j/packets.pcapng";
    assert_eq!(told(0, None).as_deref(), Some(whole));
    let cut = "  packets        12 in /j/packets.pcapng, 3 lost, not whole: no space";
    assert_eq!(told(3, Some("no space")).as_deref(), Some(cut));
}

#[test]
fn attempts_on_the_recorder_are_counted() {
    let told = |tampered| {
        let summary = Summary {
            tampered,
            ..Summary::default()
        };
        let lines = laid_out(&look(), Path::new("/j"), &of(summary));
        lines.into_iter().find(|line| line.contains("TAMPER"))
    };
    assert_eq!(told(0), None);
    let one = "  TAMPER         1 attempt on the recorder itself; `agtrack query --kind tamper` says by whom";
    assert_eq!(told(1).as_deref(), Some(one));
    assert!(told(2).unwrap().contains("2 attempts on"));
}

#[test]
fn what_is_not_shown_is_counted() {
    let many: Vec<_> = (0..20).map(|_| item(b"/w/a", 1)).collect();
    let mut list = Listed {
        total: 1000,
        beyond: 0,
        items: many,
    };
    let last = |list: &Listed| {
        let words = words(list, SHOWN, &|item| file(&look(), item));
        assert_eq!(words.len(), SHOWN + 1);
        words.last().cloned().unwrap()
    };
    assert_eq!(last(&list), "and 994 more");
    list.beyond = 7;
    assert_eq!(
        last(&list),
        "and 994 more, and 7 times one that was not told from the others"
    );
}

#[test]
fn colours_are_used_only_where_they_are_wanted() {
    let coloured = Look {
        palette: Palette::coloured(),
        ..look()
    };
    let with = laid_out(&coloured, Path::new("/j"), &of(busy())).join("\n");
    assert!(with.contains("\u{1b}["), "{with}");
    let without = laid_out(&look(), Path::new("/j"), &of(busy())).join("\n");
    assert!(!without.contains('\u{1b}'), "{without}");
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let many = vec![
        Running {
            pid: 1,
            exe: b"x".to_vec()
        };
        25
    ];
    let lines = list(&many.into());
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[20], "    and 5 more");
}

#[test]
fn agents_that_were_started_have_a_line() {
    let started = |program: &str, actions, tool_calls| Started {
        program: program.to_owned(),
        actions,
        tool_calls,
    };
    let summary = Summary {
        agents: vec![started("codex", 12, 2), started("gem\u{7}", 1, 1)],
        agents_total: 3,
        ..Summary::default()
    };
    let lines = laid_out(&look(), Path::new("/j"), &of(summary));
    let expect = "  agents         codex (12 actions, 2 tool calls), gem\\u{7} (1 action, 1 tool call), and 1 more";
    assert_eq!(lines[1], expect);
}

#[test]
fn what_others_did_at_its_request_has_a_line() {
    let summary = Summary {
        results: vec![Asked {
            cgroup: "/system.slice/run-u1\u{7}.service".into(),
            channel: "systemd".to_owned(),
        }],
        results_total: 2,
        ..Summary::default()
    };
    let lines = laid_out(&look(), Path::new("/j"), &of(summary));
    let expect = "  handed off     /system.slice/run-u1\\u{7}.service (by systemd), and 1 more";
    assert_eq!(lines[1], expect);
}

#[test]
fn a_connect_of_which_nothing_came_is_no_contact() {
    let words = |ways: &[&str]| {
        let ways: Vec<_> = ways.iter().map(|way| (*way).to_owned()).collect();
        contact(&ways).join(", ")
    };
    assert_eq!(words(&["in progress"]), "asked for, no connection seen");
    assert_eq!(
        words(&["ECONNREFUSED", "in progress"]),
        "ECONNREFUSED, asked for, no connection seen"
    );
    assert_eq!(words(&["HTTP", "in progress"]), "HTTP");
    assert_eq!(words(&["connected", "in progress"]), "connected");
    assert_eq!(words(&["read", "written"]), "read, written");
}
