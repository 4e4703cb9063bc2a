//! Changes of files and modes, calls that failed, and where a session waits for others.

use super::*;
use crate::report::Touch;

#[test]
fn what_is_no_content_of_a_file_is_told_of_those_that_stayed() {
    let mut report = report_of(&read(HASHES));
    let title = "also changed";
    assert!(!lines(&report).join("\n").contains(title));
    let file = |path: &str, what: &[Touch], gone: bool| FileDone {
        path: Text(path.into()),
        what: what.to_vec(),
        gone,
        ..FileDone::default()
    };
    let mode = || Touch::Mode(Some("755".to_owned()));
    report.files.items = vec![
        file("/srv/run", &[Touch::Created, Touch::Written, mode()], false),
        file("/srv/gone", &[mode()], true),
        file("/srv/plain", &[Touch::Written], false),
    ];
    let text = lines(&report).join("\n");
    assert!(
        text.contains("  also changed   /srv/run (mode 755)\n"),
        "{text}"
    );
    let many = (0..9).map(|number| file(&format!("/srv/{number}"), &[Touch::Linked], false));
    report.files.items = many.collect();
    assert!(lines(&report).join(" ").contains("and 3 more"));
}

/// Records of one call's actions, in their order.
fn acted(actions: &[(&str, serde_json::Value)]) -> Report {
    let mut records = CALLS
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let template = records.find(|record| record["action"] == "process.setid");
    let template = template.unwrap();
    let record = |(number, (name, object)): (usize, &(&str, serde_json::Value))| {
        let mut line = template.clone();
        line["seq"] = (number + 1).into();
        line["action"] = (*name).into();
        let mut object = object.clone();
        line["effect"] = object["effect"].take();
        object.as_object_mut().unwrap().remove("effect");
        line["object"] = object;
        line["outcome"] = serde_json::json!({"result": "success", "errno": null});
        serde_json::from_value::<Record>(line).unwrap()
    };
    report_of(&actions.iter().enumerate().map(record).collect::<Vec<_>>())
}

#[test]
fn what_a_file_holds_after_it_was_cut_is_not_told_as_what_it_held() {
    let sha256 = "a".repeat(64);
    let object = |more: serde_json::Value| {
        let mut object = serde_json::json!({"path": "/srv/a", "inode": null, "device": null});
        object
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        object
    };
    let content = serde_json::json!({
        "size": 9, "writes": 1, "written": 9, "created": false, "emptied": false,
        "effect": {"size": 9, "sha256": sha256},
    });
    let link = serde_json::json!({"target": "/srv/a", "effect": {"unhashed": "gone"}});
    let mut linked = object(link);
    linked["path"] = "/srv/b".into();
    let report = acted(&[
        ("file.close", object(content)),
        ("file.link", linked),
        ("file.truncate", object(serde_json::json!({"size": 3}))),
    ]);
    let [first, second] = &*report.files.items else {
        panic!("{:?}", report.files);
    };
    assert_eq!((first.size, first.sha256), (Some(3), None));
    assert_eq!(first.previous_sha256, Some(Sha256([0xaa; 32])));
    assert_eq!(
        (second.sha256, second.unhashed),
        (None, None),
        "nobody read it by that name"
    );
}

