//! `agtrack config`.

use super::call::{agtrack, say};

fn file(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agtrack.toml");
    std::fs::write(&path, text).unwrap();
    let name = path.to_str().unwrap().to_owned();
    (dir, name)
}

#[test]
fn mistakes_are_told_with_their_places() {
    let (_dir, name) = file("[capture]\nbackend = \"lms\"\n[jurnal]\n");
    let said = say(&mut agtrack(&["config", "check", &name]));
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    let expect = format!(
        "agtrack: {name}:2:11: `lms` is no value of `capture.backend`; did you mean `lsm`?\n\
         agtrack: {name}:3:2: unknown key `jurnal`; did you mean `journal`?\n"
    );
    assert_eq!(said.err, expect);
    let said = say(&mut agtrack(&["config", "check", "--json", &name]));
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&told["ok"], &told["mistakes"][1]["line"]),
        (&false.into(), &3.into())
    );
}

#[test]
fn a_file_without_mistakes_is_called_so() {
    let (_dir, name) = file("[[agents]]\nid = \"a\"\ncgroups = [\"/a\"]\n");
    let said = say(&mut agtrack(&["config", "check", &name]));
    assert_eq!(
        (said.code, said.out),
        (Some(0), format!("{name}: no mistakes; 1 agent\n"))
    );
    assert_eq!(said.err, "");
}

#[test]
fn what_is_in_force_is_shown_whole() {
    let (_dir, name) = file("[capture]\nbackend = \"tracepoint\"\n");
    let said = say(&mut agtrack(&["config", "show", "--config", &name]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out.contains("backend = \"tracepoint\"\n"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("segment_bytes = 67108864\n"),
        "{}",
        said.out
    );
    // And can be used as it is.
    let (_dir, again) = file(&said.out);
    assert_eq!(
        say(&mut agtrack(&["config", "check", &again])).code,
        Some(0)
    );
    let said = say(&mut agtrack(&[
        "config", "show", "--json", "--config", &name,
    ]));
    let shown: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["config"]["capture"]["backend"], "tracepoint");
    assert_eq!(shown["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn what_is_shown_without_agents_can_be_continued_with_one() {
    let (_dir, name) = file("");
    let said = say(&mut agtrack(&["config", "show", "--config", &name]));
    assert!(said.out.contains("\n# [[agents]]\n"), "{}", said.out);
    let (_dir, more) = file(&format!(
        "{}[[agents]]\nid = \"a\"\ncgroups = [\"/a\"]\n",
        said.out
    ));
    let said = say(&mut agtrack(&["config", "check", &more]));
    assert_eq!(
        (said.code, said.out),
        (Some(0), format!("{more}: no mistakes; 1 agent\n")),
        "{}",
        said.err
    );
    // Programs find the list, empty as it is.
    let said = say(&mut agtrack(&[
        "config", "show", "--json", "--config", &name,
    ]));
    let shown: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["config"]["agents"], serde_json::json!([]));
}

#[test]
fn globs_that_get_an_agent_nothing_are_warned_of() {
    let (_dir, name) = file(
        "[[agents]]\nid = \"a\"\ncgroups = [\"/sys/fs/cgroup/agents/*\", \"/x/**\"]\n\
         [[agents]]\nid = \"b\"\ncgroups = [\"/x/*\"]\n",
    );
    let said = say(&mut agtrack(&["config", "check", &name]));
    assert_eq!(
        (said.code, said.out),
        (
            Some(0),
            format!("{name}: no mistakes; 2 warnings; 2 agents\n")
        )
    );
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", said.err);
    let first = format!("agtrack: {name}:3:12: warning: `/sys/fs/cgroup/agents/*` begins with ");
    assert!(lines[0].starts_with(&first) && lines[0].ends_with("; write `/agents/*`"));
    let second = format!("agtrack: {name}:6:12: warning: `/x/*` gets agent `b` nothing: ");
    assert!(lines[1].starts_with(&second) && lines[1].ends_with("; put agent `b` before `a`"));
    let said = say(&mut agtrack(&["config", "check", "--json", &name]));
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["ok"], said.code), (&true.into(), Some(0)));
    assert_eq!(told["warnings"][1]["line"], 6);
}

#[test]
fn mistakes_and_warnings_are_told_together() {
    let (_dir, name) = file(
        "[[agents]]\nid = \"a\"\nowners = \"me\"\nexecutables = [\"/bin/sh\"]\n\
         programs = [\"cluade\", \"/nowhere/x\"]\n",
    );
    for args in [
        &["config", "check", "--config", &name][..],
        &["config", "check", &name],
    ] {
        let said = say(&mut agtrack(args));
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        let lines: Vec<_> = said.err.lines().collect();
        assert_eq!(lines.len(), 4, "{}", said.err);
        for (line, part) in lines.iter().zip([
            ":4:16: warning: `/bin/sh` is a shell: whoever executes it",
            ":5:13: warning: no well-known agent program and no file in the directories of PATH here \
             is called `cluade`: did you mean `claude`?",
            ":5:23: warning: `/nowhere/x` cannot be looked at",
            ":3:1: unknown key `owners` in `agents[1]`; did you mean `owner`?",
        ]) {
            assert!(line.contains(part), "{line}");
        }
    }
    let said = say(&mut agtrack(&[
        "config", "check", "--json", "--config", &name,
    ]));
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let count = |key: &str| told[key].as_array().unwrap().len();
    assert_eq!((count("mistakes"), count("warnings")), (1, 3), "{told}");
    let both = say(&mut agtrack(&["config", "check", "--config", &name, &name]));
    assert_eq!(both.code, Some(2), "one or the other");
}
