//! What is a prompt, and what is none.

use super::tests::{check, redactor};

fn line(args: &[&str]) -> Vec<Vec<u8>> {
    args.iter().map(|arg| arg.as_bytes().to_vec()).collect()
}

#[test]
fn a_prompt_is_written_as_its_length_and_tag() {
    let args = line(&["claude", "-p", "mend the roof"]);
    let redacted = redactor().args(&args);
    let shown = String::from_utf8(redacted.value[2].clone()).unwrap();
    assert!(
        shown.starts_with("<prompt:13:") && shown.len() == 20,
        "{shown}"
    );
    assert_eq!(redacted.rules, ["prompt"]);
    let again = redactor().args(&redacted.value);
    assert_eq!((&again.value, again.rules.len()), (&redacted.value, 0));
    let other = redactor().args(&line(&["codex", "mend the roof"])).value[1].clone();
    assert_eq!(
        String::from_utf8(other).unwrap(),
        shown,
        "equal prompts have equal tags"
    );
}

#[test]
fn words_and_options_are_prompts_as_each_program_says() {
    for args in [
        &["claude", "⟦do x⟧"][..],
        &[
            "/usr/bin/claude",
            "-p",
            "--model",
            "opus",
            "--output-format=json",
            "⟦do x⟧",
        ],
        &[
            "claude",
            "--append-system-prompt",
            "⟦be kind⟧",
            "-p",
            "⟦do x⟧",
        ],
        &["claude", "--system-prompt=⟦be kind⟧", "--unknown", "⟦x⟧"],
        &[
            "claude",
            "--agents",
            "⟦{\"a\":{\"prompt\":\"b\"}}⟧",
            "--",
            "⟦--do x⟧",
        ],
        &["codex", "⟦do x⟧"],
        &[
            "codex",
            "exec",
            "--json",
            "-m",
            "gpt-5",
            "-C",
            "/work",
            "⟦do x⟧",
        ],
        &[
            "codex",
            "-c",
            "developer_instructions=⟦be kind⟧",
            "exec",
            "⟦do⟧",
        ],
        &["codex", "exec", "resume", "--last", "⟦and then⟧"],
        &["codex", "exec", "--config=base_instructions=⟦be kind⟧", "-"],
    ] {
        check(args);
    }
}

#[test]
fn words_and_options_are_prompts_of_the_others_too() {
    for args in [
        &["gemini", "-p", "⟦do x⟧", "-m", "flash"][..],
        &["gemini", "--prompt-interactive=⟦do x⟧", "⟦more⟧"],
        &["qwen", "-y", "-p⟦do x⟧"],
        &["aider", "--yes", "-m", "⟦do x⟧", "file.py"],
        &["aider", "--message=⟦do x⟧", "file.py", "--model", "gpt-4o"],
        &["aider", "--ms", "⟦do x⟧", "--message-file", "plan.md"],
        &["goose", "run", "-t", "⟦do x⟧", "--system", "⟦be kind⟧"],
        &["opencode", "run", "-m", "a/b", "⟦do⟧", "⟦x⟧"],
        &["opencode", "--prompt", "⟦do x⟧", "/work"],
        &["cursor-agent", "-p", "--output-format", "text", "⟦do x⟧"],
        &["copilot", "-p", "⟦do x⟧", "--allow-all-tools"],
        &["amp", "-x", "⟦do x⟧"],
        &["crush", "run", "-c", "/work", "⟦do x⟧"],
        &["droid", "exec", "--auto", "low", "⟦do x⟧"],
        &["droid", "exec", "-f", "plan.md"],
        &["plandex", "tell", "⟦do x⟧"],
        &["pdx", "t", "-f", "plan.md", "⟦do x⟧"],
        &[
            "python",
            "-m",
            "openhands.core.main",
            "-t",
            "⟦do x⟧",
            "-i",
            "5",
        ],
        &["sweagent", "run", "--problem_statement.text=⟦do x⟧"],
        &["kiro-cli", "chat", "--agent", "a", "⟦do x⟧"],
    ] {
        check(args);
    }
}

#[test]
fn commands_of_a_program_are_no_prompts() {
    for args in [
        &["claude", "mcp", "list"][..],
        &["claude", "--verbose", "update"],
        &["claude", "mcp", "add", "x", "--", "npx", "-y", "server"],
        &["codex", "login", "status"],
        &["codex", "sandbox", "linux", "--", "ls", "-l"],
        &["gemini", "extensions", "install", "x"],
        &["opencode", "serve", "--port", "80"],
        &["opencode", "auth", "login"],
        &["goose", "session", "--name", "x"],
        &["aider", "src/a.py", "src/b.py"],
        &["claude"],
        &[
            "/x/codex",
            "--codex-run-as-process-setup",
            "/work",
            "/bin/bash",
            "-c",
            "ls a b",
        ],
        &["codex", "exec", "-"],
    ] {
        check(args);
    }
}

