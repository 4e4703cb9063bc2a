//! How long it takes to ask a large journal, beside what one would do by hand.
//!
//! Comes in: the golden records of the replay tests. Goes out: a table, on the terminal. A journal of
//! that size is made of those records, each with a number, a time, a session and paths of its own,
//! and a few that are looked for. Cold: the kernel was told to forget the files before.

mod journal;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{host, priority};
use crate::build;
use crate::run;
use crate::workspace::Workspace;
use journal::Made;

/// Times that each way is taken; the median counts.
const ROUNDS: usize = 3;
const MIB: u64 = 1 << 20;

/// What is asked, and the same by hand.
struct Question {
    words: &'static str,
    asked: &'static [&'static str],
    grep: &'static str,
    jq: &'static str,
}

const QUESTIONS: &[Question] = &[
    Question {
        words: "who touched this file",
        asked: &["--path", journal::PATH],
        grep: "grep -hF '\"/etc/wanted.conf\"' \"$@\" | wc -l",
        jq: "select([.object.path?, .object.from?, .object.to?] | index(\"/etc/wanted.conf\"))",
    },
    Question {
        words: "who talked to this host",
        asked: &["--host", journal::HOST],
        grep: "grep -hF 'wanted.example.net' \"$@\" | wc -l",
        jq: "select((.object.domain? // .object.peer?.domain? // .object.peer?.ip?) == \
             \"wanted.example.net\")",
    },
    Question {
        words: "what did this session change (1 of 100)",
        asked: &["--session", journal::SESSION, "--changes"],
        grep: "grep -hF '\"session\":\"00000042-' \"$@\" | grep -E '\"action\":\"file\\.\
               (unlink|rename|mkdir|rmdir|mknod|link|symlink|truncate|chmod|chown|close)\"' | wc -l",
        jq: "select(.agent.session? // \"\" | startswith(\"00000042-\")) | \
             select(.action? // \"\" | test(\"unlink|rename|mkdir|rmdir|mknod|link|truncate|chmod\"))",
    },
    Question {
        words: "a program by `*a*`: no text to search for, few matches",
        asked: &["--exe", "*a*", "--count"],
        grep: "",
        jq: "",
    },
    Question {
        words: "a program by `*r*`: every record matches and is parsed as a whole",
        asked: &["--exe", "*r*", "--count"],
        grep: "",
        jq: "",
    },
];

/// `cargo xtask bench --query`.
///
/// # Errors
/// agtrack does not compile, there is no room for the journal, or a program fails.
pub(super) fn measure(workspace: &Workspace, binary: Option<&Path>, mib: u64) -> Result<ExitCode> {
    let binary = match binary {
        Some(binary) => binary.to_path_buf(),
        None => build::agtrack(workspace, true)?,
    };
    let dir = workspace.scratch("bench-query")?.join("journal");
    eprintln!("bench: a journal of {mib} MiB in {}", dir.display());
    let _before_others = priority::raise().unwrap_or_else(|error| {
        eprintln!("bench: the priority could not be raised: {error:#}");
        None
    });
    let made = journal::make(&workspace.root.join("tests/replay"), &dir, mib * MIB)?;
    println!(
        "- machine: {}\n- date: {}\n- journal: {} MiB, {} records, {} segments\n\n\
         | question | matches | agtrack query, cold | warm | grep, cold | warm | jq, warm |\n\
         |---|---|---|---|---|---|---|",
        host::describe(),
        host::today(),
        made.bytes / MIB,
        made.records,
        made.segments.len(),
    );
    for question in QUESTIONS {
        println!("{}", row(&binary, &dir, &made, question)?);
    }
    std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn row(binary: &Path, dir: &Path, made: &Made, question: &Question) -> Result<String> {
    let mut ask = Command::new(binary);
    ask.args(["query", "--json", "--journal"]).arg(dir);
    ask.args(question.asked);
    let said = run::output(&mut ask)?;
    let matches = match question.asked.contains(&"--count") {
        true => said.trim().to_owned(),
        false => said.lines().count().to_string(),
    };
    let ask = both(made, &mut ask)?;
    let (cold, warm) = (ask.0.as_secs_f64(), ask.1.as_secs_f64());
    let mut row = format!(
        "| {} | {matches} | {cold:.2} s | {warm:.2} s |",
        question.words
    );
    if question.grep.is_empty() {
        return Ok(row + " | | |");
    }
    let mut grep = Command::new("sh");
    grep.args(["-c", question.grep, "sh"]).args(&made.segments);
    grep.env("LC_ALL", "C");
    let grep = both(made, &mut grep)?;
    for (other, own) in [(grep.0, cold), (grep.1, warm)] {
        row.push_str(&times(other, own));
    }
    let jq = match run::which("jq") {
        Some(jq) => {
            let mut jq = Command::new(jq);
            jq.args(["-c", question.jq]).args(&made.segments);
            times(time(&mut jq)?, warm)
        }
        None => " not installed |".to_owned(),
    };
    Ok(row + &jq)
}

fn times(other: Duration, own: f64) -> String {
    let other = other.as_secs_f64();
    format!(" {other:.2} s ({:.1}×) |", other / own)
}

/// Cold and warm.
fn both(made: &Made, command: &mut Command) -> Result<(Duration, Duration)> {
    let cold = median(|| {
        forget(made)?;
        time(command)
    })?;
    let warm = median(|| time(command))?;
    Ok((cold, warm))
}

fn median(mut measure: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let mut times = (0..ROUNDS).map(|_| measure()).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    times.get(ROUNDS / 2).copied().context("no round")
}

fn time(command: &mut Command) -> Result<Duration> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let status = command.status().context("cannot start a program")?;
    let took = begin.elapsed();
    if !status.success() {
        bail!("{command:?} failed ({status})");
    }
    Ok(took)
}

/// Has the kernel forget what it holds of the files (`POSIX_FADV_DONTNEED`).
fn forget(made: &Made) -> Result<()> {
    for segment in &made.segments {
        let mut file = std::ffi::OsString::from("if=");
        file.push(segment);
        run::output(
            Command::new("dd")
                .args(["iflag=nocache", "count=0", "status=none"])
                .arg(file),
        )?;
    }
    Ok(())
}
