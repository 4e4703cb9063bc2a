//! What to do about a back end that does not work, from what was really found.
//!
//! Never: advises what is done already, or what would change nothing.

use agtrack_common::event::Attach;

use super::build::Build;
use crate::load::{Backend, HookState, Probed};

/// Without it ftrace cannot call a trampoline.
const DIRECT_CALLS: &str = "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS";
const BPF_LSM: &str = "CONFIG_BPF_LSM";

/// No known lack explains it.
const REPORT: &str = "please report the reason above with the output of `uname -a`: agtrack should \
                      work with this kernel";

/// Whether the kernel takes programs that run by trampoline: LSM, fentry and fexit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trampolines {
    /// At least one was attached.
    Work,
    /// Every one was refused.
    Refused,
    /// None was tried.
    Untried,
}

impl Trampolines {
    /// From what the hooks of all back ends got.
    pub(super) fn of(probed: &[Probed]) -> Trampolines {
        let needs_one = |hook: &&HookState| {
            matches!(
                hook.hook.attach,
                Attach::Lsm(_) | Attach::Fentry(_) | Attach::Fexit(..) | Attach::FexitMapped(..)
            )
        };
        let mut hooks = probed.iter().flat_map(|back_end| &back_end.hooks);
        let mut tried = hooks.by_ref().filter(needs_one).peekable();
        if tried.peek().is_none() {
            Trampolines::Untried
        } else if tried.any(|hook| hook.missing.is_none()) {
            Trampolines::Work
        } else {
            Trampolines::Refused
        }
    }
}

/// What the advice depends on.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// What the kernel was built with.
    pub(super) build: Build,
    /// `/sys/kernel/security/lsm`, trimmed.
    pub(super) modules: Option<String>,
    /// `/proc/cmdline`.
    pub(super) boot: String,
    /// The kernel interprets BPF programs.
    pub(super) interprets: bool,
    pub(super) trampolines: Trampolines,
}

impl Ground {
    /// Whether `bpf` is among the active LSMs.
    pub(super) fn bpf_is_active(&self) -> Option<bool> {
        Some(names_bpf(self.modules.as_deref()?))
    }

    /// What to do about a back end that does not work. `used` is the one that does.
    pub(super) fn remedy(&self, refused: Backend, used: Option<Backend>) -> Option<String> {
        match refused {
            Backend::Lsm => Some(self.for_lsm()),
            Backend::Fentry => Some(self.for_trampolines(used)),
            Backend::Tracepoint => Some(REPORT.to_owned()),
        }
    }

    fn for_lsm(&self) -> String {
        let text = match (self.trampolines, self.bpf_is_active()) {
            (Trampolines::Refused, Some(true)) => {
                "`bpf` is among the active LSMs as it should be; what is missing is what fentry \
                 needs, see there"
            }
            (Trampolines::Refused, _) => {
                "first what fentry needs, see there; without that `bpf` among the active LSMs would \
                 change nothing"
            }
            (_, Some(true)) => REPORT,
            (_, Some(false) | None) => "see active LSMs above",
        };
        text.to_owned()
    }

    fn for_trampolines(&self, used: Option<Backend>) -> String {
        if self.trampolines != Trampolines::Refused {
            return REPORT.to_owned();
        }
        let instead = match used {
            Some(used) => format!(
                "; agtrack uses back end {} instead, with the costs told there",
                used.name()
            ),
            None => String::new(),
        };
        let refuses = "this kernel, a lockdown policy or the hypervisor that it runs on refuses \
                       programs of this kind";
        match self.build.has(DIRECT_CALLS) {
            _ if self.interprets => "sysctl net.core.bpf_jit_enable=1".to_owned(),
            Some(true) => format!(
                "nothing that is known: the kernel is built for it ({DIRECT_CALLS}=y), so {refuses}\
                 {instead}"
            ),
            Some(false) => format!(
                "boot a kernel built with {DIRECT_CALLS}=y, as distributions' are; this one is not\
                 {instead}"
            ),
            None => format!(
                "look up whether this kernel was built with {DIRECT_CALLS}=y; it cannot be told \
                 here (neither /proc/config.gz nor /boot/config-$(uname -r) can be read). If not, \
                 boot one that is; if it was, {refuses}{instead}"
            ),
        }
    }

    /// How to have `bpf` among the active LSMs.
    pub(super) fn activate_bpf(&self, active: &str) -> String {
        let known = self.build.has(BPF_LSM);
        let booted = self
            .boot
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("lsm="))
            .next_back();
        if known == Some(false) || booted.is_some_and(names_bpf) {
            return format!("boot a kernel built with {BPF_LSM}=y; this one is not");
        }
        let instead = match booted {
            Some(_) => " in place of the lsm= that is there",
            None => "",
        };
        let mut text = format!(
            "put lsm={active},bpf on the kernel command line{instead}: on Debian and Ubuntu into \
             GRUB_CMDLINE_LINUX in /etc/default/grub, then `update-grub` and reboot"
        );
        if known.is_none() {
            text.push_str(&format!("; the kernel must be built with {BPF_LSM}=y"));
        }
        if self.trampolines == Trampolines::Refused {
            text.push_str(
                "; that alone changes nothing as long as this kernel refuses what back end fentry \
                 needs (below)",
            );
        }
        text
    }
}

