//! The one program of agtrack: daemon and command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    agtrack::cli::main()
}
