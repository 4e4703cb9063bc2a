//! The well-known agent programs: nothing but data. A row more is all that a new one needs.

use super::prompts;
use super::{Habit, Program};

const fn habit(command: &'static str, arguments: &'static [&'static str]) -> Habit {
    Habit { command, arguments }
}

/// A program of which nothing is known but its name.
const PROGRAM: Program = Program {
    name: "",
    files: &[],
    scripts: &[],
    modules: &[],
    packages: &[],
    prompts: &prompts::NONE,
    wrappers: &[],
    housekeeping: &[],
};

/// All of them.
pub const TABLE: &[Program] = &[
    Program {
        name: "claude",
        files: &["claude", "claude.exe"],
        scripts: &["@anthropic-ai/claude-code/cli.js", "claude-code/cli.js"],
        packages: &["@anthropic-ai/claude-code"],
        prompts: &prompts::CLAUDE,
        housekeeping: &[
            habit("bash", &["*SNAPSHOT_FILE="]),
            habit("zsh", &["*SNAPSHOT_FILE="]),
            // Commands of the model come through a shell; git it asks by itself with these.
            habit("git", &["-c", "safe.bareRepository=explicit"]),
            habit("git", &["-c", "protocol.ext.allow=never"]),
            // What a shell sets, before the first command.
            habit("bash", &["-c", "env"]),
            habit("zsh", &["-c", "env"]),
        ],
        ..PROGRAM
    },
    Program {
        name: "codex",
        files: &["codex", "codex.js"],
        scripts: &["@openai/codex/bin/codex.js"],
        packages: &["@openai/codex"],
        prompts: &prompts::CODEX,
        // Sets the shell up as the snapshot has it, and executes the command.
        wrappers: &[
            habit("bash", &["-c", "__CODEX_SNAPSHOT_*"]),
            habit("zsh", &["-c", "__CODEX_SNAPSHOT_*"]),
            habit("sh", &["-c", "__CODEX_SNAPSHOT_*"]),
            // The sandbox, in which it starts itself once more.
            habit("bwrap", &["--argv0", "codex-linux-sandbox"]),
        ],
        // Commands of the model come through a shell, and not with these words.
        housekeeping: &[
            habit("git", &["-c", "safe.bareRepository=explicit"]),
            habit("bash", &["-lc", "*# Snapshot file"]),
            habit("zsh", &["-lc", "*# Snapshot file"]),
            habit("bash", &["-c", "set -e; . *"]),
            habit("zsh", &["-c", "set -e; . *"]),
            habit("lsb_release", &["-a"]),
            habit("sh", &["*lsb_release", "-a"]),
            habit("python3", &["*lsb_release", "-a"]),
            habit("getconf", &["LONG_BIT"]),
            // Whether there can be a sandbox.
            habit("bwrap", &["--", "/usr/bin/true"]),
        ],
        ..PROGRAM
    },
    Program {
        name: "gemini",
        files: &["gemini"],
        scripts: &[
            "@google/gemini-cli/dist/index.js",
            "gemini-cli/bundle/gemini.js",
        ],
        packages: &["@google/gemini-cli"],
        prompts: &prompts::GEMINI,
        ..PROGRAM
    },
    Program {
        name: "opencode",
        files: &["opencode"],
        packages: &["opencode-ai"],
        prompts: &prompts::OPENCODE,
        ..PROGRAM
    },
    Program {
        name: "aider",
        files: &["aider"],
        modules: &["aider"],
        packages: &["aider-chat"],
        prompts: &prompts::AIDER,
        // Commands of the model come through a shell; git it asks and tells by itself.
        housekeeping: &[habit("git", &[]), habit("uname", &["-p"])],
        ..PROGRAM
    },
    Program {
        name: "goose",
        files: &["goose", "goosed"],
        prompts: &prompts::GOOSE,
        ..PROGRAM
    },
    Program {
        name: "cursor-agent",
        files: &["cursor-agent"],
        prompts: &prompts::CURSOR,
        ..PROGRAM
    },
    Program {
        name: "copilot",
        files: &["copilot"],
        scripts: &["@github/copilot/index.js"],
        packages: &["@github/copilot"],
        prompts: &prompts::COPILOT,
        ..PROGRAM
    },
    Program {
        name: "amp",
        files: &["amp"],
        scripts: &["@sourcegraph/amp/dist/main.js"],
        packages: &["@sourcegraph/amp"],
        prompts: &prompts::AMP,
        ..PROGRAM
    },
    Program {
        name: "crush",
        files: &["crush"],
        packages: &["@charmland/crush"],
        prompts: &prompts::CRUSH,
        ..PROGRAM
    },
    Program {
        name: "qwen",
        files: &["qwen"],
        scripts: &["@qwen-code/qwen-code/dist/index.js"],
        packages: &["@qwen-code/qwen-code"],
        prompts: &prompts::GEMINI,
        ..PROGRAM
    },
    Program {
        name: "openhands",
        files: &["openhands"],
        modules: &["openhands", "openhands.core.main"],
        prompts: &prompts::OPENHANDS,
        ..PROGRAM
    },
    Program {
        name: "swe-agent",
        files: &["sweagent", "mini"],
        modules: &["sweagent", "minisweagent"],
        packages: &["mini-swe-agent"],
        prompts: &prompts::SWE_AGENT,
        ..PROGRAM
    },
    Program {
        name: "plandex",
        files: &["plandex", "pdx"],
        prompts: &prompts::PLANDEX,
        ..PROGRAM
    },
    Program {
        name: "droid",
        files: &["droid"],
        prompts: &prompts::DROID,
        ..PROGRAM
    },
    Program {
        name: "kiro-cli",
        files: &["kiro-cli", "q"],
        prompts: &prompts::KIRO,
        ..PROGRAM
    },
];
