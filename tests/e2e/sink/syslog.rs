//! syslog over TLS to a real rsyslogd, with a certificate on either side.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agtrack_tests::daemon::Home;
use agtrack_tests::here;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::receiver::free_port;
use super::{caught_up, recorder, work};
use crate::{Outcome, Unable, tests};

tests![
    each_record_arrives_once_after_deduplication_though_rsyslog_is_killed,
    certificates_that_do_not_fit_are_told_with_what_to_look_at,
];

/// How many things the agent does at least.
const RECORDS: usize = 2000;

/// An authority and what it vouches for.
struct Keys(TempDir);

impl Keys {
    fn new() -> Keys {
        let keys = Keys(TempDir::new().unwrap());
        keys.authority("ca");
        keys.issue("ca", "server", "subjectAltName=DNS:localhost,IP:127.0.0.1");
        keys.issue("ca", "client", "subjectAltName=DNS:agtrack-host");
        keys
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

/// A running rsyslogd; killed when the test forgets it.
struct Rsyslog(Child);

impl Rsyslog {
    /// Starts one and waits until it listens. Each message is a line of the file `received`: the
    /// structured data, a tab, and the text.
    fn start(keys: &Keys, port: u16) -> Rsyslog {
        let here = keys.0.path().display();
        let text = format!(
            "global(workDirectory=\"{here}\" maxMessageSize=\"1m\"\n\
             defaultNetstreamDriver=\"ossl\" defaultNetstreamDriverCAFile=\"{here}/ca.pem\"\n\
             defaultNetstreamDriverCertFile=\"{here}/server.pem\"\n\
             defaultNetstreamDriverKeyFile=\"{here}/server.key\")\n\
             module(load=\"imtcp\" streamDriver.name=\"ossl\" streamDriver.mode=\"1\"\n\
             streamDriver.authMode=\"x509/name\" permittedPeer=[\"agtrack-host\"])\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             template(name=\"line\" type=\"list\") {{ property(name=\"structured-data\")\n\
             constant(value=\"\\t\") property(name=\"msg\") constant(value=\"\\n\") }}\n\
             action(type=\"omfile\" file=\"{here}/received\" template=\"line\")\n"
        );
        let configuration = keys.path("rsyslog.conf");
        std::fs::write(&configuration, text).unwrap();
        let log = std::fs::File::create(keys.path("rsyslog.log")).unwrap();
        let mut command = Command::new("rsyslogd");
        command
            .arg("-n")
            .arg("-i")
            .arg(keys.path("pid"))
            .arg("-f")
            .arg(configuration);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let rsyslog = Rsyslog(command.spawn().expect("rsyslogd runs"));
        let until = Instant::now() + here::patience();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = std::fs::read_to_string(keys.path("rsyslog.log")).unwrap_or_default();
            assert!(Instant::now() < until, "rsyslogd listens: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
        rsyslog
    }

    fn kill(mut self, keys: &Keys) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it is a child");
        let _ = std::fs::remove_file(keys.path("pid"));
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn needs() -> Result<(), Unable> {
    for program in ["rsyslogd", "openssl"] {
        let found = Command::new(program).arg("-v").output();
        if found.is_err() {
            return Err(Unable(format!("there is no {program} here")));
        }
    }
    if !Path::new("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so").exists() {
        return Err(Unable(
            "rsyslog has no TLS here (package rsyslog-openssl)".to_owned(),
        ));
    }
    Ok(())
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
    // A killed rsyslogd may have left a torn line.
    let whole = text.lines().filter(|line| line.ends_with('}'));
    let both = whole.filter_map(|line| {
        let (data, record) = line.split_once('\t')?;
        let data = data.split_once("id=\"")?.1.split_once('"')?.0;
        let record: Value = serde_json::from_str(record.trim_start()).ok()?;
        Some((data.to_owned(), record["id"].as_str()?.to_owned()))
    });
    both.unzip()
}

fn each_record_arrives_once_after_deduplication_though_rsyslog_is_killed() -> Outcome {
    needs()?;
    let keys = Keys::new();
    let port = free_port();
    let (group, home) = recorder("-sink-syslog", |_| sink("siem", port, &keys, "client"));
    let mut rsyslog = Rsyslog::start(&keys, port);
    let daemon = home.start();
    let parts = 4;
    for part in 0..parts {
        work(&group, &format!("p{part}"), RECORDS / parts);
        if part % 2 == 1 {
            rsyslog.kill(&keys);
            rsyslog = Rsyslog::start(&keys, port);
        }
    }
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    // What was sent last becomes sure with the next daemon; its own records are not looked at.
    let expect = home.records();
    let daemon = home.start();
    let listed = caught_up(&home);
    assert_eq!(listed["sinks"][0]["refused"], 0, "{listed}");
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let (data, records) = received(&keys);
    assert_eq!(data, records, "the structured data says the same");
    let last = home.records().len();
    let of_journal = |id: &String| {
        let seq = id
            .rsplit(':')
            .next()
            .and_then(|seq| seq.parse::<usize>().ok());
        seq.is_some_and(|seq| seq <= last)
    };
    assert!(records.iter().all(of_journal));
    let found: BTreeSet<_> = records.iter().collect();
    assert!(
        expect.len() > RECORDS && found.len() >= expect.len(),
        "{}",
        found.len()
    );
    arrived_all(&expect, &records, &home);
    drop(rsyslog);
    Ok(())
}

fn arrived_all(expect: &[Value], records: &[String], home: &Home) {
    let found: BTreeSet<_> = records.iter().map(String::as_str).collect();
    let missing: Vec<_> = expect
        .iter()
        .filter_map(|record| record["id"].as_str())
        .filter(|id| !found.contains(id))
        .collect();
    assert!(missing.is_empty(), "missing {missing:?}\n{}", home.said());
    println!(
        "note: {} records over TLS, {} sent again",
        expect.len(),
        records.len() - found.len()
    );
}

fn certificates_that_do_not_fit_are_told_with_what_to_look_at() -> Outcome {
    needs()?;
    let keys = Keys::new();
    keys.authority("stranger");
    keys.issue("stranger", "foreign", "subjectAltName=DNS:agtrack-host");
    let port = free_port();
    let _rsyslog = Rsyslog::start(&keys, port);
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
