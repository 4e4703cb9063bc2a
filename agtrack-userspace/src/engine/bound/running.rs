//! Processes that run already when a rule names them, or whose exec the kernel did not tell.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use agtrack_common::tag::bound_key;

use super::look::{self, Program};
use super::{Bound, bound_session, program};
use crate::engine::clock;
use crate::engine::facts::{self, Kin};
use crate::engine::hands::{Hands, session};
use crate::engine::sweep::orphans;
use crate::engine::watch::Watch;
use crate::input::{Input, NewSession};
use crate::record::{ProcessKey, TICK, Text};

/// Arguments of an interpreter among which the script is: the kernel puts one before it at most, and
/// `env` starts the interpreter with the same.
const SCRIPT_AMONG: usize = 2;

/// What /proc says of a process that can be compared.
#[derive(Debug, Default)]
struct Runs {
    /// Device and inode of its executable.
    stat: Option<(u64, u64)>,
    /// Path of it, as it was.
    exe: Vec<u8>,
    args: Vec<Text>,
    user: Option<u32>,
}

impl Bound {
    /// The agent whose rules name a process.
    pub(in crate::engine) fn agent_of(&self, pid: u32) -> Option<&str> {
        let number = self.matches(&look_at(pid, !self.users().is_empty())?)?;
        Some(&self.rule(number)?.agent.id)
    }

    /// The rule that names a process; the program says more than the user.
    fn matches(&self, runs: &Runs) -> Option<u16> {
        let program = self.seen.0.iter().find(|program| is_program(program, runs));
        if let Some(program) = program {
            return Some(program.rule);
        }
        let users = self.users();
        users
            .get(&runs.user?)
            .and_then(|rule| u16::try_from(*rule).ok())
    }
}

fn is_program(program: &Program, runs: &Runs) -> bool {
    if program.stat.is_some() && program.stat == runs.stat {
        return true;
    }
    let names = [Some(&program.path), program.real.as_ref()];
    let mut names = names.into_iter().flatten().map(|name| bytes(name));
    if let Some(gone) = runs.exe.strip_suffix(b" (deleted)") {
        return names.any(|name| name == gone);
    }
    // Its interpreter runs, with its name as an argument.
    let words = runs.args.iter().skip(1).take(SCRIPT_AMONG);
    let is_named = names.any(|name| words.clone().any(|word| word.0 == name));
    is_named && program.interpreter.iter().any(|word| is_run(word, runs))
}

/// Whether a word behind `#!` is what a process runs: by its path, or by its name, as `env` finds it.
fn is_run(word: &[u8], runs: &Runs) -> bool {
    if word.starts_with(b"/") {
        let real = Path::new(std::ffi::OsStr::from_bytes(word)).canonicalize();
        return real.is_ok_and(|real| bytes(&real) == runs.exe);
    }
    let name = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec);
    let called = runs.args.first().and_then(|first| name(&first.0));
    called.as_deref() == Some(word) || name(&runs.exe).as_deref() == Some(word)
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

fn look_at(pid: u32, with_user: bool) -> Option<Runs> {
    // Threads of the kernel run no file.
    let exe = facts::exe(pid);
    (!exe.is_empty()).then(|| Runs {
        stat: look::stat(&format!("/proc/{pid}/exe")),
        exe,
        args: facts::arguments(pid),
        user: if with_user { facts::user(pid) } else { None },
    })
}

/// Processes that a rule names and none of whose parents one does: what these started is theirs.
fn topmost(all: &[Kin], named: &HashMap<u32, u16>) -> Vec<(ProcessKey, u16)> {
    let by_pid: HashMap<u32, &Kin> = all.iter().map(|kin| (kin.pid, kin)).collect();
    let is_top = |kin: &Kin| {
        let mut below = kin;
        // The listing is no picture of one moment, so that it may even go round.
        for _ in 0..all.len() {
            match by_pid.get(&below.ppid) {
                Some(above) if above.start <= below.start && above.pid != below.pid => {
                    if named.contains_key(&above.pid) {
                        return false;
                    }
                    below = above;
                }
                _ => return true,
            }
        }
        true
    };
    let mut found: Vec<_> = all
        .iter()
        .filter_map(|kin| Some((kin, *named.get(&kin.pid)?)))
        .filter(|(kin, _)| is_top(kin))
        .map(|(kin, rule)| {
            let key = ProcessKey {
                pid: kin.pid,
                start: kin.start,
            };
            (key, rule)
        })
        .collect();
    found.sort_by_key(|(key, _)| (key.start, key.pid));
    found
}

