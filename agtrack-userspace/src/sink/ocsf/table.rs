//! Which class an action is of, which activity there, and where its object stands: a row an action.

use super::class::{self, Activity, Class};
use super::place::Place;
use super::severity::Severity::{self, High, Informational, Low, Medium};
use crate::record::{Action, Object, OutcomeResult};

/// What an action becomes.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name, as in `agtrack events`.
    pub action: &'static str,
    /// Class.
    pub class: Class,
    /// What was done, within the class.
    pub activity: Which,
    /// Where its object stands.
    pub place: Place,
    /// How much it deserves to be looked at, at least.
    pub severity: Severity,
}

/// Which activity.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// Always this one.
    Always(Activity),
    /// It depends on the record: those there are, and which.
    Of(&'static [Activity], fn(&Action) -> Activity),
}

impl Which {
    /// That of an action.
    pub(super) fn of(self, action: &Action) -> Activity {
        match self {
            Which::Always(activity) => activity,
            Which::Of(_, choose) => choose(action),
        }
    }

    /// All there are.
    #[must_use]
    pub fn all(self) -> Vec<Activity> {
        match self {
            Which::Always(activity) => vec![activity],
            Which::Of(all, _) => all.to_vec(),
        }
    }
}

const fn row(action: &'static str, class: Class, activity: Activity, place: Place) -> Row {
    Row {
        action,
        class,
        activity: Which::Always(activity),
        place,
        severity: Informational,
    }
}

impl Row {
    const fn by(self, all: &'static [Activity], choose: fn(&Action) -> Activity) -> Row {
        Row {
            activity: Which::Of(all, choose),
            ..self
        }
    }

    const fn at(self, severity: Severity) -> Row {
        Row { severity, ..self }
    }
}

const LAUNCH: Activity = Activity(1, "Launch");
const TERMINATE: Activity = Activity(2, "Terminate");
const OPEN_PROCESS: Activity = Activity(3, "Open");
const INJECT: Activity = Activity(4, "Inject");
const SET_USER: Activity = Activity(5, "Set User ID");
const TRACE: Activity = Activity::other("Trace");

const CREATE: Activity = Activity(1, "Create");
const UPDATE: Activity = Activity(3, "Update");
const DELETE_FILE: Activity = Activity(4, "Delete");
const RENAME: Activity = Activity(5, "Rename");
const SET_ATTRIBUTES: Activity = Activity(6, "Set Attributes");
const SET_SECURITY: Activity = Activity(7, "Set Security");
const MOUNT: Activity = Activity(12, "Mount");
const UNMOUNT: Activity = Activity(13, "Unmount");
const OPEN_FILE: Activity = Activity(14, "Open");

const DELETE: Activity = Activity(3, "Delete");
const INVOKE: Activity = Activity(4, "Invoke");

const OPEN: Activity = Activity(1, "Open");
const CLOSE: Activity = Activity(2, "Close");
const RESET: Activity = Activity(3, "Reset");
const FAIL: Activity = Activity(4, "Fail");
const REFUSE: Activity = Activity(5, "Refuse");
const TRAFFIC: Activity = Activity(6, "Traffic");
const LISTEN: Activity = Activity(7, "Listen");

