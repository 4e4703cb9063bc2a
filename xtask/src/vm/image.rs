//! What a virtual machine runs: the host's test programs with their libraries, busybox and an init
//! script, as an initramfs.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::archive::Archive;
use crate::test::{target, test_program};
use crate::workspace::Workspace;
use crate::{build, run};

/// Mounts what a host has, then runs what `run.sh` says. The second serial line carries results.
const INIT: &str = include_str!("init.sh");

/// What the machines do.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// The end-to-end tests, or those whose name contains the filter.
    Tests {
        /// Part of a test's name.
        filter: Option<String>,
    },
    /// Only the verifier's instruction counts.
    Verifier,
    /// Input logs for the replay tests.
    Fixtures,
    /// One command, for trying out the machines themselves.
    Smoke {
        /// What the shell runs.
        command: String,
        /// A static program to have in `/bin`.
        program: Option<PathBuf>,
    },
}

/// Builds what the job needs and packs it. One image serves every kernel.
///
/// # Errors
/// The sources do not compile, or the image cannot be written.
pub(crate) fn build(workspace: &Workspace, job: &Job, backends: &[&str]) -> Result<PathBuf> {
    let image = workspace.scratch("vm")?.join("initramfs.cpio");
    let mut archive = Archive::create(&image)?;
    for dir in [
        "bin", "sbin", "etc", "proc", "sys", "tmp", "run", "root", "var", "usr", "usr/bin",
    ] {
        archive.directory(dir)?;
    }
    archive.copy(
        "bin/busybox",
        &run::which("busybox").context("busybox is not installed")?,
    )?;
    archive.program("init", INIT.as_bytes())?;
    archive.program(
        "etc/passwd",
        b"root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/tmp:/bin/sh\n",
    )?;
    archive.program("etc/group", b"root:x:0:\nagent:x:1000:\n")?;
    archive.program("etc/hosts", b"127.0.0.1 localhost\n")?;
    // The loader looks into it first, and then where libraries are.
    archive.program("etc/ld.so.cache", b"")?;
    match job {
        Job::Verifier => {
            let agtrack = build::agtrack(workspace, false)?;
            copy_programs(&mut archive, &[("agtrack", &agtrack)])?;
        }
        Job::Tests { .. } | Job::Fixtures => {
            let built = binaries(workspace)?;
            let programs: [(&str, &Path); 3] = [
                ("agtrack", &built.agtrack),
                ("agtrack-trigger", &built.trigger),
                ("e2e", &built.e2e),
            ];
            copy_programs(&mut archive, &programs)?;
        }
        Job::Smoke {
            program: Some(program),
            ..
        } => {
            let name = program
                .file_name()
                .context("the program to copy has no name")?;
            archive.copy(&format!("bin/{}", name.to_string_lossy()), program)?;
        }
        Job::Smoke { program: None, .. } => {}
    }
    archive.program("run.sh", script(job, backends).as_bytes())?;
    archive.finish()?;
    Ok(image)
}

/// The commands of the machine, one block per back end.
fn script(job: &Job, backends: &[&str]) -> String {
    let mut script = String::new();
    // The last one has the fewest programs to load: it does what is not about the probes, where many
    // a test starts a recorder of its own.
    for (index, backend) in backends.iter().rev().enumerate() {
        let command = match job {
            Job::Smoke { command, .. } => command.clone(),
            Job::Verifier => format!("echo {}", super::console::NO_TESTS),
            Job::Fixtures => {
                format!(
                    "/bin/e2e --record-fixtures && echo {}",
                    super::console::NO_TESTS
                )
            }
            Job::Tests { filter } => {
                // What is not about the probes is the same with each back end.
                let seen = if index > 0 {
                    "AGTRACK_SEEN_ALREADY=${SEEN:-kernel} "
                } else {
                    ""
                };
                // What some of the tests see says nothing of what can be seen.
                let coverage = match filter {
                    Some(_) => String::new(),
                    None => format!("AGTRACK_COVERAGE=/tmp/coverage-{backend} "),
                };
                let filter = match filter {
                    Some(filter) => quoted(filter),
                    None => "$ONLY".to_owned(),
                };
                format!("{coverage}{seen}/bin/e2e --color=never --test-threads=2 {filter}")
            }
        };
        script.push_str(&format!("block tests {backend} {}\n", quoted(&command)));
        if let Job::Tests { filter: None } = job {
            let command = format!("cat /tmp/coverage-{backend}");
            script.push_str(&format!("block coverage {backend} {}\n", quoted(&command)));
        }
        if let Job::Tests { filter: None } | Job::Verifier = job {
            let command = format!("/bin/agtrack verifier-stats --backend {backend}");
            script.push_str(&format!("block verifier {backend} {}\n", quoted(&command)));
        }
    }
    script
}

