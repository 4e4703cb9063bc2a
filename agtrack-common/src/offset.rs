//! Kernel struct members that the probes read.
//!
//! The offsets differ from kernel to kernel. User space finds them in the kernel's BTF and writes
//! them to the probes' frozen globals before loading.

/// Value of an offset that this kernel does not have.
pub const ABSENT: u32 = u32::MAX;

/// One member.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Name of the global in the probes.
    pub global: &'static str,
    /// Kernel struct; alternatives with `|`.
    pub structure: &'static str,
    /// Member, nested ones joined with `.`; alternatives, newest kernel first, with `|`.
    pub path: &'static str,
}

/// Calls `$with!` with every row: `GLOBAL, "struct", "member";`.
#[macro_export]
macro_rules! for_each_offset {
    ($with:path) => {
        $with! {
            TASK_TGID, "task_struct", "tgid";
            TASK_PID, "task_struct", "pid";
            TASK_LEADER, "task_struct", "group_leader";
            TASK_PARENT, "task_struct", "real_parent";
            TASK_START, "task_struct", "start_boottime|real_start_time";
            TASK_MM, "task_struct", "mm";
            TASK_FS, "task_struct", "fs";
            TASK_FILES, "task_struct", "files";
            TASK_CRED, "task_struct", "cred";
            TASK_SIGNAL, "task_struct", "signal";
            TASK_EXIT_CODE, "task_struct", "exit_code";
            TASK_CGROUPS, "task_struct", "cgroups";
            TASK_STATUS, "task_struct", "thread_info.status";
            TASK_NAMESPACES, "task_struct", "nsproxy";
            TASK_LOGIN_USER, "task_struct", "loginuid";
            TASK_THREAD_PID, "task_struct", "thread_pid";
            PID_LEVEL, "pid", "level";
            TASK_TRACED, "task_struct", "ptraced";
            TASK_TRACED_ENTRY, "task_struct", "ptrace_entry";
            TASK_USER_TIME, "task_struct", "utime";
            TASK_SYSTEM_TIME, "task_struct", "stime";
            TASK_RUN_TIME, "task_struct", "se.sum_exec_runtime";
            TASK_READ, "task_struct", "ioac.rchar";
            TASK_WRITTEN, "task_struct", "ioac.wchar";
            TASK_STORAGE_READ, "task_struct", "ioac.read_bytes";
            TASK_STORAGE_WRITTEN, "task_struct", "ioac.write_bytes";
            SIGNAL_USER_TIME, "signal_struct", "utime";
            SIGNAL_SYSTEM_TIME, "signal_struct", "stime";
            SIGNAL_RUN_TIME, "signal_struct", "sum_sched_runtime";
            SIGNAL_READ, "signal_struct", "ioac.rchar";
            SIGNAL_WRITTEN, "signal_struct", "ioac.wchar";
            SIGNAL_STORAGE_READ, "signal_struct", "ioac.read_bytes";
            SIGNAL_STORAGE_WRITTEN, "signal_struct", "ioac.write_bytes";
            SIGNAL_MAX_RSS, "signal_struct", "maxrss";
            SIGNAL_LIVE, "signal_struct", "live";
            SIGNAL_FLAGS, "signal_struct", "flags";
            SIGNAL_EXIT_CODE, "signal_struct", "group_exit_code";
            CRED_UID, "cred", "uid";
            CRED_EUID, "cred", "euid";
            CRED_FSUID, "cred", "fsuid";
            CRED_GID, "cred", "gid";
            CRED_EGID, "cred", "egid";
            CRED_SUID, "cred", "suid";
            CRED_SGID, "cred", "sgid";
            CRED_CAPABILITIES, "cred", "cap_effective";
            CRED_USER_NS, "cred", "user_ns";
            NS_UTS, "nsproxy", "uts_ns";
            NS_IPC, "nsproxy", "ipc_ns";
            NS_MNT, "nsproxy", "mnt_ns";
            NS_NET, "nsproxy", "net_ns";
            NS_CGROUP, "nsproxy", "cgroup_ns";
            NS_TIME, "nsproxy", "time_ns";
            SIGINFO_CODE, "kernel_siginfo", "si_code";
            MM_ARG_START, "mm_struct", "arg_start";
            MM_ARG_END, "mm_struct", "arg_end";
            MM_ENV_START, "mm_struct", "env_start";
            MM_ENV_END, "mm_struct", "env_end";
            MM_EXE, "mm_struct", "exe_file";
            BPRM_FILE, "linux_binprm", "file";
            BPRM_NAME, "linux_binprm", "filename";
            BPRM_INTERPRETER, "linux_binprm", "interp";
            CSS_SET_CGROUP, "css_set", "dfl_cgrp";
            CGROUP_KN, "cgroup", "kn";
            CGROUP_SELF, "cgroup", "self";
            CSS_PARENT, "cgroup_subsys_state", "parent";
            CGROUP_ROOT, "cgroup", "root";
            CGROUP_ROOT_ID, "cgroup_root", "hierarchy_id";
            KERNFS_ID, "kernfs_node", "id";
            FILES_TABLE, "files_struct", "fdt";
            TABLE_FD, "fdtable", "fd";
            TABLE_MAX, "fdtable", "max_fds";
            FILE_DENTRY, "file", "f_path.dentry";
            FILE_MOUNT, "file", "f_path.mnt";
            FILE_INODE, "file", "f_inode";
            FILE_FLAGS, "file", "f_flags";
            FILE_MODE, "file", "f_mode";
            FILE_PRIVATE, "file", "private_data";
            FILE_COUNT, "file", "f_count";
            FILE_REFERENCES, "file", "f_ref.refcnt";
            PATH_DENTRY, "path", "dentry";
            PATH_MOUNT, "path", "mnt";
            FS_ROOT_DENTRY, "fs_struct", "root.dentry";
            FS_ROOT_MOUNT, "fs_struct", "root.mnt";
            FS_PWD_DENTRY, "fs_struct", "pwd.dentry";
            FS_PWD_MOUNT, "fs_struct", "pwd.mnt";
            DENTRY_PARENT, "dentry", "d_parent";
            DENTRY_NAME, "dentry", "d_name.name";
            DENTRY_INODE, "dentry", "d_inode";
            DENTRY_HASHED, "dentry", "d_hash.pprev";
            VFSMOUNT_ROOT, "vfsmount", "mnt_root";
            MOUNT_VFSMOUNT, "mount", "mnt";
            MOUNT_PARENT, "mount", "mnt_parent";
            MOUNT_POINT, "mount", "mnt_mountpoint";
            INODE_INO, "inode", "i_ino";
            INODE_GENERATION, "inode", "i_generation";
            INODE_MODE, "inode", "i_mode";
            INODE_SUPER, "inode", "i_sb";
            INODE_UID, "inode", "i_uid";
            INODE_SIZE, "inode", "i_size";
            SUPER_DEV, "super_block", "s_dev";
            SUPER_FLAGS, "super_block", "s_flags";
            SUPER_MAGIC, "super_block", "s_magic";
            FILENAME_NAME, "filename", "name";
            OPEN_FLAGS_FLAG, "open_flags", "open_flag";
            SOCKET_SK, "socket", "sk";
            SOCKET_TYPE, "socket", "type";
            SOCK_FAMILY, "sock", "__sk_common.skc_family";
            SOCK_PROTOCOL, "sock", "sk_protocol";
            SOCK_LOCAL, "sock", "__sk_common.skc_rcv_saddr";
            SOCK_LOCAL_PORT, "sock", "__sk_common.skc_num";
            SOCK_PEER, "sock", "__sk_common.skc_daddr";
            SOCK_PEER_PORT, "sock", "__sk_common.skc_dport";
            SOCK_LOCAL6, "sock", "__sk_common.skc_v6_rcv_saddr";
            SOCK_PEER6, "sock", "__sk_common.skc_v6_daddr";
            SOCK_COOKIE, "sock", "__sk_common.skc_cookie";
            SOCK_STATE, "sock", "__sk_common.skc_state";
            SOCK_FLAGS, "sock", "__sk_common.skc_flags";
            SOCK_ERROR, "sock", "sk_err";
            INET_PORT, "inet_sock", "inet_sport";
            TCP_BYTES_SENT, "tcp_sock", "bytes_sent";
            TCP_BYTES_AGAIN, "tcp_sock", "bytes_retrans";
            TCP_BYTES_RECEIVED, "tcp_sock", "bytes_received";
            TCP_SEGMENTS_OUT, "tcp_sock", "segs_out";
            TCP_SEGMENTS_IN, "tcp_sock", "segs_in";
            TCP_RETRANSMITS, "tcp_sock", "total_retrans";
            UNIX_PEER, "unix_sock", "peer";
            UNIX_ADDRESS, "unix_sock", "addr";
            UNIX_ADDRESS_LENGTH, "unix_address", "len";
            UNIX_ADDRESS_NAME, "unix_address", "name";
            UNIX_DENTRY, "unix_sock", "path.dentry";
            UNIX_MOUNT, "unix_sock", "path.mnt";
            URING_OPCODE, "io_kiocb", "opcode";
            URING_FLAGS, "io_kiocb", "flags";
            URING_FILE, "io_kiocb", "file";
            URING_DESCRIPTOR, "io_kiocb", "cqe.fd";
            URING_PREPARED, "io_kiocb", "async_data";
            URING_OPEN_DIRECTORY, "io_open", "dfd";
            URING_OPEN_NAME, "io_open", "filename";
            URING_OPEN_FLAGS, "io_open", "how.flags";
            URING_UNLINK_DIRECTORY, "io_unlink", "dfd";
            URING_UNLINK_NAME, "io_unlink", "filename";
            URING_UNLINK_FLAGS, "io_unlink", "flags";
            URING_MKDIR_DIRECTORY, "io_mkdir", "dfd";
            URING_MKDIR_NAME, "io_mkdir", "filename";
            URING_MKDIR_MODE, "io_mkdir", "mode";
            URING_RENAME_FROM_DIRECTORY, "io_rename", "old_dfd";
            URING_RENAME_FROM, "io_rename", "oldpath";
            URING_RENAME_TO_DIRECTORY, "io_rename", "new_dfd";
            URING_RENAME_TO, "io_rename", "newpath";
            URING_RENAME_FLAGS, "io_rename", "flags";
            URING_LINK_OLD_DIRECTORY, "io_link|io_hardlink", "old_dfd";
            URING_LINK_OLD, "io_link|io_hardlink", "oldpath";
            URING_LINK_NEW_DIRECTORY, "io_link|io_hardlink", "new_dfd";
            URING_LINK_NEW, "io_link|io_hardlink", "newpath";
            URING_SYMLINK_TEXT, "io_symlink|io_link", "oldpath";
            URING_SYMLINK_DIRECTORY, "io_symlink|io_link", "new_dfd";
            URING_SYMLINK_NAME, "io_symlink|io_link", "newpath";
            URING_XATTR_FILE, "io_xattr", "filename";
            URING_XATTR_NAME, "io_xattr", "ctx.kname";
            URING_COMMAND, "io_uring_cmd", "cmd_op";
            URING_LENGTH, "io_ftrunc", "len";
            URING_HOW, "io_shutdown", "how";
            URING_SOCKET, "io_socket", "domain";
            URING_CONNECT_ADDRESS, "io_connect", "addr";
            URING_CONNECT_LENGTH, "io_connect", "addr_len";
            URING_SEND_ADDRESS, "io_sr_msg", "addr";
            URING_SEND_LENGTH, "io_sr_msg", "addr_len";
            URING_SEND_MESSAGE, "io_sr_msg", "umsg";
            URING_PREPARES, "io_sr_msg", "nr_multishot_loops";
            URING_PREPARED_NAME, "io_async_msghdr", "msg.msg_name";
            URING_PREPARED_LENGTH, "io_async_msghdr", "msg.msg_namelen";
            URING_PREPARED_ADDRESS, "io_async_msghdr", "addr";
            URING_BIND_LENGTH, "io_bind", "addr_len";
            URING_OPEN_SLOT, "io_open", "file_slot";
            URING_SOCKET_SLOT, "io_socket", "file_slot";
            URING_RING, "io_kiocb", "ctx";
            URING_FILES, "io_ring_ctx", "file_table.data.nodes|file_table.files";
            URING_FILE_COUNT, "io_ring_ctx", "file_table.data.nr|nr_user_files";
            URING_NODE_FILE, "io_rsrc_node", "file_ptr";
        }
    };
}

macro_rules! members {
    ($($global:ident, $structure:literal, $path:literal;)+) => {
        /// Every member, in the order of the globals.
        pub const MEMBERS: &[Member] = &[ $( Member {
            global: stringify!($global), structure: $structure, path: $path,
        }, )+ ];
    };
}
for_each_offset!(members);
