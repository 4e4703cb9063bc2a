//! Texts that somebody made to break the rules.

use proptest::prelude::*;

use super::tests::redactor;

#[test]
fn long_and_hostile_texts_take_linear_time() {
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
    ];
    let redactor = redactor();
    let time = |piece: &str, length: usize| {
        let text = piece.repeat(length / piece.len());
        let once = || {
            let started = std::time::Instant::now();
            let _ = redactor.text(text.as_bytes());
            let _ = redactor.path(text.as_bytes());
            started.elapsed()
        };
        // The machine may be busy with something else.
        once().min(once())
    };
    for piece in pieces {
        let (short, long) = (time(piece, 64 << 10), time(piece, 256 << 10));
        println!("{piece:?}: {short:?} {long:?}");
        // Quadratic would be 16 times as long, which at this length is seconds. The slack is for
        // another engine of the regex crate that takes over in between, and for a busy machine.
        let bound = short * 8 + std::time::Duration::from_millis(400);
        assert!(
            long < bound,
            "{piece:?}: 64 KiB {short:?}, 256 KiB {long:?}"
        );
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
        "aws ",
        "aZ3kQ9bX7cW5dV2eaZ3kQ9bX7cW5dV2eaZ3kQ9bX",
        "-----BEGIN PRIVATE KEY-----",
        "pass:",
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
