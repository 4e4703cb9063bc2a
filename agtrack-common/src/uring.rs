//! What can be asked of the kernel through io_uring (include/uapi/linux/io_uring.h, `enum
//! io_uring_op`).

/// How much a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// It moves bytes, waits, looks or lets go, with what is open already: counted, not recorded.
    Quiet,
    /// It sends bytes: recorded where it says whom to.
    Send,
    /// It names something, or changes what others see: each is recorded.
    Deed,
}

macro_rules! requests {
    ($( $number:literal $name:ident $sort:ident; )+) => {
        /// The requests by number: a name as in `openat`, and how much it says.
        const REQUESTS: &[(u8, &str, Sort)] = &[ $( ($number, stringify!($name), Sort::$sort), )+ ];
    };
}

requests! {
    0 nop Quiet;
    1 readv Quiet;
    2 writev Quiet;
    3 fsync Quiet;
    4 read_fixed Quiet;
    5 write_fixed Quiet;
    6 poll_add Quiet;
    7 poll_remove Quiet;
    8 sync_file_range Quiet;
    9 sendmsg Send;
    10 recvmsg Quiet;
    11 timeout Quiet;
    12 timeout_remove Quiet;
    13 accept Deed;
    14 async_cancel Quiet;
    15 link_timeout Quiet;
    16 connect Deed;
    17 fallocate Deed;
    18 openat Deed;
    19 close Quiet;
    20 files_update Quiet;
    21 statx Quiet;
    22 read Quiet;
    23 write Quiet;
    24 fadvise Quiet;
    25 madvise Quiet;
    26 send Send;
    27 recv Quiet;
    28 openat2 Deed;
    29 epoll_ctl Quiet;
    30 splice Quiet;
    31 provide_buffers Quiet;
    32 remove_buffers Quiet;
    33 tee Quiet;
    34 shutdown Deed;
    35 renameat Deed;
    36 unlinkat Deed;
    37 mkdirat Deed;
    38 symlinkat Deed;
    39 linkat Deed;
    40 msg_ring Deed;
    41 fsetxattr Deed;
    42 setxattr Deed;
    43 fgetxattr Quiet;
    44 getxattr Quiet;
    45 socket Deed;
    46 uring_cmd Deed;
    47 send_zc Send;
    48 sendmsg_zc Send;
    49 read_multishot Quiet;
    50 waitid Quiet;
    51 futex_wait Quiet;
    52 futex_wake Quiet;
    53 futex_waitv Quiet;
    54 fixed_fd_install Quiet;
    55 ftruncate Deed;
    56 bind Deed;
    57 listen Deed;
    58 recv_zc Quiet;
    59 epoll_wait Quiet;
    60 readv_fixed Quiet;
    61 writev_fixed Quiet;
    62 pipe Quiet;
    63 nop128 Quiet;
    64 uring_cmd128 Deed;
}

/// The quiet requests, a bit each. What is not in the table is a deed: it is newer than this list.
pub const QUIET: u64 = {
    let mut bits = 0;
    let mut i = 0;
    while i < REQUESTS.len() {
        let (number, _, sort) = REQUESTS[i];
        assert!(number as usize == i, "requests stand in their order");
        if matches!(sort, Sort::Quiet) {
            assert!(number < 64, "a bit each");
            bits |= 1 << number;
        }
        i += 1;
    }
    bits
};

/// Name of a request; none where it is newer than this list.
pub fn name(number: u32) -> Option<&'static str> {
    let (_, name, _) = REQUESTS.get(number as usize)?;
    Some(name)
}

/// Its number.
pub const fn number(wanted: &str) -> u8 {
    let mut i = 0;
    while i < REQUESTS.len() {
        let (number, name, _) = REQUESTS[i];
        if equal(name.as_bytes(), wanted.as_bytes()) {
            return number;
        }
        i += 1;
    }
    panic!("no request has this name")
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_numbers_of_the_kernel() {
        for (name, expect) in [("openat", 18), ("connect", 16), ("ftruncate", 55)] {
            assert_eq!(number(name), expect);
        }
        assert_eq!(name(64), Some("uring_cmd128"));
        assert_eq!(name(65), None);
    }

    #[test]
    fn what_changes_something_by_name_is_not_quiet() {
        for deed in [
            "openat",
            "openat2",
            "unlinkat",
            "renameat",
            "linkat",
            "symlinkat",
            "mkdirat",
            "setxattr",
            "connect",
            "bind",
            "listen",
            "accept",
            "sendmsg",
            "send",
            "uring_cmd",
        ] {
            assert_eq!(QUIET >> number(deed) & 1, 0, "{deed}");
        }
        for quiet in ["nop", "read", "write", "poll_add", "timeout", "recv"] {
            assert_eq!(QUIET >> number(quiet) & 1, 1, "{quiet}");
        }
    }
}
