/// Where a program attaches. Several names: the first that the kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// BTF-typed tracepoint.
    TpBtf(&'static str),
    /// BTF-typed tracepoint at which io_uring takes a request, under one of these names.
    Submission(&'static [&'static str]),
    /// LSM hook, without the `bpf_lsm_` prefix. Needs `bpf` in the list of active LSMs.
    Lsm(&'static str),
    /// Entry of a kernel function.
    Fentry(&'static [&'static str]),
    /// Return of a kernel function that takes this many arguments; the result lies behind them.
    Fexit(&'static [&'static str], usize),
    /// Return of a kernel function that takes this many arguments, of which the first is the id
    /// mapping of a mount. Before 5.12 the function has no such argument.
    FexitMapped(&'static str, usize),
    /// `connect` on an IPv4 socket, at the cgroup2 root.
    CgroupConnect4,
    /// `connect` on an IPv6 socket, at the cgroup2 root.
    CgroupConnect6,
    /// A datagram with an IPv4 address is sent, at the cgroup2 root.
    CgroupSendmsg4,
    /// A datagram with an IPv6 address is sent, at the cgroup2 root.
    CgroupSendmsg6,
    /// The IPv4 address of a received datagram is handed out, at the cgroup2 root. Since 5.2.
    CgroupRecvmsg4,
    /// The IPv6 address of a received datagram is handed out, at the cgroup2 root. Since 5.2.
    CgroupRecvmsg6,
    /// An IPv4 or IPv6 socket is made, at the cgroup2 root.
    CgroupSockCreate,
    /// Such a socket is closed by the last who had it open, at the cgroup2 root. Since 5.9.
    CgroupSockRelease,
    /// A TCP connection is established, among others, at the cgroup2 root.
    CgroupSockOps,
    /// A packet leaves a socket, at the cgroup2 root.
    CgroupEgress,
    /// A packet comes to a socket, at the cgroup2 root.
    CgroupIngress,
}

impl core::fmt::Display for Attach {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (kind, names): (&str, &[&str]) = match self {
            Attach::TpBtf(name) => ("tp_btf", &[name]),
            Attach::Submission(names) => ("tp_btf", names),
            Attach::Lsm(name) => ("lsm", &[name]),
            Attach::Fentry(names) => ("fentry", names),
            Attach::Fexit(names, _) => ("fexit", names),
            Attach::FexitMapped(name, _) => ("fexit", &[name]),
            Attach::CgroupConnect4 => ("cgroup", &["connect4"]),
            Attach::CgroupConnect6 => ("cgroup", &["connect6"]),
            Attach::CgroupSendmsg4 => ("cgroup", &["sendmsg4"]),
            Attach::CgroupSendmsg6 => ("cgroup", &["sendmsg6"]),
            Attach::CgroupRecvmsg4 => ("cgroup", &["recvmsg4"]),
            Attach::CgroupRecvmsg6 => ("cgroup", &["recvmsg6"]),
            Attach::CgroupSockCreate => ("cgroup", &["sock_create"]),
            Attach::CgroupSockRelease => ("cgroup", &["sock_release"]),
            Attach::CgroupSockOps => ("cgroup", &["sock_ops"]),
            Attach::CgroupEgress => ("cgroup", &["egress"]),
            Attach::CgroupIngress => ("cgroup", &["ingress"]),
        };
        f.write_str(kind)?;
        for (index, name) in names.iter().enumerate() {
            f.write_str(if index == 0 { " " } else { " or " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}
