//! `agtrack agents`: who could be one.

mod list;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use crate::catalogue;
use crate::config::{self, AGENTS, DEFAULT_FILE, Error, Loaded};
use crate::daemon;
use crate::engine::{self, Discovered};
use crate::record::{Container, Text, printable};
use crate::redact::Redactor;
use crate::terminal::{self, Output, styled};

/// Columns of a command that are shown.
const COMMAND: usize = 60;
/// Ends of the names of services that run other people's programs: as a unit each is more than an agent.
const BROKERS: [&str; 4] = ["user@", "ssh", "cron", "session-"];

/// Arguments of `agtrack agents`.
#[derive(Debug, clap::Args)]
pub(super) struct AgentsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the agents that the running daemon knows, with how many sessions of each run
    ///
    /// Those of its configuration, and others that were tagged by request (`agtrack tag`). Needs root, or
    /// the group that `[control] group` of the configuration names.
    List(list::ListArgs),
    /// List well-known agent programs that run and that no agent of the configuration covers
    ///
    /// Known are those of a catalogue, by the name of their executable, script or module; what a program
    /// starts is not listed. Whether one is covered is told by the cgroups, units, containers, executables and users
    /// of the configuration as it is now, and for what `agtrack run` started: a running daemon that has
    /// not reloaded it may do otherwise. Nothing is changed. Without root only your own
    /// processes can be looked at.
    Discover {
        /// The configuration
        #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
        config: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// A process that is not covered.
#[derive(Serialize)]
struct Candidate {
    pid: u32,
    /// Real user.
    user: Option<u32>,
    user_name: Option<String>,
    /// Its name in the catalogue.
    program: &'static str,
    exe: Option<Text>,
    cgroup: Option<Text>,
    /// The container that it runs in.
    container: Option<InContainer>,
    /// Redacted.
    command: Vec<Text>,
    suggestion: Option<Suggestion>,
}

/// A container, without its labels, which may hold secrets.
#[derive(Serialize)]
struct InContainer {
    runtime: Option<String>,
    id: String,
    name: Option<String>,
    image: Option<String>,
}

impl From<&Container> for InContainer {
    fn from(container: &Container) -> InContainer {
        InContainer {
            runtime: container.runtime.clone(),
            id: container.id.clone(),
            name: container.name.clone(),
            image: container.image.clone(),
        }
    }
}

/// What to write where, to have it recorded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Suggestion {
    file: PathBuf,
    toml: String,
}