impl Hands {
    /// Tags the processes that the rules name, with all below them.
    pub(in crate::engine) fn find_running(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        if watch.bound.rules.is_empty() {
            return Ok(());
        }
        let all = facts::all();
        let tagged: HashMap<_, _> = self.probes.tagged().into_iter().collect();
        let is_tagged = |kin: &&Kin| {
            tagged
                .get(&kin.pid)
                .is_some_and(|tag| tag.start / TICK == kin.start)
        };
        let with_user = !watch.bound.users().is_empty();
        let named = all
            .iter()
            .filter(|kin| kin.pid != std::process::id() && !is_tagged(kin));
        let named = named
            .filter_map(|kin| Some((kin.pid, watch.bound.matches(&look_at(kin.pid, with_user)?)?)))
            .collect();
        let mut begun = HashSet::new();
        for (root, rule) in topmost(&all, &named) {
            begun.extend(self.begin_running(watch, root, rule)?);
        }
        self.tag_below(&begun)
    }

    /// Begins the session of a process that runs already.
    fn begin_running(
        &mut self,
        watch: &mut Watch,
        root: ProcessKey,
        number: u16,
    ) -> anyhow::Result<Option<u64>> {
        let key = bound_key(root.pid, root.start * TICK);
        let Some(rule) = watch.bound.rule(number) else {
            return Ok(None);
        };
        let Some(command) = facts::arguments_of(root) else {
            return Ok(None);
        };
        let begun = NewSession {
            program: program::running(root.pid),
            ..bound_session(rule, key, root, command)
        };
        self.learn(root, 0)?;
        self.core.feed(session(begun))?;
        if self.tag_running(root.pid, key)? {
            watch.bound.sessions.insert(key, number);
            return Ok(Some(key));
        }
        // It has ended meanwhile, or there is no room; or it has executed something since, and the kernel has
        // tagged it.
        self.core.feed(Input::SessionOver {
            at: clock::now().boot,
            key,
            dropped: true,
            why: None,
        })?;
        Ok(None)
    }

    /// Tags what descends from the processes of these sessions. They may fork meanwhile; whoever is born
    /// to a tagged one is tagged by the kernel.
    pub(in crate::engine) fn tag_below(&mut self, sessions: &HashSet<u64>) -> anyhow::Result<()> {
        while !sessions.is_empty() {
            let tagged = self.probes.tagged().into_iter().collect();
            let mut news = false;
            for (pid, whose) in orphans(&facts::all(), &tagged) {
                if sessions.contains(&whose) {
                    news |= self.tag_running(pid, whose)?;
                }
            }
            if !news {
                break;
            }
        }
        Ok(())
    }

    /// A tag whose session nobody knows: the kernel's message of the exec is on its way, or it was
    /// lost. After a second it is lost, and what the process runs says whose it is.
    pub(in crate::engine) fn judge_bound(
        &mut self,
        watch: &mut Watch,
        key: u64,
    ) -> anyhow::Result<()> {
        if watch.bound.suspects.insert(key) {
            return Ok(());
        }
        watch.bound.suspects.remove(&key);
        let tagged = self.probes.tagged().into_iter();
        let mut own: Vec<_> = tagged
            .filter(|(_, tag)| tag.session == key)
            .map(|(pid, tag)| ProcessKey::new(pid, tag.start))
            .collect();
        own.sort_by_key(|process| (process.start, process.pid));
        let rule_of = |process: &ProcessKey| watch.bound.matches(&look_at(process.pid, true)?);
        let found = own
            .iter()
            .find_map(|process| Some((*process, rule_of(process)?)));
        let rule = found.and_then(|(root, number)| Some((root, number, watch.bound.rule(number)?)));
        let Some((root, number, rule)) = rule else {
            return self.untag_stray(watch, key);
        };
        let command = facts::arguments_of(root).unwrap_or_default();
        let begun = NewSession {
            program: program::running(root.pid),
            ..bound_session(rule, key, root, command)
        };
        self.learn(root, 0)?;
        self.core.feed(session(begun))?;
        watch.bound.sessions.insert(key, number);
        for process in own {
            self.learn(process, key)?;
        }
        Ok(())
    }

