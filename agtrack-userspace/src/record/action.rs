//! What was done, to what, and how it ended.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Brought, Dns, Effect, Flow, HttpRequest, Process, ProgramHash, QuicHello, Shared, Text,
    TlsHello, ToolCall, UringRequest, Written,
};

/// An agent's process did something.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// The tool call it belongs to; null for what the agent's main program does itself.
    pub tool_call: Option<Shared<ToolCall>>,
    /// Who did it.
    pub process: Shared<Process>,
    /// What: the name of the event, as in `agtrack events`.
    pub action: String,
    /// To what.
    pub object: Object,
    /// How it ended.
    pub outcome: Outcome,
    /// What the policy says; null while there is none.
    pub decision: Option<serde_json::Value>,
    /// What came of it, of `file.close`, `file.unlink`, `file.rename` and `file.link`; null of other
    /// actions, of those that did not succeed, and where nothing is known of the file.
    pub effect: Option<Effect>,
    /// Ids of threat catalogues.
    pub maps: Vec<String>,
    /// Names of the redaction rules that replaced something in this record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
    /// How far this record can be trusted to be whole.
    pub completeness: Completeness,
}

/// What was acted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Object {
    /// `kernel.io_uring`.
    Uring(UringRequest),
    /// `net.flow`.
    Flow(Flow),
    /// `net.dns_query`, `net.dns_answer`.
    Dns(Dns),
    /// `net.tls_hello`.
    Tls(TlsHello),
    /// `net.http_request`.
    Http(HttpRequest),
    /// `net.quic_hello`.
    Quic(QuicHello),
    /// `file.rename`.
    Rename {
        /// The name it had.
        from: Text,
        /// The name it got.
        to: Text,
        /// `NOREPLACE`, `EXCHANGE`, `WHITEOUT`.
        rename_flags: Vec<String>,
        /// Inode number, where the kernel object was seen.
        inode: Option<u64>,
        /// Device, `major:minor`.
        device: Option<String>,
    },
    /// `file.open`.
    Open {
        /// Absolute path.
        path: Text,
        /// Read, write, or both.
        access: Access,
        /// The open created the file (false also where that cannot be known: a failed open).
        created: bool,
        /// `CREAT`, `TRUNC`, `APPEND`, `EXCL` … as asked for.
        open_flags: Vec<String>,
        /// Inode number, where the kernel object was seen.
        inode: Option<u64>,
        /// Device, `major:minor`.
        device: Option<String>,
        /// File type and permissions, octal as in `100644`.
        mode: Option<String>,
    },
    /// `file.unlink`, and what else changes a file or a directory without opening it.
    File {
        /// Absolute path; the new name where one is made.
        path: Text,
        /// Inode number, where the kernel object was seen.
        inode: Option<u64>,
        /// Device, `major:minor`.
        device: Option<String>,
        /// What it was to become.
        #[serde(flatten)]
        change: FileChange,
    },
    /// `process.exec`.
    Exec {
        /// Path of the executable.
        exe: Text,
        /// Inode number of the executable.
        inode: u64,
        /// Its device, `major:minor`.
        device: String,
        /// All arguments kept, after redaction.
        args: Vec<Text>,
        /// Bytes of arguments the process got.
        args_bytes: u32,
        /// Real and effective group id.
        group: u32,
        /// Effective group id.
        egroup: u32,
        /// Working directory.
        cwd: Text,
        /// The script that was named, where the executable is its interpreter. Links in the name are
        /// not followed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script: Option<Text>,
        /// What it brings along.
        #[serde(flatten)]
        brought: Brought,
        /// What was executed, as hashes.
        #[serde(flatten)]
        hash: ProgramHash,
    },
    /// `process.fork`.
    Fork {
        /// The new process.
        child_uid: String,
        /// Its process id.
        child_pid: u32,
        /// Namespaces of its own from its first moment: `mnt`, `net`, `pid`, `user` …
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        namespaces: Vec<String>,
    },
    /// `process.exit`.
    Exit {
        /// Exit code, where it ended by itself.
        code: Option<u8>,
        /// Name of the signal that ended it.
        signal: Option<String>,
        /// Whether it dumped core.
        core: bool,
        /// What it used.
        #[serde(flatten)]
        usage: Usage,
        /// Opens for reading that were counted and not told one by one, by class: `repeated` (the
        /// thread had opened the same file within the second before), or one of `capture.noise`
        /// (shared libraries, locales …).
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        counted_opens: BTreeMap<String, u64>,
    },
    /// `process.exec` that failed.
    Program {
        /// What was to be executed, as it was named: links are not followed.
        exe: Text,
    },
    /// `net.connect`.
    Connect(Address),
    /// `cgroup.*`.
    Cgroup {
        /// Path within the hierarchy.
        cgroup: Text,
        /// The kernel's id.
        cgroup_id: u64,
        /// The process that was moved, for `cgroup.attach`.
        target_uid: Option<String>,
        /// Its process id.
        target_pid: Option<u32>,
    },
    /// `net.bind`, `net.listen`, `net.accept`.
    Endpoint {
        /// The socket's own address. Where a `net.bind` failed, the one that was asked for.
        local: Address,
        /// Who connected, for `net.accept`; null for `AF_UNIX`.
        peer: Option<Address>,
    },
    /// `net.socket`.
    Socket {
        /// Address family: `inet`, `inet6`, `packet`, `xdp`.
        family: String,
        /// `raw`, or of a packet socket `dgram`, without the header of the link.
        socket_type: String,
        /// `icmp`, `tcp`, `udp` or the protocol's number; of a packet socket the number of the
        /// protocol above the link, hexadecimal: `0x0003` is every packet.
        proto: String,
    },
    /// `process.setid`.
    Ids {
        /// Real, effective and saved user id.
        user: u32,
        /// Effective user id.
        euser: u32,
        /// Saved user id.
        suser: u32,
        /// Real group id.
        group: u32,
        /// Effective group id.
        egroup: u32,
        /// Saved group id.
        sgroup: u32,
        /// Effective capabilities, a bit each, hexadecimal as in `/proc/PID/status`.
        capabilities: String,
    },
    /// `process.signal`, `process.ptrace`, `process.unshare`, `process.setns`, `kernel.*`.
    Request {
        /// What was asked: a signal (`SIGKILL`), what ptrace, bpf or keyctl were to do (`ATTACH`,
        /// `PROG_LOAD`), or the name of the system call.
        request: String,
        /// The process it was done to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_pid: Option<u32>,
        /// Its uid, where its start is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_uid: Option<String>,
        /// `mnt`, `net`, `pid`, `user` …, for `process.unshare` and `process.setns`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        namespaces: Vec<String>,
    },
}