pub(super) fn run(args: &AgentsArgs) -> anyhow::Result<ExitCode> {
    let (config, json) = match &args.command {
        Command::List(args) => return list::run(args),
        Command::Discover { config, json } => (config, json),
    };
    let loaded = loaded(config)?;
    let sockets = &loaded.config.capture.container_sockets;
    let found = engine::discover(daemon::rules(&loaded.config), sockets)?;
    let covered: Vec<_> = found.iter().filter_map(covered).collect();
    let key = engine::known_key();
    let redactor = Redactor::new(&key.unwrap_or_else(passing_key));
    let mut taken: BTreeSet<String> = loaded.config.agents.into_iter().map(|one| one.id).collect();
    let open = found.into_iter().filter(|one| one.recorded_as.is_none());
    let candidates: Vec<_> = open
        .map(|one| candidate(&one, config, &redactor, &mut taken))
        .collect();
    let mut out = Output::new();
    if *json {
        out.json(&candidates)?;
    } else {
        show(&candidates, &mut out)?;
    }
    out.finish()?;
    if candidates.is_empty() {
        terminal::tell("no well-known agent program runs that is not covered");
    }
    if let Some(told) = told(&covered, candidates.is_empty()) {
        terminal::tell(&told);
    }
    let is_tagged = |one: &Candidate| one.command.iter().any(|word| is_redacted(&word.0));
    if key.is_none() && candidates.iter().any(is_tagged) {
        terminal::tell(
            "the tags of what is redacted are not those of the journal: they need the key of this host, \
             which root has once something was recorded",
        );
    }
    if !rustix::process::geteuid().is_root() {
        terminal::tell(
            "without root only your own processes can be looked at; run it with sudo to see all",
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn loaded(file: &Path) -> anyhow::Result<Loaded> {
    match config::load(file) {
        Err(Error::Read { cause, .. })
            if cause.kind() == std::io::ErrorKind::NotFound && file == Path::new(DEFAULT_FILE) =>
        {
            Ok(Loaded::built_in())
        }
        other => Ok(other?),
    }
}

/// Who is covered, and as whom.
fn covered(found: &Discovered) -> Option<String> {
    let who = found.recorded_as.as_deref()?;
    let who = match who {
        "agtrack run" => "by `agtrack run`".to_owned(),
        id => format!("as {}", printable(id)),
    };
    Some(format!(
        "{} ({}, {who})",
        found.program.name, found.process.pid
    ))
}

/// Covered processes that are named.
const NAMED: usize = 8;

fn told(covered: &[String], alone: bool) -> Option<String> {
    let more = if alone { "" } else { " more" };
    let is = match covered.len() {
        0 => return None,
        1 => format!("1{more} is"),
        count => format!("{count}{more} are"),
    };
    let mut named: Vec<_> = covered.iter().take(NAMED).cloned().collect();
    let rest = covered.len().saturating_sub(NAMED);
    if rest > 0 {
        named.push(format!("and {rest} others"));
    }
    Some(format!("{is} covered: {}", named.join(", ")))
}

/// Whether it holds a tag (`<redacted:RULE:TAG>`, `<prompt:BYTES:TAG>`).
fn is_redacted(word: &[u8]) -> bool {
    ["<redacted:", "<prompt:"]
        .iter()
        .any(|begin| memchr::memmem::find(word, begin.as_bytes()).is_some())
}

/// Where the host's key is not to be had, so that the tags are good for this one list.
fn passing_key() -> [u8; 32] {
    let mut key = [0; 32];
    let halves = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()];
    for (place, byte) in key.iter_mut().zip(halves.iter().flatten()) {
        *place = *byte;
    }
    key
}

fn candidate(
    found: &Discovered,
    config: &Path,
    redactor: &Redactor,
    taken: &mut BTreeSet<String>,
) -> Candidate {
    let process = &found.process;
    let args: Vec<_> = process.args.iter().map(|word| word.0.clone()).collect();
    let exe = process.exe.as_ref().map(|exe| &exe.0[..]);
    let command = redactor.command(exe, &args).value.into_owned();
    let user_name = process
        .user
        .and_then(|user| nix::unistd::User::from_uid(user.into()).ok()?)
        .map(|user| user.name);
    Candidate {
        pid: process.pid,
        user: process.user,
        user_name,
        program: found.program.name,
        exe: process.exe.clone(),
        cgroup: process.cgroup.clone(),
        container: found.container.as_ref().map(InContainer::from),
        command: command.into_iter().map(Text).collect(),
        suggestion: recognised_by(found)
            .map(|by| suggestion(found.program.name, &by, config, taken)),
    }
}

/// Several processes of one kind are one agent.
fn suggestion(name: &str, by: &str, config: &Path, taken: &mut BTreeSet<String>) -> Suggestion {
    // What was suggested before has its line in the set, too.
    let mut id = name.to_owned();
    let mut number = 1;
    while taken.contains(&id) && !taken.contains(&format!("{id}\n{by}")) {
        number += 1;
        id = format!("{name}-{number}");
    }
    taken.insert(id.clone());
    taken.insert(format!("{id}\n{by}"));
    Suggestion {
        file: config.with_file_name(AGENTS).join(format!("{id}.toml")),
        toml: format!("[[agents]]\nid = {}\n{by}\n", quoted(&id)),
    }
}

/// By what a process like this one can be recognised the next time: the unit whose process it is, its
/// container, or its program.
fn recognised_by(found: &Discovered) -> Option<String> {
    if let Some(unit) = own_unit(found) {
        return Some(format!("units = [{}]", quoted(unit)));
    }
    if let Some(container) = &found.container {
        return Some(own_container(container));
    }
    let exe = found.process.exe.as_ref()?;
    let exe = exe.0.strip_suffix(b" (deleted)").unwrap_or(&exe.0);
    let own = |path: &[u8]| {
        let program = catalogue::program(&Text(path.to_vec()), None, &[]);
        program.is_some_and(|program| std::ptr::eq(program, found.program))
    };
    let path = if own(exe) { Some(exe) } else { script(found) };
    let path = std::str::from_utf8(path?).ok()?;
    Some(format!("executables = [{}]", quoted(path)))
}

/// Its container: what it executes has a path of that, and another file each time.
fn own_container(container: &Container) -> String {
    // A wildcard in what a runtime says would be one in the rule.
    let plain = |text: &&String| !text.contains(['*', '?']) && !text.chars().any(char::is_control);
    let image = container.image.as_ref().filter(plain);
    match container.name.as_ref().filter(plain) {
        Some(name) => {
            let list = format!("containers = [{}]", quoted(&format!("name={name}")));
            match image {
                Some(image) => format!(
                    "{list}\n# or all of its image: {}",
                    quoted(&format!("image={image}"))
                ),
                None => list,
            }
        }
        None => format!("containers = [{}]", quoted(&format!("id={}", container.id))),
    }
}

/// The script that an interpreter runs, by the name that was asked for.
fn script(found: &Discovered) -> Option<&[u8]> {
    let exe = found.process.exe.as_ref()?;
    let mut words = found.process.args.iter();
    let first = words.next()?;
    let is_it = |word: &&Text| {
        let program = catalogue::program(exe, None, &[first.clone(), (*word).clone()]);
        program.is_some_and(|program| std::ptr::eq(program, found.program))
    };
    let word = words.find(is_it)?;
    word.0.starts_with(b"/").then_some(&word.0[..])
}

/// The service whose first process it is.
fn own_unit(found: &Discovered) -> Option<&str> {
    let cgroup = std::str::from_utf8(&found.process.cgroup.as_ref()?.0).ok()?;
    let unit = cgroup.rsplit('/').next()?;
    let by_manager = found
        .parent_exe
        .as_ref()
        .is_some_and(|exe| exe.0.ends_with(b"/systemd"));
    let is_own = unit.ends_with(".service") && !BROKERS.iter().any(|name| unit.starts_with(name));
    (is_own && by_manager).then_some(unit)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn show(candidates: &[Candidate], out: &mut Output) -> anyhow::Result<()> {
    if candidates.is_empty() {
        return Ok(());
    }
    let palette = out.palette;
    let line = |pid: &str, user: &str, program: &str, cgroup: &str, command: &str| {
        format!("{pid:>8} {user:<12} {program:<12} {cgroup:<32} {command}")
    };
    let head = line("PID", "USER", "PROGRAM", "CGROUP", "COMMAND");
    out.line(styled(palette.faint, head.trim_end()))?;
    for one in candidates {
        let number = one.user.map(|user| user.to_string()).unwrap_or_default();
        let user = Text::from(one.user_name.as_ref().unwrap_or(&number).as_str()).printable();
        let cgroup = one.cgroup.as_ref().map(Text::printable).unwrap_or_default();
        let words: Vec<_> = one.command.iter().map(Text::printable).collect();
        let command = terminal::cut(&words.join(" "), COMMAND);
        out.line(line(
            &one.pid.to_string(),
            &user,
            one.program,
            &cgroup,
            &command,
        ))?;
    }
    let mut told = BTreeSet::new();
    for one in candidates {
        let Some(suggestion) = &one.suggestion else {
            let (pid, program) = (one.pid, one.program);
            out.line(format!(
                "\n{program} ({pid}) cannot be recognised by its program: start it by `agtrack run`, or give it \
                 a cgroup, a unit or a user of its own"
            ))?;
            continue;
        };
        if told.insert(suggestion) {
            let file =
                Text::from(suggestion.file.as_os_str().as_encoded_bytes().to_vec()).printable();
            let toml = suggestion.toml.lines().map(|line| format!("  {line}"));
            let toml: Vec<_> = toml.collect();
            out.line(format!(
                "\nTo record {}, write to {file}:\n\n{}",
                one.program,
                toml.join("\n")
            ))?;
        }
    }
    out.line("\nThen `agtrack config check` with that configuration, and reload the daemon: `systemctl reload agtrack`.")?;
    Ok(())
}

#[cfg(test)]
mod tests;
