//! The well-known agent programs: nothing but data. A row more is all that a new one needs.

use super::{Habit, Program};

const fn habit(command: &'static str, arguments: &'static [&'static str]) -> Habit {
    Habit { command, arguments }
}

const fn program(
    name: &'static str,
    files: &'static [&'static str],
    scripts: &'static [&'static str],
    modules: &'static [&'static str],
    housekeeping: &'static [Habit],
) -> Program {
    Program {
        name,
        files,
        scripts,
        modules,
        housekeeping,
    }
}

/// All of them.
pub const TABLE: &[Program] = &[
    program(
        "claude",
        &["claude"],
        &["@anthropic-ai/claude-code/cli.js", "claude-code/cli.js"],
        &[],
        &[
            habit("bash", &["*SNAPSHOT_FILE="]),
            habit("zsh", &["*SNAPSHOT_FILE="]),
        ],
    ),
    program(
        "codex",
        &["codex", "codex.js"],
        &["@openai/codex/bin/codex.js"],
        &[],
        &[],
    ),
    program(
        "gemini",
        &["gemini"],
        &[
            "@google/gemini-cli/dist/index.js",
            "gemini-cli/bundle/gemini.js",
        ],
        &[],
        &[],
    ),
    program("opencode", &["opencode"], &[], &[], &[]),
    program("aider", &["aider"], &[], &["aider"], &[]),
    program("goose", &["goose", "goosed"], &[], &[], &[]),
    program("cursor-agent", &["cursor-agent"], &[], &[], &[]),
    program(
        "copilot",
        &["copilot"],
        &["@github/copilot/index.js"],
        &[],
        &[],
    ),
    program(
        "amp",
        &["amp"],
        &["@sourcegraph/amp/dist/main.js"],
        &[],
        &[],
    ),
    program("crush", &["crush"], &[], &[], &[]),
    program(
        "qwen",
        &["qwen"],
        &["@qwen-code/qwen-code/dist/index.js"],
        &[],
        &[],
    ),
    program(
        "openhands",
        &["openhands"],
        &[],
        &["openhands", "openhands.core.main"],
        &[],
    ),
    program(
        "swe-agent",
        &["sweagent", "mini"],
        &[],
        &["sweagent", "minisweagent"],
        &[],
    ),
    program("plandex", &["plandex"], &[], &[], &[]),
    program("droid", &["droid"], &[], &[], &[]),
    program("kiro-cli", &["kiro-cli", "q"], &[], &[], &[]),
];
