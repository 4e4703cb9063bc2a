use super::*;

fn check(glob: &str, matches: &[&str], not: &[&str]) {
    let path = Glob::path(glob.as_bytes()).unwrap();
    for text in matches {
        assert!(path.matches(text.as_bytes()), "{glob} matches {text}");
    }
    for text in not {
        assert!(!path.matches(text.as_bytes()), "{glob} not {text}");
    }
}

#[test]
fn stars_stay_in_a_part_and_two_cross_parts() {
    check(
        "/etc/*.conf",
        &["/etc/a.conf", "/etc/.conf"],
        &["/etc/a/b.conf", "/etc/a.confx"],
    );
    check("/etc/**", &["/etc/a", "/etc/a/b"], &["/etc", "/x/etc/a"]);
    check(
        "/a/**/z",
        &["/a/z", "/a/b/z", "/a/b/c/z"],
        &["/a/bz", "/az"],
    );
    check("/a/b**z", &["/a/bz", "/a/b/c/z"], &["/a/cz"]);
    check("**", &["", "/", "/a/b"], &[]);
}

#[test]
fn a_directory_means_what_is_below_it() {
    check(
        "/etc/",
        &["/etc/passwd", "/etc/ssl/key"],
        &["/etc", "/etc/", "/etcetera/x"],
    );
    check(
        "node_modules/",
        &["/w/node_modules/x/y", "node_modules/x"],
        &["/w/my_node_modules/x"],
    );
}

#[test]
fn a_relative_one_begins_at_any_part() {
    check(
        ".env",
        &["/work/.env", ".env"],
        &["/work/x.env", "/work/.env/x"],
    );
    check(
        "src/*.rs",
        &["/w/src/a.rs"],
        &["/w/xsrc/a.rs", "/w/src/b/a.rs"],
    );
    check("*", &["/a/b", "@abstract"], &[]);
}

#[test]
fn classes_and_question_marks_are_one() {
    check(
        "/[a-c]?[!x]",
        &["/abc", "/büc", "/bxc"],
        &["/dbc", "/abx", "/a/c", "/ab/"],
    );
    check("/[]]", &["/]"], &["/["]);
    check(r"/\[id\]", &["/[id]"], &["/i"]);
    assert!(Glob::path(b"/a?b").unwrap().matches(b"/a\xffb"));
}

#[test]
fn bytes_are_named_as_records_show_them() {
    let glob = Glob::path(br"/a\xff\u{7}\\x\*").unwrap();
    assert!(glob.matches(b"/a\xff\x07\\x*"));
    assert!(!glob.matches(b"/a\xff\x07\\xx"));
    assert!(Glob::path(b"/a\xff").unwrap().matches(b"/a\xff"));
}

#[test]
fn names_have_no_parts() {
    let glob = Glob::word(b"spiffe://*assistant").unwrap();
    assert!(glob.matches(b"spiffe://example.org/agent/code-assistant"));
    assert!(!glob.matches(b"x"));
    assert!(Glob::word(b"file.*").unwrap().matches(b"file.open"));
    assert!(!Glob::word(b"file.*").unwrap().matches(b"fileXopen"));
}

#[test]
fn what_is_no_glob_is_told() {
    for (text, expect) in [
        ("", BadGlob::Empty),
        ("a\\", BadGlob::Unfinished('\\')),
        ("[a", BadGlob::Unfinished('[')),
        ("[]", BadGlob::Unfinished('[')),
        ("*.{rs,toml}", BadGlob::Brace('{')),
        ("[ü]", BadGlob::Class),
        ("[z-a]", BadGlob::Class),
    ] {
        assert_eq!(Glob::path(text.as_bytes()).unwrap_err(), expect, "{text}");
    }
    let long = "?".repeat(LONGEST + 1);
    assert_eq!(Glob::path(long.as_bytes()).unwrap_err(), BadGlob::Size);
}

#[test]
fn the_longest_run_is_looked_for_as_it_stands_in_json() {
    let literal = |glob: &[u8]| {
        let glob = Glob::path(glob).unwrap();
        glob.literal()
            .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(literal(b"/etc/passwd"), some(r#""/etc/passwd""#));
    assert_eq!(literal(b"/etc/*.conf"), some(r#".conf""#));
    assert_eq!(literal(b"/etc/"), some(r#""/etc/"#));
    assert_eq!(literal(b"passwd"), some(r#"passwd""#));
    assert_eq!(literal(b"/a\"\n\xff"), some(r#""/a\"\n\\xff""#));
    assert_eq!(literal(b"*"), None);
    // What follows could make another escape of the backslash, or a character of the bytes.
    assert_eq!(literal(br"*abc\\*"), some("abc"));
    assert_eq!(literal(b"*abc\xc3*"), some("abc"));
    assert_eq!(literal(b"*\xbcabc*"), some("abc"));
}
