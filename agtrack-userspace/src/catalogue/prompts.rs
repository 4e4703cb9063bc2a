//! Which arguments of agent programs are prompts: nothing but data, from what the programs print
//! for `--help`, from their manuals, and from published examples of their use. What no row says is taken for a prompt where words can be.

/// Which arguments of a program are prompts.
#[derive(Debug, PartialEq, Eq)]
pub struct Prompts {
    /// Options whose value is a prompt, as they are typed.
    pub options: &'static [&'static str],
    /// Options whose value is none, so that it is not taken for a word.
    pub values: &'static [&'static str],
    /// Settings that are prompts, in values of the form `NAME=PROMPT`.
    pub settings: &'static [&'static str],
    /// Which words are prompts: those that are neither options nor their values.
    pub words: Words,
    /// First words that are commands of the program, or options that say what it is to be; nothing
    /// behind them is a prompt.
    pub commands: &'static [&'static str],
}

/// Which words of a command line are prompts.
#[derive(Debug, PartialEq, Eq)]
pub enum Words {
    /// None.
    No,
    /// All, but for these where they stand before any other: they are commands that take prompts.
    All(&'static [&'static str]),
    /// All behind one of these.
    Behind(&'static [&'static str]),
}

/// No prompt is given to it in arguments, or nobody knows how.
pub(super) const NONE: Prompts = Prompts {
    options: &[],
    values: &[],
    settings: &[],
    words: Words::No,
    commands: &[],
};

#[rustfmt::skip]
pub(super) const CLAUDE: Prompts = Prompts {
    options: &[
        "--system-prompt", "--append-system-prompt", "--agents", "--name", "-n",
    ],
    values: &[
        "--add-dir", "--agent", "--allowedTools", "--allowed-tools", "--autocompact", "--betas",
        "--debug-file", "--disallowedTools", "--disallowed-tools", "--effort", "--environment",
        "--fallback-model", "--file", "--input-format", "--json-schema", "--max-budget-usd",
        "--max-turns", "--mcp-config", "--model", "--output-format", "--permission-mode",
        "--permission-prompt-tool", "--permission-prompts", "--plugin-dir", "--plugin-url",
        "--session-id", "--setting-sources", "--settings", "--system-prompt-snapshot", "--tools",
        "--system-prompt-file", "--append-system-prompt-file",
    ],
    settings: &[],
    words: Words::All(&["ultrareview"]),
    commands: &[
        "agents", "attach", "auth", "auto-mode", "doctor", "gateway", "import", "install", "logs",
        "mcp", "plugin", "plugins", "purge", "respawn", "rm", "setup-token", "stop", "kill",
        "update", "upgrade",
    ],
};

#[rustfmt::skip]
pub(super) const CODEX: Prompts = Prompts {
    options: &["--commit-message", "--title"],
    values: &[
        "-c", "--config", "--enable", "--disable", "--remote", "--remote-auth-token-env", "-i",
        "--image", "-m", "--model", "--local-provider", "-p", "--profile", "-s", "--sandbox", "-a",
        "--ask-for-approval", "-C", "--cd", "--add-dir", "--output-schema", "--color", "-o",
        "--output-last-message", "--base", "--commit",
    ],
    settings: &["developer_instructions", "base_instructions", "instructions", "compact_prompt"],
    words: Words::All(&["exec", "e", "resume", "fork", "review", "queue", "cloud"]),
    commands: &[
        "agents", "login", "logout", "mcp", "mcp-server", "plugin", "app-server", "remote-control",
        "completion", "update", "doctor", "sandbox", "debug", "apply", "a", "archive", "delete",
        // How it starts itself again, with what it was told to start behind it.
        "--codex-run-as-process-setup", "--codex-run-as-apply-patch", "--codex-run-as-fs-helper",
        "migrate-rollouts", "migrate-nfs-db", "unarchive", "exec-server", "features", "help",
    ],
};

