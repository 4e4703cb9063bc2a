//! What strace sees and agtrack does not record, each with its reason. Nothing else is excused.
//!
//! A deed that is left out here and recorded all the same is one that agtrack invented.

use crate::deed::Deed;

/// A kind of deeds that is left out.
#[derive(Debug)]
pub(crate) struct Rule {
    /// In a word or two.
    pub(crate) name: &'static str,
    /// Why it is no action.
    pub(crate) reason: &'static str,
    covers: fn(&Deed) -> bool,
}

/// All of them.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "probing",
        reason: "nothing was there, it would have had to wait, or it was interrupted: counted as \
                 filtered",
        covers: |deed| is_asked(deed) && PROBING.contains(&&*deed.result),
    },
    Rule {
        name: "there already",
        reason: "mkdir and its like found the name taken and changed nothing: counted as filtered",
        covers: |deed| CHANGES.contains(&deed.action) && deed.result == "EEXIST",
    },
    Rule {
        name: "no socket",
        reason: "the descriptor was none, or led to no socket: nobody was asked",
        covers: |deed| deed.action.starts_with("net.") && NONE.contains(&&*deed.result),
    },
    Rule {
        name: "O_PATH",
        reason: "it names a file without opening it",
        covers: |deed| deed.action == "file.open" && flags(deed).any(|flag| flag == "PATH"),
    },
    Rule {
        name: "its own signal",
        reason: "it went to the process itself; process.signal is about others",
        covers: |deed| is_signal(deed) && deed.what[1] == deed.pid.to_string(),
    },
    Rule {
        name: "no signal",
        reason: "it was refused, or a 0, which only asks whether there is such a process",
        covers: |deed| is_signal(deed) && (deed.result != "success" || deed.what[0] == "0"),
    },
    Rule {
        name: "plain socket",
        reason: "net.socket is about those that see packets of others; these are told by what is \
                 done with them",
        covers: |deed| deed.action == "net.socket" && !is_raw(deed),
    },
    Rule {
        name: "netlink",
        reason: "it is bound to talk to the kernel, and nobody else can reach it",
        covers: |deed| deed.action == "net.bind" && deed.what == ["AF_NETLINK"],
    },
    UNSEEN,
    NOT_BEGUN,
];

/// Not by itself a reason to leave a deed out: agtrack may have seen the end.
pub(crate) const UNSEEN: Rule = Rule {
    name: "end not seen",
    reason: "the process was killed before strace was told the result; agtrack may know it",
    covers: |_| false,
};

/// Nor is this one: only agtrack sees it.
pub(crate) const NOT_BEGUN: Rule = Rule {
    name: "not begun",
    reason: "the process was killed while strace held it at the start of a call; agtrack has the \
             kernel's result, ENOSYS",
    covers: |_| false,
};

/// What both see and tell differently: in one detail, which is then not compared.
#[derive(Debug)]
pub(crate) struct Known {
    /// In a word or two.
    pub(crate) name: &'static str,
    /// Why they differ.
    pub(crate) reason: &'static str,
    /// Makes the two alike. False: the deed is another one.
    alike: fn(&mut Deed) -> bool,
}

/// All of them.
pub(crate) const KNOWN: &[Known] = &[Known {
    name: "a namespace's kind",
    reason: "/proc, where strace reads, calls a namespace `mnt:[4026531832]`; of which kind it \
                 is does not stand in the kernel's object, and agtrack has `anon_inode:[…]`",
    alike: |deed| {
        let Some((kind, inode)) = deed.what.first().and_then(|path| path.split_once(":[")) else {
            return false;
        };
        let is_it = deed.action == "file.open" && NAMELESS.contains(&kind);
        if is_it {
            deed.what[0] = format!("namespace [{inode}");
        }
        is_it
    },
}];

/// How namespaces are called, by /proc and by agtrack.
const NAMELESS: &[&str] = &[
    "anon_inode",
    "mnt",
    "net",
    "pid",
    "user",
    "uts",
    "ipc",
    "cgroup",
    "time",
];

/// Makes a deed of one comparable with the other's.
pub(crate) fn known(deed: &mut Deed) -> Option<&'static Known> {
    KNOWN.iter().find(|known| (known.alike)(deed))
}

const PROBING: &[&str] = &[
    "ENOENT",
    "ENOTDIR",
    "EINTR",
    "EAGAIN",
    "ERESTARTSYS",
    "ERESTARTNOINTR",
    "ERESTARTNOHAND",
    "ERESTART_RESTARTBLOCK",
];

const NONE: &[&str] = &["EBADF", "ENOTSOCK"];

/// Those that make a name.
const CHANGES: &[&str] = &["file.mkdir", "file.mknod", "file.link", "file.symlink"];

/// The rule by which a deed is left out.
pub(crate) fn of(deed: &Deed) -> Option<&'static Rule> {
    RULES.iter().find(|rule| (rule.covers)(deed))
}

/// Connects and changes of ids are recorded however they end.
fn is_asked(deed: &Deed) -> bool {
    !matches!(deed.action, "net.connect" | "process.setid")
}

fn flags(deed: &Deed) -> impl Iterator<Item = &str> {
    deed.what
        .get(2)
        .into_iter()
        .flat_map(|flags| flags.split('|'))
}

fn is_signal(deed: &Deed) -> bool {
    deed.action == "process.signal"
}

fn is_raw(deed: &Deed) -> bool {
    match &*deed.what[0] {
        "packet" | "xdp" => true,
        "inet" | "inet6" => deed.what[1] == "raw",
        _ => false,
    }
}
