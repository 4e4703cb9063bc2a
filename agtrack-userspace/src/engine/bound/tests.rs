//! The numbers of rules, and what they match.

use super::*;

fn rule(id: &str, executables: &[&str], users: &[u32]) -> AgentRule {
    AgentRule {
        id: id.to_owned(),
        name: id.to_owned(),
        owner: None,
        version: None,
        labels: BTreeMap::new(),
        cgroups: Vec::new(),
        executables: executables.iter().map(PathBuf::from).collect(),
        users: users.to_vec(),
        programs: Vec::new(),
        containers: Vec::new(),
    }
}

fn numbers(bound: &Bound) -> Vec<(u16, &str)> {
    let all = bound.rules.iter();
    all.map(|(number, rule)| (*number, rule.agent.id.as_str()))
        .collect()
}

#[test]
fn a_number_means_the_same_for_ever() {
    let mut bound = Bound::new(&[rule("a", &["/x", "/y"], &[7])]).unwrap();
    assert_eq!(numbers(&bound), [(1, "a"), (2, "a"), (3, "a")]);
    bound.sessions = BTreeMap::from([(100, 1), (200, 2), (300, 3)]);
    let new = Bound::new(&[rule("b", &["/x"], &[]), rule("a", &["/y"], &[])]).unwrap();
    assert_eq!(bound.replace(new).unwrap(), [100, 300]);
    assert_eq!(numbers(&bound), [(4, "b"), (2, "a")]);
    assert!(bound.rule(1).is_none(), "a message may still name it");
    let again = Bound::new(&[rule("a", &["/x"], &[])]).unwrap();
    assert_eq!(bound.replace(again).unwrap(), [200]);
    assert_eq!(numbers(&bound), [(1, "a")]);
}

#[test]
fn of_two_agents_the_first_gets_the_program_and_the_user() {
    let rules = [
        rule("a", &["/bin/sh"], &[7]),
        rule("b", &["/bin/sh"], &[7, 8]),
    ];
    let mut bound = Bound::new(&rules).unwrap();
    let programs = bound.programs();
    bound.seen = bound.looker.look_for(programs, Duration::from_secs(60));
    let wanted = bound.wanted();
    assert_eq!(wanted.users, BTreeMap::from([(7, 2), (8, 5)]));
    assert_eq!(wanted.files.values().collect::<Vec<_>>(), [&1]);
    assert_eq!(wanted.names[&b"/bin/sh".to_vec()], 1);
    assert!(wanted.names.values().all(|rule| *rule == 1), "{wanted:?}");
}

#[test]
fn a_program_that_is_not_there_is_known_by_its_name() {
    let mut bound = Bound::new(&[rule("a", &["/nowhere/agent"], &[])]).unwrap();
    let programs = bound.programs();
    bound.seen = bound.looker.look_for(programs, Duration::from_secs(60));
    let wanted = bound.wanted();
    assert!(wanted.files.is_empty());
    assert_eq!(wanted.names.len(), 1);
}

#[test]
fn a_program_that_is_replaced_is_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent");
    std::fs::write(&path, "one").unwrap();
    let mut looker = Looker::default();
    let programs = vec![(1, path.clone())];
    let before = looker.look_for(programs.clone(), Duration::from_secs(60));
    let new = directory.path().join("new");
    std::fs::write(&new, "two").unwrap();
    std::fs::rename(&new, &path).unwrap();
    let after = looker.look_for(programs, Duration::from_secs(60));
    assert_ne!(before.files(), after.files());
    assert_eq!(before.names(), after.names());
}

#[test]
fn more_rules_than_fit_are_refused() {
    let users: Vec<u32> = (0..=BOUND_MOST / 2).collect();
    let error = Bound::new(&[rule("a", &[], &users)])
        .unwrap_err()
        .to_string();
    assert!(error.contains("2049 executables and users"), "{error}");
}
