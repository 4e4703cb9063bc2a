//! Options that carry secrets only for certain programs.
//!
//! A table: `curl -u user:secret`, `mysql -psecret`, `sshpass -p secret`. Options whose name says
//! it (`--password`, `--token`) need no row here.

use std::ops::Range;

use super::span;

/// Which part of an option's value is the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// All of it, but only when it follows the option without a space (`-psecret`).
    Attached,
    /// What comes behind the first such byte (`user:secret`).
    After(u8),
    /// What comes behind `pass:` (OpenSSL).
    Pass,
    /// All of it, if it holds `=` (otherwise it names a file).
    Cookie,
    /// What stands between the first colon and the last `@` (`user:secret@proxy:3128`).
    Login,
}

/// The secret in `user:secret@host`, with or without a scheme before it, at a place of an argument.
pub(super) fn login(argument: &[u8], place: Range<usize>) -> Option<Range<usize>> {
    let value = argument.get(place.clone())?;
    let scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let length = value.iter().take_while(|byte| scheme(byte)).count();
    let user = match value.get(length..length + 3) {
        Some(b"://") => length + 3,
        _ => 0,
    };
    let end = memchr::memrchr(b'@', value)?;
    let colon = user + span::find_outside(value.get(user..end)?, b':')?;
    Some(place.start + colon + 1..place.start + end)
}

/// Between which words a row's options count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Behind the program's name.
    Always,
    /// Behind this word.
    Behind(&'static str),
    /// Up to the first word that is no option: the command that the program starts.
    Wraps,
}

/// How short options are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Alone: `-k secret`.
    Alone,
    /// With or without a space: `-psecret`.
    Joined,
    /// Several in one word too: `-sSume:secret`.
    Cluster,
}

/// One row: some programs and their options.
#[derive(Debug)]
pub(super) struct Program {
    /// Names of the programs.
    pub(super) names: &'static [&'static str],
    /// Between which words the options count.
    pub(super) when: When,
    /// How short options are written.
    pub(super) style: Style,
    /// Other short options that take a value.
    pub(super) values: &'static str,
    /// Options and what is secret in them.
    pub(super) options: &'static [(&'static str, Part)],
    /// An argument list and the secret in it; the test runs it.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "documents the row; read by the tests")
    )]
    pub(super) example: (&'static [&'static str], &'static str),
}

use Part::{After, Attached, Cookie, Login, Pass, Whole};
use Style::{Alone, Cluster, Joined};
use When::{Always, Behind, Wraps};