/// The class of opens that the kernel counted: of a file that the same thread had opened within the
/// second before.
pub const REPEATED: &str = "repeated";

/// What a process used in its life, all its threads together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Usage {
    /// Time in user mode, ns, without its children's. As in getrusage(2), but for what ran since the
    /// last clock tick.
    pub user_time: u64,
    /// Time in the kernel, ns.
    pub system_time: u64,
    /// Most memory it had resident, bytes, also before an exec: a command of `agtrack run` has been
    /// the launcher.
    pub max_memory: u64,
    /// Bytes that read calls gave it, from files, pipes, terminals … (`rchar` in `/proc/PID/io`);
    /// null where the kernel does not count them. Here and in what follows the children are counted
    /// in that it has waited for: the kernel keeps one sum.
    pub read: Option<u64>,
    /// Bytes that write calls took from it (`wchar`).
    pub written: Option<u64>,
    /// Bytes fetched from storage for it (`read_bytes`).
    pub storage_read: Option<u64>,
    /// Bytes it made to be written to storage (`write_bytes`).
    pub storage_written: Option<u64>,
}

/// What a file was to become. Only what the action sets is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FileChange {
    /// `file.link`: the name the file has already. `file.symlink`: the text of the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Text>,
    /// `file.setxattr`, `file.removexattr`: name of the attribute, as in `security.capability`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<Text>,
    /// `file.mkdir`, `file.mknod`, `file.chmod`: type and permissions as asked for, octal. The
    /// process's umask is not applied yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `file.mknod`: which device it stands for, `major:minor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// `file.chown`: the user, unless it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// `file.chown`: the group, unless it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// `file.truncate`: length in bytes. `file.close`: the file's, then. `file.mmap`: bytes mapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `file.link`: the file had no name, or not the one it was opened by any more: it was made
    /// with `O_TMPFILE`, or deleted.
    #[serde(skip_serializing_if = "super::written::is_false")]
    pub unnamed: bool,
    /// `file.mmap`: `READ`, `WRITE`, `EXEC`, as asked for. Without `WRITE` it can be added later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protection: Vec<String>,
    /// `file.receive`: how the file was opened, by whoever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// `file.receive`: the descriptor that leads to it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<u32>,
    /// `file.close`: what was written.
    #[serde(flatten)]
    pub content: Option<Written>,
    /// `file.mount`: the device, directory or name that is mounted. `process.pivot_root`: where the
    /// old root is put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Text>,
    /// `file.mount`: as in `tmpfs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system: Option<Text>,
    /// `file.mount`, `file.umount`: `BIND`, `RDONLY`, `DETACH` … as asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mount_flags: Vec<String>,
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Address {
    /// IPv4 or IPv6.
    Ip {
        /// Address.
        ip: IpAddr,
        /// Port.
        port: u16,
        /// `tcp`, `udp` or the protocol's number.
        proto: String,
        /// The name that this session last asked the domain name system for and got this address,
        /// where that was seen; the name asked for, not those it is an alias of. Whoever answers a
        /// question can give any name any address, so it says what the session was told, not whose
        /// address it is. It is remembered for as long as the answer holds, ten minutes at least and
        /// a day at most.
        domain: Option<String>,
    },
    /// `AF_UNIX`.
    Unix {
        /// Path of the socket; an abstract name begins with `@`.
        socket: Text,
    },
    /// Any other family.
    Other {
        /// `AF_*` number.
        family: u16,
    },
}