    /// Suspects whose messages have come, or that are gone, are forgotten.
    pub(super) fn forget_suspects(&mut self, watch: &mut Watch) {
        let pipeline = &self.core.pipeline;
        let living: HashSet<_> = self
            .probes
            .tagged()
            .iter()
            .map(|(_, tag)| tag.session)
            .collect();
        watch
            .bound
            .suspects
            .retain(|key| living.contains(key) && !pipeline.knows(*key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kin(pid: u32, start: u64, ppid: u32) -> Kin {
        Kin { pid, start, ppid }
    }

    #[test]
    fn what_a_named_process_started_is_its_own() {
        let all = [
            kin(1, 1, 0),
            kin(2, 5, 1),
            kin(3, 6, 2),
            kin(4, 7, 3),
            kin(5, 9, 1),
        ];
        let named = HashMap::from([(2, 7), (4, 8), (5, 8)]);
        let found: Vec<_> = topmost(&all, &named)
            .into_iter()
            .map(|(key, rule)| (key.pid, rule))
            .collect();
        assert_eq!(found, [(2, 7), (5, 8)]);
        // One that came later with the number of a parent that ended is no parent.
        let all = [kin(2, 50, 1), kin(4, 7, 2)];
        assert_eq!(topmost(&all, &named).len(), 2);
        // And what goes round has an end.
        let all = [kin(4, 7, 9), kin(9, 7, 8), kin(8, 7, 9)];
        assert_eq!(topmost(&all, &named).len(), 1);
    }

    fn script() -> Program {
        Program {
            rule: 3,
            path: "/opt/agent".into(),
            real: Some("/opt/lib/agent.js".into()),
            stat: Some((1, 2)),
            interpreter: vec![b"/usr/bin/env".to_vec(), b"node".to_vec()],
            ..Program::default()
        }
    }

    fn runs(exe: &str, args: &[&str]) -> Runs {
        Runs {
            exe: exe.into(),
            args: args.iter().map(|word| (*word).into()).collect(),
            ..Runs::default()
        }
    }

    #[test]
    fn a_script_is_known_by_its_name_behind_its_interpreter() {
        let check = |exe: &str, args: &[&str], expect: bool| {
            assert_eq!(
                is_program(&script(), &runs(exe, args)),
                expect,
                "{exe} {args:?}"
            );
        };
        check("/usr/bin/node", &["node", "/opt/agent", "x"], true);
        check("/usr/bin/node", &["node", "/opt/lib/agent.js"], true);
        check("/usr/bin/node", &["node", "-x", "/opt/agent"], true);
        check("/usr/bin/node", &["node", "-x", "y", "/opt/agent"], false);
        check("/usr/bin/cat", &["cat", "/opt/agent"], false);
        check("/usr/bin/node", &["node", "agent"], false);
    }

    #[test]
    fn a_program_is_known_by_its_file_and_by_its_name_when_that_is_gone() {
        let program = script();
        let mut one = runs("/elsewhere/x", &["x"]);
        assert!(!is_program(&program, &one));
        one.stat = Some((1, 2));
        assert!(is_program(&program, &one));
        assert!(is_program(&program, &runs("/opt/agent (deleted)", &["x"])));
        assert!(!is_program(&program, &runs("/opt/other (deleted)", &["x"])));
    }
}
