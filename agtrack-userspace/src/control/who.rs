//! Who may ask for what.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use rustix::net::sockopt::socket_peercred;

use super::message::Request;
use crate::config::GroupMay;
use crate::engine::{RefusedRequests, Requests};
use crate::record::{Requester, Text};
use crate::terminal;

/// How long the recording thread has to say whose a process is.
const PATIENCE: Duration = Duration::from_secs(2);
/// A process that is refused again and again is told of so often.
const QUIET: Duration = Duration::from_secs(10);
/// Processes that are kept apart; of others one is told for all.
const MOST: usize = 64;

/// Whom the configuration lets ask, beside root.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed {
    group: Option<Gid>,
    may: GroupMay,
}

/// A peer that may ask.
#[derive(Debug)]
pub(super) struct Asking {
    /// Who.
    pub(super) by: Requester,
    /// Not everything, as a member of the group.
    may: GroupMay,
    /// Whether it is no agent's is not known: the recording thread does not answer.
    is_unknown: bool,
}

/// Why a peer may not ask.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) pid: u32,
    pub(super) why: anyhow::Error,
}

fn find(name: &str) -> anyhow::Result<Gid> {
    let group = Group::from_name(name).context("cannot read the groups of this host")?;
    group.map(|group| group.gid).ok_or_else(|| {
        anyhow!(
            "there is no group {name:?}, which [control] names; make it (`groupadd --system {name}`) and \
             restart the daemon"
        )
    })
}

impl Allowed {
    /// Root, and the group if there is one.
    pub(super) fn new(group: Option<&str>, may: GroupMay) -> Allowed {
        let group = group.and_then(|name| {
            find(name)
                .inspect_err(|error| {
                    terminal::tell(&format!("warning: {error:#}; only root may ask until then"))
                })
                .ok()
        });
        Allowed { group, may }
    }

    /// The group that the socket is open to.
    pub(super) fn group(&self) -> Option<Gid> {
        self.group
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// It is neither root's nor the group's, or an agent's.
    pub(super) fn identify(
        &self,
        stream: &UnixStream,
        requests: &Requests,
    ) -> Result<Asking, Refused> {
        let peer = socket_peercred(stream)
            .context("cannot find out who asks")
            .map_err(|why| Refused { pid: 0, why })?;
        let pid = peer.pid.as_raw_nonzero().get().unsigned_abs();
        let refused = |why| Refused { pid, why };
        let (uid, gid) = (peer.uid.as_raw(), peer.gid.as_raw());
        let may = self.may(pid, (uid, gid)).map_err(refused)?;
        let tagged = requests.is_tagged(pid, PATIENCE).map_err(refused)?;
        if tagged == Some(true) {
            return Err(refused(anyhow!(
                "process {pid} belongs to an agent, and no agent may direct its own recorder: ask from outside"
            )));
        }
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
        Ok(Asking {
            by: Requester {
                pid,
                uid,
                program: program.map(|path| Text(path.as_os_str().as_bytes().to_vec())),
            },
            may,
            is_unknown: tagged.is_none(),
        })
    }

    fn may(&self, pid: u32, (uid, gid): (u32, u32)) -> anyhow::Result<GroupMay> {
        if uid == 0 {
            return Ok(GroupMay::All);
        }
        let whom = match self.group {
            None => "only root may ask".to_owned(),
            Some(group) if is_member(Uid::from_raw(uid), Gid::from_raw(gid), group) => {
                return Ok(self.may);
            }
            Some(group) => format!("only root and members of group {group} may ask"),
        };
        bail!("{whom}; process {pid} is user {uid}'s: run it with sudo")
    }
}

/// Whether the user accounts say that this user is in the group. What the process says of itself may be
/// another one's by now.
fn is_member(uid: Uid, gid: Gid, group: Gid) -> bool {
    if gid == group {
        return true;
    }
    let user = User::from_uid(uid).ok().flatten();
    let Some(user) = user else { return false };
    let Ok(name) = std::ffi::CString::new(user.name) else {
        return false;
    };
    getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&group))
}

impl Asking {
    /// Whether it may ask for that.
    ///
    /// # Errors
    /// It may not.
    pub(super) fn check(&self, request: &Request) -> anyhow::Result<()> {
        let is_status = matches!(request, Request::Status {});
        ensure!(
            is_status || !self.is_unknown,
            "the recording thread does not answer, so it is not known whether you are an agent's process; \
             `agtrack status` says what hangs"
        );
        ensure!(
            self.may == GroupMay::All || !request.is_deed(),
            "members of the group may look, and only root may change what is recorded or take packets, \
             unless [control] says `group_may = \"all\"`: run it with sudo"
        );
        Ok(())
    }
}

