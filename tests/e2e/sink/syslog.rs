//! syslog over TLS to daemons that others wrote, with a certificate on either side.

mod daemon;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::receiver::free_port;
use super::trial::{Turn, endure, least, sent};
use super::{nothing_is_missing_before_the_last_start, recorder};
use crate::{Outcome, Unable, tests};
use daemon::{RSYSLOG, SYSLOG_NG, Syslogd};

tests![
    rsyslog_has_each_record_though_it_and_the_daemon_are_killed,
    syslog_ng_has_each_record_though_it_and_the_daemon_are_killed,
    certificates_that_do_not_fit_are_told_with_what_to_look_at,
];

/// An authority and what it vouches for.
struct Keys(TempDir);

impl Keys {
    fn new() -> Result<Keys, Unable> {
        if Command::new("openssl").arg("version").output().is_err() {
            return Err(Unable("there is no openssl here".to_owned()));
        }
        let keys = Keys(TempDir::new().unwrap());
        keys.authority("ca");
        keys.issue("ca", "server", "subjectAltName=DNS:localhost,IP:127.0.0.1");
        keys.issue("ca", "client", "subjectAltName=DNS:agtrack-host");
        Ok(keys)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        command.args(words.split(' ')).current_dir(self.0.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "openssl {words}: {said}");
    }

    fn authority(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
    }

    fn issue(&self, authority: &str, name: &str, extension: &str) {
        std::fs::write(self.path("extensions"), extension).unwrap();
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -subj /CN=agtrack-{name} -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -days 2 -in {name}.csr -CA {authority}.pem -CAkey {authority}.key \
             -CAcreateserial -extfile extensions -out {name}.pem"
        ));
    }
}

fn sink(name: &str, port: u16, keys: &Keys, client: &str) -> String {
    let (ca, cert) = (keys.path("ca.pem"), keys.path(&format!("{client}.pem")));
    let key = keys.path(&format!("{client}.key"));
    format!(
        "[[sinks]]\nname = \"{name}\"\ntype = \"syslog\"\naddress = \"localhost:{port}\"\n\
         ca_file = {ca:?}\ncert_file = {cert:?}\nkey_file = {key:?}\nresend_ms = 2000\n"
    )
}

/// The ids by structured data of the lines that came, and the same by the records themselves.
fn received(keys: &Keys) -> (Vec<String>, Vec<String>) {
    let text = std::fs::read_to_string(keys.path("received")).unwrap_or_default();
    // A killed daemon may have left a torn line.
    let whole = text.lines().filter(|line| line.ends_with('}'));
    let both = whole.filter_map(|line| {
        let (data, record) = line.split_once('\t')?;
        let data = data.split_once("id=\"")?.1.split_once('"')?.0;
        let record: Value = serde_json::from_str(record.trim_start()).ok()?;
        Some((data.to_owned(), record["id"].as_str()?.to_owned()))
    });
    both.unzip()
}

fn rsyslog_has_each_record_though_it_and_the_daemon_are_killed() -> Outcome {
    each_arrives(&RSYSLOG, "-sink-rsyslog")
}

fn syslog_ng_has_each_record_though_it_and_the_daemon_are_killed() -> Outcome {
    each_arrives(&SYSLOG_NG, "-sink-syslog-ng")
}

fn each_arrives(syslogd: &Syslogd, name: &str) -> Outcome {
    let keys = Keys::new()?;
    let port = free_port();
    let mut running = syslogd.start(&keys, port)?;
    let (group, home) = recorder(name, |_| sink("siem", port, &keys, "client"));
    let daemon = endure(group, &home, |turn| {
        match turn {
            Turn::Kill => running.kill(),
            Turn::Start => running = syslogd.start(&keys, port)?,
        }
        Ok(())
    })?;
    sent(daemon, &home);
    let (data, records) = received(&keys);
    assert_eq!(data, records, "the structured data says the same");
    nothing_is_missing_before_the_last_start(&home, &records);
    assert!(records.len() >= least(), "{}", records.len());
    Ok(())
}

fn certificates_that_do_not_fit_are_told_with_what_to_look_at() -> Outcome {
    let keys = Keys::new()?;
    keys.authority("stranger");
    keys.issue("stranger", "foreign", "subjectAltName=DNS:agtrack-host");
    let port = free_port();
    let _rsyslog = RSYSLOG.start(&keys, port)?;
    let (_group, home) = recorder("-sink-certificate", |_| {
        let good = sink("good", port, &keys, "client");
        let foreign = sink("foreign", port, &keys, "foreign");
        let ca = format!("{:?}", keys.path("ca.pem"));
        let stranger = format!("{:?}", keys.path("stranger.pem"));
        let untrusted = sink("untrusted", port, &keys, "client").replace(&ca, &stranger);
        let other = sink("other", port, &keys, "client") + "server_name = \"example.org\"\n";
        let missing = sink("missing", port, &keys, "nobody");
        [good, foreign, untrusted, other, missing].concat()
    });
    let test = |name| super::tried(&home, name);
    let (code, said) = test("good");
    assert_eq!(code, Some(0), "{said}");
    for (name, part) in [
        ("foreign", "cannot send to localhost"),
        ("untrusted", "UnknownIssuer"),
        ("other", "example.org"),
        ("missing", "nobody.pem: No such file"),
    ] {
        let (code, said) = test(name);
        assert!(code == Some(1) && said.contains(part), "{name}: {said}");
        assert!(!said.contains("PRIVATE"), "{said}");
    }
    Ok(())
}
