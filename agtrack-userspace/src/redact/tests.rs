//! What is taken out and what stays.

use std::sync::LazyLock;

use super::programs::PROGRAMS;
use super::*;

pub(super) fn redactor() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(&[7; 32]));
    &REDACTOR
}

fn arguments(args: &[&str]) -> Vec<Vec<u8>> {
    args.iter().map(|arg| arg.as_bytes().to_vec()).collect()
}

/// `{a24}` becomes 24 letters and digits, `{h32}` hex digits, `{A16}` capitals and digits, `{d9}`
/// digits.
pub(super) fn expand(template: &str, seed: usize) -> String {
    let mut expanded = String::new();
    let mut state = seed as u64 + 1;
    let mut parts = template.split('{');
    expanded.push_str(parts.next().unwrap());
    for part in parts {
        let parsed = part.split_once('}').and_then(|(hole, rest)| {
            let alphabet: &[u8] = match hole.get(..1)? {
                "a" => b"aZ3kQ9bX7cW5dV2e",
                "h" => b"0123456789abcdef",
                "A" => b"ABCDEFGH234567QX",
                "d" => b"0123456789012345",
                _ => return None,
            };
            Some((alphabet, hole[1..].parse::<usize>().ok()?, rest))
        });
        let Some((alphabet, length, rest)) = parsed else {
            expanded.push('{');
            expanded.push_str(part);
            continue;
        };
        for place in 0..length {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963);
            // The first of every alphabet's kinds of characters are always there.
            let pick = if place < 3 {
                place
            } else {
                (state >> 60) as usize
            };
            expanded.push(char::from(alphabet[pick]));
        }
        expanded.push_str(rest);
    }
    expanded
}

/// `⟦…⟧` marks what must be replaced in the arguments, all else must stay.
pub(super) fn check(args: &[&str]) {
    let plain: Vec<_> = args
        .iter()
        .map(|arg| arg.replace(['⟦', '⟧'], "").into_bytes())
        .collect();
    let redacted = redactor().args(&plain).value.into_owned();
    for ((marked, plain), redacted) in args.iter().zip(&plain).zip(&redacted) {
        let mut pattern = String::from("(?s)^");
        for (at, part) in marked.split(['⟦', '⟧']).enumerate() {
            pattern.push_str(&if at % 2 == 0 {
                regex::escape(part)
            } else {
                "<(?:redacted:[a-z-]+|prompt:[0-9]+):[0-9a-f]{8}>".to_owned()
            });
        }
        pattern.push('$');
        let (plain, redacted) = (
            String::from_utf8_lossy(plain),
            String::from_utf8_lossy(redacted),
        );
        let matched = regex::Regex::new(&pattern).unwrap().is_match(&redacted);
        assert!(
            matched,
            "\n   from {plain}\n    got {redacted}\nin {args:?}"
        );
    }
}

#[test]
fn every_rule_finds_its_example() {
    let redactor = redactor();
    for rule in rules::all() {
        let marked = expand(rule.example, 0);
        let (before, rest) = marked.split_once('⟦').expect(rule.id);
        let (secret, after) = rest.split_once('⟧').expect(rule.id);
        let text = format!("{before}{secret}{after}");
        let needle = |needle: &&str| text.to_lowercase().contains(*needle);
        assert!(
            rule.needles.iter().any(needle),
            "{}: no needle in {text}",
            rule.id
        );
        assert!(
            rule.needles
                .iter()
                .all(|needle| needle.to_lowercase() == *needle),
            "{}",
            rule.id
        );
        assert!(rule.id.len() <= span::RULE, "{}", rule.id);
        let redacted = redactor.text(text.as_bytes());
        assert!(
            redacted.rules.contains(&rule.id),
            "{}: {:?} in {text}",
            rule.id,
            redacted.rules
        );
        let shown = String::from_utf8_lossy(&redacted.value);
        assert!(!shown.contains(secret), "{}: {shown}", rule.id);
        assert!(
            shown.starts_with(before) && shown.ends_with(after),
            "{}: {shown}",
            rule.id
        );
    }
    assert!(rules::all().count() < 127, "one bit a rule");
}

