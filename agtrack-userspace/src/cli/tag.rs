//! `agtrack tag` and `agtrack untag`: whom the running daemon records beside those of its
//! configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser};

use super::query::{pid, session};
use crate::control::{Peer, Request, SOCKET, TagWords, TargetWords};
use crate::engine::{Tagged, Untagged};
use crate::record::printable;
use crate::terminal::{Output, counted, tell};

/// Arguments of `agtrack tag`.
///
/// Prints the id of the session. Who runs already is recorded from now on, with the descendants that it
/// has; what they did before is not, which a `late_tag` gap says. To miss nothing, make a cgroup, tag it,
/// and start the process in it. Needs root, or a group that may (`[control]`), and a running daemon.
/// No agent may direct its recorder: whoever tags its own shell, or what that descends from, is refused
/// there from then on, also the `untag`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TagArgs {
    #[command(flatten)]
    whom: Whom,
    /// Id or name of an agent of the configuration, or an id for one that is in none
    #[arg(
        long,
        value_name = "AGENT",
        required_unless_present = "session",
        conflicts_with = "session"
    )]
    agent: Option<String>,
    /// A session that runs, to join, by its id or how it begins; for a process
    #[arg(long, value_name = "ID", value_parser = session)]
    session: Option<String>,
    /// The agent's name, where the configuration does not have it
    #[arg(long, value_name = "NAME", requires = "agent")]
    name: Option<String>,
    /// Who answers for it, where the configuration does not have it
    #[arg(long, value_name = "OWNER", requires = "agent")]
    owner: Option<String>,
    /// Its version, where the configuration does not have it
    #[arg(long = "agent-version", value_name = "VERSION", requires = "agent")]
    version: Option<String>,
    /// What else is known of it; may be given several times
    #[arg(long, value_name = "KEY=VALUE", requires = "agent", value_parser = label)]
    label: Vec<(String, String)>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where the daemon listens
    #[arg(long, value_name = "SOCKET", default_value = SOCKET)]
    socket: PathBuf,
}

/// Arguments of `agtrack untag`.
///
/// Its processes go on and are recorded no more. What the configuration recognises cannot be untagged.
#[derive(Debug, clap::Args)]
pub(super) struct UntagArgs {
    #[command(flatten)]
    whom: Whom,
    /// A session, by its id or how it begins
    #[arg(long, value_name = "ID", value_parser = session, group = "target")]
    session: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where the daemon listens
    #[arg(long, value_name = "SOCKET", default_value = SOCKET)]
    socket: PathBuf,
}

/// Whom.
#[derive(Debug, clap::Args)]
#[group(id = "target", required = true, multiple = false)]
struct Whom {
    /// A process, with all its descendants
    #[arg(long, value_parser = pid)]
    pid: Option<u32>,
    /// A cgroup, with all below it: its path as /proc/PID/cgroup has it, or its directory
    #[arg(long, value_name = "PATH", value_parser = cgroup())]
    cgroup: Option<PathBuf>,
    /// A unit of systemd that runs
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// A container that runs, by its id or how it begins
    #[arg(long, value_name = "ID")]
    container: Option<String>,
}

/// Parents that are looked at: where one is read while it ends there may be a ring.
const GENERATIONS: usize = 1024;

const EXAMPLES: &str = "\
No agent may direct its recorder: whoever tags its own shell, or what that descends from,
can ask the daemon for nothing from there any more, not for untag either.

Examples:
  sudo agtrack tag --pid 4711 --agent builder
  sudo agtrack tag --unit ci-runner --agent spiffe://example.org/agent/ci --owner platform
  An orchestrator that misses nothing:
    mkdir /sys/fs/cgroup/agents/job-17
    agtrack tag --cgroup /agents/job-17 --agent builder --label job=17
    sh -c 'echo $$ > /sys/fs/cgroup/agents/job-17/cgroup.procs; exec claude -p ...'";

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("a label is KEY=VALUE".to_owned()),
    }
}

/// The path below the mount, also where the directory is given.
fn cgroup() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(|text| {
        let path = PathBuf::from(text);
        let tree = crate::cgroup::Hierarchy::find().ok();
        let below = tree
            .as_ref()
            .and_then(|tree| path.strip_prefix(tree.mount()).ok());
        match below {
            Some(below) => std::path::Path::new("/").join(below),
            None => path,
        }
    })
}