#[test]
fn a_program_that_is_made_to_run_as_its_owner_is_a_finding_and_keeps_its_mode() {
    let chmod = |path: &str, mode: &str| {
        let object = serde_json::json!({"path": path, "inode": null, "device": null, "mode": mode});
        ("file.chmod", object)
    };
    let made = |path: &str| serde_json::json!({"path": path, "inode": null, "device": null, "mode": "755"});
    let renamed = serde_json::json!({
        "from": "/srv/a", "to": "/srv/b", "rename_flags": [], "inode": null, "device": null,
    });
    let report = acted(&[
        chmod("/srv/a", "4755"),
        chmod("/srv/plain", "755"),
        chmod("/srv/group", "2755"),
        ("file.rename", renamed),
        ("file.mkdir", made("/srv/d")),
        ("file.mkdir", made("/srv/short")),
        ("file.rmdir", made("/srv/short")),
        ("file.rmdir", made("/srv/old")),
    ]);
    let findings: Vec<_> = report
        .findings
        .items
        .iter()
        .map(|it| it.name.escaped())
        .collect();
    assert_eq!(findings, ["/srv/a"]);
    let text = lines(&report).join("\n");
    for part in [
        "/srv/b (mode 4755)",
        "/srv/d (directory made)",
        "/srv/old (directory removed)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("/srv/short"), "{text}");
}

#[test]
fn a_call_that_failed_is_shown_though_there_are_many() {
    let mut report = report_of(&read(CALLS));
    let call = |number: u64| {
        Step::Call(Box::new(Call {
            number,
            command: vec![Text(format!("command-{number}").into())],
            ended: true,
            exit: Some(crate::record::CallExit {
                code: Some(u8::from(number == 50)),
                signal: None,
            }),
            ..Call::default()
        }))
    };
    report.timeline.items = (1..=60).map(call).collect();
    let text = lines(&report).join("\n");
    let place = |part: &str| text.find(part);
    assert!(place("command-19") < place("command-50"), "{text}");
    assert!(
        text.contains("and 40 more") && !text.contains("command-20\n"),
        "{text}"
    );
}

#[test]
fn a_file_that_was_made_without_a_name_is_told_by_the_one_it_got() {
    let opened = |path: &str| {
        let object = serde_json::json!({"path": path, "access": "read_write", "created": true,
            "open_flags": ["TMPFILE"], "inode": 7, "device": "8:1", "mode": null});
        ("file.open", object)
    };
    let closed = |path: &str| {
        let object = serde_json::json!({"path": path, "inode": 7, "device": "8:1", "size": 3, "writes": 1,
            "written": 3, "created": true, "emptied": false,
            "effect": {"size": 3, "sha256": "a".repeat(64)}});
        ("file.close", object)
    };
    let linked = serde_json::json!({"path": "/srv/named", "target": "/srv/#7", "unnamed": true,
        "inode": 7, "device": "8:1"});
    let report = acted(&[
        opened("/srv/#7"),
        ("file.link", linked),
        closed("/srv/#7"),
        opened("/srv/#8"),
    ]);
    let [left, named] = &*report.files.items else {
        panic!("{:?}", report.files);
    };
    assert_eq!((&*left.path.0, left.gone), (&b"/srv/#8"[..], true));
    assert_eq!((&*named.path.0, named.gone), (&b"/srv/named"[..], false));
    assert_eq!(named.what, [Touch::Created, Touch::Written]);
    assert!(named.sha256.is_some(), "{named:?}");
}

#[test]
fn directories_that_came_and_went_take_no_place_of_files() {
    let made = |path: String| serde_json::json!({"path": path, "inode": null, "device": null, "mode": "755"});
    let passing = (0..super::super::bounds::FILES).flat_map(|at| {
        let path = format!("/srv/{at}");
        [
            ("file.mkdir", made(path.clone())),
            ("file.rmdir", made(path)),
        ]
    });
    let stays = ("file.mkdir", made("/srv/stays".to_owned()));
    let deeds: Vec<_> = passing.chain([stays]).collect();
    let files = acted(&deeds).files;
    let paths: Vec<_> = files.items.iter().map(|file| file.path.escaped()).collect();
    assert_eq!((&*paths, files.more), (&["/srv/stays".into()][..], 0));
}

#[test]
fn where_a_session_waits_for_others_is_told() {
    let listen = |port: u16| {
        let local =
            serde_json::json!({"ip": "127.0.0.1", "port": port, "proto": "tcp", "domain": null});
        let object = serde_json::json!({"local": local, "peer": null});
        ("net.listen", object)
    };
    let report = acted(&(18081..18091).map(listen).collect::<Vec<_>>());
    let text = lines(&report).join(" ");
    assert!(text.contains("  listens on     127.0.0.1:18081"), "{text}");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("127.0.0.1:18086, and 4 more"),
        "what is not shown is counted: {text}"
    );
    assert!(html::page(&report).contains("listens"));
}
