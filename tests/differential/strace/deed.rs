//! What a call did, in the words of agtrack's records.

use super::line::{Call, behind, string, strings};
use super::{Thread, address, place};

/// The action, and what it was done to. `None`: nothing that the event table has.
pub(super) type Done = Option<(&'static str, Vec<String>)>;

/// Of a call; `later` are the calls of the same thread behind it.
pub(super) fn deed(thread: &Thread, call: &Call, later: &[Call]) -> Done {
    file(thread, call)
        .or_else(|| change(thread, call))
        .or_else(|| mount(thread, call))
        .or_else(|| socket(thread, call, later))
        .or_else(|| process(thread, call))
}

fn file(thread: &Thread, call: &Call) -> Done {
    let path = |index| thread.path(call, index);
    let below = |index| thread.below(call, index);
    let opened = |asked: String, flags| {
        let is_open = call.outcome() == "success";
        let path = if is_open {
            behind(call.result())
        } else {
            asked
        };
        Some(("file.open", open(path, call, flags)))
    };
    match &*call.name {
        "open" | "creat" => opened(path(0), 1),
        "openat" | "openat2" => opened(below(0), 2),
        "open_by_handle_at" => opened(behind(call.argument(0)), 2),
        "unlink" => Some(("file.unlink", vec![path(0)])),
        "unlinkat" if call.argument(2).contains("AT_REMOVEDIR") => {
            Some(("file.rmdir", vec![below(0)]))
        }
        "unlinkat" => Some(("file.unlink", vec![below(0)])),
        "rmdir" => Some(("file.rmdir", vec![path(0)])),
        "rename" => Some(("file.rename", vec![path(0), path(1), String::new()])),
        "renameat" | "renameat2" => {
            let flags = words(call.words(4), "RENAME_", RENAME);
            Some(("file.rename", vec![below(0), below(2), flags]))
        }
        _ => None,
    }
}

fn open(path: String, call: &Call, index: usize) -> Vec<String> {
    if call.name == "creat" {
        return vec![path, "write".to_owned(), "CREAT|TRUNC".to_owned()];
    }
    let has = |flag| call.words(index).any(|word| word == flag);
    let access = match () {
        () if has("O_RDWR") => "read_write",
        () if has("O_WRONLY") => "write",
        () if has("O_ACCMODE") => "none",
        () => "read",
    };
    let flags = call.words(index).chain(
        // One is a bit of the other.
        has("O_TMPFILE").then_some("O_DIRECTORY"),
    );
    vec![path, access.to_owned(), words(flags, "O_", OPEN)]
}

fn change(thread: &Thread, call: &Call) -> Done {
    let path = |index| thread.path(call, index);
    let below = |index| thread.below(call, index);
    let open = || behind(call.argument(0));
    let (action, path, rest) = match &*call.name {
        "mkdir" => ("file.mkdir", path(0), mode(call, 1)),
        "mkdirat" => ("file.mkdir", below(0), mode(call, 2)),
        "mknod" => ("file.mknod", path(0), node(call, 1)),
        "mknodat" => ("file.mknod", below(0), node(call, 2)),
        "chmod" => ("file.chmod", path(0), mode(call, 1)),
        "fchmodat" | "fchmodat2" => ("file.chmod", below(0), mode(call, 2)),
        "fchmod" => ("file.chmod", open(), mode(call, 1)),
        "chown" | "lchown" => ("file.chown", path(0), owner(call, 1)),
        "fchownat" => ("file.chown", below(0), owner(call, 2)),
        "fchown" => ("file.chown", open(), owner(call, 1)),
        "truncate" => ("file.truncate", path(0), size(call)),
        "ftruncate" => ("file.truncate", open(), size(call)),
        "link" => ("file.link", path(1), vec![target(path(0))]),
        "linkat" => ("file.link", below(2), vec![target(below(0))]),
        "symlink" => ("file.symlink", path(1), text("target", call, 0)),
        "symlinkat" => ("file.symlink", below(1), text("target", call, 0)),
        "setxattr" | "lsetxattr" => ("file.setxattr", path(0), text("attribute", call, 1)),
        "fsetxattr" => ("file.setxattr", open(), text("attribute", call, 1)),
        "removexattr" | "lremovexattr" => ("file.removexattr", path(0), text("attribute", call, 1)),
        "fremovexattr" => ("file.removexattr", open(), text("attribute", call, 1)),
        _ => return None,
    };
    Some((action, [vec![path], rest].concat()))
}

fn target(path: String) -> String {
    format!("target={path}")
}

fn text(name: &str, call: &Call, index: usize) -> Vec<String> {
    vec![format!("{name}={}", string(call.argument(index)))]
}

fn size(call: &Call) -> Vec<String> {
    vec![format!("size={}", call.argument(1))]
}

/// Symbols of types and bits, and octal digits.
fn bits(word: &str) -> u32 {
    let bit = |part: &str| match part {
        "S_IFSOCK" => 0o140_000,
        "S_IFLNK" => 0o120_000,
        "S_IFREG" => 0o100_000,
        "S_IFBLK" => 0o060_000,
        "S_IFDIR" => 0o040_000,
        "S_IFCHR" => 0o020_000,
        "S_IFIFO" => 0o010_000,
        "S_ISUID" => 0o4000,
        "S_ISGID" => 0o2000,
        "S_ISVTX" => 0o1000,
        digits => u32::from_str_radix(digits, 8).unwrap_or(u32::MAX),
    };
    word.split('|').fold(0, |sum, part| sum | bit(part))
}

fn mode(call: &Call, index: usize) -> Vec<String> {
    vec![format!("mode={:o}", bits(call.argument(index)))]
}

fn node(call: &Call, index: usize) -> Vec<String> {
    let mut what = mode(call, index);
    let device = call.argument(index + 1).strip_prefix("makedev(");
    if let Some((major, minor)) = device.and_then(|rest| rest.split_once(", ")) {
        let number = |text: &str| {
            let digits = text.trim_start_matches("0x").trim_end_matches(')');
            u32::from_str_radix(digits, 16).unwrap_or(u32::MAX)
        };
        what.push(format!("node={}:{}", number(major), number(minor)));
    }
    what
}

fn owner(call: &Call, index: usize) -> Vec<String> {
    let both = [("owner", index), ("group", index + 1)];
    let set = both
        .into_iter()
        .filter(|(_, at)| call.argument(*at) != "-1");
    set.map(|(name, at)| format!("{name}={}", call.argument(at)))
        .collect()
}

fn mount(thread: &Thread, call: &Call) -> Done {
    let source = |index| {
        let given = call.argument(index).starts_with('"');
        given.then(|| format!("source={}", string(call.argument(index))))
    };
    let flags = |flags: String| (!flags.is_empty()).then(|| format!("mount_flags={flags}"));
    let (action, path, rest) = match &*call.name {
        "mount" => {
            let flags = flags(words(call.words(3), "MS_", MOUNT));
            ("file.mount", thread.path(call, 1), vec![source(0), flags])
        }
        "move_mount" => {
            let from = format!("source={}", thread.below(call, 0));
            ("file.mount", thread.below(call, 2), vec![Some(from)])
        }
        "umount2" => {
            let words = words(call.words(1), "MNT_", UMOUNT);
            ("file.umount", thread.path(call, 0), vec![flags(words)])
        }
        // The thread is in its new root directory already.
        "chroot" if call.outcome() == "success" => {
            ("process.chroot", place::at("/", &thread.root), Vec::new())
        }
        "chroot" => ("process.chroot", thread.path(call, 0), Vec::new()),
        _ => return None,
    };
    let rest = rest.into_iter().flatten();
    Some((action, std::iter::once(path).chain(rest).collect()))
}

fn socket(thread: &Thread, call: &Call, later: &[Call]) -> Done {
    let unknown = || "unknown".to_owned();
    let own = |word: &str| address::ends(&behind(word), &thread.cwd);
    let local = |word: &str| own(word).map_or_else(unknown, |ends| ends.local);
    match &*call.name {
        "connect" => {
            let peer = address::asked(call.argument(1), &thread.cwd);
            Some(("net.connect", vec![peer]))
        }
        "bind" => {
            let asked = address::asked(call.argument(1), &thread.cwd);
            let is_any = asked.ends_with(" 0") && call.outcome() == "success";
            let given = || address::given(call.argument(0), later, &thread.cwd);
            let local = is_any.then(given).flatten().unwrap_or(asked);
            Some(("net.bind", vec![local]))
        }
        "listen" => Some(("net.listen", vec![local(call.argument(0))])),
        "accept" | "accept4" => {
            let ends = own(call.result()).filter(|ends| !ends.local.is_empty());
            let argument = call.argument(1);
            let peer = argument
                .contains("htons(")
                .then(|| address::asked(argument, &thread.cwd));
            let told = ends.as_ref().and_then(|ends| ends.peer.clone());
            let local = ends.map_or_else(|| local(call.argument(0)), |ends| ends.local);
            let both = std::iter::once(local).chain(peer.or(told));
            Some(("net.accept", both.collect()))
        }
        "socket" => {
            let family = call.argument(0).trim_start_matches("AF_").to_lowercase();
            let kind = call.words(1).find_map(|word| word.strip_prefix("SOCK_"));
            Some(("net.socket", vec![family, kind?.to_lowercase()]))
        }
        _ => None,
    }
}

fn process(thread: &Thread, call: &Call) -> Done {
    let is_done = call.outcome() == "success";
    let exec = |path: String, arguments| {
        if !is_done {
            return Some(("process.exec", vec![place::at(&thread.cwd, &path)]));
        }
        let arguments = strings(call.argument(arguments));
        let what = place::program(&thread.cwd, &path, &arguments);
        Some(("process.exec", what))
    };
    let signal = |target: &str, signal: &str| {
        let what = vec![signal.to_owned(), target.to_owned()];
        Some(("process.signal", what))
    };
    let namespaces = |index| vec![words(call.words(index), "CLONE_NEW", NAMESPACES)];
    match &*call.name {
        "execve" => exec(string(call.argument(0)), 1),
        "execveat" if string(call.argument(1)).is_empty() => exec(behind(call.argument(0)), 2),
        "execveat" => exec(thread.below(call, 0), 2),
        "kill" | "tkill" | "rt_sigqueueinfo" => signal(call.argument(0), call.argument(1)),
        "tgkill" | "rt_tgsigqueueinfo" => signal(call.argument(0), call.argument(2)),
        "pidfd_send_signal" => {
            let target = behind(call.argument(0));
            signal(target.trim_start_matches("pid:"), call.argument(1))
        }
        "setuid" | "setgid" | "setreuid" | "setregid" | "setresuid" | "setresgid" | "capset" => {
            Some(("process.setid", Vec::new()))
        }
        "unshare" => Some(("process.unshare", namespaces(0))),
        "setns" => Some(("process.setns", namespaces(1))),
        "pivot_root" => Some(("process.pivot_root", Vec::new())),
        "ptrace" => Some(("process.ptrace", Vec::new())),
        "bpf" => Some(("kernel.bpf", Vec::new())),
        "init_module" | "finit_module" => Some(("kernel.module_load", Vec::new())),
        "delete_module" => Some(("kernel.module_unload", Vec::new())),
        "io_uring_setup" => Some(("kernel.io_uring_setup", Vec::new())),
        "perf_event_open" => Some(("kernel.perf_event_open", Vec::new())),
        "add_key" | "request_key" | "keyctl" => Some(("kernel.key", Vec::new())),
        _ => None,
    }
}

const OPEN: &[&str] = &[
    "CREAT",
    "EXCL",
    "TRUNC",
    "APPEND",
    "NONBLOCK",
    "DIRECT",
    "DIRECTORY",
    "NOFOLLOW",
    "TMPFILE",
    "PATH",
];
const RENAME: &[&str] = &["NOREPLACE", "EXCHANGE", "WHITEOUT"];
const MOUNT: &[&str] = &[
    "RDONLY",
    "NOSUID",
    "NODEV",
    "NOEXEC",
    "REMOUNT",
    "NOSYMFOLLOW",
    "BIND",
    "MOVE",
    "REC",
    "UNBINDABLE",
    "PRIVATE",
    "SLAVE",
    "SHARED",
];
const UMOUNT: &[&str] = &["FORCE", "DETACH", "EXPIRE", "NOFOLLOW"];
/// As `CLONE_NEW…` has them; that of mounts is the oldest and has no name.
const NAMESPACES: &[&str] = &["TIME", "NS", "CGROUP", "UTS", "IPC", "USER", "PID", "NET"];

/// The known ones among words that begin so, in the order of the list.
fn words<'a>(words: impl Iterator<Item = &'a str>, begin: &str, known: &[&str]) -> String {
    let found: Vec<_> = words.filter_map(|word| word.strip_prefix(begin)).collect();
    let known = known.iter().filter(|word| found.contains(word));
    known.copied().collect::<Vec<_>>().join("|")
}

