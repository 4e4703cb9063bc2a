//! The channels by which work leaves a session: nothing but data. A row more is all that a new one
//! needs. `*` stays within one part of a path, `**` crosses parts.

use super::Channel;
use super::result::Gives;

/// Others do the work.
const fn outside(name: &'static str, can: &'static str) -> Channel {
    Channel {
        name,
        can,
        recorded: false,
        gives: Gives::Nothing,
        sockets: &[],
        programs: &[],
        files: &[],
    }
}

/// Somebody else's rights, in processes below the agent's.
const fn inside(name: &'static str, programs: &'static [&'static str]) -> Channel {
    Channel {
        recorded: true,
        programs,
        ..outside(name, "runs programs as another user")
    }
}

/// All of them; where a name fits several, the first.
pub(super) const TABLE: &[Channel] = &[
    Channel {
        sockets: &[
            "/run/docker.sock",
            "/var/run/docker.sock",
            "/run/user/*/docker.sock",
            "/**/.docker/run/docker.sock",
            "/**/.docker/desktop/docker.sock",
            "/run/buildkit/*.sock",
        ],
        gives: Gives::Containers(&["docker", "podman"]),
        ..outside("docker", "starts containers, as root where they may")
    },
    Channel {
        sockets: &[
            "/run/podman/podman.sock",
            "/var/run/podman/podman.sock",
            "/run/user/*/podman/podman.sock",
        ],
        gives: Gives::Containers(&["podman"]),
        ..outside("podman", "starts containers")
    },
    Channel {
        sockets: &["/run/containerd/**", "/run/k3s/containerd/containerd.sock"],
        gives: Gives::Containers(&["containerd", "docker"]),
        ..outside("containerd", "starts containers, as root where they may")
    },
    Channel {
        sockets: &["/run/crio/crio.sock", "/var/run/crio/crio.sock"],
        gives: Gives::Containers(&["cri-o"]),
        ..outside("cri-o", "starts containers, as root where they may")
    },
    Channel {
        sockets: &[
            "/var/lib/lxd/unix.socket",
            "/var/snap/lxd/common/lxd/unix.socket",
            "/var/lib/incus/unix.socket",
        ],
        gives: Gives::Containers(&["lxc"]),
        ..outside("lxd", "starts containers and virtual machines")
    },
    Channel {
        sockets: &["/run/libvirt/*sock*", "/run/user/*/libvirt/*sock*"],
        ..outside("libvirt", "starts virtual machines")
    },
    Channel {
        sockets: &["/run/systemd/private", "/run/user/*/systemd/private"],
        programs: &["systemd-run"],
        files: &[
            "/etc/systemd/system/**",
            "/etc/systemd/user/**",
            "/run/systemd/system/**",
            "/run/systemd/transient/**",
            "/usr/lib/systemd/system/**",
            "/usr/lib/systemd/user/**",
            "/lib/systemd/system/**",
            "/**/.config/systemd/user/**",
        ],
        gives: Gives::Units,
        ..outside("systemd", "starts units")
    },
    Channel {
        sockets: &[
            "/run/dbus/system_bus_socket",
            "/var/run/dbus/system_bus_socket",
            "/run/user/*/bus",
        ],
        gives: Gives::Transient,
        ..outside("dbus", "asks services, systemd and polkit among them")
    },
    Channel {
        sockets: &["/run/snapd.socket", "/run/snapd-snap.socket"],
        ..outside("snapd", "installs and starts programs")
    },
    Channel {
        programs: &["crontab"],
        files: &[
            "/etc/crontab",
            "/etc/anacrontab",
            "/etc/cron.*/**",
            "/var/spool/cron/**",
        ],
        ..outside("cron", "runs commands at given times")
    },
    Channel {
        programs: &["at", "batch"],
        files: &["/var/spool/at/**", "/var/spool/cron/atjobs/**"],
        ..outside("at", "runs commands at a given time")
    },
    Channel {
        sockets: &[
            "/tmp/ssh-*/agent.*",
            "/run/user/*/keyring/ssh",
            "/run/user/*/keyring/.ssh",
            "/run/user/*/gcr/ssh",
            "/run/user/*/ssh-agent.socket",
            "/run/user/*/openssh_agent",
            "/**/.ssh/agent/**",
            "/run/user/*/gnupg/S.gpg-agent.ssh",
            "/**/.gnupg/S.gpg-agent.ssh",
        ],
        ..outside("ssh-agent", "signs with keys that never leave it")
    },
    Channel {
        sockets: &[
            "/run/user/*/gnupg/**/S.gpg-agent*",
            "/run/user/*/gnupg/S.gpg-agent*",
            "/**/.gnupg/S.gpg-agent*",
        ],
        ..outside(
            "gpg-agent",
            "signs and decrypts with keys that never leave it",
        )
    },
    Channel {
        sockets: &["/run/user/*/keyring/**", "/run/user/*/kwallet*.socket"],
        ..outside("keyring", "gives out secrets")
    },
    Channel {
        sockets: &["/tmp/tmux-*/**", "/run/tmux/**"],
        ..outside("tmux", "runs commands in its own sessions")
    },
    Channel {
        sockets: &["/run/screen/**", "/var/run/screen/**", "/**/.screen/**"],
        ..outside("screen", "runs commands in its own sessions")
    },
    inside("sudo", &["sudo", "sudoedit"]),
    inside("doas", &["doas"]),
    inside("su", &["su", "runuser"]),
    inside("pkexec", &["pkexec"]),
    Channel {
        programs: &["run0"],
        gives: Gives::Units,
        ..outside("systemd", "starts units")
    },
];
