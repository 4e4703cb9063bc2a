//! Signals that whoever started this ignores.
//!
//! Below `nohup`, or in the background of a script, some are, and so they are for every program
//! that a test starts: a Ctrl-C that a test types would do nothing. The launcher's tests, which can
//! be run without this program, have this file too.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Set where this program began anew already: once is all that can help.
const ANEW: &str = "AGTRACK_TESTS_ANEW";

/// `SIGPIPE`: every program in Rust ignores it, and hands the default on.
const PIPE: u64 = 1 << 12;
/// Signals below 32. The others are the C library's own and the real-time ones, which some process
/// managers ignore and no test sends.
const ORDINARY: u64 = 0x7fff_ffff;

/// Begins this program anew with all signals at their defaults, if some are ignored. Comes back if
/// none is, or if that was tried already.
///
/// # Errors
/// It cannot be known, or `env` cannot be run.
pub(super) fn heed() -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    if !ignores(&status) || std::env::var_os(ANEW).is_some() {
        return Ok(());
    }
    Err(Command::new("env")
        .args(["--default-signal", &format!("{ANEW}=1")])
        .args(std::env::args_os())
        .exec())
}

/// Whether `/proc/self/status` names an ordinary signal that is ignored.
fn ignores(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & ORDINARY & !PIPE != 0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_signals_that_tests_send_matter() {
        let ignored =
            |mask: &str| super::ignores(&format!("Name:\tx\nSigIgn:\t{mask}\nSigCgt:\t0\n"));
        assert!(ignored("0000000000000006"), "INT and QUIT");
        assert!(ignored("0000000000001001"), "HUP beside PIPE");
        assert!(!ignored("0000000000001000"), "PIPE");
        assert!(!ignored("0000000180000000"), "32 and 33");
        assert!(!ignored("0000000000000000"));
        assert!(!super::ignores(""));
    }
}
