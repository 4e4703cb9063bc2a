//! Kernel objects, read by name. One type per struct, one method per member that is used.

use agtrack_common::offset::ABSENT;
use agtrack_common::wire::FileId;

use crate::offset::*;
use crate::read::{Kernel, at, field};

mod namespaces;
mod writable;

pub use namespaces::Namespaces;

/// `struct task_struct`.
#[derive(Clone, Copy)]
pub struct Task(Kernel);

impl Task {
    /// Wraps an address.
    pub fn new(address: Kernel) -> Self {
        Task(address)
    }
    /// The address, as a key.
    pub fn address(self) -> u64 {
        self.0 as u64
    }
    /// Process id.
    pub fn tgid(self) -> u32 {
        field(self.0, &TASK_TGID)
    }
    /// Thread id.
    pub fn pid(self) -> u32 {
        field(self.0, &TASK_PID)
    }
    /// Leader of the thread group.
    pub fn leader(self) -> Task {
        Task(field(self.0, &TASK_LEADER))
    }
    /// The process that gets its exit status, unless traced: the kernel names the thread that made
    /// it, which began later than the process.
    pub fn parent(self) -> Task {
        Task(field(self.0, &TASK_PARENT)).leader()
    }
    /// Start, boot clock, ns.
    pub fn start(self) -> u64 {
        field(self.0, &TASK_START)
    }
    /// Id of its cgroup2 cgroup.
    pub fn cgroup(self) -> Cgroup {
        Cgroup(field(field(self.0, &TASK_CGROUPS), &CSS_SET_CGROUP))
    }
    /// Real and effective user, real and effective group.
    pub fn ids(self) -> [u32; 4] {
        self.cred().ids()
    }
    /// Who it is.
    pub fn cred(self) -> Cred {
        Cred(field(self.0, &TASK_CRED))
    }
    /// First byte of the arguments and the one behind the last, in its own memory.
    pub fn arguments(self) -> (u64, u64) {
        let mm: Kernel = field(self.0, &TASK_MM);
        (field(mm, &MM_ARG_START), field(mm, &MM_ARG_END))
    }
    /// As [`Task::arguments`], of its environment as its program got it.
    pub fn environment(self) -> (u64, u64) {
        let mm: Kernel = field(self.0, &TASK_MM);
        (field(mm, &MM_ENV_START), field(mm, &MM_ENV_END))
    }
    /// The user who logged in; all ones without a login, and where the kernel keeps none.
    pub fn login_user(self) -> u32 {
        match TASK_LOGIN_USER.load() {
            ABSENT => u32::MAX,
            _ => field(self.0, &TASK_LOGIN_USER),
        }
    }
    /// The executable; none for kernel threads and processes that have given up their memory.
    pub fn exe(self) -> Option<File> {
        let mm: Kernel = field(self.0, &TASK_MM);
        if mm.is_null() {
            return None;
        }
        let file: Kernel = field(mm, &MM_EXE);
        (!file.is_null()).then_some(File(file))
    }
    /// Root directory: dentry and mount.
    pub fn root(self) -> Place {
        let fs: Kernel = field(self.0, &TASK_FS);
        Place {
            dentry: field(fs, &FS_ROOT_DENTRY),
            mount: field(fs, &FS_ROOT_MOUNT),
        }
    }
    /// Working directory.
    pub fn cwd(self) -> Place {
        let fs: Kernel = field(self.0, &TASK_FS);
        Place {
            dentry: field(fs, &FS_PWD_DENTRY),
            mount: field(fs, &FS_PWD_MOUNT),
        }
    }
    /// The open file behind a descriptor.
    pub fn file(self, descriptor: u32) -> Option<File> {
        let table: Kernel = field(field(self.0, &TASK_FILES), &FILES_TABLE);
        let size: u32 = field(table, &TABLE_MAX);
        if descriptor >= size {
            return None;
        }
        let array: Kernel = field(table, &TABLE_FD);
        let file: Kernel = at(array.wrapping_add(descriptor as usize * 8));
        (!file.is_null()).then_some(File(file))
    }
    /// `signal_struct`.
    pub fn signal(self) -> Kernel {
        field(self.0, &TASK_SIGNAL)
    }
    /// How many pid namespaces lie around its own.
    pub fn pid_level(self) -> u32 {
        field(field(self.0, &TASK_THREAD_PID), &PID_LEVEL)
    }
    /// The thread that it traces since last.
    pub fn newest_traced(self) -> Task {
        let entry: Kernel = field(self.0, &TASK_TRACED);
        Task(entry.wrapping_sub(TASK_TRACED_ENTRY.load() as usize))
    }
    /// Its namespaces, but for those of its users and its process ids.
    pub fn namespaces(self) -> Namespaces {
        Namespaces(field(self.0, &TASK_NAMESPACES))
    }
    /// `thread_info.status`; 0 where the kernel has no such member.
    pub fn status(self) -> u32 {
        if TASK_STATUS.load() == ABSENT {
            return 0;
        }
        field(self.0, &TASK_STATUS)
    }
}