/// Refusals that have not been told yet.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<u32, Pending>>);

#[derive(Debug)]
struct Pending {
    count: u64,
    told: Option<Instant>,
}

impl Refusals {
    /// Another one.
    pub(super) fn add(&self, pid: u32) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = match all.len() < MOST || all.contains_key(&pid) {
            true => pid,
            false => 0,
        };
        let pending = all.entry(pid).or_insert(Pending {
            count: 0,
            told: None,
        });
        pending.count += 1;
    }

    /// Takes those that are due: each process's first at once, others together.
    pub(super) fn take(&self, now: Instant, socket: &std::path::Path) -> Vec<RefusedRequests> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        all.retain(|pid, pending| {
            let is_quiet = pending
                .told
                .is_some_and(|told| now.saturating_duration_since(told) < QUIET);
            if is_quiet {
                return true;
            }
            if pending.count == 0 {
                return false;
            }
            due.push(RefusedRequests {
                pid: *pid,
                socket: PathBuf::from(socket),
                count: std::mem::take(&mut pending.count),
            });
            pending.told = Some(now);
            true
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Filter, TargetWords};

    fn asking(may: GroupMay, is_unknown: bool) -> Asking {
        Asking {
            by: Requester::default(),
            may,
            is_unknown,
        }
    }

    #[test]
    fn the_group_may_look_and_no_more_unless_that_is_said() {
        let untag = Request::Untag(TargetWords::default());
        let looks = [
            Request::Status {},
            Request::Agents {},
            Request::Sessions {},
            Request::Subscribe(Filter::default()),
        ];
        for look in &looks {
            assert!(asking(GroupMay::Read, false).check(look).is_ok());
        }
        let error = asking(GroupMay::Read, false).check(&untag).unwrap_err();
        assert!(error.to_string().contains("group_may"), "{error}");
        assert!(asking(GroupMay::All, false).check(&untag).is_ok());
    }

    #[test]
    fn status_alone_is_answered_while_it_is_not_known_who_asks() {
        let hung = asking(GroupMay::All, true);
        assert!(hung.check(&Request::Status {}).is_ok());
        assert!(hung.check(&Request::Sessions {}).is_err());
    }

    #[test]
    fn who_is_in_no_group_may_not_ask() {
        let allowed = Allowed {
            group: Some(Gid::from_raw(4711)),
            may: GroupMay::Read,
        };
        assert_eq!(allowed.may(1, (0, 0)).unwrap(), GroupMay::All);
        assert_eq!(allowed.may(1, (65_534, 4711)).unwrap(), GroupMay::Read);
        let error = allowed.may(7, (65_534, 65_534)).unwrap_err().to_string();
        assert!(error.contains("members of group 4711"), "{error}");
        let error = Allowed::default().may(7, (65_534, 0)).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("only root may ask; process 7")
        );
        assert_eq!(
            Allowed::new(Some("agtrack-none"), GroupMay::Read).group(),
            None
        );
        let error = find("agtrack-none").unwrap_err();
        assert!(error.to_string().contains("groupadd"), "{error}");
    }

    #[test]
    fn refusals_are_told_at_once_and_then_together() {
        let refusals = Refusals::default();
        let socket = std::path::Path::new("/s");
        let begin = Instant::now();
        let take = |seconds| {
            let now = begin + Duration::from_secs(seconds);
            let due = refusals.take(now, socket).into_iter();
            due.map(|one| (one.pid, one.count)).collect::<Vec<_>>()
        };
        refusals.add(7);
        assert_eq!(take(0), [(7, 1)]);
        for _ in 0..1000 {
            refusals.add(7);
        }
        refusals.add(8);
        assert_eq!(take(1), [(8, 1)]);
        assert_eq!(take(10), [(7, 1000)]);
        assert_eq!(take(60), []);
        assert!(refusals.0.lock().unwrap().is_empty(), "all is forgotten");
        (100..1000).for_each(|pid| refusals.add(pid));
        let told = take(61);
        assert_eq!(told.len(), MOST + 1);
        assert_eq!(told.iter().map(|(_, count)| count).sum::<u64>(), 900);
    }
}
