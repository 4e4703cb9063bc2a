//! The event table: what agtrack sees, and through which hooks.
//!
//! A row drives loading, decoding, `agtrack events` and the docs. To add an event: a row here, a
//! body file below, a probe file in `agtrack-ebpf`, a test in `tests/e2e`.

mod attach;
mod backend;
mod body;
mod call;
mod cgroup;
mod change;
mod close;
mod connect;
mod derived;
mod endpoint;
mod error;
mod excerpt;
mod exec;
mod exit;
mod flow;
mod fork;
mod hooks;
mod numbers;
mod open;
mod peer;
mod rename;
mod set_id;
mod signal;
mod table;
mod tamper;
mod unlink;
mod uring;

pub use attach::Attach;
pub use backend::{ANY, FENTRY, LSM, TRACEPOINT, TRAMPOLINE};
pub use body::{Body, Own};
pub use call::{COMPAT, Call};
pub use cgroup::{CgroupAttach, CgroupCreate, CgroupRemove};
pub use change::Change;
pub use close::{Close, close_flag};
pub use connect::Connect;
pub use derived::{DERIVED, Derived};
pub use endpoint::Endpoint;
pub use error::DecodeError;
pub use excerpt::{Excerpt, excerpt_class};
pub use exec::{Environment, Exec, ExecFailed};
pub use exit::{Exit, IO_KNOWN};
pub use flow::{Flow, flow_direction};
pub use fork::Fork;
pub use hooks::{Hook, Ring, Row};
pub use open::{Open, Reading, Readings, fmode};
pub use peer::{KnownPeer, Peer};
pub use rename::Rename;
pub use set_id::SetId;
pub use signal::Signal;
pub use tamper::Tamper;
pub use unlink::Unlink;
pub use uring::{Uring, uring_flag};

/// Event ids are below this: a power of two, and the bits of [`CallKind::IDS`].
pub const KINDS: usize = 64;

/// Hook ids are below this: size of the counter map.
pub const HOOK_SLOTS: usize = 256;

