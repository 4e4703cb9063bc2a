//! Agents recognised by what they execute, and by who they are.
//!
//! The kernel compares at each exec of a process that has no tag, gives it one with a session key of
//! its own, and says by the number of which rule. Here the rules get their numbers, and the session
//! begins when the kernel's message comes. What ran before is found in /proc (`running.rs`).

mod look;
pub(super) mod program;
mod running;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use agtrack_common::event::{Exec, hook};
use agtrack_common::tag::BOUND_MOST;
use agtrack_common::wire::Header;
use anyhow::bail;
use sha2::{Digest, Sha256};
use zerocopy::FromBytes;

use super::AgentRule;
use super::hands::{Hands, session};
use super::watch::{Watch, new_session};
use crate::decode::Program;
use crate::input::{HookCounters, Input, NewSession, ProcessFacts};
use crate::load::Bounds;
use crate::record::{Binding, ProcessKey, Text};

use look::{Looker, Seen};

/// How long a start or a reload waits for the files of programs: a file system that does not answer is
/// not waited for, and until it does its programs are known by their names only.
const LOOK: Duration = Duration::from_secs(1);

/// What a rule compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Matcher {
    /// A program or script, by its path.
    Program(PathBuf),
    /// A real user.
    User(u32),
}

/// A rule in force.
#[derive(Clone, Debug)]
struct Rule {
    agent: AgentRule,
    matcher: Matcher,
}

impl Rule {
    fn binding(&self) -> Binding {
        match self.matcher {
            Matcher::Program(_) => Binding::Executable,
            Matcher::User(_) => Binding::User,
        }
    }
}

/// The rules, and what has come of them.
#[derive(Debug, Default)]
pub(super) struct Bound {
    /// By number, which is also their order: of two that match, the first agent in the configuration gets
    /// the process.
    rules: Vec<(u16, Rule)>,
    /// Numbers that were given out, for good: a message may be on its way.
    numbers: HashMap<(String, Matcher), u16>,
    looker: Looker,
    /// What the files of the programs were when they were looked at last.
    seen: Seen,
    /// What the kernel compares with.
    in_kernel: Bounds,
    /// Running sessions, with the rules that began them.
    sessions: BTreeMap<u64, u16>,
    /// Sessions that nobody knew at the last sweep: their messages may be on their way.
    suspects: BTreeSet<u64>,
    /// Skipped runs at execs that have been made good.
    skipped: u64,
}

impl Bound {
    /// # Errors
    /// There are more rules than the kernel has room for.
    pub(super) fn new(agents: &[AgentRule]) -> anyhow::Result<Bound> {
        let mut bound = Bound::default();
        let rules = agents.iter().flat_map(|agent| {
            let programs = agent.executables.iter().cloned().map(Matcher::Program);
            let users = agent.users.iter().copied().map(Matcher::User);
            let rule = |matcher| Rule {
                agent: agent.clone(),
                matcher,
            };
            programs.chain(users).map(rule)
        });
        let rules: Vec<_> = rules.collect();
        // A program has two names at most: that of a link, and that of what it leads to.
        if rules.len() > BOUND_MOST as usize / 2 {
            bail!(
                "{} executables and users are named, and {} can be at a time; name fewer in the configuration",
                rules.len(),
                BOUND_MOST / 2
            );
        }
        bound.rules = bound.numbered(rules)?;
        Ok(bound)
    }

    fn numbered(&mut self, rules: Vec<Rule>) -> anyhow::Result<Vec<(u16, Rule)>> {
        let mut numbered = Vec::new();
        for rule in rules {
            let next = u16::try_from(self.numbers.len() + 1);
            let key = (rule.agent.id.clone(), rule.matcher.clone());
            let number = match (self.numbers.get(&key), next) {
                (Some(number), _) => *number,
                (None, Ok(next)) => *self.numbers.entry(key).or_insert(next),
                (None, Err(_)) => bail!(
                    "65535 executables and users have been named since the daemon started; restart it: \
                     `systemctl restart agtrack`"
                ),
            };
            numbered.push((number, rule));
        }
        Ok(numbered)
    }

    /// Other rules from now on. Gives the sessions that were begun by one that is no more.
    ///
    /// # Errors
    /// As many have been given numbers as there are.
    pub(super) fn replace(&mut self, new: Bound) -> anyhow::Result<Vec<u64>> {
        let rules = new.rules.into_iter().map(|(_, rule)| rule).collect();
        self.rules = self.numbered(rules)?;
        let kept: BTreeSet<u16> = self.rules.iter().map(|(number, _)| *number).collect();
        let over = self
            .sessions
            .extract_if(.., |_, number| !kept.contains(number));
        Ok(over.map(|(key, _)| key).collect())
    }

    /// The first rule by which an agent of this id is bound so.
    pub(super) fn rule_of(&self, agent: &str, binding: Binding) -> Option<u16> {
        let is_it = |rule: &Rule| rule.agent.id == agent && rule.binding() == binding;
        let (number, _) = self.rules.iter().find(|(_, rule)| is_it(rule))?;
        Some(*number)
    }

    /// A session has begun by a rule.
    pub(super) fn begun(&mut self, session: u64, number: u16) {
        self.sessions.insert(session, number);
    }

    /// What the numbers of the rules mean, in short.
    pub(super) fn meaning(&self) -> u32 {
        let rules = self.rules.iter().map(|(number, rule)| {
            let (agent, matcher) = (&rule.agent.id, &rule.matcher);
            format!("{number} {agent:?} {matcher:?}\n")
        });
        let digest = Sha256::digest(rules.collect::<String>());
        u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
    }