fn names_bpf(list: &str) -> bool {
    list.split(',').any(|name| name == "bpf")
}

#[cfg(test)]
mod tests {
    use super::*;
    use agtrack_common::event::HOOKS;

    fn ground(build: &str, modules: &str, trampolines: Trampolines) -> Ground {
        Ground {
            build: Build::from_text(build),
            modules: Some(modules.to_owned()),
            boot: "quiet ro".to_owned(),
            interprets: false,
            trampolines,
        }
    }

    /// The text has all of `has` and nothing of `lacks`.
    fn check(text: &str, has: &[&str], lacks: &[&str]) {
        assert!(has.iter().all(|part| text.contains(part)), "{text}");
        assert!(!lacks.iter().any(|part| text.contains(part)), "{text}");
    }

    const SET: &str = "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y\nCONFIG_BPF_LSM=y\n";

    #[test]
    fn an_option_that_is_set_is_not_asked_for() {
        let used = Some(Backend::Tracepoint);
        let text = |build| {
            let ground = ground(build, "bpf", Trampolines::Refused);
            ground.remedy(Backend::Fentry, used).unwrap_or_default()
        };
        check(
            &text(SET),
            &[
                "nothing that is known",
                "hypervisor",
                "back end tracepoint instead",
            ],
            &["boot a kernel"],
        );
        check(
            &text("CONFIG_X=y\n"),
            &["boot a kernel built with CONFIG_DYNAMIC_F"],
            &["hypervisor"],
        );
        let unread = Ground {
            build: Build::default(),
            ..ground("", "bpf", Trampolines::Refused)
        };
        let text = unread.remedy(Backend::Fentry, None).unwrap_or_default();
        check(
            &text,
            &["cannot be told", "/proc/config.gz", "hypervisor"],
            &["instead"],
        );
    }

    #[test]
    fn a_kernel_that_interprets_programs_is_told_to_compile_them() {
        let interprets = Ground {
            interprets: true,
            ..ground(SET, "bpf", Trampolines::Refused)
        };
        let text = interprets.remedy(Backend::Fentry, None);
        assert_eq!(text.as_deref(), Some("sysctl net.core.bpf_jit_enable=1"));
    }

    #[test]
    fn what_is_fulfilled_is_not_asked_for_again() {
        let text = |modules, trampolines| {
            let ground = ground(SET, modules, trampolines);
            ground.remedy(Backend::Lsm, None).unwrap_or_default()
        };
        check(
            &text("a,bpf", Trampolines::Refused),
            &["as it should be", "fentry"],
            &["lsm="],
        );
        check(
            &text("a", Trampolines::Refused),
            &["first what fentry needs"],
            &["lsm="],
        );
        check(
            &text("a", Trampolines::Work),
            &["see active LSMs above"],
            &["fentry"],
        );
        check(
            &text("a,bpf", Trampolines::Work),
            &["uname -a"],
            &["lsm", "fentry"],
        );
    }

    #[test]
    fn how_bpf_gets_among_the_active_modules_is_said_exactly() {
        let text = ground(SET, "a,b", Trampolines::Work).activate_bpf("a,b");
        assert_eq!(
            text,
            "put lsm=a,b,bpf on the kernel command line: on Debian and Ubuntu into \
             GRUB_CMDLINE_LINUX in /etc/default/grub, then `update-grub` and reboot"
        );
        let booted = Ground {
            boot: "ro lsm=a,b quiet".to_owned(),
            ..ground("", "a,b", Trampolines::Refused)
        };
        check(
            &booted.activate_bpf("a,b"),
            &["built with CONFIG_BPF_LSM=y; this one"],
            &["grub"],
        );
        let unread = Ground {
            build: Build::default(),
            ..booted
        };
        check(
            &unread.activate_bpf("a,b"),
            &[
                "in place of the lsm=",
                "must be built with CONFIG_BPF_LSM",
                "alone changes nothing",
            ],
            &[],
        );
        let already = Ground {
            boot: "lsm=a,b,bpf".to_owned(),
            ..unread
        };
        check(
            &already.activate_bpf("a,b"),
            &["built with CONFIG_BPF_LSM=y"],
            &["grub"],
        );
    }

    #[test]
    fn trampolines_work_where_one_hook_got_one() {
        let hooks = |works: Option<&str>| {
            let state = |hook: &'static agtrack_common::event::Hook| HookState {
                hook,
                target: String::new(),
                missing: (Some(hook.program) != works).then(|| "EPERM".to_owned()),
                instructions: None,
            };
            let probed = Probed {
                backend: Backend::Lsm,
                refused: None,
                hooks: HOOKS.iter().map(state).collect(),
            };
            Trampolines::of(&[probed])
        };
        assert_eq!(hooks(None), Trampolines::Refused);
        let program = |wanted: fn(&Attach) -> bool| {
            let hook = HOOKS.iter().find(|hook| wanted(&hook.attach));
            hook.map(|hook| hook.program)
        };
        let tracepoint = program(|attach| matches!(attach, Attach::TpBtf(_)));
        assert_eq!(hooks(tracepoint), Trampolines::Refused);
        let fentry = program(|attach| matches!(attach, Attach::Fentry(_)));
        assert_eq!(hooks(fentry), Trampolines::Work);
        assert_eq!(Trampolines::of(&[]), Trampolines::Untried);
    }
}