table::events! {
    /// A process was created; threads are not processes.
    Fork = 1, "process.fork", Lifecycle, [
        FORK = 1, ANY, Attach::TpBtf("sched_process_fork") => fork,
        FORK_LINEAGE = 2, LSM, Attach::Lsm("task_alloc") => fork_lineage,
        FORK_LINEAGE_END = 3, LSM, Attach::Lsm("task_free") => fork_lineage_end,
    ];
    /// A process replaced its program.
    Exec = 2, "process.exec", Lifecycle, [
        EXEC = 4, ANY, Attach::TpBtf("sched_process_exec") => exec,
    ];
    /// The last thread of a process ended.
    Exit = 3, "process.exit", Lifecycle, [
        EXIT = 6, ANY, Attach::TpBtf("sched_process_exit") => exit,
    ];
    /// A file was opened for reading, writing or creating, or that was refused.
    Open = 4, "file.open", Bulk, [
        OPEN_LSM = 10, LSM, Attach::Lsm("file_open") => open_lsm,
        OPEN_FENTRY = 11, FENTRY, Attach::Fentry(&["security_file_open"]) => open_fentry,
        OPEN_RESULT = 12, TRAMPOLINE, Attach::Fexit(&["do_file_open", "do_filp_open"], 3) => open_result,
        OPEN_SYSCALL = 13, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        OPEN_HANDLE_RESULT = 14, TRAMPOLINE, Attach::Fexit(&["__x64_sys_open_by_handle_at"], 1) => open_handle_result,
    ];
    /// A name of a file was removed.
    Unlink = 5, "file.unlink", Bulk, [
        UNLINK_LSM = 16, LSM, Attach::Lsm("path_unlink") => unlink_lsm,
        UNLINK_FENTRY = 17, FENTRY, Attach::Fentry(&["security_path_unlink"]) => unlink_fentry,
        UNLINK_RESULT = 18, TRAMPOLINE, Attach::Fexit(&["filename_unlinkat", "do_unlinkat"], 2) => unlink_result,
        UNLINK_SYSCALL = 19, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        UNLINK_NAME = 20, TRAMPOLINE, Attach::Fentry(&["filename_unlinkat", "do_unlinkat"]) => unlink_name,
    ];
    /// A file got another name.
    Rename = 6, "file.rename", Bulk, [
        RENAME_LSM = 22, LSM, Attach::Lsm("path_rename") => rename_lsm,
        RENAME_FENTRY = 23, FENTRY, Attach::Fentry(&["security_path_rename"]) => rename_fentry,
        RENAME_RESULT = 24, TRAMPOLINE, Attach::Fexit(&["filename_renameat2", "do_renameat2"], 5) => rename_result,
        RENAME_SYSCALL = 25, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        RENAME_NAMES = 26, TRAMPOLINE, Attach::Fentry(&["filename_renameat2", "do_renameat2"]) => rename_names,
    ];
    /// A socket was asked to reach a peer (IPv4, IPv6, AF_UNIX).
    Connect = 7, "net.connect", Bulk, [
        CONNECT_V4 = 28, ANY, Attach::CgroupConnect4 => connect4,
        CONNECT_V6 = 29, ANY, Attach::CgroupConnect6 => connect6,
        CONNECT_RESULT = 30, TRAMPOLINE, Attach::Fexit(&["__sys_connect_file"], 4) => connect_result,
        CONNECT_SYSCALL = 31, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
    ];
    /// A cgroup was made below a watched one.
    CgroupCreate = 8, "cgroup.create", Lifecycle, [
        CGROUP_CREATE = 34, ANY, Attach::TpBtf("cgroup_mkdir") => cgroup_create,
    ];
    /// A process moved into or out of a watched cgroup.
    CgroupAttach = 9, "cgroup.attach", Lifecycle, [
        CGROUP_ATTACH = 35, ANY, Attach::TpBtf("cgroup_attach_task") => cgroup_attach,
    ];
    /// A watched cgroup was removed.
    CgroupRemove = 10, "cgroup.remove", Lifecycle, [
        CGROUP_REMOVE = 36, ANY, Attach::TpBtf("cgroup_rmdir") => cgroup_remove,
    ];
    /// A process got other user or group ids or capabilities.
    SetId = 11, "process.setid", Bulk, [
        SET_ID_CRED = 38, TRAMPOLINE, Attach::Fentry(&["commit_creds"]) => set_id_cred,
        SET_ID_SYSCALL = 39, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
    ];
    /// A process sent a signal to another one.
    Signal = 12, "process.signal", Bulk, [
        SIGNAL = 42, ANY, Attach::TpBtf("signal_generate") => signal,
    ];
    /// A program could not be executed.
    ExecFailed = 13, "process.exec", Bulk, [
        EXEC_FAILED = 44, TRAMPOLINE, Attach::Fexit(&["__x64_sys_execve"], 1) => exec_failed,
        EXEC_FAILED_BELOW = 45, TRAMPOLINE, Attach::Fexit(&["__x64_sys_execveat"], 1) => exec_failed_below,
        EXEC_FAILED_SYSCALL = 46, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
    ];
    /// A request was made through io_uring that names something, or changes what others see.
    Uring = 41, "kernel.io_uring", Bulk, [
        URING = 170, ANY, Attach::Submission(&["io_uring_submit_req", "io_uring_submit_sqe"]) => uring,
        URING_RESULT = 171, ANY, Attach::TpBtf("io_uring_complete") => uring_result,
    ];
    /// A file that was written through, created or emptied by an open was closed.
    Close = 53, "file.close", Bulk, [
        CLOSE_LAST = 207, TRAMPOLINE, Attach::Fentry(&["__fput"]) => close_last,
        CLOSE_EXEC = 219, TRACEPOINT, Attach::TpBtf("sched_process_exec") => close_exec,
        CLOSE_SYSCALL = 208, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        WRITE_RESULT = 209, TRAMPOLINE, Attach::Fexit(&["vfs_write"], 4) => write_result,
        WRITEV_RESULT = 210, TRAMPOLINE, Attach::Fexit(&["vfs_writev"], 5) => writev_result,
        COPY_RESULT = 211, TRAMPOLINE, Attach::Fexit(&["vfs_copy_file_range"], 6) => copy_result,
        SENDFILE_RESULT = 212, TRAMPOLINE, Attach::Fexit(&["do_sendfile"], 5) => sendfile_result,
        SPLICE_RESULT = 213, TRAMPOLINE, Attach::Fexit(&["do_splice"], 6) => splice_result,
    ];
    /// A TCP connection ended, or a UDP socket through which datagrams had passed.
    Flow = 46, "net.flow", Bulk, [
        SOCKET_MADE = 172, ANY, Attach::CgroupSockCreate => socket_made,
        SOCKET_CLOSED = 173, ANY, Attach::CgroupSockRelease => socket_closed,
        FLOW_STATE = 174, ANY, Attach::TpBtf("inet_sock_set_state") => connection_state,
        FLOW_ESTABLISHED = 175, ANY, Attach::CgroupSockOps => connection_established,
        FLOW_OUT = 176, ANY, Attach::CgroupEgress => packet_out,
        FLOW_IN = 177, ANY, Attach::CgroupIngress => packet_in,
        SOCKET_SENDS = 178, TRAMPOLINE, Attach::Fentry(&["security_socket_sendmsg"]) => socket_sends,
        SOCKET_RECEIVES = 179, TRAMPOLINE, Attach::Fentry(&["security_socket_recvmsg"]) => socket_receives,
        SOCKET_SENT = 180, TRACEPOINT, Attach::TpBtf("sock_send_length") => socket_sent,
        SOCKET_RECEIVED = 181, TRACEPOINT, Attach::TpBtf("sock_recv_length") => socket_received,
    ];
    /// Bytes that a socket sent or got, from which what is asked of DNS, TLS and HTTP is read.
    Excerpt = 47, "net.payload", Bulk, [
        EXCERPT_OUT = 182, ANY, Attach::CgroupEgress => packet_out,
        EXCERPT_IN = 183, ANY, Attach::CgroupIngress => packet_in,
    ];

    shared Change, ChangeKind, Bulk {
        /// A directory was made.
        Mkdir = 14, "file.mkdir", [
            MKDIR_LSM = 48, LSM, Attach::Lsm("path_mkdir") => mkdir_lsm,
            MKDIR_FENTRY = 49, FENTRY, Attach::Fentry(&["security_path_mkdir"]) => mkdir_fentry,
            MKDIR_RESULT = 50, TRAMPOLINE, Attach::Fexit(&["filename_mkdirat", "do_mkdirat"], 3) => mkdir_result,
            MKDIR_SYSCALL = 51, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A directory was removed.
        Rmdir = 15, "file.rmdir", [
            RMDIR_LSM = 52, LSM, Attach::Lsm("path_rmdir") => rmdir_lsm,
            RMDIR_FENTRY = 53, FENTRY, Attach::Fentry(&["security_path_rmdir"]) => rmdir_fentry,
            RMDIR_RESULT = 54, TRAMPOLINE, Attach::Fexit(&["filename_rmdir", "do_rmdir"], 2) => rmdir_result,
            RMDIR_SYSCALL = 55, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A device, a pipe, a socket or an empty file was made.
        Mknod = 16, "file.mknod", [
            MKNOD_LSM = 56, LSM, Attach::Lsm("path_mknod") => mknod_lsm,
            MKNOD_FENTRY = 57, FENTRY, Attach::Fentry(&["security_path_mknod"]) => mknod_fentry,
            MKNOD_RESULT = 58, TRAMPOLINE, Attach::Fexit(&["filename_mknodat", "do_mknodat"], 4) => mknod_result,
            MKNOD_SYSCALL = 59, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A file got one more name.
        Link = 17, "file.link", [
            LINK_LSM = 60, LSM, Attach::Lsm("path_link") => link_lsm,
            LINK_FENTRY = 61, FENTRY, Attach::Fentry(&["security_path_link"]) => link_fentry,
            LINK_RESULT = 62, TRAMPOLINE, Attach::Fexit(&["filename_linkat", "do_linkat"], 5) => link_result,
            LINK_SYSCALL = 63, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A symbolic link was made.
        Symlink = 18, "file.symlink", [
            SYMLINK_LSM = 64, LSM, Attach::Lsm("path_symlink") => symlink_lsm,
            SYMLINK_FENTRY = 65, FENTRY, Attach::Fentry(&["security_path_symlink"]) => symlink_fentry,
            SYMLINK_RESULT = 66, TRAMPOLINE, Attach::Fexit(&["filename_symlinkat", "do_symlinkat"], 3) => symlink_result,
            SYMLINK_SYSCALL = 67, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// The length of a file was set.
        Truncate = 19, "file.truncate", [
            TRUNCATE_RESULT = 68, TRAMPOLINE, Attach::Fexit(&["vfs_truncate"], 2) => truncate_result,
            FTRUNCATE_RESULT = 69, TRAMPOLINE, Attach::FexitMapped("do_truncate", 5) => ftruncate_result,
            TRUNCATE_SYSCALL = 71, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// Permissions of a file were set.
        Chmod = 20, "file.chmod", [
            CHMOD_LSM = 72, LSM, Attach::Lsm("path_chmod") => chmod_lsm,
            CHMOD_FENTRY = 73, FENTRY, Attach::Fentry(&["security_path_chmod"]) => chmod_fentry,
            CHMOD_RESULT = 74, TRAMPOLINE, Attach::Fexit(&["chmod_common"], 2) => chmod_result,
            CHMOD_SYSCALL = 75, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// Owner or group of a file was set.
        Chown = 21, "file.chown", [
            CHOWN_RESULT = 78, TRAMPOLINE, Attach::Fexit(&["chown_common"], 3) => chown_result,
            CHOWN_SYSCALL = 79, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A process got another root directory.
        Chroot = 22, "process.chroot", [
            CHROOT_LSM = 80, LSM, Attach::Lsm("path_chroot") => chroot_lsm,
            CHROOT_FENTRY = 81, FENTRY, Attach::Fentry(&["security_path_chroot"]) => chroot_fentry,
            CHROOT_RESULT = 82, TRAMPOLINE, Attach::Fexit(&["__x64_sys_chroot"], 1) => chroot_result,
            CHROOT_SYSCALL = 83, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A mount namespace got another root.
        PivotRoot = 23, "process.pivot_root", [
            PIVOT_ROOT_LSM = 84, LSM, Attach::Lsm("sb_pivotroot") => pivot_root_lsm,
            PIVOT_ROOT_FENTRY = 85, FENTRY, Attach::Fentry(&["security_sb_pivotroot"]) => pivot_root_fentry,
            PIVOT_ROOT_RESULT = 86, TRAMPOLINE, Attach::Fexit(&["__x64_sys_pivot_root"], 1) => pivot_root_result,
            PIVOT_ROOT_SYSCALL = 87, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A file system or a directory was mounted, or a mount was changed.
        Mount = 24, "file.mount", [
            MOUNT_LSM = 88, LSM, Attach::Lsm("sb_mount") => mount_lsm,
            MOUNT_FENTRY = 89, FENTRY, Attach::Fentry(&["security_sb_mount"]) => mount_fentry,
            MOUNT_RESULT = 90, TRAMPOLINE, Attach::Fexit(&["path_mount"], 5) => mount_result,
            MOUNT_SYSCALL = 91, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
            MOVE_MOUNT_LSM = 92, LSM, Attach::Lsm("move_mount") => move_mount_lsm,
            MOVE_MOUNT_FENTRY = 93, FENTRY, Attach::Fentry(&["security_move_mount"]) => move_mount_fentry,
            MOVE_MOUNT_RESULT = 94, TRAMPOLINE, Attach::Fexit(&["__x64_sys_move_mount"], 1) => move_mount_result,
        ];
        /// A mount was taken away.
        Umount = 25, "file.umount", [
            UMOUNT_LSM = 96, LSM, Attach::Lsm("sb_umount") => umount_lsm,
            UMOUNT_FENTRY = 97, FENTRY, Attach::Fentry(&["security_sb_umount"]) => umount_fentry,
            UMOUNT_RESULT = 98, TRAMPOLINE, Attach::Fexit(&["path_umount"], 2) => umount_result,
            UMOUNT_SYSCALL = 99, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// An extended attribute of a file was set.
        SetXattr = 26, "file.setxattr", [
            SETXATTR_RESULT = 100, TRAMPOLINE, Attach::Fexit(&["__x64_sys_setxattr"], 1) => setxattr_result,
            LSETXATTR_RESULT = 101, TRAMPOLINE, Attach::Fexit(&["__x64_sys_lsetxattr"], 1) => lsetxattr_result,
            FSETXATTR_RESULT = 102, TRAMPOLINE, Attach::Fexit(&["__x64_sys_fsetxattr"], 1) => fsetxattr_result,
            SETXATTR_SYSCALL = 103, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// An extended attribute of a file was removed.
        RemoveXattr = 27, "file.removexattr", [
            REMOVEXATTR_RESULT = 104, TRAMPOLINE, Attach::Fexit(&["__x64_sys_removexattr"], 1) => removexattr_result,
            LREMOVEXATTR_RESULT = 105, TRAMPOLINE, Attach::Fexit(&["__x64_sys_lremovexattr"], 1) => lremovexattr_result,
            FREMOVEXATTR_RESULT = 106, TRAMPOLINE, Attach::Fexit(&["__x64_sys_fremovexattr"], 1) => fremovexattr_result,
            REMOVEXATTR_SYSCALL = 107, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A file was mapped so that writes to memory are, or may become, writes to the file.
        Mmap = 54, "file.mmap", [
            MMAP_RESULT = 217, TRAMPOLINE, Attach::Fexit(&["vm_mmap_pgoff"], 6) => mmap_result,
            MMAP_SYSCALL = 218, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// An open file came from another process.
        ReceiveFile = 55, "file.receive", [
            RECEIVE_RESULT = 224, TRAMPOLINE, Attach::Fexit(&["__receive_fd", "receive_fd"], 3) => receive_result,
            RECEIVE_RESULT_INTO = 225, TRAMPOLINE, Attach::Fexit(&["__receive_fd"], 4) => receive_result_into,
            RECEIVE_SYSCALL = 226, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
    }

    shared Call, CallKind, Bulk {
        /// A process left namespaces for new ones of its own.
        Unshare = 28, "process.unshare", [
            UNSHARE_RESULT = 116, TRAMPOLINE, Attach::Fexit(&["ksys_unshare"], 1) => unshare_result,
            UNSHARE_SYSCALL = 119, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A process entered namespaces of others.
        Setns = 29, "process.setns", [
            SETNS_RESULT = 120, TRAMPOLINE, Attach::Fexit(&["__x64_sys_setns"], 1) => setns_result,
            SETNS_SYSCALL = 123, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A process traced another one, or asked to be traced.
        Ptrace = 30, "process.ptrace", [
            PTRACE_RESULT = 124, TRAMPOLINE, Attach::Fexit(&["__x64_sys_ptrace"], 1) => ptrace_result,
            PTRACE_SYSCALL = 127, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A program or map of the kernel was made or looked at.
        Bpf = 31, "kernel.bpf", [
            BPF_RESULT = 128, TRAMPOLINE, Attach::Fexit(&["__x64_sys_bpf"], 1) => bpf_result,
            BPF_SYSCALL = 131, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A kernel module was loaded from a file or from memory.
        ModuleLoad = 32, "kernel.module_load", [
            MODULE_LOAD_RESULT = 132, TRAMPOLINE, Attach::Fexit(&["__x64_sys_finit_module"], 1) => module_load_result,
            MODULE_LOAD_MEMORY_RESULT = 133, TRAMPOLINE, Attach::Fexit(&["__x64_sys_init_module"], 1) => module_load_memory_result,
            MODULE_LOAD_SYSCALL = 135, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A kernel module was unloaded.
        ModuleUnload = 33, "kernel.module_unload", [
            MODULE_UNLOAD_RESULT = 136, TRAMPOLINE, Attach::Fexit(&["__x64_sys_delete_module"], 1) => module_unload_result,
            MODULE_UNLOAD_SYSCALL = 139, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// Rings for requests without system calls were made.
        IoUringSetup = 34, "kernel.io_uring_setup", [
            IO_URING_SETUP_RESULT = 140, TRAMPOLINE, Attach::Fexit(&["__x64_sys_io_uring_setup"], 1) => io_uring_setup_result,
            IO_URING_SETUP_SYSCALL = 143, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A process began to measure others, or itself.
        PerfEventOpen = 35, "kernel.perf_event_open", [
            PERF_EVENT_OPEN_RESULT = 144, TRAMPOLINE, Attach::Fexit(&["__x64_sys_perf_event_open"], 1) => perf_event_open_result,
            PERF_EVENT_OPEN_SYSCALL = 147, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A key of the kernel's keyrings was made, looked up or changed.
        Key = 36, "kernel.key", [
            KEY_RESULT = 148, TRAMPOLINE, Attach::Fexit(&["__x64_sys_keyctl"], 1) => key_result,
            KEY_ADD_RESULT = 149, TRAMPOLINE, Attach::Fexit(&["__x64_sys_add_key"], 1) => key_add_result,
            KEY_REQUEST_RESULT = 150, TRAMPOLINE, Attach::Fexit(&["__x64_sys_request_key"], 1) => key_request_result,
            KEY_SYSCALL = 151, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A socket was made that sees or sends packets of others: raw, packet, AF_XDP.
        Socket = 37, "net.socket", [
            SOCKET_RESULT = 152, TRAMPOLINE, Attach::Fexit(&["__sys_socket"], 3) => socket_result,
            SOCKET_SYSCALL = 154, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
    }

    shared Peer, PeerKind, Bulk {
        /// Datagrams were sent to a peer through a socket that is not connected to it.
        Send = 44, "net.send", [
            SEND_V4 = 220, ANY, Attach::CgroupSendmsg4 => sendmsg4,
            SEND_V6 = 221, ANY, Attach::CgroupSendmsg6 => sendmsg6,
        ];
        /// Datagrams of a peer were received, and who had sent them was asked for.
        Receive = 45, "net.receive", [
            RECEIVE_V4 = 222, ANY, Attach::CgroupRecvmsg4 => recvmsg4,
            RECEIVE_V6 = 223, ANY, Attach::CgroupRecvmsg6 => recvmsg6,
        ];
    }

    shared Endpoint, EndpointKind, Bulk {
        /// A socket got an address.
        Bind = 38, "net.bind", [
            BIND_RESULT = 156, TRAMPOLINE, Attach::Fexit(&["__sys_bind"], 3) => bind_result,
            BIND_SYSCALL = 157, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A socket began to wait for connections.
        Listen = 39, "net.listen", [
            LISTEN_RESULT = 158, TRAMPOLINE, Attach::Fexit(&["__sys_listen"], 2) => listen_result,
            LISTEN_SYSCALL = 159, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// A process took a connection.
        Accept = 40, "net.accept", [
            ACCEPT_RESULT = 160, TRAMPOLINE, Attach::Fexit(&["__sys_accept4"], 4) => accept_result,
            ACCEPT_SYSCALL = 161, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
    }

    shared Tamper, TamperKind, Lifecycle {
        /// Somebody sent a signal to the recorder.
        TrackerSignal = 50, "tracker.signal", [
            TRACKER_SIGNAL = 200, ANY, Attach::TpBtf("signal_generate") => signal,
        ];
        /// Somebody traced the recorder, or reached for its memory.
        TrackerPtrace = 51, "tracker.ptrace", [
            TRACKER_PTRACE_LSM = 202, LSM, Attach::Lsm("ptrace_access_check") => tracker_ptrace_lsm,
            TRACKER_PTRACE_FENTRY = 203, FENTRY, Attach::Fentry(&["security_ptrace_access_check"]) => tracker_ptrace_fentry,
            TRACKER_PTRACE_SYSCALL = 204, TRACEPOINT, Attach::TpBtf("sys_exit") => sys_exit,
        ];
        /// Somebody moved the recorder to another cgroup.
        TrackerCgroup = 52, "tracker.cgroup", [
            TRACKER_CGROUP = 206, ANY, Attach::TpBtf("cgroup_attach_task") => cgroup_attach,
        ];
    }
}
