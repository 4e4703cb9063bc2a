//! `agtrack agents list`: whom the running daemon knows.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::control::{Peer, Request, SOCKET};
use crate::engine::AgentEntry;
use crate::record::printable;
use crate::terminal::{Output, counted, styled};

/// Arguments of `agtrack agents list`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where the daemon listens
    #[arg(long, value_name = "SOCKET", default_value = SOCKET)]
    socket: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Agents {
    agents: Vec<AgentEntry>,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let answer: Agents = Peer::connect(&args.socket)?.ask(&Request::Agents {}, None)?;
    let mut out = Output::new();
    if args.json {
        out.json(&answer.agents)?;
    } else if answer.agents.is_empty() {
        out.line(
            "no agents; add [[agents]] to the configuration, or tag a process (`agtrack tag`)",
        )?;
    }
    for agent in answer.agents.iter().filter(|_| !args.json) {
        let name = styled(out.palette.strong, printable(&agent.name));
        let id = match agent.id == agent.name {
            true => String::new(),
            false => format!(" ({})", printable(&agent.id)),
        };
        out.line(format!("{name}{id}: {}", described(agent)))?;
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn described(agent: &AgentEntry) -> String {
    let by = match (agent.configured, agent.by.is_empty()) {
        (false, _) => "tagged by request".to_owned(),
        (true, true) => "recognised by nothing".to_owned(),
        (true, false) => format!("recognised by {}", agent.by.join(", ")),
    };
    let sessions = counted(agent.sessions, "session", "sessions");
    let processes = counted(agent.processes, "process", "processes");
    format!("running: {sessions}, {processes}; {by}")
}
