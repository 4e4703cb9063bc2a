//! Tags by request.

use agtrack_common::tag::LAUNCHED;
use anyhow::{anyhow, bail, ensure};
use uuid::Uuid;

use super::family::{descendants, start_of};
use super::find::Place;
use super::{Identity, Of, Tag, Tagged, Target};
use crate::engine::container::for_records;
use crate::engine::hands::{path_text, session};
use crate::engine::live::Live;
use crate::engine::watch::new_session;
use crate::engine::{AgentRule, TagRequest};
use crate::input::{AskedFor, Input, NewSession};
use crate::record::{Binding, ProcessKey, Requester, TICK, WhyOver};

impl Live {
    /// Records somebody from now on; in force on return.
    ///
    /// # Errors
    /// Nobody like that is there, somebody else has it, or the kernel's maps are full.
    pub(in crate::engine) fn tag(&mut self, tag: Tag) -> anyhow::Result<Tagged> {
        self.hands.probes.attach()?;
        let place = self.place(&tag.target)?;
        let shown = tag.target.shown();
        let by = tag.by.clone();
        let (key, late) = match (tag.target, place) {
            (Target::Process(pid), _) => self.tag_process(pid, tag.of, tag.by)?,
            (Target::Command(pid, _, command), Some((cgroup, _))) => {
                let Of::New(identity) = tag.of else {
                    bail!("a command begins a session of its own")
                };
                self.check_free(&cgroup.path, &cgroup.path.display().to_string())?;
                let (rule, _) = self.identified(&identity)?;
                let id = self.hands.launch(TagRequest {
                    pid,
                    agent: rule,
                    cgroup: Some(cgroup),
                    command: command.into_iter().map(|word| word.0).collect(),
                    packets: None,
                    request: Some(tag.by),
                })?;
                (self.session_key(&id.to_string())?, 0)
            }
            (Target::Command(..) | Target::Session(_), _) | (_, None) => {
                bail!("name a process, a cgroup, a unit or a container")
            }
            (_, Some(place)) => self.tag_place(place, tag.of, tag.by)?,
        };
        self.tell_asked(by, AskedFor::Tag, (key, shown))?;
        let running = self.hands.core.pipeline.running();
        let found = running.iter().find(|(session, _)| session.key == key);
        let (session, _) = found.ok_or_else(|| anyhow!("the session has ended already"))?;
        Ok(Tagged {
            session: session.agent.session,
            agent: session.agent.id.clone(),
            name: session.agent.name.clone(),
            configured: self.watch.rule(&session.agent.id).is_some(),
            late,
            recorder: session.cgroup_id.is_some_and(|id| self.is_in(id)),
            cgroup: session.cgroup.clone(),
        })
    }

    /// Whether the recorder itself is in a cgroup, or below it.
    fn is_in(&self, id: u64) -> bool {
        let hierarchy = self.hands.hierarchy.as_ref();
        let own = hierarchy.and_then(|all| Some((all, all.of_pid(std::process::id()).ok()?)));
        own.is_some_and(|(all, own)| {
            let mut above = own.path.ancestors();
            above.any(|path| all.at(path).is_ok_and(|found| found.id == id))
        })
    }

    /// The agent that is meant, and whether the configuration has it.
    fn identified(&self, identity: &Identity) -> anyhow::Result<(AgentRule, bool)> {
        let wanted = &identity.agent;
        let named = self
            .watch
            .agents()
            .find(|(id, name)| *id == wanted || *name == wanted);
        let rule = named.and_then(|(id, _)| self.watch.rule(id)).cloned();
        let Some(mut rule) = rule else {
            return Ok((identity.rule(), false));
        };
        let others = [&identity.name, &identity.owner, &identity.version];
        ensure!(
            others.iter().all(|other| other.is_none()),
            "agent {} is in the configuration, which says its name, owner and version: leave them out",
            rule.id
        );
        rule.labels.extend(identity.labels.clone());
        Ok((rule, true))
    }

