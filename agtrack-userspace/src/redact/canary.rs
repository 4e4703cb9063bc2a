//! A hundred planted secrets, in every place where secrets are found in practice.

use super::rules;
use super::tests::{expand, redactor};

/// How a secret without a shape gets into a command line. `%` stands for it, `|` divides arguments.
const CARRIERS: &[&str] = &[
    "x|--password|%",
    "x|--password=%",
    "x|--api-key|%",
    "x|--client-secret=%|y",
    "x|-token=%",
    "curl|-u|me:%|https://h/",
    "curl|-sSkume:%|https://h/",
    "curl|-H|Authorization: Basic %|https://h/",
    "curl|-H|X-Api-Key: %|https://h/",
    "curl|--cookie|session=%|https://h/",
    "curl|-d|{\"user\":\"me\",\"password\":\"%\"}|https://h/",
    "curl|-d|user=me&password=%&x=1|https://h/",
    "wget|--http-password=%|https://h/",
    "sudo|-E|mysql|-uroot|-p%|db",
    "docker|exec|db|mysqldump|-p%|db",
    "sshpass|-p%|ssh|h",
    "timeout|5|redis-cli|-a|%|ping",
    "openssl|enc|-pass|pass:%",
    "env|PGPASSWORD=%|psql",
    "docker|run|-e|DB_PASS=%|-p|80:80|image",
    "docker|login|-u|me|-p|%",
    "helm|install|--set|db.password=%,db.user=x|chart",
    "npm|config|set|//r.example/:_authToken|%",
    "aws|configure|set|aws_secret_access_key|%",
    "kubectl|create|secret|generic|x|--from-literal=a=%",
    "git|clone|https://me:%@git.example/x",
    "git|-c|http.extraheader=AUTHORIZATION: bearer %|fetch",
    "psql|postgresql://me:%@db:5432/x?sslmode=require",
    "psql|host=db password=% user=me",
    "az|storage|x|--connection-string|AccountName=a;AccountKey=%;EndpointSuffix=b",
    "bash|-c|curl -u me:% https://h/ | jq .",
    "bash|-lc|export TOKEN='%'; make",
    "bash|-c|ssh h 'mysql -p% -e \"select 1\"'",
    "ssh|h|PASSWORD=% ./deploy.sh --now",
    "sh|-c|curl -H \"Authorization: Bearer %\" https://h/?a=b&c=d",
    "python3|-c|connect(password='%')",
    "http|-a|me:%|h/",
    "smbclient|//h/s|-U|me%%",
    "unzip|-P|%|x.zip",
    "7z|x|-p%|x.7z",
];

fn absent(secret: &str, shown: &[u8], place: &str) {
    let shown = String::from_utf8_lossy(shown);
    for part in secret.as_bytes().windows(secret.len().min(12)) {
        let part = str::from_utf8(part).unwrap();
        assert!(
            !shown.contains(part),
            "{place}: {part} of {secret} in {shown}"
        );
    }
}

fn args(carrier: &str, secret: &str) -> Vec<Vec<u8>> {
    // The last `%` is the secret, an earlier one is itself (`me%%`).
    let (before, after) = carrier.rsplit_once('%').unwrap();
    let line = format!("{before}{secret}{after}");
    line.split('|').map(|arg| arg.as_bytes().to_vec()).collect()
}

#[test]
fn none_of_a_hundred_canaries_survives() {
    let redactor = redactor();
    let mut planted = std::collections::BTreeSet::new();
    for (seed, carrier) in CARRIERS.iter().enumerate() {
        let secret = expand("{a20}", seed + 1000);
        absent(
            &secret,
            &redactor.args(&args(carrier, &secret)).value.join(&b'\n'),
            carrier,
        );
        let url = format!("https://me:{secret}@h/x?access_token={secret}&sig={secret}#top");
        absent(&secret, &redactor.url(url.as_bytes()).value, &url);
        let path = format!("/data/token={secret}/part-0");
        absent(&secret, &redactor.path(path.as_bytes()).value, &path);
        planted.insert(secret);
    }
    for (seed, rule) in rules::all().enumerate() {
        let marked = expand(rule.example, seed);
        let secret = marked.split(['⟦', '⟧']).nth(1).unwrap().to_owned();
        let text = marked.replace(['⟦', '⟧'], "");
        for arg in [
            text.clone(),
            format!("echo {text} >/tmp/x"),
            format!("--data={text}"),
        ] {
            let args = [b"x".to_vec(), arg.clone().into_bytes()];
            absent(&secret, &redactor.args(&args).value.join(&b'\n'), &arg);
        }
        absent(&secret, &redactor.url(text.as_bytes()).value, &text);
        if !rule.word {
            // A secret access key may hold a slash, so nothing says where it ends in front of one.
            let behind = if rule.id == "aws-key" { "" } else { "/x" };
            let path = format!("/tmp/{text}{behind}");
            absent(&secret, &redactor.path(path.as_bytes()).value, &path);
        }
        planted.insert(secret);
    }
    assert!(planted.len() >= 100, "{} canaries", planted.len());
}
