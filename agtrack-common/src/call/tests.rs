use super::*;

/// What the C library calls them.
const KNOWN: &[(&str, i64)] = &[
    ("open", libc::SYS_open),
    ("mmap", libc::SYS_mmap),
    ("recvmsg", libc::SYS_recvmsg),
    ("recvmmsg", libc::SYS_recvmmsg),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("write", libc::SYS_write),
    ("pwrite64", libc::SYS_pwrite64),
    ("writev", libc::SYS_writev),
    ("pwritev", libc::SYS_pwritev),
    ("pwritev2", libc::SYS_pwritev2),
    ("sendfile", libc::SYS_sendfile),
    ("copy_file_range", libc::SYS_copy_file_range),
    ("splice", libc::SYS_splice),
    ("close", libc::SYS_close),
    ("close_range", libc::SYS_close_range),
    ("dup", libc::SYS_dup),
    ("dup2", libc::SYS_dup2),
    ("dup3", libc::SYS_dup3),
    ("fcntl", libc::SYS_fcntl),
    ("creat", libc::SYS_creat),
    ("openat", libc::SYS_openat),
    ("openat2", libc::SYS_openat2),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("unlink", libc::SYS_unlink),
    ("unlinkat", libc::SYS_unlinkat),
    ("rename", libc::SYS_rename),
    ("renameat", libc::SYS_renameat),
    ("renameat2", libc::SYS_renameat2),
    ("execve", libc::SYS_execve),
    ("execveat", libc::SYS_execveat),
    ("connect", libc::SYS_connect),
    ("socket", libc::SYS_socket),
    ("bind", libc::SYS_bind),
    ("listen", libc::SYS_listen),
    ("accept", libc::SYS_accept),
    ("accept4", libc::SYS_accept4),
    ("mkdir", libc::SYS_mkdir),
    ("mkdirat", libc::SYS_mkdirat),
    ("rmdir", libc::SYS_rmdir),
    ("mknod", libc::SYS_mknod),
    ("mknodat", libc::SYS_mknodat),
    ("link", libc::SYS_link),
    ("linkat", libc::SYS_linkat),
    ("symlink", libc::SYS_symlink),
    ("symlinkat", libc::SYS_symlinkat),
    ("truncate", libc::SYS_truncate),
    ("ftruncate", libc::SYS_ftruncate),
    ("chmod", libc::SYS_chmod),
    ("fchmod", libc::SYS_fchmod),
    ("fchmodat", libc::SYS_fchmodat),
    ("fchmodat2", libc::SYS_fchmodat2),
    ("chown", libc::SYS_chown),
    ("lchown", libc::SYS_lchown),
    ("fchown", libc::SYS_fchown),
    ("fchownat", libc::SYS_fchownat),
    ("chroot", libc::SYS_chroot),
    ("pivot_root", libc::SYS_pivot_root),
    ("mount", libc::SYS_mount),
    ("move_mount", libc::SYS_move_mount),
    ("umount2", libc::SYS_umount2),
    ("setxattr", libc::SYS_setxattr),
    ("lsetxattr", libc::SYS_lsetxattr),
    ("fsetxattr", libc::SYS_fsetxattr),
    // Since 6.13 (arch/x86/entry/syscalls/syscall_64.tbl).
    ("setxattrat", 463),
    ("removexattr", libc::SYS_removexattr),
    ("lremovexattr", libc::SYS_lremovexattr),
    ("fremovexattr", libc::SYS_fremovexattr),
    ("removexattrat", 466),
    ("setuid", libc::SYS_setuid),
    ("setgid", libc::SYS_setgid),
    ("setreuid", libc::SYS_setreuid),
    ("setregid", libc::SYS_setregid),
    ("setresuid", libc::SYS_setresuid),
    ("setresgid", libc::SYS_setresgid),
    ("capset", libc::SYS_capset),
    ("unshare", libc::SYS_unshare),
    ("setns", libc::SYS_setns),
    ("ptrace", libc::SYS_ptrace),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("bpf", libc::SYS_bpf),
    ("init_module", libc::SYS_init_module),
    ("finit_module", libc::SYS_finit_module),
    ("delete_module", libc::SYS_delete_module),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("add_key", libc::SYS_add_key),
    ("request_key", libc::SYS_request_key),
    ("keyctl", libc::SYS_keyctl),
];

#[test]
fn numbers_are_those_of_the_c_library() {
    for (name, number) in KNOWN {
        let call = TABLE.iter().find(|call| call.name == *name).unwrap();
        assert_eq!(call.native.map(i64::from), Some(*number), "{name}");
    }
    let natives = TABLE.iter().filter(|call| call.native.is_some()).count();
    assert_eq!(natives, KNOWN.len(), "each call is looked up");
}

#[test]
fn what_is_packed_is_read_again() {
    for call in TABLE {
        let packed = Packed(call.packed());
        assert_eq!(packed.kind(), call.kind as u32, "{call:?}");
        let places = Places {
            directory: packed.directory(),
            name: packed.name(),
            directory2: packed.directory2(),
            name2: packed.name2(),
            value: packed.value(),
            second: packed.second(),
        };
        assert_eq!(places, call.places, "{call:?}");
        assert_eq!(packed.quirk(), call.quirk as u32, "{call:?}");
    }
}

#[test]
fn a_number_means_its_own_call_in_each_table() {
    let at = |number: usize| {
        let both = NUMBERS[number];
        (
            Packed(both as u32).kind(),
            Packed((both >> 32) as u32).kind(),
        )
    };
    assert_eq!(at(83), (Kind::Mkdir as u32, Kind::Symlink as u32));
    assert_eq!(at(39), (0, Kind::Mkdir as u32));
    assert_eq!(at(0), (0, 0));
    assert_eq!(Call::of(83).map(|call| call.name), Some("mkdir"));
    assert_eq!(Call::of(83 | COMPAT).map(|call| call.name), Some("symlink"));
    assert!(Call::of(0).is_none());
}

#[test]
fn each_call_has_a_hook() {
    for call in TABLE {
        let hook = crate::event::Hook::by_id(HOOK_OF_KIND[call.kind as usize]).unwrap();
        assert_eq!(hook.kind, call.kind);
    }
}
