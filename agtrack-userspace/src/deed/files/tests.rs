//! What persists of a few changes.

use super::*;

/// One change: `+` creates, `~` writes, `-` deletes, `>` renames, `!` renames to a free name.
fn files(changes: &[(char, &str, &str)]) -> Files {
    let mut files = Files::new(1);
    for (change, path, to) in changes {
        let (path, to) = (path.as_bytes(), to.as_bytes());
        match change {
            '+' => files.write(path, true),
            '~' => files.write(path, false),
            '-' => files.delete(path),
            '>' => files.rename(path, to, false),
            '!' => files.rename(path, to, true),
            'x' => files.exchange(path, to),
            other => panic!("{other}"),
        }
    }
    files
}

fn shown(list: &Listed) -> String {
    let words: Vec<_> = list
        .items
        .iter()
        .map(|item| {
            let to = item.to.as_ref().map(|to| format!(">{}", to.escaped()));
            let count = Some(item.count).filter(|count| *count > 1);
            let count = count.map(|count| format!("*{count}"));
            let [to, count] = [to, count].map(Option::unwrap_or_default);
            format!("{}{to}{count}", item.name.escaped())
        })
        .collect();
    words.join(" ")
}

/// Expects created, written, deleted, renamed.
fn check(changes: &[(char, &str, &str)], expect: [&str; 4]) {
    let lists = files(changes).lists(b"/w", 24);
    let told: Vec<_> = lists.iter().map(shown).collect();
    assert_eq!(told, expect, "{changes:?}");
}

#[test]
fn a_file_is_told_once_by_what_it_is_now() {
    check(
        &[('+', "/w/a", ""), ('~', "/w/a", "")],
        ["/w/a", "", "", ""],
    );
    check(
        &[('~', "/w/a", ""), ('~', "/w/a", "")],
        ["", "/w/a", "", ""],
    );
    check(&[('-', "/w/a", "")], ["", "", "/w/a", ""]);
    check(&[('>', "/w/a", "/w/b")], ["", "", "", "/w/a>/w/b"]);
    check(
        &[('~', "/w/a", ""), ('-', "/w/a", "")],
        ["", "", "/w/a", ""],
    );
    check(
        &[('-', "/w/a", ""), ('+', "/w/a", "")],
        ["", "/w/a", "", ""],
    );
}

#[test]
fn what_is_created_and_gone_again_is_nothing() {
    let gone = files(&[('+', "/w/a", ""), ('-', "/w/a", "")]);
    assert_eq!(gone.temporary, 1);
    assert_eq!(gone.lists(b"/w", 24).map(|list| list.total), [0; 4]);
    check(
        &[('+', "/w/a", ""), ('!', "/w/a", "/w/b"), ('-', "/w/b", "")],
        ["", "", "", ""],
    );
}

#[test]
fn a_file_that_gets_its_name_at_the_end_is_told_by_that_name() {
    check(
        &[('+', "/w/a.tmp", ""), ('!', "/w/a.tmp", "/w/a")],
        ["/w/a", "", "", ""],
    );
    // Whether it replaced another is not known.
    check(
        &[('+', "/w/a.lock", ""), ('>', "/w/a.lock", "/w/a")],
        ["", "/w/a", "", ""],
    );
    check(
        &[
            ('+', "/w/a", ""),
            ('+', "/w/sedX", ""),
            ('>', "/w/sedX", "/w/a"),
        ],
        ["/w/a", "", "", ""],
    );
    check(
        &[
            ('+', "/w/1", ""),
            ('>', "/w/1", "/w/2"),
            ('>', "/w/2", "/w/3"),
        ],
        ["", "/w/3", "", ""],
    );
}

#[test]
fn renames_add_up() {
    check(
        &[('>', "/w/a", "/w/b"), ('>', "/w/b", "/w/c")],
        ["", "", "", "/w/a>/w/c"],
    );
    check(
        &[('>', "/w/a", "/w/b"), ('>', "/w/b", "/w/a")],
        ["", "", "", ""],
    );
    check(
        &[
            ('>', "/w/a", "/w/b"),
            ('~', "/w/b", ""),
            ('>', "/w/b", "/w/a"),
        ],
        ["", "/w/a", "", ""],
    );
    // The file that was called a before is gone, whatever its last name.
    check(
        &[('>', "/w/a", "/w/b"), ('-', "/w/b", "")],
        ["", "", "/w/a", ""],
    );
    check(
        &[('>', "/w/a", "/w/b"), ('>', "/w/c", "/w/b")],
        ["", "", "/w/a", "/w/c>/w/b"],
    );
    check(&[('x', "/w/a", "/w/b")], ["", "/w/a /w/b", "", ""]);
}

#[test]
fn what_is_below_a_renamed_directory_follows() {
    check(
        &[
            ('+', "/w/.x/a", ""),
            ('-', "/w/.x/old", ""),
            ('!', "/w/.x", "/w/x"),
        ],
        ["/w/x/a", "", "/w/.x/old", "/w/.x>/w/x"],
    );
}

#[test]
fn folders_of_tools_are_one_thing_except_what_they_execute() {
    check(
        &[
            ('+', "/w/p/.git/objects/ab/1", ""),
            ('+', "/w/p/.git/objects/tmp_1", ""),
            ('-', "/w/p/.git/objects/tmp_1", ""),
            ('+', "/w/p/.git/HEAD", ""),
            ('+', "/w/p/.git/hooks/pre-push.sample", ""),
            ('+', "/w/p/.git/hooks/pre-push", ""),
            ('+', "/w/p/.gitignore", ""),
            ('+', "/w/p/a", ""),
        ],
        [
            "/w/p/.git/hooks/pre-push /w/p/.gitignore /w/p/a /w/p/.git/*3",
            "",
            "",
            "",
        ],
    );
}

#[test]
fn what_lies_outside_comes_first() {
    check(
        &[
            ('~', "/w/a", ""),
            ('~', "/home/u/.bashrc", ""),
            ('~', "/wx", ""),
        ],
        ["", "/wx /home/u/.bashrc /w/a", "", ""],
    );
}

#[test]
fn writing_to_nothing_is_nothing() {
    check(
        &[('~', "/dev/null", ""), ('~', "/dev/pts/3", "")],
        ["", "", "", ""],
    );
}

#[test]
fn millions_of_files_are_counted_within_bounds() {
    let mut files = Files::new(1);
    for number in 0..300_000 {
        let folder = if number % 2 == 0 { "node_modules/" } else { "" };
        files.write(format!("/w/{folder}{number}").as_bytes(), true);
    }
    let [created, written, ..] = files.lists(b"/w", 24);
    assert_eq!(created.total + written.beyond, 300_000);
    assert!(created.total > 10_000, "{}", created.total);
    assert!(created.items.len() <= 24);
}

#[test]
fn a_directory_that_is_renamed_for_ever_costs_a_bounded_time() {
    let mut files = Files::new(1);
    for number in 0..3000 {
        files.write(format!("/w/0/{number}").as_bytes(), true);
    }
    for number in 0..1000 {
        let [from, to] = [number, number + 1].map(|number| format!("/w/{number}").into_bytes());
        files.rename(&from, &to, false);
    }
    assert_eq!(files.followed, FOLLOW_ALL);
}
