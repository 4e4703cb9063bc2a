//! What the rules say.

use super::*;

fn watch(globs: &[&str]) -> Watch {
    let rule = AgentRule {
        id: "agent".to_owned(),
        name: "agent".to_owned(),
        owner: None,
        labels: Default::default(),
        version: None,
        cgroups: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        executables: Vec::new(),
        users: Vec::new(),
    };
    Watch::new(vec![rule]).unwrap()
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
