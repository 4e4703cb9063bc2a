//! Which doubts there are, and where.

use super::*;

/// Agents a, b, …, with these globs each.
fn file(agents: &[&[&str]]) -> String {
    let names = 'a'..='z';
    let table = |(name, globs): (char, &&[&str])| {
        format!("[[agents]]\nid = \"{name}\"\ncgroups = {globs:?}\n")
    };
    names.zip(agents).map(table).collect()
}

fn found(text: &str, mount: Option<&Path>) -> Vec<Mistake> {
    let source = Source {
        file: "c.toml".into(),
        text: text.to_owned(),
    };
    let doubts = find(&[source], mount).into_iter();
    doubts.map(|doubt| doubt.mistake).collect()
}

/// Expects doubts at these places, each with this in its text.
fn check(agents: &[&[&str]], expect: &[(usize, usize, &str)]) {
    let doubts = found(&file(agents), Some(Path::new("/sys/fs/cgroup/unified")));
    let places: Vec<_> = doubts
        .iter()
        .map(|doubt| (doubt.line, doubt.column))
        .collect();
    let expected: Vec<_> = expect.iter().map(|at| (at.0, at.1)).collect();
    assert_eq!(places, expected, "{doubts:?}");
    for (doubt, (_, _, part)) in doubts.iter().zip(expect) {
        assert!(doubt.message.contains(part), "{doubt:?}");
    }
}

#[test]
fn agents_with_cgroups_of_their_own_raise_no_doubt() {
    check(&[&["/agents/a-*", "/x"], &["/agents/b-*", "/y/**/z"]], &[]);
    check(&[&["/agents/*", "/agents/one"]], &[]);
    // The narrower one gets its cgroup, and the other one the rest.
    check(&[&["/agents/one-*"], &["/agents/*"]], &[]);
}

#[test]
fn a_path_in_the_file_system_is_no_path_of_a_cgroup() {
    check(
        &[&["/sys/fs/cgroup/unified/agents/*"]],
        &[(3, 12, "; write `/agents/*`")],
    );
    check(
        &[&["/a", "/sys/fs/cgroup/agents/*"]],
        &[(3, 18, "; write `/agents/*`")],
    );
    check(&[&["/sys/fs/cgroups"]], &[]);
    let doubts = found(&file(&[&["/sys/fs/cgroup"]]), None);
    assert!(doubts[0].message.ends_with("; write `/`"), "{doubts:?}");
}

#[test]
fn what_no_path_of_a_cgroup_has_matches_nothing() {
    let expect = [
        ("/trial/../x", "a part `..`; write `/x`"),
        ("/trial/./x", "a part `.`; write `/trial/x`"),
        ("/trial//d", "two slashes in a row; write `/trial/d`"),
        ("//trial/*/", "two slashes in a row; write `/trial/*`"),
        ("/trial/..", "a part `..`; write `/`"),
    ];
    for (glob, text) in expect {
        check(&[&[glob]], &[(3, 12, text)]);
        let said = found(&file(&[&[glob]]), None)[0].message.clone();
        assert!(said.contains("matches nothing"), "{said}");
    }
    check(&[&["/trial//", "/a/..x", "/b/.../c", "/{a/./b,c}"]], &[]);
}

#[test]
fn the_whole_host_is_not_taken_without_a_word() {
    check(&[&["/"]], &[(3, 12, "is recorded as agent `a`")]);
    check(&[&["//", "/*"]], &[(3, 12, "`//` is the whole host")]);
}

#[test]
fn of_two_agents_with_one_glob_the_first_gets_the_cgroups() {
    check(
        &[&["/a"], &["/b", "/a/"]],
        &[(
            6,
            18,
            "agent `a` names the same in line 3, and where two agents match",
        )],
    );
}

#[test]
fn of_two_that_say_as_much_the_wider_that_stands_before_takes_all() {
    check(
        &[&["/agents/**"], &["/agents/*"]],
        &[(
            6,
            12,
            "agent `a` matches all of it by `/agents/**` (line 3)",
        )],
    );
    check(&[&["/agents/*"], &["/agents/**"]], &[]);
    // A narrower one gets what it names, wherever it stands.
    check(&[&["/agents/*"], &["/agents/code-*"]], &[]);
}

#[test]
fn a_name_that_anothers_glob_matches_is_told() {
    let text = "is also matched by `/agents/*` of agent";
    check(&[&["/agents/*"], &["/agents/one"]], &[(6, 12, text)]);
    check(&[&["/agents/one"], &["/agents/*"]], &[(3, 12, text)]);
}

#[test]
fn what_lies_below_the_cgroup_of_another_agent_is_the_others_wherever_it_stands() {
    let text = "lies below cgroups of agent";
    check(&[&["/agents/*"], &["/agents/one/job"]], &[(6, 12, text)]);
    check(&[&["/agents/one/job"], &["/agents/*"]], &[(3, 12, text)]);
    let host = (6, 12, "is the whole host");
    check(&[&["/a"], &["/"]], &[(3, 12, text), host]);
}

#[test]
fn too_many_globs_are_not_compared() {
    let one = vec!["/same"; MOST];
    check(
        &[&one, &["/same", "/sys/fs/cgroup/x"]],
        &[(6, 21, "; write `/x`")],
    );
}

#[test]
fn a_unit_of_two_agents_is_the_firsts_in_whatever_file() {
    let source = |file: &str, text: &str| Source {
        file: file.into(),
        text: text.to_owned(),
    };
    let sources = [
        source(
            "c.toml",
            "[[agents]]\nid = \"a\"\nunits = [\"x.service\"]\n",
        ),
        source(
            "b.toml",
            "[[agents]]\nid = \"b\"\nunits = [\"y.service\", \"x.service\"]\n",
        ),
    ];
    let doubts = find(&sources, None);
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    let told = doubts[0].line("");
    let expect = "b.toml:3:23: `x.service` gets agent `b` nothing: agent `a` names the same in \
                  line 3 of c.toml";
    assert!(told.starts_with(expect), "{told}");
}
