//! The process that becomes the command: `agtrack launch-stub`.
//!
//! Comes in: the gate and the command line. Goes out: the command, in this process, so that it is
//! the caller's own child and carries the tag from before its first instruction. Never: changes
//! signals, terminal, directory or environment; except that below sudo it becomes the invoking
//! user again.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use super::gate::{Report, Stub};
use super::identity::{self, Account, Invoker};
use crate::terminal::note;

/// The hidden command line of the stub.
#[derive(Debug, clap::Args)]
pub struct StubArgs {
    /// Descriptors of the gate.
    #[arg(long)]
    gate: String,
    /// Become the user who ran sudo.
    #[arg(long)]
    as_invoker: bool,
    /// The command.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Waits at the gate and executes the command. Returns only where that is not to be.
pub fn main(args: StubArgs) -> ExitCode {
    let mut stub = match Stub::inherit(&args.gate) {
        Ok(stub) => stub,
        Err(error) => {
            note(format_args!(
                "agtrack launch-stub is started by `agtrack run` only ({error})"
            ));
            return ExitCode::from(2);
        }
    };
    let account = match take_identity(args.as_invoker) {
        Ok(account) => account,
        Err(error) => {
            stub.report(&Report::Before(format!("{error:#}")));
            return ExitCode::FAILURE;
        }
    };
    if stub.wait().is_err() {
        return ExitCode::FAILURE;
    }
    let errno = execute(&args.command, args.as_invoker, account.as_ref());
    stub.report(&Report::Exec(errno));
    ExitCode::from(126)
}

fn take_identity(as_invoker: bool) -> anyhow::Result<Option<Account>> {
    if !as_invoker {
        return Ok(None);
    }
    match Invoker::from_environment()? {
        Some(invoker) => identity::become_user(&invoker),
        None => anyhow::bail!("SUDO_UID and SUDO_GID do not name an invoking user"),
    }
}

/// Returns the error number: nothing comes after an exec that succeeds.
fn execute(command: &[OsString], as_invoker: bool, account: Option<&Account>) -> i32 {
    let Some((program, args)) = command.split_first() else {
        return rustix::io::Errno::NOENT.raw_os_error();
    };
    let mut command = Command::new(program);
    command.args(args);
    if as_invoker {
        for name in identity::OF_SUDO {
            command.env_remove(name);
        }
    }
    if let Some(account) = account {
        command.envs(account.variables());
    }
    // The signal mask is inherited as the caller set it; SIGPIPE, which the Rust runtime ignores,
    // goes back to its default.
    command
        .exec()
        .raw_os_error()
        .unwrap_or(rustix::io::Errno::INVAL.raw_os_error())
}
