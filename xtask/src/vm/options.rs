//! The options of `cargo xtask vm`.

use std::path::PathBuf;

/// Minutes after which a machine is ended, if nothing else is said.
const MINUTES: u64 = 60;

/// Options of `cargo xtask vm`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Only kernels whose name begins so (5.10, 6.1, 6.12, 6.12-preempt, 7.2)
    #[arg(long)]
    pub(super) kernel: Option<String>,
    /// Only this back end (lsm, fentry, tracepoint)
    #[arg(long)]
    pub(super) backend: Option<String>,
    /// Only tests whose name contains this
    #[arg(long)]
    pub(super) filter: Option<String>,
    /// Minutes after which a machine is ended
    #[arg(long, default_value_t = MINUTES)]
    pub(super) minutes: u64,
    /// Take what this run's tests saw, and the verifier's instruction counts, as what is to be
    /// reached from now on
    #[arg(long, conflicts_with_all = ["filter", "smoke"])]
    pub(super) bless: bool,
    /// Run no tests, only take the verifier's instruction counts
    #[arg(long, conflicts_with_all = ["filter", "smoke"])]
    pub(super) verifier: bool,
    /// Run no tests, only record the input logs for the replay tests of the back end
    #[arg(long, requires_all = ["kernel", "backend"],
        conflicts_with_all = ["filter", "smoke", "bless", "verifier"])]
    pub(super) record: bool,
    /// Only boot the kernels and run this command of busybox in them, without agtrack
    #[arg(long, value_name = "COMMAND")]
    pub(super) smoke: Option<String>,
    /// A variable of the tests' environment, as in AGTRACK_FLOOD_MILLIS=30000 (may be given several
    /// times)
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(super) env: Vec<String>,
    /// Only what `cargo xtask test` does: every kernel, not every back end of each
    #[arg(long, conflicts_with_all = ["bless", "record", "filter", "smoke", "verifier"])]
    pub(super) short: bool,
    /// Only the machine with systemd, in which the package is installed, upgraded and removed
    #[arg(long, conflicts_with_all = ["kernel", "backend", "filter", "bless", "verifier", "record",
        "smoke", "short", "env"])]
    pub(super) systemd: bool,
    /// Put this static program into /bin of the machines (with --smoke)
    #[arg(long, value_name = "FILE", requires = "smoke")]
    pub(super) copy: Option<PathBuf>,
}

impl Options {
    /// What is enough every day.
    pub(crate) fn short() -> Options {
        Options {
            kernel: None,
            backend: None,
            filter: None,
            minutes: MINUTES,
            bless: false,
            verifier: false,
            record: false,
            smoke: None,
            env: Vec::new(),
            short: true,
            systemd: false,
            copy: None,
        }
    }
}

/// The kernel takes a name with a dot for a module's, and a blank or a quote for its own grammar.
fn variable(word: &str) -> Result<String, String> {
    let (name, value) = word.split_once('=').ok_or("it has no `=`")?;
    let is_plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"')
    };
    match !name.is_empty() && !name.contains('.') && is_plain(name) && is_plain(value) {
        true => Ok(word.to_owned()),
        false => Err("blanks, quotes and dots in the name cannot be handed over".to_owned()),
    }
}