/// `struct cred`.
#[derive(Clone, Copy)]
pub struct Cred(Kernel);

impl Cred {
    /// Wraps an address.
    pub fn new(address: Kernel) -> Self {
        Cred(address)
    }
    /// Real and effective user, real and effective group.
    pub fn ids(self) -> [u32; 4] {
        [
            field(self.0, &CRED_UID),
            field(self.0, &CRED_EUID),
            field(self.0, &CRED_GID),
            field(self.0, &CRED_EGID),
        ]
    }
    /// The user that its access to files is checked for.
    pub fn file_user(self) -> u32 {
        field(self.0, &CRED_FSUID)
    }
    /// Saved user and group.
    pub fn saved(self) -> [u32; 2] {
        [field(self.0, &CRED_SUID), field(self.0, &CRED_SGID)]
    }
    /// Its user namespace, as a key.
    pub fn user_namespace(self) -> u64 {
        field(self.0, &CRED_USER_NS)
    }
    /// Effective capabilities; two words of 32 bits before 6.3, in the same order.
    pub fn capabilities(self) -> u64 {
        field(self.0, &CRED_CAPABILITIES)
    }
}

/// A point in the tree of names: where a path ends.
#[derive(Clone, Copy)]
pub struct Place {
    /// `struct dentry`.
    pub dentry: Kernel,
    /// `struct vfsmount`.
    pub mount: Kernel,
}

impl Place {
    /// Reads a `struct path`.
    pub fn from_path(path: Kernel) -> Place {
        Place {
            dentry: field(path, &PATH_DENTRY),
            mount: field(path, &PATH_MOUNT),
        }
    }
    /// The root of a mount, a `struct vfsmount`.
    pub fn root_of(mount: Kernel) -> Place {
        Place {
            dentry: field(mount, &VFSMOUNT_ROOT),
            mount,
        }
    }
    /// The file that has this name, if any.
    pub fn id(self) -> FileId {
        Inode(field(self.dentry, &DENTRY_INODE)).id()
    }
}

/// `struct inode`.
#[derive(Clone, Copy)]
struct Inode(Kernel);

impl Inode {
    fn id(self) -> FileId {
        let mode: u16 = field(self.0, &INODE_MODE);
        FileId {
            ino: field(self.0, &INODE_INO),
            dev: field(field(self.0, &INODE_SUPER), &SUPER_DEV),
            mode: u32::from(mode),
        }
    }
}

/// `struct file`.
#[derive(Clone, Copy)]
pub struct File(Kernel);

impl File {
    /// Wraps an address.
    pub fn new(address: Kernel) -> Self {
        File(address)
    }
    /// Where it was opened.
    pub fn place(self) -> Place {
        Place {
            dentry: field(self.0, &FILE_DENTRY),
            mount: field(self.0, &FILE_MOUNT),
        }
    }
    /// Which file it is.
    pub fn id(self) -> FileId {
        Inode(field(self.0, &FILE_INODE)).id()
    }
    /// The address, as a key.
    pub fn address(self) -> u64 {
        self.0 as u64
    }
    /// Which file of its inode number it is, where the file system tells them apart.
    pub fn generation(self) -> u32 {
        let inode: Kernel = field(self.0, &FILE_INODE);
        field(inode, &INODE_GENERATION)
    }
    /// Whether `who` may write to it, or could allow that to itself.
    pub fn can_be_written_by(self, who: Cred) -> bool {
        Inode(field(self.0, &FILE_INODE)).can_be_written_by(who)
    }
    /// `f_flags`.
    pub fn flags(self) -> u32 {
        field(self.0, &FILE_FLAGS)
    }
    /// `f_mode`.
    pub fn mode(self) -> u32 {
        field(self.0, &FILE_MODE)
    }
    /// The socket, where it is one.
    pub fn socket(self) -> Socket {
        Socket(field(self.0, &FILE_PRIVATE))
    }
}

