//! Connections with TLS, by Python's `ssl`, which is OpenSSL.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Done;
use super::work::Place;
use crate::run;

/// Times itself: to start Python takes longer than a hundred connections.
const SCRIPT: &str = include_str!("tls.py");

/// Connects to itself for so long.
///
/// # Errors
/// `openssl` or Python are not there, or a connection fails.
pub(super) fn measure(place: &Place, millis: u64) -> Result<Done> {
    let pem = certificate(place)?;
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT, &millis.to_string()]).arg(pem);
    let said = run::output(&mut python)?;
    let words: Vec<_> = said.split_whitespace().collect();
    let [done, seconds, all] = words[..] else {
        anyhow::bail!("the connections gave {said:?}, not their number and time")
    };
    let time = Duration::try_from_secs_f64(seconds.parse()?).context("no time")?;
    Ok(Done::of(done.parse()?, time, all.parse()?))
}

/// A key, and a certificate of itself for this key.
fn certificate(place: &Place) -> Result<PathBuf> {
    let (key, certificate, both) = (place.path("key"), place.path("crt"), place.path("pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "1", "-newkey", "ec"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ]);
    openssl
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    run::output(&mut openssl)?;
    let parts = [std::fs::read(&key)?, std::fs::read(&certificate)?];
    std::fs::write(&both, parts.concat())
        .with_context(|| format!("cannot write {}", both.display()))?;
    Ok(both)
}