/// What every action becomes.
pub const ROWS: &[Row] = {
    use class::{DNS, EXTENSION, FILE, HTTP, KERNEL, NETWORK, PROCESS};
    &[
        row("process.fork", PROCESS, LAUNCH, Place::Forked),
        row("process.exec", PROCESS, LAUNCH, Place::Launched),
        row("process.exit", PROCESS, TERMINATE, Place::Itself),
        row("process.setid", PROCESS, SET_USER, Place::Itself).at(Low),
        row(
            "process.signal",
            PROCESS,
            Activity::other("Signal"),
            Place::Target,
        ),
        row("process.ptrace", PROCESS, OPEN_PROCESS, Place::Target)
            .by(&[OPEN_PROCESS, INJECT, TRACE], traced)
            .at(Medium),
        row(
            "process.unshare",
            KERNEL,
            CREATE,
            Place::Kernel("namespace", Some("unshare")),
        )
        .at(Low),
        row(
            "process.setns",
            KERNEL,
            INVOKE,
            Place::Kernel("namespace", Some("setns")),
        )
        .at(Low),
        row(
            "process.chroot",
            KERNEL,
            INVOKE,
            Place::Kernel("root directory", Some("chroot")),
        )
        .at(Low),
        row(
            "process.pivot_root",
            KERNEL,
            INVOKE,
            Place::Kernel("root directory", Some("pivot_root")),
        )
        .at(Low),
        row("file.open", FILE, OPEN_FILE, Place::File).by(&[CREATE, OPEN_FILE], opened),
        row("file.close", FILE, UPDATE, Place::File),
        row("file.unlink", FILE, DELETE_FILE, Place::File),
        row("file.rename", FILE, RENAME, Place::Renamed),
        row("file.mkdir", FILE, CREATE, Place::File),
        row("file.rmdir", FILE, DELETE_FILE, Place::File),
        row("file.mknod", FILE, CREATE, Place::File),
        row("file.link", FILE, CREATE, Place::File),
        row("file.symlink", FILE, CREATE, Place::File),
        row("file.truncate", FILE, UPDATE, Place::File),
        row("file.chmod", FILE, SET_SECURITY, Place::File),
        row("file.chown", FILE, SET_SECURITY, Place::File),
        row("file.setxattr", FILE, SET_ATTRIBUTES, Place::File)
            .by(&[SET_ATTRIBUTES, SET_SECURITY], attribute),
        row("file.removexattr", FILE, SET_ATTRIBUTES, Place::File)
            .by(&[SET_ATTRIBUTES, SET_SECURITY], attribute),
        row("file.mmap", FILE, UPDATE, Place::File),
        row("file.receive", FILE, OPEN_FILE, Place::File),
        row("file.mount", FILE, MOUNT, Place::File).at(Low),
        row("file.umount", FILE, UNMOUNT, Place::File).at(Low),
        row("net.connect", NETWORK, OPEN, Place::To).by(&[OPEN, FAIL, REFUSE], connected),
        row("net.accept", NETWORK, OPEN, Place::Taken).by(&[OPEN, FAIL], taken),
        row("net.bind", NETWORK, Activity::other("Bind"), Place::Own),
        row("net.listen", NETWORK, LISTEN, Place::Own).by(&[LISTEN, FAIL], listened),
        row(
            "net.socket",
            NETWORK,
            Activity::other("Socket"),
            Place::Socket,
        )
        .at(Medium),
        row("net.send", NETWORK, TRAFFIC, Place::To),
        row("net.receive", NETWORK, TRAFFIC, Place::From),
        row("net.flow", NETWORK, CLOSE, Place::Flow).by(&[CLOSE, RESET, FAIL], flowed),
        row("net.dns_query", DNS, Activity(1, "Query"), Place::Dns),
        row("net.dns_answer", DNS, Activity(2, "Response"), Place::Dns),
        row("net.tls_hello", NETWORK, TRAFFIC, Place::Tls),
        row("net.quic_hello", NETWORK, TRAFFIC, Place::Quic),
        row(
            "net.http_request",
            HTTP,
            Activity::other("Request"),
            Place::Http,
        )
        .by(REQUESTS, requested),
        row(
            "cgroup.create",
            KERNEL,
            CREATE,
            Place::Kernel("cgroup", None),
        ),
        row(
            "cgroup.attach",
            KERNEL,
            Activity::other("Attach"),
            Place::Kernel("cgroup", None),
        ),
        row(
            "cgroup.remove",
            KERNEL,
            DELETE,
            Place::Kernel("cgroup", None),
        ),
        row(
            "kernel.bpf",
            KERNEL,
            INVOKE,
            Place::Kernel("bpf", Some("bpf")),
        )
        .at(Medium),
        row(
            "kernel.module_load",
            EXTENSION,
            Activity(1, "Load"),
            Place::Module,
        )
        .at(High),
        row(
            "kernel.module_unload",
            EXTENSION,
            Activity(2, "Unload"),
            Place::Module,
        )
        .at(High),
        row(
            "kernel.io_uring",
            KERNEL,
            INVOKE,
            Place::Kernel("io_uring", None),
        ),
        row(
            "kernel.io_uring_setup",
            KERNEL,
            CREATE,
            Place::Kernel("io_uring", Some("io_uring_setup")),
        )
        .at(Low),
        row(
            "kernel.perf_event_open",
            KERNEL,
            INVOKE,
            Place::Kernel("performance counter", Some("perf_event_open")),
        )
        .at(Low),
        row("kernel.key", KERNEL, INVOKE, Place::Kernel("key", None)).at(Low),
    ]
};