/// Every row.
pub(super) const PROGRAMS: &[Program] = &[
    Program {
        names: &["curl"],
        when: Always,
        style: Cluster,
        values: "AcCdDeFhHKmoPQrtTwXyYz",
        options: &[
            ("u", After(b':')),
            ("U", After(b':')),
            ("E", After(b':')),
            ("b", Cookie),
            ("user", After(b':')),
            ("proxy-user", After(b':')),
            ("cert", After(b':')),
            ("cookie", Cookie),
            ("x", Login),
            ("proxy", Login),
            ("preproxy", Login),
            ("socks4", Login),
            ("socks4a", Login),
            ("socks5", Login),
            ("socks5-hostname", Login),
        ],
        example: (&["curl", "-sSu", "me:hunter2", "https://h/"], "hunter2"),
    },
    Program {
        names: &["pip", "pip3", "wget2", "yt-dlp"],
        when: Always,
        style: Alone,
        values: "",
        options: &[("proxy", Login), ("http-proxy", Login)],
        example: (&["pip", "--proxy", "me:hunter2@proxy:3128"], "hunter2"),
    },
    Program {
        names: &["http", "https", "xh", "xhs"],
        when: Always,
        style: Joined,
        values: "",
        options: &[("a", After(b':')), ("auth", After(b':'))],
        example: (&["http", "-a", "me:hunter2", "h/"], "hunter2"),
    },
    Program {
        names: &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlshow",
            "mysqlcheck",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "mytop",
        ],
        when: Always,
        style: Cluster,
        values: "uhPDSe",
        options: &[("p", Attached)],
        example: (&["sudo", "mysql", "-uroot", "-phunter2", "db"], "hunter2"),
    },
    Program {
        names: &["sshpass"],
        when: Wraps,
        style: Cluster,
        values: "fdP",
        options: &[("p", Whole)],
        example: (
            &["sshpass", "-p", "hunter2", "ssh", "-p", "22", "h"],
            "hunter2",
        ),
    },
    Program {
        names: &[
            "docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane", "regctl",
            "az",
        ],
        when: Behind("login"),
        style: Joined,
        values: "u",
        options: &[("p", Whole)],
        example: (
            &["docker", "login", "-u", "me", "-p", "hunter2", "r.example"],
            "hunter2",
        ),
    },
    Program {
        names: &["redis-cli", "valkey-cli", "keydb-cli"],
        when: Always,
        style: Alone,
        values: "h",
        options: &[("a", Whole)],
        example: (
            &["redis-cli", "-h", "h", "-a", "hunter2", "ping"],
            "hunter2",
        ),
    },
    Program {
        names: &["openssl"],
        when: Always,
        style: Alone,
        values: "",
        options: &[
            ("pass", Pass),
            ("passin", Pass),
            ("passout", Pass),
            ("k", Whole),
            ("K", Whole),
        ],
        example: (
            &["openssl", "enc", "-pass", "pass:hunter2", "-in", "x"],
            "hunter2",
        ),
    },
    Program {
        names: &[
            "mongo",
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
        ],
        when: Always,
        style: Joined,
        values: "u",
        options: &[("p", Whole)],
        example: (&["mongosh", "-u", "me", "-p", "hunter2"], "hunter2"),
    },
    Program {
        names: &["twine", "poetry", "cqlsh", "rabbitmqadmin", "influx"],
        when: Always,
        style: Joined,
        values: "u",
        options: &[("p", Whole)],
        example: (
            &["twine", "upload", "-u", "me", "-p", "hunter2", "x.whl"],
            "hunter2",
        ),
    },
    Program {
        names: &[
            "ldapsearch",
            "ldapmodify",
            "ldapadd",
            "ldapdelete",
            "ldapwhoami",
            "ldappasswd",
        ],
        when: Always,
        style: Cluster,
        values: "DHhbsfpyYzalotST",
        options: &[("w", Whole)],
        example: (&["ldapsearch", "-xD", "cn=me", "-w", "hunter2"], "hunter2"),
    },
    Program {
        names: &[
            "zip",
            "unzip",
            "sqlcmd",
            "bcp",
            "mosquitto_pub",
            "mosquitto_sub",
            "ipmitool",
        ],
        when: Always,
        style: Joined,
        values: "USHuh",
        options: &[("P", Whole)],
        example: (&["unzip", "-P", "hunter2", "x.zip"], "hunter2"),
    },
    Program {
        names: &["7z", "7za", "7zr", "7zz", "rar", "unrar"],
        when: Always,
        style: Cluster,
        values: "mosxtwvruai",
        options: &[("p", Attached)],
        example: (&["7z", "a", "-phunter2", "x.7z"], "hunter2"),
    },
    Program {
        names: &["ssh-keygen"],
        when: Always,
        style: Joined,
        values: "fCt",
        options: &[("N", Whole), ("P", Whole)],
        example: (&["ssh-keygen", "-t", "ed25519", "-N", "hunter2"], "hunter2"),
    },
    Program {
        names: &["smbclient", "rpcclient", "net"],
        when: Always,
        style: Joined,
        values: "",
        options: &[("U", After(b'%')), ("user", After(b'%'))],
        example: (&["smbclient", "//h/s", "-U", "me%hunter2"], "hunter2"),
    },
    Program {
        names: &["lftp", "ncftpput", "ncftpget"],
        when: Always,
        style: Joined,
        values: "",
        options: &[("u", After(b',')), ("p", Whole)],
        example: (&["lftp", "-u", "me,hunter2", "h"], "hunter2"),
    },
    Program {
        names: &["snmpget", "snmpwalk", "snmpset", "snmpbulkwalk"],
        when: Always,
        style: Joined,
        values: "v",
        options: &[("c", Whole), ("A", Whole), ("X", Whole)],
        example: (&["snmpwalk", "-v", "2c", "-c", "hunter2", "h"], "hunter2"),
    },
    Program {
        names: &["gh"],
        when: Behind("secret"),
        style: Joined,
        values: "R",
        options: &[("b", Whole), ("body", Whole)],
        example: (&["gh", "secret", "set", "NAME", "-b", "hunter2"], "hunter2"),
    },
    Program {
        names: &["kubectl", "oc"],
        when: Behind("secret"),
        style: Joined,
        values: "n",
        options: &[("from-literal", After(b'='))],
        example: (
            &[
                "kubectl",
                "create",
                "secret",
                "generic",
                "x",
                "--from-literal=a=hunter2",
            ],
            "hunter2",
        ),
    },
];

/// Programs that run a command given as one argument.
pub(super) const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "busybox", "ssh", "su", "runuser", "eval",
    "watch", "script", "tmux", "screen", "parallel", "flock",
];

/// Programs beside whose name a word of 40 random characters is a secret access key.
pub(super) const AWS: &[&str] = &["aws", "mc", "s3cmd", "s4cmd", "rclone"];
