//! Texts that somebody made to break the rules.

use proptest::prelude::*;

use super::tests::redactor;

#[test]
fn long_and_hostile_texts_end_and_stay_bounded() {
    let pieces = [
        "token=",
        "a_key=",
        "://a:",
        "eyJ",
        "'",
        "\"",
        "--password ",
        "a,",
        "<redacted:",
        "AKIA",
        "-----BEGIN PRIVATE KEY-----",
        "authorization:",
        "$(",
        "aws ",
        "token=$(",
        "\\",
        "{\"a\":",
        "x",
        "curl -u a:",
        "cookie:",
        "<redacted:x:00000000>",
        "proxy=a:",
        "claude -p x;",
        "claude -p <<E;",
        "claude -p <<E\n",
        "\\\"",
        "$'",
        "\"$(",
        "<prompt:1:00000000>",
    ];
    let redactor = redactor();
    for piece in pieces {
        // Anything quadratic takes minutes at this length, and whoever runs the tests sees it hang.
        let text = piece.repeat((256 << 10) / piece.len());
        for found in [
            redactor.text(text.as_bytes()),
            redactor.path(text.as_bytes()),
            redactor.text(format!("bash -c claude -p {text}").as_bytes()),
        ] {
            let grown = found.value.len() as f64 / text.len() as f64;
            assert!(grown < 16.0, "{piece:?}: {grown} times as long");
        }
    }
}

/// Each replacement lets the name behind it be seen as one.
#[test]
fn what_does_not_come_to_rest_is_replaced_as_a_whole() {
    let redactor = redactor();
    let piece = b"&/\xffsword=gunteg;t@h\x1bst&.sword=gunteg;t@h\x1bst&.//-pas";
    let text = [
        b"t&sword/\rpassword=\x1b".as_slice(),
        &piece.repeat(40),
        b"z",
    ]
    .concat();
    for args in [
        vec![text.clone()],
        vec![text, b"-p".to_vec(), b"x".to_vec()],
    ] {
        let once = redactor.args(&args).value.into_owned();
        let shown = String::from_utf8_lossy(&once[0]);
        assert_eq!(redactor.args(&once).value, once, "{shown}");
        assert!(!shown.contains("gunteg"), "{shown}");
        let text = redactor.text(&args[0]).value.into_owned();
        assert_eq!(redactor.text(&text).value, text);
        let path = redactor.path(&args[0]).value.into_owned();
        assert_eq!(redactor.path(&path).value, path);
    }
}

/// Words in which secrets, quotes, options and replacements meet.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "--password",
        "--token=",
        "PASSWORD=",
        "curl",
        "mysql",
        "-u",
        "-p",
        "-psecret",
        "a:b",
        "=",
        ":",
        "'",
        "\"",
        " ",
        "\\",
        ";",
        "&",
        ",",
        "$X",
        "$(",
        "https://",
        "u:p@h",
        "?key=",
        "&sig=",
        "Authorization: Bearer ",
        "Cookie: ",
        "AKIAABCDEFGH234567QX",
        "<redacted:value:0123abcd>",
        "<redacted:",
        ">",
        "{\"token\":\"",
        "x",
        "hunter2",
        "\n",
        "bash",
        "-c",
        "set ",
        "/",
        "@",
        "-b",
        "claude",
        "codex exec ",
        "aider -m ",
        "timeout ",
        "<<E",
        "<prompt:5:0123abcd>",
        "aws ",
        "aZ3kQ9bX7cW5dV2eaZ3kQ9bX7cW5dV2eaZ3kQ9bX",
        "-----BEGIN PRIVATE KEY-----",
        "pass:",
        "-x",
        "proxy=",
        "{",
        "[",
        "pw",
    ]);
    prop::collection::vec(piece, 1..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn redacting_twice_changes_nothing(args in prop::collection::vec(fragments(), 1..6)) {
        let redactor = redactor();
        let args: Vec<_> = args.into_iter().map(String::into_bytes).collect();
        let once = redactor.args(&args).value.into_owned();
        let twice = redactor.args(&once);
        prop_assert_eq!(&once[..], &twice.value[..], "{}", String::from_utf8_lossy(&once.join(&b'|')));
        prop_assert!(twice.rules.is_empty());
        let path = redactor.path(&args[0]).value.into_owned();
        prop_assert!(redactor.path(&path).rules.is_empty());
    }

    #[test]
    fn any_bytes_are_taken(args in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5)) {
        let redacted = redactor().args(&args);
        prop_assert_eq!(redacted.value.len(), args.len());
    }
}