    /// A process that runs, with its descendants. Gives the session's key, and how many there are.
    fn tag_process(&mut self, pid: u32, of: Of, by: Requester) -> anyhow::Result<(u64, u64)> {
        let start = start_of(pid)?;
        if let Some(tag) = self.hands.probes.process_tag(pid)
            && tag.start / TICK == start
        {
            bail!(
                "process {pid} belongs to {} already",
                self.shown_session(tag.session)
            );
        }
        let root = ProcessKey { pid, start };
        let (key, is_new) = match of {
            Of::Session(begin) => (self.session_key(&begin)?, false),
            Of::New(identity) => {
                let (rule, _) = self.identified(&identity)?;
                let key = LAUNCHED | self.hands.next_launch();
                self.hands.learn(root, 0)?;
                let begun = NewSession {
                    key,
                    root: Some(root),
                    request: Some(by),
                    ..new_session(&rule, Binding::Launcher)
                };
                self.hands.core.feed(session(begun))?;
                (key, true)
            }
        };
        let late = self.tag_family(pid, key)?;
        if late == 0 && is_new {
            // It was gone before it was tagged, or there was no room.
            self.over(key)?;
        }
        ensure!(
            late > 0,
            "process {pid} ended before it could be tagged, or the kernel has no room for more tags"
        );
        Ok((key, late))
    }

    /// First the process itself: from then on the kernel tags whom it starts.
    fn tag_family(&mut self, pid: u32, key: u64) -> anyhow::Result<u64> {
        let mut count = 0;
        if !self.hands.tag_running(pid, key)? {
            return Ok(count);
        }
        loop {
            count += 1;
            let before = count;
            for child in descendants(pid) {
                count += u64::from(self.hands.tag_running(child, key)?);
            }
            if count == before {
                return Ok(count);
            }
            count -= 1;
        }
    }

    /// Nothing of a session came to be recorded.
    fn over(&mut self, key: u64) -> anyhow::Result<()> {
        let at = self.now();
        self.hands.core.feed(Input::SessionOver {
            at,
            key,
            dropped: true,
            why: Some(WhyOver::UntaggedByRequest),
        })
    }

    /// A cgroup with everything below it. Gives the session's key, and how many processes there are.
    fn tag_place(
        &mut self,
        (cgroup, container): Place,
        of: Of,
        by: Requester,
    ) -> anyhow::Result<(u64, u64)> {
        let Of::New(identity) = of else {
            bail!(
                "a cgroup begins a session of its own; to join a session that runs, name a process \
                 (what it starts follows it)"
            )
        };
        let shown = cgroup.path.display().to_string();
        self.check_free(&cgroup.path, &shown)?;
        ensure!(
            !self.hands.suspects.asks(cgroup.id),
            "the runtime of {shown} is being asked what it is; try again in some seconds"
        );
        let (rule, _) = self.identified(&identity)?;
        let binding = match container {
            Some(_) => Binding::Container,
            None => Binding::Cgroup,
        };
        let begun = NewSession {
            key: cgroup.id,
            id: Uuid::now_v7(),
            cgroup: Some(path_text(&cgroup.path)),
            cgroup_id: Some(cgroup.id),
            container: container.map(for_records),
            request: Some(by),
            ..new_session(&rule, binding)
        };
        self.hands.core.feed(Input::Cgroup {
            id: cgroup.id,
            path: path_text(&cgroup.path),
        })?;
        self.watch.keep_requested(&cgroup);
        self.hands.core.feed(session(begun))?;
        self.hands.take_root(&mut self.watch, &cgroup, cgroup.id)?;
        let all = self.hands.probes.tagged();
        let late = all.iter().filter(|(_, tag)| tag.session == cgroup.id);
        Ok((cgroup.id, late.count() as u64))
    }

    /// Whether a cgroup can be anybody's.
    fn check_free(&self, path: &std::path::Path, shown: &str) -> anyhow::Result<()> {
        ensure!(
            path != std::path::Path::new("/"),
            "the topmost cgroup has the whole machine in it, the recorder too: name one below"
        );
        if let Some(key) = self.watch.root_of(path) {
            bail!(
                "cgroup {shown} belongs to {} already",
                self.shown_session(key)
            );
        }
        if let Some((key, below)) = self.watch.root_below(path) {
            bail!(
                "below cgroup {shown} lies {}, which belongs to {}: name others, or end that first",
                below.display(),
                self.shown_session(key)
            );
        }
        Ok(())
    }
}

impl From<&str> for Identity {
    fn from(agent: &str) -> Identity {
        Identity {
            agent: agent.to_owned(),
            ..Identity::default()
        }
    }
}