/// Calls become deeds.
pub(super) fn check() {
    let thread = Thread {
        id: 7,
        pid: 7,
        cwd: "/work".to_owned(),
        root: String::new(),
    };
    let check = |line, action, what: &[&str]| {
        let call = Call::read(line).unwrap();
        let found = deed(&thread, &call, &[]).unwrap();
        assert_eq!(
            (found.0, found.1.join(" ")),
            (action, what.join(" ")),
            "{line}"
        );
    };
    check(
        "openat(AT_FDCWD</work>, \"a\", O_RDWR|O_CREAT|O_EXCL, 0600) = 3</work/a>",
        "file.open",
        &["/work/a", "read_write", "CREAT|EXCL"],
    );
    check(
        "mknod(\"null\", S_IFCHR|0666, makedev(0x1, 0x10)) = 0",
        "file.mknod",
        &["/work/null", "mode=20666", "node=1:16"],
    );
    check("fchown(3</x>, 1, -1) = 0", "file.chown", &["/x", "owner=1"]);
    check(
        "mount(\"none\", \"/mnt\", NULL, MS_REC|MS_PRIVATE, NULL) = 0",
        "file.mount",
        &["/mnt", "source=none", "mount_flags=REC|PRIVATE"],
    );
    check(
        "tgkill(8, 9, SIGTERM) = 0",
        "process.signal",
        &["SIGTERM", "8"],
    );
    check(
        "unshare(CLONE_NEWUSER|CLONE_NEWNS) = 0",
        "process.unshare",
        &["NS|USER"],
    );
    let accept = "accept4(3<TCP:[127.0.0.1:8]>, NULL, NULL, 0) = 4<TCP:[127.0.0.1:8->127.0.0.2:9]>";
    check(accept, "net.accept", &["127.0.0.1 8", "127.0.0.2 9"]);
}
