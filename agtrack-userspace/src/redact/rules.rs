//! Secrets that can be told by their shape or by the words next to them.
//!
//! A table, one row each. A row's pattern runs only on texts that hold one of its needles (found
//! in one pass for all rows); what its groups match is the secret. Patterns work on bytes.

mod shapes;

/// One row.
#[derive(Debug)]
pub(super) struct Rule {
    /// Name in `<redacted:NAME:tag>`: small letters and `-`.
    pub(super) id: &'static str,
    /// One of these is in every text that the pattern matches; case does not matter.
    pub(super) needles: &'static [&'static str],
    /// What to match; every group is a secret.
    pub(super) pattern: &'static str,
    /// What else must hold for the secret.
    pub(super) check: Check,
    /// Whether the pattern is for single words of a command (it starts with `^`).
    pub(super) word: bool,
    /// A text with the secret between `⟦` and `⟧`; `{a24}` stands for 24 letters and digits, so that
    /// no scanner takes this file for a leak. The test runs it.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "documents the row; read by the tests")
    )]
    pub(super) example: &'static str,
}

/// Every row, in the order in which they name a secret that several match.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    CONTEXT.iter().chain(shapes::SHAPES)
}

/// What else must hold for a secret, to tell it from words and hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing.
    Any,
    /// It holds a digit.
    Digit,
    /// It holds small letters, capitals and digits.
    Mixed,
}

impl Check {
    pub(super) fn holds(self, secret: &[u8]) -> bool {
        let digit = || secret.iter().any(u8::is_ascii_digit);
        match self {
            Self::Any => true,
            Self::Digit => digit(),
            Self::Mixed => {
                digit()
                    && secret.iter().any(u8::is_ascii_lowercase)
                    && secret.iter().any(u8::is_ascii_uppercase)
            }
        }
    }
}

const fn shape(
    id: &'static str,
    needles: &'static [&'static str],
    pattern: &'static str,
    example: &'static str,
) -> Rule {
    Rule {
        id,
        needles,
        pattern,
        check: Check::Any,
        word: false,
        example,
    }
}

const fn word(rule: Rule) -> Rule {
    Rule { word: true, ..rule }
}

const fn checked(check: Check, rule: Rule) -> Rule {
    Rule { check, ..rule }
}

/// Secrets that the words next to them give away.
const CONTEXT: &[Rule] = &[
    word(shape(
        "header",
        &["authorization"],
        r#"(?i)^["\x27\\]*(?:-H|[\w.-]*header=)?["\x27\\]*\s*(?:proxy-)?authorization\s*:\s*(?:(?:basic|bearer|token|digest|negotiate|apikey|bot|splunk|sso-key|aws4-hmac-sha256)\s+)?([^"\x27\r\n]+)"#,
        "Authorization: ⟦Custom a b c⟧",
    )),
    shape(
        "header",
        &["authorization"],
        r#"(?i)authorization["\x27\\]*\s*[:=]\s*["\x27\\]*(?:(?:basic|bearer|token|digest|negotiate|apikey|bot|splunk|sso-key|aws4-hmac-sha256)\s+)?([^\s"\x27\\,]+)"#,
        "GET / Authorization: Basic ⟦bWU6aHVudGVyMg==⟧ x",
    ),
    shape(
        "header",
        &["cookie"],
        r#"(?i)cookie["\x27\\]*\s*:\s*["\x27\\]*([^"\x27\\\r\n]+)"#,
        "-HCookie: ⟦a=b; session=c⟧",
    ),
    checked(
        Check::Digit,
        shape(
            "bearer",
            &["bearer"],
            r"(?i)bearer\s+([A-Za-z0-9._~+/=-]{8,})",
            "use Bearer ⟦abcdef0123⟧ now",
        ),
    ),
    shape(
        "url-user",
        &["://"],
        r"://[^\s/?#:@<]*:([^\s/?#]+)@",
        "postgres://me:⟦hunter2⟧@db/x",
    ),
    shape(
        "url-user",
        &["://"],
        r#"://[^\s/?#:@<"\x27]+:([0-9]{0,5}[^0-9/\s"\x27@?#][^\s"\x27@/?#]*[/?#][^\s"\x27@]*)@"#,
        "postgres://me:⟦hun/ter2⟧@db/x",
    ),
    // A URL that was taken for a path has one slash left.
    shape(
        "url-user",
        &[":/"],
        r"(?i)(?:https?|ftp|ssh|postgres(?:ql)?|mysql|redis|amqps?|mongodb):/[^\s/?#:@<]*:([^\s/?#]+)@",
        "/work/https:/me:⟦hunter2⟧@h",
    ),
    checked(
        Check::Digit,
        shape(
            "url-user",
            &["://"],
            r"(?i)https?://([A-Za-z0-9_-]{20,})(?::[^\s/?#@<]*)?@",
            "https://⟦{a40}⟧@git.example/x",
        ),
    ),
    shape(
        "url-user",
        &["proxy="],
        r#"(?i)proxy=["\x27\\]*[^\s/?#:@<"\x27]*:([^\s/"\x27][^\s"\x27]*)@"#,
        "https_proxy=me:⟦hunter2⟧@proxy:3128",
    ),
    shape(
        "url-user",
        &["%3a%2f%2f"],
        r"(?i)%3a%2f%2f[^%\s]*%3a((?:[^%\s]|%[0-35-9a-f][0-9a-f]|%4[1-9a-f])+)%40",
        "u=https%3A%2F%2Fme%3A⟦hunter2⟧%40h",
    ),
    shape(
        "url-query",
        &["%3d"],
        r#"(?i)(?:%3f|%26|%23)[\w.-]{0,40}?(?:token|secret|password|passwd|api_?key|signature|sig)%3d((?:[^%&\s"\x27]|%[013-9a-f][0-9a-f]|%2[0-57-9a-f])+)"#,
        "u=https%3A%2F%2Fh%3Faccess_token%3D⟦hunter2⟧%26a%3Db",
    ),
    shape(
        "pem",
        &["private key"],
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----((?s:.)*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY|$)",
        "-----BEGIN RSA PRIVATE KEY-----⟦\nMIIEow==\n⟧-----END RSA PRIVATE KEY-----",
    ),
    shape(
        "sql",
        &["password", "identified"],
        r#"(?i)(?:^|[\s(])(?:password|identified\s+by(?:\s+password)?)\s+["'\\]{1,2}([^"'\\]+)["'\\]"#,
        "ALTER USER x PASSWORD '⟦hunter2⟧'",
    ),
    shape(
        "xml",
        &["</"],
        r"(?i)<(?:[\w.-]*(?:password|passwd|secret|token|api-?key))>([^<]+)</",
        "<server><password>⟦hunter2⟧</password>",
    ),
    shape(
        "aws-id",
        &["akia", "asia", "abia", "acca"],
        r"((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})",
        "id ⟦AKIA{A16}⟧",
    ),
    checked(
        Check::Mixed,
        shape(
            "aws-key",
            &["aws", "akia", "asia"],
            r"(?i:aws|AKIA|ASIA)(?s:.){0,60}?[^A-Za-z0-9/+]([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|$)",
            "aws: ⟦{a40}⟧",
        ),
    ),
];