#[rustfmt::skip]
pub(super) const GEMINI: Prompts = Prompts {
    options: &["-p", "--prompt", "-i", "--prompt-interactive"],
    values: &[
        "-m", "--model", "--approval-mode", "-o", "--output-format", "-e", "--extensions",
        "--include-directories", "--allowed-tools", "--allowed-mcp-server-names",
        "--sandbox-image", "--auth-type",
    ],
    settings: &[],
    words: Words::All(&[]),
    commands: &["mcp", "extensions", "extension", "update"],
};

#[rustfmt::skip]
pub(super) const OPENCODE: Prompts = Prompts {
    options: &["--prompt", "--title"],
    values: &[
        "-s", "--session", "-m", "--model", "--agent", "-f", "--file", "--format", "--attach",
        "--port", "--hostname", "--variant", "--command", "--dir", "--server",
    ],
    settings: &[],
    words: Words::Behind(&["run"]),
    commands: &[],
};

#[rustfmt::skip]
pub(super) const AIDER: Prompts = Prompts {
    options: &["--message", "--msg", "-m", "--commit-prompt", "--commit-message"],
    values: &["--message-file", "-f"],
    settings: &[],
    words: Words::No,
    commands: &[],
};

pub(super) const GOOSE: Prompts = Prompts {
    options: &["-t", "--text", "--system", "--params"],
    values: &["-i", "--instructions"],
    settings: &[],
    words: Words::No,
    commands: &[],
};

#[rustfmt::skip]
pub(super) const CURSOR: Prompts = Prompts {
    options: &[],
    values: &["--output-format", "--model", "-m", "--mode", "--workspace", "--sandbox"],
    settings: &[],
    words: Words::All(&["agent", "resume"]),
    commands: &[
        "login", "logout", "mcp", "status", "whoami", "models", "update", "upgrade", "ls", "help",
        "install-shell-integration", "uninstall-shell-integration",
    ],
};

pub(super) const COPILOT: Prompts = Prompts {
    options: &["-p", "--prompt", "-i", "--interactive"],
    values: &[],
    settings: &[],
    words: Words::No,
    commands: &[],
};

#[rustfmt::skip]
pub(super) const AMP: Prompts = Prompts {
    options: &["-x", "--execute"],
    values: &["--settings-file", "--log-level", "--log-file", "--mcp-config", "-m", "--mode"],
    settings: &[],
    words: Words::All(&["threads", "continue"]),
    commands: &["login", "logout", "mcp", "tools", "update", "doctor", "help"],
};

pub(super) const CRUSH: Prompts = Prompts {
    options: &[],
    values: &["-c", "--cwd", "-D", "--data-dir", "-m", "--model"],
    settings: &[],
    words: Words::Behind(&["run"]),
    commands: &[],
};

pub(super) const OPENHANDS: Prompts = Prompts {
    options: &["-t", "--task"],
    values: &[],
    settings: &[],
    words: Words::No,
    commands: &[],
};

pub(super) const SWE_AGENT: Prompts = Prompts {
    options: &["-t", "--task", "--problem_statement.text"],
    values: &[],
    settings: &[],
    words: Words::No,
    commands: &[],
};

pub(super) const PLANDEX: Prompts = Prompts {
    options: &[],
    values: &["-f", "--file"],
    settings: &[],
    words: Words::Behind(&["tell", "chat", "t", "ch"]),
    commands: &[],
};

pub(super) const DROID: Prompts = Prompts {
    options: &[],
    values: &[
        "-m",
        "--model",
        "-o",
        "--output-format",
        "--auto",
        "--cwd",
        "-f",
        "--file",
    ],
    settings: &[],
    words: Words::All(&["exec"]),
    commands: &["mcp", "help"],
};

pub(super) const KIRO: Prompts = Prompts {
    options: &[],
    values: &["--agent", "--model", "--trust-tools"],
    settings: &[],
    words: Words::Behind(&["chat", "translate"]),
    commands: &[],
};