    fn rule(&self, number: u16) -> Option<&Rule> {
        let (_, rule) = self.rules.iter().find(|(other, _)| *other == number)?;
        Some(rule)
    }

    /// The programs, with the numbers of their rules.
    fn programs(&self) -> Vec<(u16, PathBuf)> {
        let program = |(number, rule): &(u16, Rule)| match &rule.matcher {
            Matcher::Program(path) => Some((*number, path.clone())),
            Matcher::User(_) => None,
        };
        self.rules.iter().filter_map(program).collect()
    }

    /// The first rule of each user.
    fn users(&self) -> BTreeMap<u32, u32> {
        let mut users = BTreeMap::new();
        for (number, rule) in &self.rules {
            if let Matcher::User(user) = rule.matcher {
                users.entry(user).or_insert(u32::from(*number));
            }
        }
        users
    }

    /// Looks at the files of the programs.
    pub(super) fn look(&mut self) {
        let programs = self.programs();
        self.seen = self.looker.look_for(programs, LOOK);
    }

    /// What the kernel is to compare with.
    fn wanted(&self) -> Bounds {
        Bounds {
            files: self.seen.files(),
            names: self.seen.names(),
            users: self.users(),
        }
    }
}

/// What the kernel told of a process; none where that is too long for one message, whose parts are
/// elsewhere.
fn told(body: &Exec, data: &[u8], process: ProcessKey) -> Option<ProcessFacts> {
    let paths = [body.exe_path, body.cwd, body.script, body.script_file];
    let paths = paths.iter().flat_map(|path| [path.walked, path.name]);
    let lengths = paths.chain([body.args_kept, body.environment.names]);
    let length: u64 = lengths.map(u64::from).sum();
    if (data.len() as u64) < length {
        return None;
    }
    let program = Program::new(body, data);
    let parent = ProcessKey::new(body.parent, body.parent_start);
    Some(ProcessFacts {
        pid: process.pid,
        start: process.start,
        ppid: parent.pid,
        parent_start: parent.start,
        exe: Some(Text(program.exe.bytes)),
        args: crate::enrich::arguments(program.args).collect(),
        cwd: Some(Text(program.cwd.bytes)),
        user: Some(body.uid),
        euser: Some(body.euid),
        ..ProcessFacts::default()
    })
}

/// The session of a process that a rule names.
fn bound_session(rule: &Rule, key: u64, root: ProcessKey, command: Vec<Text>) -> NewSession {
    NewSession {
        key,
        root: Some(root),
        command,
        ..new_session(&rule.agent, rule.binding())
    }
}

impl Hands {
    /// Compares with the rules in force from now on, and takes up what runs already.
    pub(super) fn begin_binding(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        watch.bound.look();
        self.bind(watch)?;
        self.resume_bound(watch)?;
        self.find_running(watch)
    }

    fn bind(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let wanted = watch.bound.wanted();
        if wanted != watch.bound.in_kernel || self.past.kept {
            self.probes.bind(&watch.bound.in_kernel, &wanted)?;
            self.probes.set_rules(watch.bound.meaning())?;
            watch.bound.in_kernel = wanted;
        }
        Ok(())
    }

    /// A program was executed. The first that a rule names begins a session.
    pub(super) fn executed(&mut self, watch: &mut Watch, bytes: &[u8]) -> anyhow::Result<()> {
        let Ok((header, rest)) = Header::read_from_prefix(bytes) else {
            return Ok(());
        };
        let Ok((body, data)) = Exec::read_from_prefix(rest) else {
            return Ok(());
        };
        if body.bound == 0 || self.core.pipeline.knows(header.session) {
            return Ok(());
        }
        let Some(rule) = watch.bound.rule(body.bound) else {
            return self.untag_stray(watch, header.session);
        };
        let root = ProcessKey::new(header.tgid, header.start);
        let told = told(&body, data, root);
        let command = match &told {
            Some(told) => told.args.clone(),
            None => super::facts::arguments_of(root).unwrap_or_default(),
        };
        let begun = NewSession {
            program: Some(program::executed(&body, data, told.as_ref(), header.time)),
            ..bound_session(rule, header.session, root, command)
        };
        // First as somebody's process, so that the session can name it. One that has ended already is known
        // from what the kernel told.
        if !self.look_up(root, 0)?
            && let Some(told) = told
        {
            self.learn(ProcessKey::new(body.parent, body.parent_start), 0)?;
            self.core.feed(Input::Process(Box::new(told)))?;
        }
        self.core.feed(session(begun))?;
        watch.bound.sessions.insert(header.session, body.bound);
        Ok(())
    }

    /// Sees what has become of the programs' files, and forgets sessions that have ended.
    pub(super) fn sweep_bound(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let pipeline = &self.core.pipeline;
        watch.bound.sessions.retain(|key, _| pipeline.knows(*key));
        self.forget_suspects(watch);
        let programs = watch.bound.programs();
        if programs.is_empty() {
            return Ok(());
        }
        if let Some(seen) = watch.bound.looker.look_again(programs) {
            watch.bound.seen = seen;
            self.bind(watch)?;
        }
        Ok(())
    }

    /// Where the kernel skipped the program at an exec, it compared nothing.
    pub(super) fn repair_bound(
        &mut self,
        watch: &mut Watch,
        counters: &[HookCounters],
    ) -> anyhow::Result<()> {
        let of_exec = counters.iter().filter(|all| all.hook == hook::EXEC);
        let skipped = of_exec.map(|counters| counters.skipped).sum();
        if watch.bound.rules.is_empty() || skipped == watch.bound.skipped {
            return Ok(());
        }
        watch.bound.skipped = skipped;
        self.find_running(watch)
    }
}