#[test]
fn what_starts_an_agent_program_is_seen_through() {
    for args in [
        &["env", "-u", "A", "B=c", "claude", "-p", "⟦do x⟧"][..],
        &["timeout", "-s", "KILL", "60", "claude", "-p", "⟦do x⟧"],
        &[
            "node",
            "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js",
            "-p",
            "⟦do x⟧",
        ],
        &["node", "--no-warnings", "/usr/bin/codex", "exec", "⟦do x⟧"],
        &["/usr/bin/env", "node", "/usr/bin/gemini", "-p", "⟦do x⟧"],
        &["python", "-m", "aider", "-m", "⟦do x⟧"],
        &["python3.11", "/venv/bin/aider", "--msg", "⟦do x⟧"],
        &["npx", "-y", "@openai/codex@0.1.0", "exec", "⟦do x⟧"],
        &["uvx", "--from", "aider-chat", "aider", "-m", "⟦do x⟧"],
        &["sh", "/opt/shim/claude", "⟦do x⟧"],
        &["docker", "exec", "-it", "c", "claude", "-p", "⟦do x⟧"],
        &[
            "agtrack",
            "run",
            "--name",
            "a",
            "--",
            "codex",
            "exec",
            "⟦do x⟧",
        ],
        &["sudo", "-u", "me", "nice", "-n", "5", "claude", "⟦do x⟧"],
        &["bash", "-c", "exec claude \"$@\"", "⟦_⟧", "⟦do x⟧"],
        &[
            "sh",
            "-c",
            "echo $$ > \"$0\" && exec timeout \"$@\"",
            "/a",
            "60",
            "codex",
            "exec",
            "⟦do x⟧",
        ],
        &["sh", "-c", "rm \"$1\" $2", "_", "claude", "notes"],
    ] {
        check(args);
    }
}

#[test]
fn a_shell_is_seen_through() {
    for text in [
        "claude -p '⟦do x; rm y⟧'",
        "cd /work && claude -p \"⟦say \\\"a; b\\\" now⟧\" > out.txt 2>&1; ls -l",
        "A=b timeout 60 codex exec '⟦do x⟧' | tee log",
        "claude -p ⟦$'it\\'s; so'⟧ && make all",
        "claude -p ⟦'it'\\''s; so'⟧ && make all",
        "claude -p \"⟦$(cat <<'EOF'\nsay \"a; b\" (so)\nEOF\n)⟧\"; ls",
        "claude -p <<'EOF'\n⟦do x; and\nmake y⟧\nEOF\nls -l",
        "claude -p << EOF\n⟦do x; and⟧\nEOF\nls -l",
        "claude -p <<< '⟦do x⟧'; ls -l",
        "if true; then claude '⟦do x⟧'; fi",
        "ssh h \"claude -p '⟦do x⟧'\"",
        "bash -lc \"claude -p ⟦\\\"a; b\\\"⟧\"; ls -l",
        "eval 'claude -p ⟦x⟧' < /dev/null && pwd -P >| /tmp/claude-1-cwd",
        "python3 -m aider --message \"⟦do x⟧\" a.py",
        "claude mcp list && claude '⟦do x⟧'",
        "claude -p \"$PROMPT\" ${X} '⟦do x⟧'",
        "x=$(claude -p '⟦do x⟧')",
        "x=\"$(claude -p ⟦'do⟧ ⟦x')\"⟧; ls",
        "echo \"$(claude -p '⟦a; b⟧')\"; ls",
    ] {
        check(&["bash", "-lc", text]);
        check(&["/usr/bin/env", "sh", "-c", text]);
    }
}

#[test]
fn only_the_program_itself_makes_words_prompts() {
    for args in [
        &["which", "claude", "codex"][..],
        &["grep", "-r", "claude", "src"],
        &["git", "commit", "-m", "claude is kind"],
        &["cat", "/usr/bin/claude", "x"],
        &["node", "build.js", "claude", "x"],
        &["bash", "-c", "echo claude is kind; which codex now"],
        &["tee", "amp", "q"],
        &["q.py", "chat", "x"],
    ] {
        check(args);
    }
}

#[test]
fn what_really_runs_says_more_than_its_name() {
    let args = line(&["helper", "do x"]);
    let redacted = redactor().command(Some(b"/opt/claude"), &args);
    assert_eq!(
        (&redacted.value[0], &redacted.rules[..]),
        (&args[0], &["prompt"][..])
    );
    assert_ne!(redacted.value[1], args[1]);
    let sandbox = line(&["codex-linux-sandbox", "--", "bash", "-c", "ls a b"]);
    let shown = redactor().command(Some(b"/opt/codex"), &sandbox);
    assert_eq!(shown.value[..], sandbox[..], "what it starts is no prompt");
    let other = redactor().command(Some(b"/opt/helper"), &args);
    assert_eq!(other.value[..], args[..]);
}

#[test]
fn a_secret_in_a_prompt_is_part_of_it() {
    let args = line(&["claude", "-p", "log in with --password hunter2 please"]);
    let redacted = redactor().args(&args);
    assert_eq!(redacted.rules, ["prompt"]);
    // What is no prompt is looked at as ever.
    check(&[
        "claude",
        "--mcp-config",
        "{\"token\": \"⟦hunter2x⟧\"}",
        "⟦do x⟧",
    ]);
}
