//! What the rules say.

use super::*;

fn watch(globs: &[&str]) -> Watch {
    Watch::new(vec![rule(globs, &[])]).unwrap()
}

fn named_rule(id: &str, globs: &[&str]) -> AgentRule {
    AgentRule {
        id: id.to_owned(),
        ..rule(globs, &[])
    }
}

fn rule(globs: &[&str], containers: &[&str]) -> AgentRule {
    AgentRule {
        id: "agent".to_owned(),
        name: "agent".to_owned(),
        owner: None,
        labels: Default::default(),
        version: None,
        cgroups: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        executables: Vec::new(),
        users: Vec::new(),
        programs: Vec::new(),
        containers: containers
            .iter()
            .map(|rule| crate::container::Rule::parse(rule).unwrap())
            .collect(),
    }
}

fn cgroup(id: u64, path: &str) -> Cgroup {
    Cgroup {
        path: path.into(),
        dir: PathBuf::from("/nowhere").join(path.trim_start_matches('/')),
        id,
    }
}

#[test]
fn a_cgroup_that_matches_begins_one_session() {
    let mut watch = watch(&["/agents/*"]);
    let verdict = watch.consider(cgroup(7, "/agents/a"));
    let Verdict::Begins(root) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!((root.session.key, root.cgroup.id), (7, 7));
}

#[test]
fn of_several_agents_the_one_whose_glob_says_most_gets_the_cgroup() {
    let rules = vec![
        named_rule("all", &["/agents/*"]),
        named_rule("code", &["/agents/code-*"]),
        named_rule("same", &["/agents/code-*"]),
        named_rule("one", &["/agents/code-1"]),
    ];
    let mut watch = Watch::new(rules).unwrap();
    for (id, path, expect) in [
        (1, "/agents/job", "all"),
        (2, "/agents/code-7", "code"),
        (3, "/agents/code-1", "one"),
    ] {
        let verdict = watch.consider(cgroup(id, path));
        let Verdict::Begins(root) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(root.session.agent_id, expect, "{path}");
        assert_eq!(watch.agent_of(Path::new(path)), Some(expect));
    }
}

/// While agtrack starts, a cgroup may be found by looking and be told of by the kernel as well.
#[test]
fn a_cgroup_that_was_found_before_the_kernel_told_of_it_stays_watched() {
    let mut watch = watch(&["/agents/*"]);
    let _ = watch.consider(cgroup(7, "/agents/a"));
    let again = watch.consider(cgroup(7, "/agents/a"));
    assert!(matches!(again, Verdict::Watched), "{again:?}");
    let below = watch.consider(cgroup(8, "/agents/a/b"));
    assert!(matches!(below, Verdict::Watched), "{below:?}");
}

#[test]
fn a_cgroup_that_no_rule_wants_is_nobodys() {
    let mut watch = watch(&["/agents/a*"]);
    let other = watch.consider(cgroup(9, "/agents/b"));
    assert!(matches!(other, Verdict::Nobodys), "{other:?}");
}

/// The kernel has tagged it, and what comes into it is to be recorded: that tag stays.
#[test]
fn a_root_whose_children_match_too_is_a_root() {
    let mut watch = watch(&["/agents/code", "/agents/code/*"]);
    let outer = watch.consider(cgroup(7, "/agents/code"));
    assert!(matches!(outer, Verdict::Begins(_)), "{outer:?}");
    let inner = watch.consider(cgroup(8, "/agents/code/job"));
    assert!(matches!(inner, Verdict::Watched), "{inner:?}");
}

#[test]
fn one_that_may_only_hold_agents_is_their_parent() {
    let mut watch = watch(&["/agents/code/*"]);
    let parent = watch.consider(cgroup(7, "/agents/code"));
    assert!(matches!(parent, Verdict::Parent), "{parent:?}");
}

#[test]
fn parents_that_are_roots_are_not_tagged_as_parents() {
    let mut watch = watch(&["/agents/code", "/agents/code/*", "/agents/other/*"]);
    let _ = watch.consider(cgroup(7, "/agents/code"));
    let parents = watch.parents(|path| Ok(cgroup(1, path.to_str().unwrap())));
    assert_eq!(parents.len(), 1, "one an id: {parents:?}");
    let ids = |path: &Path| path.to_str().unwrap().len() as u64;
    let mut parents = watch.parents(|path| Ok(cgroup(ids(path), path.to_str().unwrap())));
    parents.sort_by(|one, other| one.path.cmp(&other.path));
    let paths: Vec<_> = parents.into_iter().map(|parent| parent.path).collect();
    assert_eq!(paths, ["/agents", "/agents/other"].map(PathBuf::from));
}

#[test]
fn other_rules_give_up_the_roots_that_none_of_them_matches() {
    let mut old = watch(&["/agents/*"]);
    for (id, path) in [(7, "/agents/a"), (8, "/agents/b")] {
        let _ = old.consider(cgroup(id, path));
    }
    assert_eq!(old.replace_rules(watch(&["/agents/b"])).unwrap(), [7]);
    assert_eq!(old.root_of(Path::new("/agents/a/x")), None);
    assert_eq!(old.root_of(Path::new("/agents/b/x")), Some(8));
    let again = old.consider(cgroup(8, "/agents/b"));
    assert!(matches!(again, Verdict::Watched), "{again:?}");
    let other = old.consider(cgroup(9, "/agents/c"));
    assert!(matches!(other, Verdict::Nobodys), "{other:?}");
}

