//! Programs as agents use them, where they are installed.

use std::path::Path;
use std::sync::Arc;

use agtrack_tests::steps;
use serde_json::Value;

use super::server::{hanging_up, keeping_alive};
use crate::{Outcome, Unable, host::place};

fn program(path: &str) -> Result<&str, Unable> {
    match Path::new(path).exists() {
        true => Ok(path),
        false => Err(Unable(format!("{path} is not installed here"))),
    }
}

pub(super) fn tls_client() -> Outcome {
    let curl = program("/usr/bin/curl")?;
    let server = hanging_up();
    let place = place("https");
    let name = format!("api.example.test:{server}");
    place.run(&steps! {
        "exec", curl, "curl", "-s", "-o", "/dev/null", "--http2",
        "--resolve", format!("{name}:127.0.0.1"), format!("https://{name}/"),
    });
    let hellos = place.records().action("net.tls_hello");
    let object = &hellos.one()["object"];
    assert_eq!(object["server_name"], "api.example.test");
    assert_eq!(object["alpn"], serde_json::json!(["h2", "http/1.1"]));
    assert_eq!(object["tls_version"], "1.3");
    Ok(())
}

pub(super) fn http_client() -> Outcome {
    let curl = program("/usr/bin/curl")?;
    let place = place("curl");
    // It keeps the connection for the second request.
    let server = keeping_alive();
    let url = |path: &str| format!("http://127.0.0.1:{server}/{path}");
    place.run(&steps! {
        "exec", curl, "curl", "-s", "-o", "/dev/null", "-o", "/dev/null", url("one"), url("two"),
    });
    let requests = place.records().action("net.http_request");
    let targets: Vec<_> = requests
        .0
        .iter()
        .map(|r| r["object"]["target"].clone())
        .collect();
    assert_eq!(targets, ["/one", "/two"], "{requests}");
    assert_eq!(
        requests.0[0]["object"]["host"],
        format!("127.0.0.1:{server}").as_str()
    );
    let connects = place.records().action("net.connect");
    let there = |record: &&Arc<Value>| record["object"]["port"] == server;
    assert_eq!(connects.0.iter().filter(there).count(), 1, "{connects}");
    Ok(())
}
