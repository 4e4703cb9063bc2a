//! Secrets that got through once.

use super::tests::check;

#[test]
fn secrets_that_begin_with_a_bracket() {
    check(&["x", "--password", "⟦{x9kk2⟧", "--token=⟦[x9kk2⟧"]);
    check(&["env", "PGPASSWORD=⟦[k7x⟧", "psql"]);
    check(&["curl", "-u", "me:⟦{k7x⟧", "https://h/"]);
    check(&["mysql", "-p⟦[k7x⟧", "base"]);
    check(&["bash", "-c", "mysql -p'⟦{k7x⟧' base; TOKEN=⟦[k7x⟧ make"]);
    check(&["curl", "-d", r#"{"token":{"a":1},"secret":[1,2]}"#]);
}

#[test]
fn short_names_of_secrets() {
    check(&["x", "pw=⟦hunter2⟧", r#"{"pw":"⟦hunter2⟧"}"#]);
    check(&["curl", "https://h/?u=a&pw=⟦hunter2⟧&b=c"]);
    check(&["curl", "-d", r#"{"pat":"⟦hunter2⟧"}"#, "pat: ⟦hunter2⟧"]);
    check(&["curl", "https://h/?session_id=⟦abc⟧&code[]=⟦def⟧"]);
    check(&["make", "PATH=/bin:/usr/bin", "compat=yes", "path: /x"]);
}

#[test]
fn logins_of_proxies_without_a_scheme() {
    check(&["curl", "-x", "me:⟦pw⟧@proxy:3128", "https://h/"]);
    check(&["curl", "-sxme:⟦p@w⟧@proxy:3128", "https://h/"]);
    check(&["curl", "--proxy", "me:⟦pw⟧@proxy:3128", "-o", "file"]);
    check(&["curl", "--proxy=me:⟦pw⟧@proxy:3128"]);
    check(&["curl", "--socks5", "me:⟦pw⟧@[::1]:1080"]);
    check(&["curl", "-x", "http://me:⟦pw⟧@proxy:3128", "h"]);
    check(&[
        "curl",
        "-x",
        "http://proxy:3128",
        "-x",
        "proxy:3128",
        "me@h",
    ]);
    check(&[
        "env",
        "https_proxy=me:⟦pw⟧@proxy:3128",
        "http_proxy=http://h:1",
    ]);
    check(&["sh", "-c", "curl -x me:⟦pw⟧@proxy:3128 https://h/"]);
}
