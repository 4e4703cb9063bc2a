//! Messages on their way to the pipeline. Those about cgroups, and some about programs (`bound.rs`),
//! change what is tagged, and bring facts along that only /proc knows; the rest passes through.

use agtrack_common::event::{CgroupAttach, CgroupCreate, CgroupRemove, Fork, Kind};
use agtrack_common::wire::{Header, PART};
use zerocopy::FromBytes;

use super::hands::{Hands, path_text, session};
use super::watch::{self, Verdict, Watch};
use crate::cgroup::Cgroup;
use crate::input::Input;
use crate::record::ProcessKey;

/// Cgroups that were looked for and are kept in mind.
const MOST_SOUGHT: usize = 1024;

impl Hands {
    /// Takes one message; what goes wrong is kept in `failed`.
    pub(super) fn message(&mut self, watch: &mut Watch, bytes: &[u8]) {
        let kind = bytes
            .first_chunk()
            .map_or(0, |kind| u16::from_ne_bytes(*kind));
        self.events += u64::from(kind != PART);
        let handled = match Kind::from_id(kind) {
            Some(Kind::CgroupCreate) => self.cgroup_created(watch, bytes),
            Some(Kind::CgroupAttach) => self.cgroup_attached(watch, bytes),
            Some(Kind::Exec) => self.executed(watch, bytes),
            Some(Kind::Fork) => self.forked(bytes),
            Some(Kind::TrackerSignal | Kind::TrackerPtrace | Kind::TrackerCgroup) => {
                self.attempted(bytes)
            }
            _ => Ok(()),
        };
        let fed = handled.and_then(|()| {
            self.core.feed(Input::Message {
                bytes: bytes.into(),
            })
        });
        let removed = match Kind::from_id(kind) {
            Some(Kind::CgroupRemove) => self.cgroup_removed(watch, bytes),
            _ => Ok(()),
        };
        if let Err(error) = fed.and(removed) {
            self.failed.get_or_insert(error);
        }
    }

    /// A new cgroup may begin a session. The kernel has tagged it already where its parent is
    /// watched for that; elsewhere it is tagged now, and what got in meanwhile is late.
    fn cgroup_created(&mut self, watch: &mut Watch, bytes: &[u8]) -> anyhow::Result<()> {
        let created = body_and_path::<CgroupCreate>(bytes, |body| body.path);
        let (Some((body, path)), Ok((header, _))) = (created, Header::read_from_prefix(bytes))
        else {
            return Ok(());
        };
        let Some(hierarchy) = &self.hierarchy else {
            return Ok(());
        };
        let path = std::path::PathBuf::from(path);
        // What the mount does not show is nobody's here, as at the start.
        let Some(dir) = hierarchy.dir(&path) else {
            return self.untag_stray(watch, body.session);
        };
        let by_kernel = body.session == body.id;
        let cgroup = Cgroup {
            path,
            dir,
            id: body.id,
        };
        let verdict = watch.consider(cgroup.clone());
        match verdict {
            Verdict::Begins(root) if by_kernel => {
                self.core.feed(session(root.session))?;
                return self.tag_homeless(watch);
            }
            Verdict::Begins(root) => self.begin_root(watch, *root)?,
            Verdict::Suspected(suspected) if by_kernel => return self.suspect(*suspected, true),
            Verdict::Suspected(suspected) => {
                return self.suspect_late(watch, *suspected, body.session);
            }
            Verdict::Parent => self.tag_cgroup(body.id, watch::parent_tag()),
            Verdict::Nobodys if self.await_result(cgroup, header.time) => return Ok(()),
            Verdict::Watched | Verdict::Nobodys => {}
        }
        // Where it was tagged on suspicion.
        self.untag_stray(watch, body.session)
    }

    /// A process that comes from outside brings a past that only /proc knows.
    fn cgroup_attached(&mut self, watch: &mut Watch, bytes: &[u8]) -> anyhow::Result<()> {
        let Ok((_, rest)) = Header::read_from_prefix(bytes) else {
            return Ok(());
        };
        match CgroupAttach::read_from_prefix(rest) {
            Ok((body, _)) if body.tagged != 0 => {
                self.judge_stray(watch, body.session)?;
                if self.is_stray(body.session) {
                    return Ok(());
                }
                let process = ProcessKey::new(body.target, body.target_start);
                self.learn(process, body.session)
            }
            _ => Ok(()),
        }
    }

    /// A child may be born into a cgroup of which nobody has told (`CLONE_INTO_CGROUP`).
    fn forked(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let Ok((_, rest)) = Header::read_from_prefix(bytes) else {
            return Ok(());
        };
        match Fork::read_from_prefix(rest) {
            Ok((body, _)) => self.learn_cgroup(body.cgroup),
            Err(_) => Ok(()),
        }
    }

    /// Where the cgroup of this id is. The search goes through all of them, so it is made once.
    pub(super) fn learn_cgroup(&mut self, id: u64) -> anyhow::Result<()> {
        if id == 0 || self.core.pipeline.knows_cgroup(id) || self.sought.contains(&id) {
            return Ok(());
        }
        if self.sought.len() >= MOST_SOUGHT {
            self.sought.clear();
        }
        self.sought.insert(id);
        let hierarchy = self.hierarchy.as_ref();
        match hierarchy.and_then(|all| all.by_id(id).ok().flatten()) {
            Some(cgroup) => self.core.feed(Input::Cgroup {
                id,
                path: path_text(&cgroup.path),
            }),
            None => Ok(()),
        }
    }

    fn cgroup_removed(&mut self, watch: &mut Watch, bytes: &[u8]) -> anyhow::Result<()> {
        let removed = body_and_path::<CgroupRemove>(bytes, |body| body.path);
        match (removed, Header::read_from_prefix(bytes)) {
            (Some((body, _)), Ok((header, _))) => {
                self.suspects.removed(body.id, header.time);
                self.root_gone(watch, body.id, header.time)
            }
            _ => Ok(()),
        }
    }
}

/// The body of a message and the path behind it.
fn body_and_path<T: FromBytes>(
    bytes: &[u8],
    length: impl Fn(&T) -> u32,
) -> Option<(T, std::ffi::OsString)> {
    use std::os::unix::ffi::OsStringExt;
    let (_, rest) = Header::read_from_prefix(bytes).ok()?;
    let (body, tail) = T::read_from_prefix(rest).ok()?;
    let path = tail.get(..length(&body) as usize)?;
    Some((body, std::ffi::OsString::from_vec(path.to_vec())))
}
