//! A hundred planted secrets and prompts that real processes carry: none is found anywhere.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use agtrack_tests::here;
use agtrack_tests::records::Records;
use tempfile::TempDir;

use crate::{Outcome, Unable};

/// Commands that carry a secret: `%` stands for it, `|` divides arguments.
const SECRETS: &[&str] = &[
    "x|--password|%",
    "x|--api-key=%",
    "x|-token=%",
    "x|--client-secret=%|y",
    "curl|-u|me:%|https://h/",
    "curl|-sSkume:%|https://h/",
    "curl|-H|Authorization: Bearer %|https://h/",
    "curl|-H|X-Api-Key: %|https://h/",
    "curl|--cookie|session=%|https://h/",
    "curl|-d|{\"user\":\"me\",\"password\":\"%\"}|https://h/",
    "curl|https://me:%@h/x",
    "curl|https://h/x?access_token=%&a=b",
    "curl|https://h/x?a=b&sig=%#top",
    "wget|--http-password=%|https://h/",
    "mysql|-uroot|-p%|db",
    "sshpass|-p|%|ssh|h",
    "redis-cli|-a|%|ping",
    "openssl|enc|-pass|pass:%",
    "env|PGPASSWORD=%|true",
    "docker|run|-e|DB_PASS=%|image",
    "docker|login|-u|me|-p|%",
    "helm|install|--set|db.password=%,db.user=x|chart",
    "npm|config|set|//r.example/:_authToken|%",
    "aws|configure|set|aws_secret_access_key|%",
    "kubectl|create|secret|generic|x|--from-literal=a=%",
    "git|clone|https://me:%@git.example/x",
    "git|-c|http.extraheader=AUTHORIZATION: bearer %|fetch",
    "psql|postgresql://me:%@db:5432/x?sslmode=require",
    "psql|host=db password=% user=me",
    "bash|-c|true --password % && true",
    "sh|-c|TOKEN='%'; true",
    "unzip|-P|%|x.zip",
    "x|ghp_%",
    "x|eyJhbGciOiJIUzI1NiJ9.eyJ%.c2lnbmF0dXJl",
];

/// Commands that carry a prompt.
const PROMPTS: &[&str] = &[
    "claude|%",
    "claude|-p|%",
    "claude|-p|--model|opus|%",
    "claude|--append-system-prompt|%|-p|x",
    "claude|--system-prompt=%",
    "codex|%",
    "codex|exec|--json|%",
    "codex|exec|resume|--last|%",
    "codex|-c|developer_instructions=%|exec|-",
    "gemini|-p|%",
    "gemini|--prompt-interactive=%",
    "qwen|-y|-p|%",
    "aider|--message|%|file.py",
    "aider|--message=%",
    "aider|-m|%",
    "goose|run|-t|%",
    "opencode|run|-m|a/b|%",
    "cursor-agent|-p|%",
    "copilot|-p|%",
    "amp|-x|%",
    "crush|run|%",
    "droid|exec|%",
    "env|A=b|claude|-p|%",
    "timeout|60|claude|-p|%",
    "nice|-n|5|codex|exec|%",
    "bash|-c|claude -p '%'; true",
    "bash|-c|true && timeout 9 codex exec \"%\" > /dev/null 2>&1",
    "sh|-c|claude -p <<'EOF'\n%\nEOF\ntrue",
    "sh|-c|claude -p \"$(cat <<'EOF'\n%\nEOF\n)\"; true",
    "sh|-c|sh -c \"claude -p '%'\"",
    "sh|-c|claude \"$@\"|_|%",
];

/// Paths that a file is made at.
const PATHS: &[&str] = &[
    "token=%",
    "password=%/part-0",
    "ghp_%.txt",
    "api_key=%.d/x",
    "https:/me:%@h",
];

/// Programs that do nothing, so that what is meant is what is given to them.
const IDLE: &[&str] = &[
    "x",
    "curl",
    "wget",
    "mysql",
    "sshpass",
    "redis-cli",
    "openssl",
    "docker",
    "helm",
    "npm",
    "aws",
    "kubectl",
    "git",
    "psql",
    "unzip",
    "claude",
    "codex",
    "gemini",
    "qwen",
    "aider",
    "goose",
    "opencode",
    "cursor-agent",
    "copilot",
    "amp",
    "crush",
    "droid",
];

/// What must not be found.
struct Planted(Vec<String>);

