//! The programs: how each is started with a model of ours.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// A program.
#[derive(Debug)]
pub(crate) struct Program {
    /// What its tests are called.
    pub(crate) label: &'static str,
    /// As the catalogue has it.
    pub(crate) name: &'static str,
    /// Where it lies in the directory of the programs.
    pub(crate) file: &'static str,
    /// The executable that `file` ends up with, where that is a script.
    pub(crate) native: Option<&'static str>,
    /// What it is told. `%` stands for the address of the model.
    arguments: &'static [&'static str],
    /// Its environment, beside home and path.
    environment: &'static [(&'static str, &'static str)],
    /// Files in its home.
    files: &'static [(&'static str, &'static str)],
    /// What it is told by typing.
    pub(crate) typed: &'static str,
    /// What must stand in the arguments as a prompt, and never as it is.
    pub(crate) prompt: &'static str,
}

/// What the script `codex` starts.
const CODEX: &str =
    "codex/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex";

/// What tells codex which model to ask.
const CODEX_FILES: &[(&str, &str)] = &[(
    ".codex/config.toml",
    "model = \"m\"\nmodel_provider = \"stub\"\n[model_providers.stub]\nname = \"stub\"\n\
             base_url = \"http://%/v1\"\nwire_api = \"responses\"\nenv_key = \"MODEL_KEY\"\n",
)];

/// All of them.
pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        label: "codex",
        name: "codex",
        file: "codex/node_modules/.bin/codex",
        native: Some(CODEX),
        arguments: &[
            "exec",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            "mend the roof",
        ],
        environment: &[("MODEL_KEY", "none")],
        files: CODEX_FILES,
        typed: "",
        prompt: "mend the roof",
    },
    Program {
        label: "codex_in_its_sandbox",
        name: "codex",
        file: "codex/node_modules/.bin/codex",
        native: Some(CODEX),
        arguments: &[
            "exec",
            "--skip-git-repo-check",
            "--sandbox",
            "workspace-write",
            "-c",
            "sandbox_workspace_write.network_access=true",
            "mend the roof",
        ],
        environment: &[("MODEL_KEY", "none")],
        files: CODEX_FILES,
        typed: "",
        prompt: "mend the roof",
    },
    Program {
        label: "claude",
        name: "claude",
        file: "claude/node_modules/.bin/claude",
        native: None,
        arguments: &["-p", "--dangerously-skip-permissions", "mend the roof"],
        environment: &[
            // Root may skip permissions where a sandbox is around.
            ("IS_SANDBOX", "1"),
            ("ANTHROPIC_BASE_URL", "http://%"),
            ("ANTHROPIC_API_KEY", "none"),
        ],
        files: &[],
        typed: "",
        prompt: "mend the roof",
    },
    Program {
        label: "aider",
        name: "aider",
        file: "aider/bin/aider",
        native: None,
        arguments: &[
            "--model=openai/m",
            "--openai-api-base=http://%/v1",
            "--edit-format=diff",
            "--no-fancy-input",
            "--no-pretty",
            "--no-check-update",
            "--no-show-release-notes",
            "--no-show-model-warnings",
            "--analytics-disable",
            "--message",
            "mend the roof",
        ],
        environment: &[("OPENAI_API_KEY", "none")],
        files: &[(".gitconfig", "[user]\nname = me\nemail = me@h\n")],
        // It asks before each command.
        typed: "y\ny\ny\ny\ny\ny\ny\ny\ny\ny\n",
        prompt: "mend the roof",
    },
];

impl Program {
    /// Its command line.
    pub(crate) fn command(&self, programs: &Path, model: SocketAddr) -> Vec<String> {
        let file = programs.join(self.file);
        assert!(
            file.exists(),
            "{} is not there; install it with cargo xtask soak --agents",
            file.display()
        );
        let arguments = self.arguments.iter();
        let arguments = arguments.map(|word| word.replace('%', &model.to_string()));
        let file = file.to_str().expect("a plain path").to_owned();
        std::iter::once(file).chain(arguments).collect()
    }

    /// Makes its home, and has a command run with it.
    pub(crate) fn settle(&self, home: &Path, model: SocketAddr, command: &mut Command) {
        let model = model.to_string();
        for (path, text) in self.files {
            let path = home.join(path);
            let directory = path.parent().expect("a file in home");
            std::fs::create_dir_all(directory).expect("home can be written");
            std::fs::write(path, text.replace('%', &model)).expect("home can be written");
        }
        command.env_clear().env("HOME", home);
        command.env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        for (name, value) in self.environment {
            command.env(name, value.replace('%', &model));
        }
    }
}
