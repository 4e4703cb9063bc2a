//! The Debian packages agtrack wants, and how one sees that they are there.

use std::path::Path;
use std::process::Command;

use super::Need;
use crate::bpf::Road;
use crate::run;

/// A package that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name in Debian.
    pub(crate) name: &'static str,
    /// What agtrack wants it for.
    pub(crate) purpose: &'static str,
}

/// How one sees that a package is there, on any distribution.
enum Sign {
    /// One of these commands can be run.
    Command(&'static str),
    /// A file is there.
    File(&'static str),
    /// Python has this module.
    Python(&'static str),
    /// The probes can be compiled.
    Road,
    /// Debian's probe compiler is not in use, or can be linted too.
    Clippy,
}

/// Name, purpose, what needs it, how one sees it.
const PACKAGES: &[(&str, &str, &[Need], Sign)] = {
    use Need::{Bench, Build, Demo, Dist, Service, Soak, Test, Vm};
    &[
        ("rustc-web", "compiles the probes", &[Build], Sign::Road),
        (
            "libstd-rust-web-dev-bpf",
            "Rust's core for the probes",
            &[Build],
            Sign::Road,
        ),
        ("gcc", "links agtrack", &[Build], Sign::Command("cc")),
        (
            "libc6-dev",
            "links agtrack",
            &[Build],
            Sign::File("/usr/include/stdio.h"),
        ),
        ("g++", "builds libFuzzer", &[Soak], Sign::Command("c++")),
        ("rust-web-clippy", "lints the probes", &[Test], Sign::Clippy),
        (
            "git",
            "work for the recorded agent",
            &[Demo, Test, Bench, Soak],
            Sign::Command("git"),
        ),
        (
            "python3",
            "work for the recorded agent",
            &[Demo, Test, Bench],
            Sign::Command("python3"),
        ),
        (
            "curl",
            "work for the recorded agent",
            &[Demo, Test, Soak],
            Sign::Command("curl"),
        ),
        (
            "make",
            "work for the recorded agent",
            &[Test, Bench],
            Sign::Command("make"),
        ),
        (
            "openssl",
            "certificates for TLS",
            &[Test, Bench, Soak],
            Sign::Command("openssl"),
        ),
        (
            "rsyslog",
            "a receiver of what is sent to sinks, and reads the shipped configuration",
            &[Test, Soak],
            Sign::Command("rsyslogd"),
        ),
        (
            "rsyslog-openssl",
            "the same, over TLS",
            &[Test, Soak],
            Sign::File("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so"),
        ),
        (
            "libivykis0",
            "syslog-ng, which is only unpacked (`test/receiver.rs`)",
            &[Test, Soak],
            Sign::File("/usr/lib/x86_64-linux-gnu/libivykis.so.0"),
        ),
        (
            "libjson-c5",
            "syslog-ng, which is only unpacked (`test/receiver.rs`)",
            &[Test, Soak],
            Sign::File("/usr/lib/x86_64-linux-gnu/libjson-c.so.5"),
        ),
        (
            "libnet1",
            "syslog-ng, which is only unpacked (`test/receiver.rs`)",
            &[Test, Soak],
            Sign::File("/usr/lib/x86_64-linux-gnu/libnet.so.1"),
        ),
        (
            "libpcre3",
            "syslog-ng, which is only unpacked (`test/receiver.rs`)",
            &[Test, Soak],
            Sign::File("/usr/lib/x86_64-linux-gnu/libpcre.so.3"),
        ),
        (
            "libwrap0",
            "syslog-ng, which is only unpacked (`test/receiver.rs`)",
            &[Test, Soak],
            Sign::File("/usr/lib/x86_64-linux-gnu/libwrap.so.0"),
        ),
        (
            "sudo",
            "recording as an ordinary user",
            &[Test],
            Sign::Command("sudo"),
        ),
        (
            "strace",
            "the oracle of the differential test",
            &[Test, Bench],
            Sign::Command("strace"),
        ),
        (
            "tshark",
            "Wireshark, which reads what is captured",
            &[Test],
            Sign::Command("tshark"),
        ),
        (
            "lnav",
            "reads the shipped format of records",
            &[Test],
            Sign::Command("lnav"),
        ),
        // 412 MB with what it needs; the browser that people have is the only judge of a page.
        (
            "chromium",
            "loads the page of `agtrack report`",
            &[Test],
            Sign::Command("chromium"),
        ),
        (
            "iproute2",
            "a network of loopback alone for recorded agents",
            &[Test, Soak],
            Sign::Command("ip"),
        ),
        (
            "python3-venv",
            "pip, as work for the differential test, for a recorded agent and for judges of events",
            &[Test, Soak],
            Sign::Python("ensurepip"),
        ),
        (
            "nodejs",
            "work for the differential test, and for a recorded agent",
            &[Test, Soak],
            Sign::Command("node"),
        ),
        // Debian cuts it into some 400 small packages (55 MB with nodejs, which alone has 27 MB).
        // It is what agents install with: a small installer of our own would only test itself.
        (
            "npm",
            "work for the differential test, and installs recorded agents",
            &[Test, Soak],
            Sign::Command("npm"),
        ),
        (
            "dpkg",
            "makes packages; work for the differential test",
            &[Dist, Test],
            Sign::Command("dpkg-deb"),
        ),
        (
            "qemu-system-x86",
            "boots other kernels",
            &[Vm],
            Sign::Command("qemu-system-x86_64"),
        ),
        (
            "busybox-static",
            "user space of the virtual machines",
            &[Vm],
            Sign::Command("busybox"),
        ),
        (
            "mmdebstrap",
            "makes the Debian of the virtual machine with systemd",
            &[Service],
            Sign::Command("mmdebstrap"),
        ),
        (
            "auditd",
            "what agtrack is compared with",
            &[Bench],
            Sign::Command("auditd"),
        ),
    ]
};

/// What `need` lacks on this machine.
pub(crate) fn missing(need: Need) -> Vec<Package> {
    let mut missing: Vec<Package> = Vec::new();
    for (name, purpose, needs, sign) in PACKAGES {
        if needs.iter().any(|served| need.covers(*served)) && !sign.is_seen() {
            missing.push(Package { name, purpose });
        }
    }
    missing
}

impl Sign {
    fn is_seen(&self) -> bool {
        match self {
            Sign::Command(name) => run::which(name).is_some(),
            Sign::File(path) => Path::new(path).exists(),
            Sign::Python(module) => {
                let import = format!("import {module}");
                run::output(Command::new("python3").args(["-c", &import])).is_ok()
            }
            Sign::Road => Road::find().is_some(),
            Sign::Clippy => match Road::find() {
                Some(Road::Nightly { .. }) => true,
                Some(Road::Debian { .. }) | None => Path::new("/usr/bin/cargo-clippy").exists(),
            },
        }
    }
}

/// Whether dpkg knows the package as installed.
pub(crate) fn is_installed(name: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status}", name]);
    run::output(&mut query).is_ok_and(|status| status == "installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_python_is_seen_by_importing_it() {
        assert!(Sign::Python("sys").is_seen());
        assert!(!Sign::Python("no_module_of_this_name").is_seen());
    }
}