impl Planted {
    /// A new one: 36 letters and digits, as tokens are.
    fn one(&mut self) -> String {
        let mut text = String::new();
        let mut state = (std::process::id() as u64) << 20 | self.0.len() as u64;
        for place in 0..36 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963);
            let alphabet = b"aZ3kQ9bX7cW5dV2e";
            let pick = if place < 3 {
                place
            } else {
                (state >> 60) as usize
            };
            text.push(char::from(alphabet[pick]));
        }
        self.0.push(text.clone());
        text
    }

    fn absent(&self, bytes: &[u8], place: &str) {
        let text = String::from_utf8_lossy(bytes);
        for secret in &self.0 {
            // Half of one is one too.
            for part in [&secret[..18], &secret[18..]] {
                if text.contains(part) {
                    let line = text.lines().find(|line| line.contains(part));
                    panic!("{part} of {secret} is in {place}: {line:?}");
                }
            }
        }
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A script that starts them all.
fn script(planted: &mut Planted, bin: &Path, work: &Path, url: &str) -> String {
    let mut script = format!("PATH={}:$PATH\ncd {}\n", bin.display(), work.display());
    for carrier in SECRETS {
        command(&mut script, carrier, &planted.one());
    }
    for carrier in PROMPTS {
        let words = format!("mend {} and {}", planted.one(), planted.one());
        command(&mut script, carrier, &words);
    }
    for path in PATHS {
        let path = path.replace('%', &planted.one());
        let directory = Path::new(&path)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        let (path, directory) = (quoted(&path), quoted(&format!("./{}", directory.display())));
        let _ = writeln!(script, "mkdir -p {directory}; echo x > {path}; rm {path}");
    }
    // A request that is seen on the network too.
    let target = format!("{url}/x?access_token={}&a=b", planted.one());
    let header = format!("Authorization: Bearer {}", planted.one());
    let _ = writeln!(script, "/usr/bin/curl -s -H '{header}' '{target}'");
    script
}

fn command(script: &mut String, carrier: &str, secret: &str) {
    let words: Vec<_> = carrier
        .replace('%', secret)
        .split('|')
        .map(quoted)
        .collect();
    let _ = writeln!(script, "{}", words.join(" "));
}

/// Answers one request; gives what was asked.
fn serve(listener: TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut asked = [0; 4096];
    let length = stream.read(&mut asked).unwrap();
    stream
        .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        .unwrap();
    String::from_utf8_lossy(&asked[..length]).into_owned()
}

/// Records a command.
fn run(journal: &Path, command: &[&OsStr]) -> Output {
    let mut run = Command::new(here::agtrack());
    run.args(["run", "--backend", &here::backend(), "--journal"]);
    run.arg(journal).arg("--").args(command);
    let output = run.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

pub(super) fn none_of_a_hundred_secrets_and_prompts_is_found_anywhere() -> Outcome {
    // What is redacted does not depend on the kernel, and there a program knows its name.
    if here::is_machine() {
        return Err(Unable(
            "busybox does not do nothing under any name".to_owned(),
        ));
    }
    let directory = TempDir::new().unwrap();
    let [bin, work, journal] = ["bin", "work", "journal"].map(|name| directory.path().join(name));
    std::fs::create_dir(&bin).unwrap();
    std::fs::create_dir(&work).unwrap();
    for name in IDLE {
        std::fs::copy("/bin/true", bin.join(name)).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(|| serve(listener));
    let mut planted = Planted(Vec::new());
    let script = script(&mut planted, &bin, &work, &url);
    assert!(planted.0.len() >= 100, "{}", planted.0.len());
    let file = directory.path().join("script");
    std::fs::write(&file, script).unwrap();

    let output = run(&journal, &["env".as_ref(), "sh".as_ref(), file.as_os_str()]);
    // The command itself carries a prompt too.
    let (claude, prompt) = (bin.join("claude"), planted.one());
    let second = run(
        &journal,
        &[claude.as_os_str(), "-p".as_ref(), prompt.as_ref()],
    );
    let asked = server.join().unwrap();
    assert!(asked.contains("access_token="), "{asked}");

    for output in [&output, &second] {
        planted.absent(&output.stdout, "standard output");
        planted.absent(&output.stderr, "the summary");
    }
    in_no_file(&planted, &journal);
    in_no_answer(&planted, &journal);
    all_were_there(&Records::read(&journal));
    Ok(())
}

fn in_no_file(planted: &Planted, journal: &Path) {
    let mut bytes = 0;
    for entry in std::fs::read_dir(journal).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let content = std::fs::read(&path).unwrap();
            bytes += content.len();
            planted.absent(&content, &path.display().to_string());
        }
    }
    assert!(bytes > 100_000, "{bytes} bytes of journal");
}

fn in_no_answer(planted: &Planted, journal: &Path) {
    for arguments in [
        &["tail", "-n", "all", "--all"][..],
        &["tail", "-n", "all", "--json"],
        &["query"],
    ] {
        let mut ask = Command::new(here::agtrack());
        ask.args(arguments).arg("--journal").arg(journal);
        let said = ask.stdin(Stdio::null()).output().unwrap();
        assert!(
            said.status.success() && said.stdout.len() > 10_000,
            "{arguments:?}: {said:?}"
        );
        planted.absent(&said.stdout, &format!("{arguments:?}"));
        planted.absent(&said.stderr, &format!("what {arguments:?} says"));
    }
}

/// Absent is what was never there, too.
fn all_were_there(records: &Records) {
    let redacted = |rule: &str| {
        let has = |record: &&serde_json::Value| {
            let rules = record["redacted"].as_array();
            rules.is_some_and(|rules| rules.iter().any(|name| name == rule))
        };
        let records = records.0.iter().map(|record| &**record);
        records.filter(has).count()
    };
    let execs = records.action("process.exec");
    assert!(
        execs.len() >= SECRETS.len() + PROMPTS.len(),
        "{}",
        execs.len()
    );
    assert!(redacted("prompt") >= PROMPTS.len(), "{records}");
    assert!(
        redacted("url-user") >= 4 && redacted("option") >= 10,
        "{records}"
    );
    let asked = records.action("net.http_request");
    let target = asked.one()["object"]["target"].to_string();
    assert!(target.contains("<redacted:"), "{target}");
}
