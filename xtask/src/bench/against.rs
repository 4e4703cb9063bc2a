//! An earlier agtrack, measured in the same run: machines differ more from day to day than versions.
//!
//! Comes in: a commit. Goes out: its binary, built once, and a table of both.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::load::Load;
use super::pressure::Row;
use super::process::Agtrack;
use super::recorder::Recorder;
use super::table::Pairs;
use crate::run;
use crate::workspace::Workspace;

/// The first version that could be measured.
const FIRST: &str = "be07dbc0298bd5761a5fe9d733bdf9a8aeb11128";

/// What is done at an operation that the first version did not do, by how its row begins.
const SINCE_FIRST: &[(&str, &str)] = &[
    (
        "create+write+close+unlink",
        "a third event each time: the end of the written file, with its bytes, calls and size; each write is \
         counted, and a thread of its own looks for the file to hash it",
    ),
    (
        "write to an open file",
        "each write is counted, for the event at the file's end; nothing was recorded of it",
    ),
    (
        "unlink",
        "the files that were made for it have an event more each, and a thread looks for each to hash it: the \
         recorder fills more than one of the two cores",
    ),
    (
        "sendto+recv",
        "with whom datagrams are exchanged, their bytes and number each way; nothing was recorded of it",
    ),
    (
        "connect+accept+close",
        "what accept gave, and of both ends a flow with bytes, packets, retransmits and its times: four \
         events instead of one; the first bytes are looked at for names",
    ),
    (
        "connect+TLS",
        "as with every connection, and the name that the handshake asks for",
    ),
    (
        "fork+exec+exit",
        "names of the environment, what the process used (times, bytes, memory), the program's hash, memory \
         that is mapped to be written; which tool call it belongs to and what that came to",
    ),
    ("1000 files", "the end of each written file, and its hash"),
    (
        "open+read+close from every core",
        "who may write the file; what the session and the tool call came to (files, credentials)",
    ),
    ("events into the journal", "as above; a record is longer"),
    (
        "memory of the daemon",
        "tool calls, hashes of files, sockets with their names; records wait longer in a storm that \
         leaves the recorder less than a core",
    ),
];

/// It, and where it came from.
pub(super) struct Earlier {
    /// All digits.
    commit: String,
    /// The binary.
    pub(super) agtrack: Agtrack,
}

impl Earlier {
    /// Builds that commit, unless it was built before.
    ///
    /// # Errors
    /// There is no such commit, or it does not compile or start here.
    pub(super) fn build(workspace: &Workspace, commit: &str, now: &Agtrack) -> Result<Earlier> {
        let mut resolve = Command::new("git");
        resolve
            .args(["rev-parse", "--verify", &format!("{commit}^{{commit}}")])
            .current_dir(&workspace.root);
        let commit = run::output(&mut resolve)
            .with_context(|| format!("{commit} is no commit of this repository"))?
            .trim()
            .to_owned();
        let place = workspace.scratch(Path::new("against").join(&commit))?;
        let agtrack = Agtrack {
            binary: binary(workspace, &commit, &place)?,
            place: workspace.scratch("bench")?,
            backend: now.backend.clone(),
            settings: now.settings,
        };
        Ok(Earlier {
            agtrack: agtrack.adapted()?,
            commit,
        })
    }

    /// Both beside each other, operation by operation and under pressure.
    pub(super) fn table(
        &self,
        pairs: &Pairs,
        loads: &[Load],
        (now, then): (&[Row], &[Row]),
    ) -> String {
        let short = self.commit.get(..7).unwrap_or_default();
        let is_first = self.commit == FIRST;
        let mut table = format!(
            "## Against {}\n\nCommit `{short}` and this one in the same run, in turn; the first numbers are \
             ratios of the recorded process to no recorder. What an operation costs grows with what is \
             recorded of it.\n\n| what | {short} | now | done since |\n|---|---|---|---|\n",
            if is_first { "the first capture" } else { short },
        );
        let mut line = |what: &str, then: &str, now: &str| {
            let since = SINCE_FIRST.iter().find(|(of, _)| what.starts_with(of));
            let since = since.filter(|_| is_first).map_or("", |(_, since)| since);
            let _ = writeln!(table, "| {what} | {then} | {now} | {since} |");
        };
        for &load in loads {
            let [then, now] =
                [Recorder::Earlier, Recorder::Tagged].map(|recorder| pairs.plain(recorder, load));
            line(load.describe(), &then, &now);
        }
        for now in now {
            let then = then.iter().find(|then| then.what == now.what);
            let then = then.map_or("not measured", |then| &then.reached);
            line(&now.what, then, &now.reached);
        }
        table.push('\n');
        table
    }
}

fn binary(workspace: &Workspace, commit: &str, place: &Path) -> Result<PathBuf> {
    let binary = place.join("agtrack");
    if binary.exists() {
        return Ok(binary);
    }
    eprintln!("bench: building agtrack of {commit}");
    let sources = place.join("src");
    fs::create_dir_all(&sources).with_context(|| format!("cannot create {}", sources.display()))?;
    unpack(workspace, commit, &sources)?;
    let target = workspace.scratch("against/target")?;
    let mut build = workspace.cargo();
    build
        .current_dir(&sources)
        .args(["build", "--release", "--package", "agtrack-userspace"])
        .args(["--bin", "agtrack"])
        .env("CARGO_TARGET_DIR", &target);
    run::run(&mut build, "the compiler's reasons stand above")?;
    let built = target.join("release/agtrack");
    fs::copy(&built, &binary).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(binary)
}

/// The sources of a commit, without touching the tree that is worked on.
fn unpack(workspace: &Workspace, commit: &str, sources: &Path) -> Result<()> {
    let mut archive = Command::new("git")
        .args(["archive", commit])
        .current_dir(&workspace.root)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start git")?;
    let pipe = archive.stdout.take().context("git has no output")?;
    let unpacked = Command::new("tar")
        .arg("-x")
        .current_dir(sources)
        .stdin(pipe)
        .status()
        .context("cannot start tar")?;
    if !archive.wait().context("cannot wait for git")?.success() || !unpacked.success() {
        bail!("cannot unpack the sources of {commit}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::table::Pair;
    use super::*;

    fn row(what: &str, reached: &str) -> Row {
        Row::unmeasured(what, "", reached)
    }

    #[test]
    fn both_stand_beside_each_other_with_what_came_since() {
        let agtrack = Agtrack {
            binary: PathBuf::new(),
            place: PathBuf::new(),
            backend: String::new(),
            settings: "",
        };
        let earlier = Earlier {
            commit: FIRST.to_owned(),
            agtrack,
        };
        let mut pairs = Pairs::default();
        for (recorder, under) in [(Recorder::Earlier, 130.0), (Recorder::Tagged, 140.0)] {
            let pair = Pair {
                free: 100.0,
                under,
                foreign: 0.0,
            };
            pairs.add(recorder, Load::Unlink, pair);
        }
        let now = [row("start", "1 s"), row("only now", "2 s")];
        let table = earlier.table(&pairs, &[Load::Unlink], (&now, &[row("start", "3 s")]));
        let lines: Vec<_> = table.trim_end().lines().skip(6).collect();
        let [unlink, start, only] = lines[..] else {
            panic!("{table}");
        };
        assert!(
            unlink.starts_with("| unlink | 1.30 [1.30..1.30] | 1.40 [1.40..1.40] | the files"),
            "{unlink}"
        );
        assert_eq!(
            start,
            "| start | not measured: 3 s | not measured: 1 s |  |"
        );
        assert_eq!(only, "| only now | not measured | not measured: 2 s |  |");
    }
}
