//! Names that say "what follows is a secret".
//!
//! In: the name of a flag, a variable, a header, a query parameter, a JSON key. Out: whether its
//! value may be written. `--password-file /x` and `--max-tokens 100` may; `DB_PASSWORD=x` may not.

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Nothing.
    Open,
    /// It is a secret.
    Secret,
    /// It is a secret, unless it is the path of a file that holds it.
    SecretOrPath,
    /// It is a secret when it looks random: `SIGNING_KEY=3f9a…`, but not `SORT_KEY=name`.
    Random,
}

/// Longest name that is looked at; of longer ones, the end.
pub(super) const LONGEST: usize = 64;

/// Secret wherever they stand in a name, written without separators.
#[rustfmt::skip]
const ANYWHERE: &[&str] = &[
    "password", "passwd", "passphrase", "passcode", "apikey", "accesskey", "secretkey", "authkey",
    "accountkey", "signingkey", "encryptionkey", "masterkey", "sharedkey", "storagekey",
    "subscriptionkey", "clientsecret", "secretaccess", "sharedaccesssignature",
];

/// Secret as a part of a name.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "pass", "pwd", "pw", "psk", "pat", "jwt", "bearer", "secret", "token", "storepass", "keypass",
    "dbpass", "rootpass", "userpass", "passw", "creds",
];

/// Secret at the end of a part: `authtoken`, `websecret`.
const ENDS: &[&str] = &["token", "secret"];

/// Secret although they look like names about secrets (npm's `_auth`, Vault's `secret_id`).
const EXACT: &[&str] = &["_auth", "secret_id"];

/// Secret unless the value is a path.
const OR_PATH: &[&str] = &["privatekey", "credential"];

/// The last part of names whose value is about a secret, but is none.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "file", "files", "path", "dir", "directory", "type", "stdin", "env", "name", "names", "id",
    "ids", "url", "uri", "endpoint", "command", "cmd", "helper", "store", "storage", "manager",
    "provider", "policy", "ttl", "expiry", "expires", "expiration", "lifetime", "duration",
    "timeout", "length", "len", "size", "limit", "count", "format", "prompt", "version",
    "algorithm", "alg", "scope", "scopes", "audience", "issuer", "method", "mode", "fd", "ref",
    "arn", "field", "cache", "rotation", "usage", "budget", "only", "required", "enabled",
    "disabled", "authentication", "auth", "pattern", "regex", "class", "max", "min", "strength",
    "complexity", "generator", "validation", "management", "lifecycle",
];

/// The first part of names that switch something or count.
#[rustfmt::skip]
const SWITCHES: &[&str] = &[
    "no", "disable", "enable", "skip", "max", "min", "num", "with", "without", "allow", "show",
    "ask", "prompt", "require",
];

/// Secret as the whole name of a query parameter.
#[rustfmt::skip]
const QUERY: &[&str] = &[
    "key", "code", "auth", "sid", "ticket", "otp", "hmac", "assertion", "samlresponse",
    "sessionid", "jsessionid", "phpsessid",
];

/// Secret as the last part of the name of a query parameter.
const QUERY_ENDS: &[&str] = &["sig", "signature"];

/// A name in lower case, without separators, and where its parts start.
struct Parts {
    flat: [u8; LONGEST],
    length: usize,
    /// Start of each part in `flat`; one bit a byte.
    starts: u64,
}

impl Parts {
    /// Separators are everything but letters and digits, and the border in `apiKey`.
    fn new(name: &[u8]) -> Self {
        let name = name
            .get(name.len().saturating_sub(LONGEST)..)
            .unwrap_or(name);
        let mut parts = Self {
            flat: [0; LONGEST],
            length: 0,
            starts: 0,
        };
        let mut before = b'_';
        for &byte in name {
            if byte.is_ascii_alphanumeric() {
                let camel = byte.is_ascii_uppercase() && before.is_ascii_lowercase();
                if camel || !before.is_ascii_alphanumeric() {
                    parts.starts |= 1 << parts.length;
                }
                if let Some(place) = parts.flat.get_mut(parts.length) {
                    *place = byte.to_ascii_lowercase();
                    parts.length += 1;
                }
            }
            before = byte;
        }
        parts
    }

    fn flat(&self) -> &[u8] {
        self.flat.get(..self.length).unwrap_or_default()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let flat = self.flat();
        (0..flat.len())
            .filter(|at| self.starts >> at & 1 == 1)
            .filter_map(move |start| {
                let rest = self.starts.checked_shr(start as u32 + 1).unwrap_or(0);
                let end = (start + 1).saturating_add(rest.trailing_zeros() as usize);
                flat.get(start..end.min(flat.len()))
            })
    }
}

