//! The end of what was tagged by request.

use anyhow::{anyhow, bail, ensure};

use super::{Target, Untag, Untagged};
use crate::engine::facts;
use crate::engine::live::Live;
use crate::input::AskedFor;
use crate::record::{TICK, WhyOver};

impl Live {
    /// Records a session no more; in force on return.
    ///
    /// # Errors
    /// There is none, or nobody has asked for it.
    pub(in crate::engine) fn untag(&mut self, untag: Untag) -> anyhow::Result<Untagged> {
        let shown = untag.target.shown();
        let key = self.tagged_key(&untag.target)?;
        let running = self.hands.core.pipeline.running();
        let found = running.iter().find(|(session, _)| session.key == key);
        let (session, _) = found.ok_or_else(|| anyhow!("the session of {shown} has just ended"))?;
        ensure!(
            session.request.is_some(),
            "{} was not tagged by request: what the configuration recognises ends with its rule (take it \
             out and reload), a result of a handoff with itself",
            self.shown_session(key)
        );
        let id = session.agent.session;
        self.tell_asked(untag.by, AskedFor::Untag, (key, shown))?;
        self.watch.forget(key);
        let why = WhyOver::UntaggedByRequest;
        let processes = self.hands.dismiss(&self.watch, key, why)?;
        // What lay in it may be wanted by rules, as it would have been without.
        self.hands.begin_watching(&mut self.watch)?;
        Ok(Untagged {
            session: id,
            processes: processes as u64,
        })
    }

    /// The key of the session that is meant.
    fn tagged_key(&mut self, target: &Target) -> anyhow::Result<u64> {
        match target {
            Target::Session(begin) => return self.session_key(begin),
            Target::Process(pid) => {
                let start =
                    facts::start(*pid).ok_or_else(|| anyhow!("there is no process {pid}"))?;
                let tag = self.hands.probes.process_tag(*pid);
                let tag = tag.filter(|tag| tag.start / TICK == start);
                return match tag {
                    Some(tag) => Ok(tag.session),
                    None => bail!("process {pid} belongs to no agent"),
                };
            }
            Target::Command(..) | Target::Cgroup(_) | Target::Unit(_) | Target::Container(_) => {}
        }
        let place = self.place(target)?;
        let key = place.and_then(|(cgroup, _)| self.watch.root_of(&cgroup.path));
        key.ok_or_else(|| anyhow!("{} belongs to no agent", target.shown()))
    }
}
