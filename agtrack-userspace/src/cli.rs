//! The command line.
//!
//! Comes in: arguments. Goes out: an exit code: 0 for done, 1 for failed, 2 for wrongly called;
//! `run` ends with its command's own. One file below per command. Never: decides anything that
//! the library should decide.

mod agents;
mod capture;
mod config;
mod daemon;
mod detach;
mod doctor;
mod encoding;
mod events;
mod query;
mod replay;
mod report;
mod schema;
mod sessions;
mod sink;
mod status;
mod table;
mod tag;
mod tail;
mod verifier_stats;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::run::{self, RunArgs, stub};
use crate::terminal::{self, Unwritten};

/// Records what AI agents really do.
///
/// agtrack sees from the kernel which programs an agent starts, which files it opens, deletes and
/// renames, and which hosts it talks to, together with everything its commands start in turn. No
/// agent has to cooperate, and none can leave itself out. What could not be seen is recorded as
/// well.
#[derive(Debug, Parser)]
#[command(name = "agtrack", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  agtrack run -- claude          record one command and everything it starts
  agtrack tail -f                see what happens, as it happens
  agtrack query --path .env      see who touched a file
  agtrack sessions               see which sessions there are
  agtrack report                 see what the last session did, as a whole
  sudo agtrack doctor            see what this kernel allows
  sudo agtrack daemon            record the agents named in /etc/agtrack/agtrack.toml";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a command and record what it does
    ///
    /// The command is your own child: your terminal, your environment, your identity. Only the
    /// recorder runs as root, through sudo where that is needed. Ends with the command's exit
    /// status, after a summary on standard error.
    ///
    /// Signals: what the terminal sends reaches the command by itself. SIGTERM, SIGINT, SIGHUP,
    /// SIGQUIT, SIGTSTP, SIGUSR1 and SIGUSR2 that are sent to `agtrack run` are passed on: the
    /// command decides what they mean, and is recorded until it has ended. Once it has, the first
    /// SIGTERM, SIGINT, SIGHUP or SIGQUIT ends the waiting of `--until all` and with it the
    /// recording; a second one leaves the recorder to finish the journal by itself.
    #[command(
        override_usage = "agtrack run [OPTIONS] [--] CMD [ARGS]...",
        after_help = run_examples()
    )]
    Run(RunArgs),
    /// Record the agents named in the configuration, until SIGTERM
    Daemon(daemon::DaemonArgs),
    /// Show how the running daemon is doing, part by part
    Status(status::StatusArgs),
    /// Have the daemon record a process, cgroup, unit or container as an agent's
    Tag(Box<tag::TagArgs>),
    /// Have the daemon record no more what was tagged so
    Untag(tag::UntagArgs),
    /// End the recording that goes on in the kernel while no daemon runs (`capture.pin`)
    Detach(detach::DetachArgs),
    /// List the agents that are recorded, or find those that run and are not
    Agents(agents::AgentsArgs),
    /// Have the daemon write the packets of an agent to a file, for Wireshark
    Capture(capture::CaptureArgs),
    /// Show the newest records
    Tail(tail::TailArgs),
    /// Ask the journal: who touched a file, who talked to a host, what a session changed
    ///
    /// Shows the records that meet all options, in their order. An option that is given several times
    /// is met by any of its values. Everyday records that `agtrack tail` only counts are shown too.
    /// Only what is committed is searched. Where nothing matches, that is said on standard error, and
    /// the exit code is 0.
    ///
    /// GLOB: for paths `*` and `?` stay between two slashes, `**` crosses them, `[a-z]` and `[!a-z]`
    /// are one byte. One that ends with `/` means everything below; one that does not begin with `/`
    /// may begin at any part of the path (`.env`, `src/*.rs`). For agents and actions `*` is anything.
    /// `\` takes the meaning from the next character; odd names can be written as they are shown:
    /// `\xff`, `\u{7}`.
    ///
    /// TIME: `2026-11-22T21:03:11Z`, a local `2026-11-22` or `2026-11-22 21:03`, a local `11:00` (the
    /// last time it was so late: today's, or yesterday's where today's is still to come), or how long
    /// ago: `30m`, `2h`, `3d`.
    #[command(after_help = query::EXAMPLES)]
    Query(Box<query::QueryArgs>),
    /// List the sessions of a journal: whose, when, what bound each, how much each did
    ///
    /// Needs no daemon. ENDED is `running` while a recorder writes the journal and has told no end,
    /// `suspended` where the recorder stopped and the next one may go on with it, and `not told` where
    /// none saw the end. BY says what tied it to its agent, WHAT which command, container, program or
    /// cgroup. CALLS are its tool calls, FINDINGS what the page of `agtrack report --html` has under
    /// `to look at`, GAPS those of the session and of the time it ran, but for runs that the kernel
    /// skipped. TIME as for `agtrack query`.
    #[command(after_help = sessions::EXAMPLES)]
    Sessions(sessions::SessionsArgs),
    /// Show a session as a whole: its tool calls, what they changed, and what is missing
    ///
    /// Prints a summary. With --html it writes one page that can be mailed, printed and kept: the
    /// timeline of tool calls with their files, hashes, hosts and credentials, the tree of processes,
    /// what to look at, and how complete the record is. The page needs no network and runs without
    /// JavaScript, but for its filter. Everything in it is as the journal has it: secrets are redacted
    /// there already, names of files and hosts are not.
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArgs),
    /// Show what this kernel allows, and what each lack costs
    Doctor(doctor::DoctorArgs),
    /// List the events that agtrack records
    Events(events::EventsArgs),
    /// Check a configuration, or show the one in force
    Config(config::ConfigArgs),
    /// See how far each sink has come, or try one
    Sink(sink::SinkArgs),
    /// Turn a recorded input log into records again
    Replay(replay::ReplayArgs),
    /// Print the JSON Schema of the records
    Schema,
    /// Write records from standard input in another encoding
    #[command(hide = true)]
    Encode(encoding::EncodeArgs),
    /// Print the instructions that the verifier walked for each program
    #[command(hide = true)]
    VerifierStats(verifier_stats::VerifierStatsArgs),
    /// The recorder of `agtrack run`
    #[command(hide = true)]
    Recorder,
    /// The process of `agtrack run` that becomes the command
    #[command(hide = true)]
    LaunchStub(stub::StubArgs),
}