fn is_one_of(word: &[u8], list: &[&str]) -> bool {
    list.iter().any(|listed| listed.as_bytes() == word)
}

fn holds_one_of(flat: &[u8], list: &[&str]) -> bool {
    list.iter().any(|listed| {
        flat.windows(listed.len())
            .any(|window| window == listed.as_bytes())
    })
}

/// Every word of the lists that make a name secret.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let lists = [ANYWHERE, PARTS, ENDS, EXACT, OR_PATH, QUERY, QUERY_ENDS];
    lists.into_iter().flatten().copied()
}

/// What a name says about its value.
pub(super) fn secrecy(name: &[u8]) -> Secrecy {
    let parts = Parts::new(name);
    let (Some(first), Some(last)) = (parts.iter().next(), parts.iter().next_back()) else {
        return Secrecy::Open;
    };
    let flat = parts.flat();
    if EXACT.iter().any(|exact| name.ends_with(exact.as_bytes())) {
        return Secrecy::Secret;
    }
    // `PWD` and `OLDPWD` are directories.
    if is_one_of(last, ABOUT) || is_one_of(first, SWITCHES) || name == b"PWD" || name == b"OLDPWD" {
        return Secrecy::Open;
    }
    let secret = |part: &[u8]| {
        let part = without_number(part);
        is_one_of(part, PARTS) || ENDS.iter().any(|end| part.ends_with(end.as_bytes()))
    };
    if holds_one_of(flat, ANYWHERE) || parts.iter().any(secret) {
        Secrecy::Secret
    } else if holds_one_of(flat, OR_PATH) {
        Secrecy::SecretOrPath
    } else if last == b"key" && last.len() < flat.len() {
        Secrecy::Random
    } else {
        Secrecy::Open
    }
}

/// What the name of a query parameter says about its value.
pub(super) fn query_secrecy(name: &[u8]) -> Secrecy {
    let parts = Parts::new(name);
    let last = parts.iter().next_back().unwrap_or_default();
    if is_one_of(parts.flat(), QUERY) || is_one_of(last, QUERY_ENDS) {
        Secrecy::Secret
    } else {
        secrecy(name)
    }
}

/// `TOKEN2` is as secret as `TOKEN`.
fn without_number(part: &[u8]) -> &[u8] {
    let end = part
        .iter()
        .rposition(|byte| !byte.is_ascii_digit())
        .map_or(0, |last| last + 1);
    part.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: Secrecy, names: &[&str]) {
        for name in names {
            assert_eq!(secrecy(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn names_of_secrets() {
        check(
            Secrecy::Secret,
            &[
                "password",
                "--password",
                "PGPASSWORD",
                "DB_PASS",
                "api-key",
                "--api_key",
                "apiKey",
                "OPENAI_API_KEY",
                "X-Api-Key",
                "token",
                "GITHUB_TOKEN",
                "GH_TOKEN_2",
                "TOKEN1",
                "authToken",
                "_authToken",
                "//registry.example/:_authToken",
                "client-secret",
                "clientSecret",
                "AWS_SECRET_ACCESS_KEY",
                "aws_session_token",
                "AccountKey",
                "SharedAccessKey",
                "db.password",
                "user[password]",
                "MYSQL_PWD",
                "_auth",
                "oauth2-bearer",
                "SECRET_KEY_BASE",
                "-storepass",
                "password_hash",
            ],
        );
        check(
            Secrecy::SecretOrPath,
            &["private-key", "GOOGLE_APPLICATION_CREDENTIALS"],
        );
        check(Secrecy::Random, &["OPENAI_KEY", "sort-key", "CACHE_KEY"]);
    }

    #[test]
    fn names_about_secrets() {
        check(
            Secrecy::Open,
            &[
                "password-file",
                "--token-type",
                "tokenizer",
                "max-tokens",
                "MAX_TOKEN",
                "--key",
                "PWD",
                "OLDPWD",
                "no-password",
                "password-stdin",
                "secret-id",
                "token_url",
                "PATH",
                "credential.helper",
                "compass",
                "bypass",
                "with-token",
                "PasswordAuthentication",
                "secretary",
                "keyboard",
                "",
                "--",
                "author",
                "monkey",
            ],
        );
    }

    #[test]
    fn query_parameters_have_more() {
        for name in [
            "key",
            "sig",
            "X-Amz-Signature",
            "code",
            "access_token",
            "X-Amz-Credential",
        ] {
            assert_ne!(query_secrecy(name.as_bytes()), Secrecy::Open, "{name}");
        }
        for name in ["q", "page", "keyword", "postcode", "sort", "design"] {
            assert_eq!(query_secrecy(name.as_bytes()), Secrecy::Open, "{name}");
        }
    }
}
