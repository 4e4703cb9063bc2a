//! `agtrack agents`: who could be one.

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
use crate::record::Text;
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
    /// List well-known agent programs that run and that no agent of the configuration covers
    ///
    /// Known are those of a catalogue, by the name of their executable, script or module; what a program
    /// starts is not listed. Whether one is covered is told by the cgroups, units, executables and users
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
    /// Redacted.
    command: Vec<Text>,
    suggestion: Option<Suggestion>,
}

/// What to write where, to have it recorded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Suggestion {
    file: PathBuf,
    toml: String,
}

pub(super) fn run(args: &AgentsArgs) -> anyhow::Result<ExitCode> {
    let Command::Discover { config, json } = &args.command;
    let loaded = loaded(config)?;
    let found = engine::discover(daemon::rules(&loaded.config))?;
    let covered = found.iter().filter(|one| one.recorded_as.is_some()).count();
    let redactor = Redactor::new(&passing_key());
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
    if covered > 0 {
        terminal::tell(&format!(
            "{covered} more are covered by the configuration or `agtrack run`"
        ));
    }
    if !rustix::process::geteuid().is_root() {
        terminal::tell("without root only your own processes can be looked at");
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

/// Nobody compares what is printed here with records, so that the host's key, which is root's, is not
/// needed.
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
    let command = redactor.args(&args).value.into_owned();
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

/// By what a process like this one can be recognised the next time: the unit whose process it is, or its
/// program.
fn recognised_by(found: &Discovered) -> Option<String> {
    if let Some(unit) = own_unit(found) {
        return Some(format!("units = [{}]", quoted(unit)));
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
    out.line("\nThen `agtrack config check` and `systemctl reload agtrack`.")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::ProcessFacts;

    fn check(exe: &str, args: &[&str], cgroup: &str, parent: &str, expect: Option<&str>) {
        let args: Vec<Text> = args.iter().map(|word| (*word).into()).collect();
        let plain = exe.trim_end_matches(" (deleted)");
        let found = Discovered {
            program: catalogue::program(&plain.into(), None, &args).unwrap(),
            process: ProcessFacts {
                exe: Some(exe.into()),
                args,
                cgroup: Some(cgroup.into()),
                ..ProcessFacts::default()
            },
            parent_exe: Some(parent.into()),
            recorded_as: None,
        };
        assert_eq!(recognised_by(&found).as_deref(), expect, "{found:?}");
    }

    #[test]
    fn what_is_suggested_fits_how_it_runs() {
        let (shell, manager) = ("/bin/bash", "/usr/lib/systemd/systemd");
        let scope = "/user.slice/user-1.slice/session-3.scope";
        let unit = "/system.slice/runner.service";
        let codex = Some("executables = [\"/opt/codex\"]");
        check("/opt/codex", &["codex"], scope, shell, codex);
        check("/opt/codex (deleted)", &["codex"], scope, shell, codex);
        check("/opt/codex", &["codex"], unit, shell, codex);
        let by_unit = Some("units = [\"runner.service\"]");
        check("/opt/codex", &["codex"], unit, manager, by_unit);
        let user = "/user.slice/user-1.slice/user@1.service";
        check("/opt/codex", &["codex"], user, manager, codex);
        let words = ["node", "--x", "/usr/bin/codex", "exec"];
        let script = Some("executables = [\"/usr/bin/codex\"]");
        check("/usr/bin/node", &words, scope, shell, script);
        check(
            "/usr/bin/python3",
            &["python3", "-m", "aider"],
            scope,
            shell,
            None,
        );
        let odd = Some("executables = ['/o\"d/codex']");
        check("/o\"d/codex", &["codex"], scope, shell, odd);
    }

    #[test]
    fn ids_that_are_taken_are_not_suggested() {
        let mut taken = BTreeSet::from(["codex".to_owned()]);
        let mut id = |by: &str| {
            let made = suggestion("codex", by, Path::new("/e/c.toml"), &mut taken);
            made.file.to_str().unwrap().to_owned()
        };
        assert_eq!(id("one"), "/e/agents.d/codex-2.toml");
        assert_eq!(id("one"), "/e/agents.d/codex-2.toml");
        assert_eq!(id("other"), "/e/agents.d/codex-3.toml");
    }
}
