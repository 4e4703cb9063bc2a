//! Files that programs read only because of how they are built: data.
//!
//! Comes in: a path. Goes out: whether a read of it says something about the machine rather than
//! about what the agent does. Never: a name below a home, a project or `/tmp`, except where a
//! language keeps the libraries of a program.

/// Everything below.
const BELOW: &[&[u8]] = &[
    b"/etc/ca-certificates/",
    b"/etc/ld.so.conf.d/",
    b"/etc/pki/ca-trust/",
    b"/etc/ssl/certs/",
    b"/etc/terminfo/",
    b"/lib/",
    b"/lib64/",
    b"/nix/store/",
    b"/proc/sys/",
    b"/sys/devices/system/",
    b"/sys/fs/cgroup/",
    b"/sys/kernel/mm/",
    b"/usr/include/",
    b"/usr/lib/",
    b"/usr/lib32/",
    b"/usr/lib64/",
    b"/usr/libexec/",
    b"/usr/local/lib/",
    b"/usr/local/libexec/",
    b"/usr/local/share/",
    b"/usr/share/",
];

/// Just these.
const FILES: &[&[u8]] = &[
    b"/etc/debian_version",
    b"/etc/gai.conf",
    b"/etc/host.conf",
    b"/etc/hosts",
    b"/etc/inputrc",
    b"/etc/ld.so.cache",
    b"/etc/ld.so.preload",
    b"/etc/locale.alias",
    b"/etc/locale.conf",
    b"/etc/localtime",
    b"/etc/mime.types",
    b"/etc/nsswitch.conf",
    b"/etc/os-release",
    b"/etc/protocols",
    b"/etc/resolv.conf",
    b"/etc/services",
    b"/etc/ssl/openssl.cnf",
    b"/etc/timezone",
    b"/proc/cgroups",
    b"/proc/cpuinfo",
    b"/proc/devices",
    b"/proc/filesystems",
    b"/proc/loadavg",
    b"/proc/meminfo",
    b"/proc/mounts",
    b"/proc/stat",
    b"/proc/swaps",
    b"/proc/uptime",
    b"/proc/version",
    b"/run/systemd/resolve/stub-resolv.conf",
];

/// Devices that keep nothing; also for writing.
const DEVICES: &[&[u8]] = &[
    b"/dev/full",
    b"/dev/null",
    b"/dev/random",
    b"/dev/urandom",
    b"/dev/zero",
];

/// Where languages keep the libraries of programs, anywhere in a path.
const LIBRARIES: &[&[u8]] = &[
    b"/dist-packages/",
    b"/lib/perl5/",
    b"/lib/python3.",
    b"/lib/ruby/",
    b"/lib/rustlib/",
    b"/node_modules/",
    b"/site-packages/",
];

/// What a process may read of itself in /proc without anybody wondering.
const SELF: &[&[u8]] = &[
    b"auxv",
    b"cgroup",
    b"cmdline",
    b"comm",
    b"fd",
    b"limits",
    b"maps",
    b"mountinfo",
    b"mounts",
    b"oom_score_adj",
    b"smaps",
    b"stat",
    b"statm",
    b"status",
];

/// Whether a read of it is of the everyday kind, by this process.
pub(super) fn is_everyday(path: &[u8], pid: u32) -> bool {
    let has = |name: &[u8]| memchr::memmem::find(path, name).is_some();
    // Whoever can leave a directory in the middle of a path can begin it anywhere.
    if has(b"/../") {
        return false;
    }
    FILES.contains(&path)
        || BELOW.iter().any(|start| path.starts_with(start))
        || own_proc(path, pid).is_some_and(|name| SELF.contains(&name))
        || LIBRARIES.iter().any(|part| has(part))
}

/// Whether it is a device that keeps nothing.
pub(super) fn is_sink(path: &[u8]) -> bool {
    DEVICES.contains(&path)
}

/// The rest of a path in the process's own directory in /proc.
fn own_proc(path: &[u8], pid: u32) -> Option<&[u8]> {
    let rest = path.strip_prefix(b"/proc/")?;
    let rest = match rest.strip_prefix(b"self/") {
        Some(rest) => rest,
        None => rest
            .strip_prefix(pid.to_string().as_bytes())?
            .strip_prefix(b"/")?,
    };
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_locales_and_libraries_are_everyday() {
        for path in [
            &b"/etc/ld.so.cache"[..],
            b"/usr/lib/locale/C.utf8/LC_CTYPE",
            b"/usr/lib/x86_64-linux-gnu/libc.so.6",
            b"/proc/self/maps",
            b"/proc/7/stat",
            b"/home/u/.pyenv/versions/3.11.7/lib/python3.11/os.py",
            b"/w/node_modules/left-pad/index.js",
        ] {
            assert!(is_everyday(path, 7), "{}", path.escape_ascii());
        }
    }

    #[test]
    fn what_a_person_wants_to_see_is_not() {
        for path in [
            &b"/etc/passwd"[..],
            b"/etc/shadow",
            b"/proc/8/stat",
            b"/proc/7/environ",
            b"/proc/7/mem",
            b"/proc/77/stat",
            b"/tmp/libevil.so",
            b"/home/u/notes",
            b"/usr/lib/../../home/u/notes",
            b"/usr/bin/script",
            b"/usr/libx",
            b"",
        ] {
            assert!(!is_everyday(path, 7), "{}", path.escape_ascii());
        }
    }
}