#[test]
fn a_root_that_was_removed_or_made_anew_is_gone() {
    let mut watch = watch(&["/agents/*"]);
    for (id, name) in [(7, "there"), (8, "removed"), (9, "anew"), (10, "unseen")] {
        let _ = watch.consider(cgroup(id, &format!("/agents/{name}")));
    }
    let look = |path: &Path| {
        let refused = |kind: std::io::ErrorKind| cgroup::Error::Io {
            verb: "look at",
            path: path.to_owned(),
            cause: kind.into(),
        };
        match path.file_name().and_then(|name| name.to_str()) {
            Some("there") => Ok(cgroup(7, "/agents/there")),
            Some("anew") => Ok(cgroup(20, "/agents/anew")),
            Some("removed") => Err(cgroup::Error::NoProcess { pid: 0 }),
            _ => Err(refused(std::io::ErrorKind::PermissionDenied)),
        }
    };
    assert_eq!(watch.gone(&[7, 8, 9, 10, 99], look), [8, 9]);
}

#[test]
fn every_root_has_its_turn() {
    let mut watch = watch(&["/agents/*"]);
    for id in [7, 8, 9] {
        let _ = watch.consider(cgroup(id, &format!("/agents/{id}")));
    }
    let turns: Vec<_> = (0..3).map(|_| watch.next_roots(2)).collect();
    assert_eq!(turns, [vec![7, 8], vec![9, 7], vec![8, 9]]);
    assert!(Watch::default().next_roots(2).is_empty());
}

const ID: &str = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";

fn of_containers(rules: &[&[&str]]) -> Watch {
    let rules = rules
        .iter()
        .zip(["a", "b"])
        .map(|(containers, id)| AgentRule {
            id: id.to_owned(),
            ..rule(&[], containers)
        });
    Watch::new(rules.collect()).unwrap()
}

fn scope(id: u64) -> Cgroup {
    cgroup(id, &format!("/system.slice/docker-{ID}.scope"))
}

fn named(name: &str) -> Container {
    Container {
        runtime: Some("docker".to_owned()),
        id: ID.to_owned(),
        name: Some(name.to_owned()),
        ..Container::default()
    }
}

#[test]
fn a_container_is_suspected_until_it_is_known() {
    let mut watch = of_containers(&[&["name=box-*"]]);
    let verdict = watch.consider(scope(7));
    let Verdict::Suspected(suspected) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!((suspected.cgroup.id, &*suspected.container.id), (7, ID));
    assert!(watch.bind(&suspected.cgroup, &named("other")).is_none());
    let root = watch.bind(&suspected.cgroup, &named("box-1")).unwrap();
    assert_eq!(root.session.binding, Binding::Container);
    assert_eq!(root.session.cgroup_id, Some(7));
    assert_eq!(root.session.container, Some(named("box-1")));
    let again = watch.consider(scope(7));
    assert!(matches!(again, Verdict::Watched), "{again:?}");
    assert!(watch.bind(&scope(7), &named("box-1")).is_none(), "once");
}

#[test]
fn only_containers_are_suspected_and_only_where_rules_name_some() {
    let none = watch(&["/agents/*"]).consider(scope(7));
    assert!(matches!(none, Verdict::Nobodys), "{none:?}");
    let mut watch = of_containers(&[&["name=box"]]);
    let service = watch.consider(cgroup(8, "/system.slice/ssh.service"));
    assert!(matches!(service, Verdict::Nobodys), "{service:?}");
    let inner = watch.consider(cgroup(9, &format!("/docker/{ID}/init")));
    assert!(matches!(inner, Verdict::Nobodys), "{inner:?}");
    let place = watch.consider(cgroup(10, "/kubepods/pod1"));
    assert!(matches!(place, Verdict::Parent), "{place:?}");
}

#[test]
fn an_id_is_known_without_asking_unless_an_agent_before_must_be_asked_for() {
    let short = &format!("id={}", ID.get(..12).unwrap());
    let mut watch = of_containers(&[&["id=000000000000"], &[short]]);
    let verdict = watch.consider(scope(7));
    let Verdict::Begins(root) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(root.session.agent_id, "b");
    let mut watch = of_containers(&[&["id=000000000000"]]);
    let other = watch.consider(scope(7));
    assert!(matches!(other, Verdict::Nobodys), "{other:?}");
    let mut watch = of_containers(&[&["name=box"], &[short]]);
    let verdict = watch.consider(scope(7));
    assert!(matches!(verdict, Verdict::Suspected(_)), "{verdict:?}");
    let root = watch.bind(&scope(7), &named("box")).unwrap();
    assert_eq!(root.session.agent_id, "a");
}

#[test]
fn a_glob_is_stronger_than_a_container() {
    let rules = vec![rule(&["/system.slice/docker-*.scope"], &["name=box"])];
    let mut watch = Watch::new(rules).unwrap();
    let verdict = watch.consider(scope(7));
    let Verdict::Begins(root) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(root.session.binding, Binding::Cgroup);
}

#[test]
fn other_rules_keep_the_containers_that_they_name_too() {
    let mut watch = of_containers(&[&["name=box-*"]]);
    for (id, name) in [(7, "box-1"), (8, "box-2")] {
        let place = cgroup(id, &format!("/docker/{id:064x}"));
        assert!(watch.bind(&place, &named(name)).is_some());
    }
    let gone = watch.replace_rules(of_containers(&[&["name=box-2"]]));
    assert_eq!(gone.unwrap(), [7]);
    assert_eq!(
        watch.root_of(Path::new(&format!("/docker/{:064x}/x", 8))),
        Some(8)
    );
}