/// How a file was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// For reading.
    Read,
    /// For writing.
    Write,
    /// For both.
    ReadWrite,
    /// For neither (`O_WRONLY|O_RDWR`: only to issue ioctls).
    None,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// In one word.
    pub result: OutcomeResult,
    /// The error's name, as in `EACCES`.
    pub errno: Option<String>,
}

/// How it ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeResult {
    /// Done.
    Success,
    /// Refused or failed; `errno` says why.
    Failure,
    /// Begun; the end is not part of this record (a connect that does not block).
    InProgress,
    /// It was allowed to begin; how it ended was not seen.
    Unknown,
}

/// How far a record can be trusted to be whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Completeness {
    /// Where paths come from; null where there is none.
    pub path_source: Option<PathSource>,
    /// Something in the record was cut.
    pub truncated: bool,
    /// How many equal actions it stands for.
    pub count: u64,
    /// What else is to be known: `deleted`, `pseudo`, `unreadable`, `parts_lost`, `repaired_lineage`,
    /// `outside_root`, `env_cut`; `outer_server_name`: of the outer hello (ECH); `outsider`: somebody
    /// else did it to the agent's cgroup, so it is in none of the agent's counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Where a path comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PathSource {
    /// From the kernel object that was acted on.
    Kernel,
    /// From the object behind a descriptor, which another thread could have swapped.
    Fd,
    /// From the caller's memory, which another thread could have changed.
    Argument,
}
