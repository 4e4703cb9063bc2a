//! The built-in classes: data. Where a path fits several, the first counts.
//!
//! No name is here that tells what an agent is about: nothing below a home, a project or `/tmp`,
//! except where a language keeps the libraries of a program, and nothing that names people or
//! secrets (`/etc/passwd`, `/proc/self/environ`).

use super::Globs;

/// Class, and the globs of its paths.
pub const TABLE: &[(&str, &[&str])] = &[
    (
        "locale",
        &[
            "/etc/locale.alias",
            "/etc/locale.conf",
            "/etc/localtime",
            "/etc/timezone",
            "/usr/lib/**/gconv/**",
            "/usr/lib/locale/**",
            "/usr/share/i18n/**",
            "/usr/share/locale/**",
            "/usr/share/zoneinfo/**",
        ],
    ),
    (
        "font",
        &[
            "/etc/fonts/**",
            "/usr/local/share/fonts/**",
            "/usr/share/fontconfig/**",
            "/usr/share/fonts/**",
            "/var/cache/fontconfig/**",
        ],
    ),
    (
        "terminal",
        &[
            "/etc/inputrc",
            "/etc/terminfo/**",
            "/lib/terminfo/**",
            "/usr/lib/terminfo/**",
            "/usr/share/terminfo/**",
        ],
    ),
    (
        "certificate",
        &[
            "/etc/ca-certificates/**",
            "/etc/pki/ca-trust/**",
            "/etc/ssl/certs/**",
            "/etc/ssl/openssl.cnf",
            "/usr/share/ca-certificates/**",
        ],
    ),
    (
        "library",
        &[
            "/etc/ld.so.cache",
            "/etc/ld.so.conf.d/**",
            "/etc/ld.so.preload",
            "/lib/**",
            "/lib64/**",
            "/nix/store/**",
            "/usr/include/**",
            "/usr/lib/**",
            "/usr/lib32/**",
            "/usr/lib64/**",
            "/usr/libexec/**",
            "/usr/local/lib/**",
            "/usr/local/libexec/**",
            "**/dist-packages/**",
            "**/lib/perl5/**",
            "**/lib/python3.*/**",
            "**/lib/ruby/**",
            "**/lib/rustlib/**",
            "**/node_modules/**",
            "**/site-packages/**",
        ],
    ),
    (
        "self",
        &[
            "/proc/self/auxv",
            "/proc/self/cgroup",
            "/proc/self/cmdline",
            "/proc/self/comm",
            "/proc/self/fd",
            "/proc/self/limits",
            "/proc/self/maps",
            "/proc/self/mountinfo",
            "/proc/self/mounts",
            "/proc/self/oom_score_adj",
            "/proc/self/smaps",
            "/proc/self/stat",
            "/proc/self/statm",
            "/proc/self/status",
        ],
    ),
    (
        "kernel",
        &[
            "/proc/cgroups",
            "/proc/cpuinfo",
            "/proc/devices",
            "/proc/filesystems",
            "/proc/loadavg",
            "/proc/meminfo",
            "/proc/mounts",
            "/proc/stat",
            "/proc/swaps",
            "/proc/sys/**",
            "/proc/uptime",
            "/proc/version",
            "/sys/devices/system/**",
            "/sys/fs/cgroup/**",
            "/sys/kernel/mm/**",
        ],
    ),
    (
        "system",
        &[
            "/etc/debian_version",
            "/etc/gai.conf",
            "/etc/host.conf",
            "/etc/hosts",
            "/etc/mime.types",
            "/etc/nsswitch.conf",
            "/etc/os-release",
            "/etc/protocols",
            "/etc/resolv.conf",
            "/etc/services",
            "/run/systemd/resolve/stub-resolv.conf",
            "/usr/local/share/**",
            "/usr/share/**",
        ],
    ),
];

/// The built-in classes with their globs.
pub fn built_in() -> Globs {
    let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
    let rows = TABLE.iter();
    rows.map(|(name, globs)| ((*name).to_owned(), owned(globs)))
        .collect()
}