/// One word for the shell.
fn quoted(word: &str) -> String {
    if word.is_empty() {
        String::new()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What the tests of the host run, too; one build serves both.
struct Binaries {
    agtrack: PathBuf,
    trigger: PathBuf,
    e2e: PathBuf,
}

fn binaries(workspace: &Workspace) -> Result<Binaries> {
    let agtrack = build::agtrack(workspace, false)?;
    // With a test come the programs of its package.
    let e2e = target::executable(&mut test_program(workspace, "e2e"))?;
    Ok(Binaries {
        trigger: agtrack.with_file_name("agtrack-trigger"),
        agtrack,
        e2e,
    })
}

/// The libraries of programs and what loads them, each under the path where it is looked for.
fn libraries(programs: &[&Path]) -> Result<BTreeSet<PathBuf>> {
    let mut ldd = Command::new("ldd");
    Ok(paths_of(&run::output(ldd.args(programs))?))
}

/// The paths in what ldd(1) says: `libc.so.6 => /lib/…/libc.so.6 (0x…)`, `/lib64/ld-….so.2 (0x…)`.
fn paths_of(said: &str) -> BTreeSet<PathBuf> {
    let path = |line: &str| {
        let (before, _address) = line.trim().rsplit_once(" (")?;
        let path = before.rsplit(' ').next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    said.lines().filter_map(path).collect()
}

/// Adds programs of the host to `/bin`, with their libraries.
fn copy_programs(archive: &mut Archive<impl Write>, programs: &[(&str, &Path)]) -> Result<()> {
    for (name, path) in programs {
        archive.copy(&format!("bin/{name}"), &stripped(path)?)?;
    }
    let paths: Vec<_> = programs.iter().map(|(_, path)| *path).collect();
    let libraries = libraries(&paths)?;
    let above = libraries
        .iter()
        .flat_map(|library| library.ancestors().skip(1));
    // What is above others sorts before them.
    for directory in above.collect::<BTreeSet<_>>() {
        if directory != Path::new("/") {
            archive.directory(&within(directory))?;
        }
    }
    for library in &libraries {
        archive.copy(&within(library), library)?;
    }
    Ok(())
}

/// Where in the archive an absolute path is.
fn within(path: &Path) -> String {
    path.to_string_lossy().trim_start_matches('/').to_owned()
}

/// A copy without debug information: the image is unpacked into the machine's memory.
fn stripped(binary: &Path) -> Result<PathBuf> {
    let copy = binary.with_extension("stripped");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&copy).arg(binary);
    run::output(&mut strip)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_runs_each_back_end_and_asks_the_verifier() {
        let script = script(&Job::Tests { filter: None }, &["lsm", "fentry"]);
        assert_eq!(script.matches("block tests ").count(), 2);
        let lsm = "block tests lsm 'AGTRACK_COVERAGE=/tmp/coverage-lsm AGTRACK_SEEN_ALREADY=${SEEN:-kernel} ";
        assert!(script.contains(lsm), "{script}");
        let fentry = "block tests fentry 'AGTRACK_COVERAGE=/tmp/coverage-fentry /bin/e2e --color=never \
            --test-threads=2 $ONLY'";
        assert!(script.contains(fentry), "{script}");
        assert!(script.contains("block coverage fentry 'cat /tmp/coverage-fentry'"));
        assert!(script.contains("block verifier lsm '/bin/agtrack verifier-stats --backend lsm'"));
    }

    #[test]
    fn libraries_are_taken_from_where_the_loader_finds_them() {
        let said = "/t/agtrack:\n\tlinux-vdso.so.1 (0x00007ffc)\n\tlibc.so.6 => \
            /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1a)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f1b)\n\
            /t/e2e:\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2a)\n";
        let paths = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(paths_of(said), paths.map(PathBuf::from).into());
    }

    #[test]
    fn a_filter_is_one_word_inside_one_word() {
        let script = script(
            &Job::Tests {
                filter: Some("exec argv".to_owned()),
            },
            &["lsm"],
        );
        assert_eq!(
            script,
            "block tests lsm '/bin/e2e --color=never --test-threads=2 '\\''exec argv'\\'''\n"
        );
    }
}