pub(super) fn run(args: &TagArgs) -> anyhow::Result<ExitCode> {
    let whom = &args.whom;
    let request = Request::Tag(Box::new(TagWords {
        pid: whom.pid,
        cgroup: whom.cgroup.clone(),
        unit: whom.unit.clone(),
        container: whom.container.clone(),
        command: Vec::new(),
        agent: args.agent.clone(),
        session: args.session.clone(),
        name: args.name.clone(),
        owner: args.owner.clone(),
        version: args.version.clone(),
        labels: args.label.iter().cloned().collect(),
    }));
    // Afterwards whoever is between may have ended.
    let is_own = whom.pid.is_some_and(is_above);
    let tagged: Tagged = Peer::connect(&args.socket)?.ask(&request, None)?;
    let mut out = Output::new();
    match args.json {
        true => out.json(&tagged)?,
        false => out.line(tagged.session.to_string())?,
    }
    out.finish()?;
    tell(&told(&tagged));
    if let (true, Some(pid)) = (is_own, whom.pid) {
        tell(&format!(
            "warning: you descend from process {pid}, so what you do in this shell is the agent's from now on, \
             and no agent may direct its recorder: ask the daemon from another one, for `agtrack untag` too"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether this process descends from that one.
fn is_above(pid: u32) -> bool {
    let parent = |pid: &u32| {
        let process = procfs::process::Process::new((*pid).try_into().ok()?);
        u32::try_from(process.ok()?.stat().ok()?.ppid).ok()
    };
    let mut line = std::iter::successors(Some(std::process::id()), parent).take(GENERATIONS);
    line.any(|above| above == pid)
}

fn told(tagged: &Tagged) -> String {
    let known = match tagged.configured {
        true => "",
        false => ", which is in no configuration",
    };
    let late = match tagged.late {
        0 if tagged.recorder => "nothing else runs in it yet".to_owned(),
        0 => "nothing runs in it yet, so nothing is missed".to_owned(),
        late => format!(
            "{} ran already: what was done before is not recorded",
            counted(late, "process", "processes")
        ),
    };
    let recorder = match tagged.recorder {
        true => "; the recorder itself is in that cgroup, and what it does is not recorded",
        false => "",
    };
    format!(
        "recorded as {}{known}{recorder}; {late}",
        printable(&tagged.name)
    )
}

pub(super) fn untag(args: &UntagArgs) -> anyhow::Result<ExitCode> {
    let whom = &args.whom;
    let request = Request::Untag(TargetWords {
        pid: whom.pid,
        cgroup: whom.cgroup.clone(),
        unit: whom.unit.clone(),
        container: whom.container.clone(),
        session: args.session.clone(),
    });
    let untagged: Untagged = Peer::connect(&args.socket)?.ask(&request, None)?;
    let mut out = Output::new();
    match args.json {
        true => out.json(&untagged)?,
        false => out.line(untagged.session.to_string())?,
    }
    out.finish()?;
    tell(&format!(
        "recorded no more; {} of it left to run on",
        counted(untagged.processes, "process", "processes")
    ));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_may_be_named_by_its_directory() {
        let mount = crate::cgroup::Hierarchy::find().unwrap().mount().to_owned();
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            tag: TagArgs,
        }
        let parse = |path: PathBuf| {
            let words = ["tag", "--agent", "a", "--cgroup"].map(std::ffi::OsString::from);
            let line: Line =
                clap::Parser::try_parse_from(words.into_iter().chain([path.into()])).unwrap();
            line.tag.whom.cgroup.unwrap()
        };
        assert_eq!(parse(mount.join("a/b")), PathBuf::from("/a/b"));
        assert_eq!(parse("/a/b".into()), PathBuf::from("/a/b"));
    }

    #[test]
    fn who_descends_from_whom_it_tags_is_known() {
        assert!(is_above(std::process::id()));
        assert!(is_above(std::os::unix::process::parent_id()));
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let found = is_above(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!found);
    }

    #[test]
    fn a_cgroup_with_the_recorder_in_it_is_not_called_empty() {
        let tagged = |recorder, late| Tagged {
            session: uuid::Uuid::nil(),
            agent: "a".to_owned(),
            name: "a".to_owned(),
            configured: true,
            late,
            recorder,
            cgroup: None,
        };
        let said = told(&tagged(true, 0));
        assert!(said.contains("the recorder itself is in"), "{said}");
        assert!(!said.contains("nothing is missed"), "{said}");
        let said = told(&tagged(true, 2));
        assert!(said.contains("the recorder itself is in"), "{said}");
        assert!(said.contains("2 processes ran already"), "{said}");
        assert!(told(&tagged(false, 0)).ends_with("so nothing is missed"));
    }

    #[test]
    fn a_label_has_a_key() {
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(label("a").is_err());
    }
}