fn run_examples() -> &'static str {
    "\
Examples:
  agtrack run -- claude -p 'fix the tests'
  agtrack run --agent builder --journal ./records -- make -j8
  agtrack run --until all -- ./start-workers.sh"
}

/// The definition of the whole command line, which man pages and completions are made from.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs agtrack with the arguments of this process.
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => dispatch(cli.command),
        Err(error) => {
            // Help that nobody reads any more is no failure.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

fn dispatch(command: Command) -> ExitCode {
    let result = match command {
        Command::Run(args) => return run::main(args),
        Command::Recorder => return run::live::main(),
        Command::LaunchStub(args) => return stub::main(args),
        Command::Daemon(args) => daemon::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Tag(args) => tag::run(&args),
        Command::Untag(args) => tag::untag(&args),
        Command::Detach(args) => detach::run(&args),
        Command::Agents(args) => agents::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Query(args) => query::run(&args),
        Command::Sessions(args) => sessions::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Sink(args) => sink::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Schema => schema::run(),
        Command::Encode(args) => encoding::run(&args),
        Command::VerifierStats(args) => verifier_stats::run(&args),
    };
    result.unwrap_or_else(|error| fail(&error))
}

/// Says why a command failed, unless it is only that nobody reads what it prints.
fn fail(error: &anyhow::Error) -> ExitCode {
    if error
        .downcast_ref::<Unwritten>()
        .is_some_and(Unwritten::is_broken_pipe)
    {
        return ExitCode::SUCCESS;
    }
    terminal::tell(&format!("{error:#}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
