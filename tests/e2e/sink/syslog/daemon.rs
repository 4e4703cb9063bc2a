//! Daemons that take syslog over TLS from whoever has a certificate of an authority, and write what came
//! to the file `received`, a line each: the structured data, a tab, and the text.

use std::path::{Path, PathBuf};
use std::process::Command;

use agtrack_tests::here;

use super::super::receiver::Receiver;
use super::Keys;
use crate::Unable;

/// What makes the command: its keys, and the port that it listens at.
type Begin = fn(&Keys, u16) -> Result<Command, Unable>;

/// A daemon that others wrote.
pub(super) struct Syslogd {
    begin: Begin,
}

pub(super) const RSYSLOG: Syslogd = Syslogd { begin: rsyslog };
pub(super) const SYSLOG_NG: Syslogd = Syslogd { begin: syslog_ng };

impl Syslogd {
    /// Starts it and waits until it listens.
    pub(super) fn start(&self, keys: &Keys, port: u16) -> Result<Receiver, Unable> {
        let mut command = (self.begin)(keys, port)?;
        // One that was killed could not remove it.
        let _ = std::fs::remove_file(keys.path("pid"));
        let log = std::fs::File::create(keys.path("syslogd.log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Ok(Receiver::listening(command, port))
    }
}

fn rsyslog(keys: &Keys, port: u16) -> Result<Command, Unable> {
    if Command::new("rsyslogd").arg("-v").output().is_err() {
        return Err(Unable("there is no rsyslogd here".to_owned()));
    }
    if !Path::new("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so").exists() {
        return Err(Unable(
            "rsyslog has no TLS here (package rsyslog-openssl)".to_owned(),
        ));
    }
    let here = keys.0.path().display();
    let configuration = written(
        keys,
        &format!(
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
        ),
    );
    let mut command = Command::new("rsyslogd");
    command.arg("-n").arg("-i").arg(keys.path("pid"));
    command.arg("-f").arg(configuration);
    Ok(command)
}

/// Unpacked and not installed: Debian lets a host have one daemon of syslog.
fn syslog_ng(keys: &Keys, port: u16) -> Result<Command, Unable> {
    let program = here::receiver("syslog-ng/usr/sbin/syslog-ng");
    let program = program.ok_or_else(|| Unable("syslog-ng is not unpacked here".to_owned()))?;
    let libraries = here::receiver("syslog-ng/usr/lib/syslog-ng").expect("it is whole");
    let modules = here::receiver("syslog-ng/usr/lib/syslog-ng/3.38").expect("it is whole");
    let here = keys.0.path().display();
    let configuration = written(
        keys,
        &format!(
            "@version: 3.38\n\
             options {{ log-msg-size(1048576); stats-freq(0); }};\n\
             source tls {{ syslog(ip(\"127.0.0.1\") port({port}) transport(\"tls\") tls(\n\
             key-file(\"{here}/server.key\") cert-file(\"{here}/server.pem\")\n\
             ca-file(\"{here}/ca.pem\") peer-verify(required-trusted)\n\
             trusted-dn(\"*, CN=agtrack-client\", \"CN=agtrack-client\"))); }};\n\
             destination lines {{ file(\"{here}/received\" template(\"$SDATA\\t$MSG\\n\")); }};\n\
             log {{ source(tls); destination(lines); flags(flow-control); }};\n"
        ),
    );
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", libraries);
    command.args(["--foreground", "--no-caps", "--stderr"]);
    command.arg("--module-path").arg(modules);
    command.arg("--cfgfile").arg(configuration);
    for (flag, file) in [
        ("--persist-file", "persist"),
        ("--pidfile", "pid"),
        ("--control", "control"),
    ] {
        command.arg(flag).arg(keys.path(file));
    }
    Ok(command)
}

fn written(keys: &Keys, text: &str) -> PathBuf {
    let path = keys.path("syslogd.conf");
    std::fs::write(&path, text).unwrap();
    path
}