/// `struct socket`.
#[derive(Clone, Copy)]
pub struct Socket(Kernel);

impl Socket {
    /// Wraps an address.
    pub fn new(address: Kernel) -> Self {
        Socket(address)
    }
    /// The address, as a number.
    pub fn address(self) -> u64 {
        self.0 as u64
    }
    /// `SOCK_*`.
    pub fn kind(self) -> u16 {
        field(self.0, &SOCKET_TYPE)
    }
    /// `AF_*`.
    pub fn family(self) -> u16 {
        field(self.sock(), &SOCK_FAMILY)
    }
    /// `IPPROTO_*`, 16 bits wide since 5.6.
    pub fn protocol(self) -> u16 {
        field(self.sock(), &SOCK_PROTOCOL)
    }
    /// Its own port, 0 without one.
    pub fn local_port(self) -> u16 {
        field(self.sock(), &SOCK_LOCAL_PORT)
    }
    /// Port of its peer, 0 without one.
    pub fn peer_port(self) -> u16 {
        u16::from_be(field(self.sock(), &SOCK_PEER_PORT))
    }
    /// Its own IPv4 address, in network order.
    pub fn local(self) -> u32 {
        field(self.sock(), &SOCK_LOCAL)
    }
    /// Its peer's.
    pub fn peer(self) -> u32 {
        field(self.sock(), &SOCK_PEER)
    }
    /// Its own IPv6 address; zero where the kernel has no IPv6.
    pub fn local6(self) -> [u64; 2] {
        match SOCK_LOCAL6.load() {
            ABSENT => [0; 2],
            _ => field(self.sock(), &SOCK_LOCAL6),
        }
    }
    /// Its peer's.
    pub fn peer6(self) -> [u64; 2] {
        match SOCK_PEER6.load() {
            ABSENT => [0; 2],
            _ => field(self.sock(), &SOCK_PEER6),
        }
    }
    /// Where the connected `AF_UNIX` peer is bound in the file system.
    pub fn unix_peer(self) -> Option<Place> {
        Self::place_of(field(self.sock(), &UNIX_PEER))
    }
    /// Where it is bound itself.
    pub fn unix_place(self) -> Option<Place> {
        Self::place_of(self.sock())
    }
    /// The name it is bound to, behind `sun_family`, and its length; none if it is not bound.
    pub fn unix_name(self) -> (Kernel, u32) {
        /// `sizeof(sun_family)`.
        const FAMILY: u32 = 2;
        let address: Kernel = field(self.sock(), &UNIX_ADDRESS);
        let length: u32 = field(address, &UNIX_ADDRESS_LENGTH);
        let name = address.wrapping_add((UNIX_ADDRESS_NAME.load() + FAMILY) as usize);
        (name, length.saturating_sub(FAMILY))
    }
    fn place_of(sock: Kernel) -> Option<Place> {
        let place = Place {
            dentry: field(sock, &UNIX_DENTRY),
            mount: field(sock, &UNIX_MOUNT),
        };
        (!place.dentry.is_null()).then_some(place)
    }
    /// `struct sock`, or the one of its family that begins with it.
    pub fn sock(self) -> Kernel {
        field(self.0, &SOCKET_SK)
    }
}

/// `struct cgroup`.
#[derive(Clone, Copy)]
pub struct Cgroup(Kernel);

impl Cgroup {
    /// Wraps an address.
    pub fn new(address: Kernel) -> Self {
        Cgroup(address)
    }
    /// Its id: that of its kernfs node, which is also its inode number.
    pub fn id(self) -> u64 {
        field(field(self.0, &CGROUP_KN), &KERNFS_ID)
    }
    /// The cgroup above: `self.parent` is embedded at the start of that cgroup.
    pub fn parent(self) -> Cgroup {
        let css = self.0.wrapping_add(CGROUP_SELF.load() as usize);
        let parent: Kernel = field(css, &CSS_PARENT);
        Cgroup(parent.wrapping_sub(CGROUP_SELF.load() as usize))
    }
    /// Which hierarchy it belongs to.
    pub fn hierarchy(self) -> u32 {
        field(field(self.0, &CGROUP_ROOT), &CGROUP_ROOT_ID)
    }
}