#[test]
fn every_program_hides_its_example() {
    for program in PROGRAMS {
        let (args, secret) = program.example;
        let marked: Vec<_> = args
            .iter()
            .map(|arg| arg.replace(secret, &format!("⟦{secret}⟧")))
            .collect();
        check(&marked.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn options_that_say_it() {
    check(&["x", "--password", "⟦hunter2⟧", "--user", "me"]);
    check(&["x", "--password=⟦hunter2 and more⟧", "y"]);
    check(&["x", "-password", "⟦hunter2⟧"]);
    check(&[
        "x",
        "--api-key",
        "⟦k⟧",
        "--client-secret=⟦s⟧",
        "--access-key",
        "⟦a⟧",
    ]);
    check(&["x", "--token", "--verbose", "y"]);
    check(&["env", "PGPASSWORD=⟦hunter2⟧", "psql", "-h", "db"]);
    check(&[
        "docker",
        "run",
        "-e",
        "TOKEN=⟦abc⟧",
        "-eSECRET=⟦x⟧",
        "image:tag",
    ]);
    check(&["npm", "config", "set", "//r.example/:_authToken", "⟦abc⟧"]);
    check(&["aws", "configure", "set", "aws_secret_access_key", "⟦abc⟧"]);
}

#[test]
fn options_of_programs() {
    check(&[
        "curl",
        "-u",
        "me:⟦pw⟧",
        "-ume:⟦pw⟧",
        "--user=me:⟦pw⟧",
        "-o",
        "file",
    ]);
    check(&[
        "curl",
        "-H",
        "Authorization: Bearer ⟦abc⟧",
        "-HX-Api-Key: ⟦k⟧",
        "-b",
        "⟦a=b; c=d⟧",
    ]);
    check(&[
        "curl",
        "--header=Cookie: ⟦a=b; c=d⟧",
        "-H",
        "Accept: text/html",
        "-b",
        "jar.txt",
    ]);
    check(&["/usr/bin/mysqldump", "-h", "db", "-P3306", "-p⟦pw⟧", "base"]);
    check(&["mysql", "-p", "base"]);
    check(&["docker", "run", "-p", "80:80", "image"]);
    check(&[
        "openssl",
        "rsa",
        "-passin",
        "file:/x",
        "-passout",
        "pass:⟦pw⟧",
        "-keyform",
        "PEM",
    ]);
    check(&["openssl", "enc", "-k", "⟦pw⟧"]);
    check(&[
        "mc",
        "alias",
        "set",
        "s3",
        "https://h",
        "⟦AKIAABCDEFGH234567QX⟧",
        "x",
    ]);
}

#[test]
fn urls() {
    check(&["git", "clone", "https://me:⟦p@ss⟧@git.example/x.git"]);
    check(&[
        "curl",
        "https://h/a?q=1&access_token=⟦abc⟧&page=2&sig=⟦x%2Fy⟧#top",
    ]);
    check(&["curl", "https://h/a?X-Amz-Signature=⟦abc⟧&X-Amz-Date=2026"]);
    check(&[
        "npm",
        "i",
        "http://h:4873/@scope/name",
        "git+ssh://git@h/x@v1",
        "http://[::1]:80/",
    ]);
}

#[test]
fn shell_commands_inside_an_argument() {
    check(&["bash", "-c", "PGPASSWORD=⟦pw⟧ psql -h db && echo done"]);
    check(&[
        "sh",
        "-lc",
        "curl -sSu me:⟦pw⟧ -H \"Authorization: Bearer ⟦t⟧\" https://h/ | jq .",
    ]);
    check(&[
        "bash",
        "-c",
        "x --password \"$DB_PASS\" --token $(cat f) --secret ${S} --api-key '⟦$k⟧'",
    ]);
    check(&["bash", "-c", "ssh h 'mysql -p⟦pw⟧ -e \"select 1\"' ; ls -l"]);
    check(&[
        "bash",
        "-c",
        "ssh h 'curl -H \"Authorization: Bearer ⟦t⟧\" http://h/'",
    ]);
    check(&[
        "python3",
        "-c",
        "requests.get('https://h', auth=('me', 'x')); t = 'a'",
    ]);
    check(&[
        "git",
        "commit",
        "-m",
        "don't use --password ⟦foo⟧ here, it's bad",
    ]);
}

#[test]
fn what_is_no_secret_stays() {
    for args in [
        &[
            "git",
            "checkout",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        ][..],
        &[
            "x",
            "123e4567-e89b-12d3-a456-426614174000",
            "aGVsbG8gd29ybGQgaG93IGFyZSB5b3U=",
        ],
        &[
            "x",
            "--password-file",
            "/x",
            "--token-type",
            "bearer",
            "--max-tokens",
            "4096",
        ],
        &[
            "x",
            "--key",
            "/etc/ssl/key.pem",
            "--private-key",
            "~/.ssh/id",
            "--no-password",
            "y",
        ],
        &[
            "x",
            "--tokenizer",
            "gpt2",
            "PWD=/home/me",
            "--secret",
            "id=a,src=/b",
            "-p",
            "22",
        ],
        &[
            "docker",
            "login",
            "--password-stdin",
            "-u",
            "me",
            "r.example",
        ],
        &["gh", "auth", "login", "--with-token"],
        &[
            "task-runner",
            "disk-usage-report-2026-with-long-name",
            "npm_config_registry=https://r/",
        ],
        &[
            "aws",
            "s3",
            "cp",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "s3://b/k",
        ],
        &["ssh", "-o", "PasswordAuthentication=no", "h", "ls /etc"],
        &[
            "curl",
            "-u",
            "me",
            "-X",
            "POST",
            "-d",
            "a=b&c=d",
            "https://h:8443/x?y=z",
        ],
    ] {
        let args = arguments(args);
        let redacted = redactor().args(&args);
        assert!(matches!(redacted.value, Cow::Borrowed(_)), "{redacted:?}");
        assert!(redacted.rules.is_empty());
    }
    for path in [
        "/home/me/.ssh/id_ed25519",
        "/usr/share/keys/x",
        "/a/password/b",
        "/x/token.json",
    ] {
        assert!(
            matches!(redactor().path(path.as_bytes()).value, Cow::Borrowed(_)),
            "{path}"
        );
    }
}

#[test]
fn equal_secrets_have_equal_tags_under_one_key() {
    let tag = |key: u8, text: &str| {
        let redacted = Redactor::new(&[key; 32])
            .text(text.as_bytes())
            .value
            .into_owned();
        String::from_utf8(redacted)
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(tag(1, "--password=hunter2"), tag(1, "TOKEN=hunter2"));
    assert_ne!(tag(1, "--password=hunter2"), tag(1, "--password=hunter3"));
    assert_ne!(tag(1, "--password=hunter2"), tag(2, "--password=hunter2"));
}

#[test]
fn the_tag_is_hmac_sha256() {
    // RFC 4231 has no 32 byte key; this was computed with `openssl dgst -sha256 -mac HMAC`.
    let redacted = Redactor::new(&[0x61; 32]).text(b"password=hunter2");
    assert_eq!(redacted.value, &b"password=<redacted:value:bf0b1297>"[..]);
    assert_eq!(redacted.rules, ["value"]);
}

#[test]
fn bytes_that_are_not_utf8_survive() {
    let args = [b"x".to_vec(), b"\xff\xfe PASSWORD=\xfd\x00z \xfc".to_vec()];
    let redacted = redactor().args(&args);
    assert!(redacted.value[1].starts_with(b"\xff\xfe PASSWORD=<redacted:value:"));
    assert!(!redacted.value[1].contains(&0xfd));
}