/// Requests to io_uring that do what an action does, so that whoever looks for that finds them.
pub const URING: &[(&str, &str)] = &[
    ("openat", "file.open"),
    ("openat2", "file.open"),
    ("unlinkat", "file.unlink"),
    ("renameat", "file.rename"),
    ("mkdirat", "file.mkdir"),
    ("symlinkat", "file.symlink"),
    ("linkat", "file.link"),
    ("setxattr", "file.setxattr"),
    ("fsetxattr", "file.setxattr"),
    ("ftruncate", "file.truncate"),
    ("connect", "net.connect"),
    ("bind", "net.bind"),
    ("listen", "net.listen"),
    ("sendmsg", "net.send"),
    ("send", "net.send"),
    ("send_zc", "net.send"),
    ("sendmsg_zc", "net.send"),
];

/// The rows for an action, the best first: a request to io_uring that lacks what its likeness needs
/// (a name that was not seen) is still one.
pub(super) fn rows(action: &Action) -> impl Iterator<Item = &'static Row> {
    let alike = match &action.object {
        Object::Uring(request) => URING.iter().find(|(name, _)| *name == request.request),
        _ => None,
    };
    let alike = alike.and_then(|(_, action)| named(action));
    alike.into_iter().chain(named(&action.action))
}

fn named(action: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.action == action)
}

fn failed(action: &Action) -> bool {
    action.outcome.result == OutcomeResult::Failure
}

fn opened(action: &Action) -> Activity {
    match &action.object {
        Object::Open { created: true, .. } => CREATE,
        _ => OPEN_FILE,
    }
}

/// `security.*` holds capabilities and labels; `system.*` the lists of who may do what.
fn attribute(action: &Action) -> Activity {
    let attribute = match &action.object {
        Object::File { change, .. } => change.attribute.as_ref(),
        Object::Uring(request) => request.attribute.as_ref(),
        _ => None,
    };
    let protects = |name: &[u8]| name.starts_with(b"security.") || name.starts_with(b"system.");
    match attribute.is_some_and(|name| protects(&name.0)) {
        true => SET_SECURITY,
        false => SET_ATTRIBUTES,
    }
}

/// Poking and setting registers change the other process; the rest takes hold of it.
fn traced(action: &Action) -> Activity {
    match &action.object {
        Object::Request { request, .. } if request == "TRACEME" => TRACE,
        Object::Request { request, .. }
            if request.starts_with("POKE") || request.starts_with("SETREGS") =>
        {
            INJECT
        }
        _ => OPEN_PROCESS,
    }
}

fn connected(action: &Action) -> Activity {
    match action.outcome.errno.as_deref() {
        Some("ECONNREFUSED") => REFUSE,
        _ if failed(action) => FAIL,
        _ => OPEN,
    }
}

fn taken(action: &Action) -> Activity {
    match failed(action) {
        true => FAIL,
        false => OPEN,
    }
}

fn listened(action: &Action) -> Activity {
    match failed(action) {
        true => FAIL,
        false => LISTEN,
    }
}

fn flowed(action: &Action) -> Activity {
    match action.outcome.errno.as_deref() {
        Some("ECONNRESET" | "EPIPE") => RESET,
        _ if failed(action) => FAIL,
        _ => CLOSE,
    }
}

const REQUESTS: &[Activity] = &[
    Activity(1, "Connect"),
    Activity(2, "Delete"),
    Activity(3, "Get"),
    Activity(4, "Head"),
    Activity(5, "Options"),
    Activity(6, "Post"),
    Activity(7, "Put"),
    Activity(8, "Trace"),
    Activity(9, "Patch"),
    Activity::other("Request"),
];

fn requested(action: &Action) -> Activity {
    let Object::Http(http) = &action.object else {
        return Activity::other("Request");
    };
    let known = REQUESTS.iter().find(|activity| {
        activity.0 != 99 && activity.1.to_ascii_uppercase().as_bytes() == http.method.0
    });
    known.copied().unwrap_or(Activity::other("Request"))
}
