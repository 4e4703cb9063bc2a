//! What is suggested for what runs.

use super::*;
use crate::input::ProcessFacts;

fn check(exe: &str, args: &[&str], cgroup: &str, parent: &str, expect: Option<&str>) {
    let args: Vec<Text> = args.iter().map(|word| (*word).into()).collect();
    let plain = exe.trim_end_matches(" (deleted)");
    let found = Discovered {
        program: catalogue::program(&plain.into(), None, &args).unwrap(),
        process: ProcessFacts {
            exe: Some(exe.into()),
            args,
            cgroup: Some(cgroup.into()),
            ..ProcessFacts::default()
        },
        container: None,
        parent_exe: Some(parent.into()),
        recorded_as: None,
    };
    assert_eq!(recognised_by(&found).as_deref(), expect, "{found:?}");
}

#[test]
fn what_is_suggested_fits_how_it_runs() {
    let (shell, manager) = ("/bin/bash", "/usr/lib/systemd/systemd");
    let scope = "/user.slice/user-1.slice/session-3.scope";
    let unit = "/system.slice/runner.service";
    let codex = Some("executables = [\"/opt/codex\"]");
    check("/opt/codex", &["codex"], scope, shell, codex);
    check("/opt/codex (deleted)", &["codex"], scope, shell, codex);
    check("/opt/codex", &["codex"], unit, shell, codex);
    let by_unit = Some("units = [\"runner.service\"]");
    check("/opt/codex", &["codex"], unit, manager, by_unit);
    let user = "/user.slice/user-1.slice/user@1.service";
    check("/opt/codex", &["codex"], user, manager, codex);
    let words = ["node", "--x", "/usr/bin/codex", "exec"];
    let script = Some("executables = [\"/usr/bin/codex\"]");
    check("/usr/bin/node", &words, scope, shell, script);
    check(
        "/usr/bin/python3",
        &["python3", "-m", "aider"],
        scope,
        shell,
        None,
    );
    let odd = Some("executables = ['/o\"d/codex']");
    check("/o\"d/codex", &["codex"], scope, shell, odd);
}

#[test]
fn one_in_a_container_is_recognised_by_that() {
    let found = |name: Option<&str>, image: Option<&str>| {
        recognised_by(&Discovered {
            program: catalogue::program(&"/opt/codex".into(), None, &[]).unwrap(),
            process: ProcessFacts::default(),
            container: Some(Container {
                id: "0".repeat(64),
                name: name.map(str::to_owned),
                image: image.map(str::to_owned),
                ..Container::default()
            }),
            parent_exe: None,
            recorded_as: None,
        })
    };
    let both = found(Some("box"), Some("acme/agent:1"));
    let expect = "containers = [\"name=box\"]\n# or all of its image: \"image=acme/agent:1\"";
    assert_eq!(both.as_deref(), Some(expect));
    let named = found(Some("box"), None);
    assert_eq!(named.as_deref(), Some("containers = [\"name=box\"]"));
    let id = format!("containers = [\"id={}\"]", "0".repeat(64));
    assert_eq!(found(Some("a*"), None), Some(id.clone()));
    assert_eq!(found(None, Some("x")), Some(id));
}

#[test]
fn ids_that_are_taken_are_not_suggested() {
    let mut taken = BTreeSet::from(["codex".to_owned()]);
    let mut id = |by: &str| {
        let made = suggestion("codex", by, Path::new("/e/c.toml"), &mut taken);
        made.file.to_str().unwrap().to_owned()
    };
    assert_eq!(id("one"), "/e/agents.d/codex-2.toml");
    assert_eq!(id("one"), "/e/agents.d/codex-2.toml");
    assert_eq!(id("other"), "/e/agents.d/codex-3.toml");
}
