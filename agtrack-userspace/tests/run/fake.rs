//! An agtrack whose engine only remembers the pid it was given.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use agtrack::engine::{Running, Summary, TagRequest};
use agtrack::run::recorder::{Recording, Start};
use agtrack::run::{Programs, RunArgs, fail, launch, recorder, stub};
use clap::Parser;

#[derive(Parser)]
#[command(name = "agtrack")]
enum Fake {
    Run(RunArgs),
    Recorder,
    LaunchStub(stub::StubArgs),
}

/// Acts as agtrack if it was called so.
pub(crate) fn main() -> Option<ExitCode> {
    let first = std::env::args_os().nth(1)?;
    if !["run", "recorder", "launch-stub"]
        .iter()
        .any(|word| first == *word)
    {
        return None;
    }
    Some(match Fake::parse() {
        Fake::Run(args) => run(&args),
        Fake::Recorder => recorder::main(start),
        Fake::LaunchStub(args) => stub::main(args),
    })
}

/// As the real one, but never through sudo.
fn run(args: &RunArgs) -> ExitCode {
    let exe = std::env::current_exe().unwrap().into_os_string();
    let recorder = vec![exe.clone(), "recorder".into()];
    let programs = Programs {
        recorder,
        stub: vec![exe, "launch-stub".into()],
    };
    match launch(args, &programs) {
        Ok(ending) => ending.imitate(),
        Err(error) => fail(&error),
    }
}

fn start(start: Start) -> anyhow::Result<Box<dyn Recording>> {
    if start.journal.ends_with("refused") {
        anyhow::bail!("the kernel refuses\u{1b}[31m everything");
    }
    if start.journal.ends_with("crash") {
        std::process::abort();
    }
    Ok(Box::new(Engine {
        journal: start.journal,
        pid: 0,
        cgroup: None,
        runs: true,
    }))
}

/// Knows the processes of a session by their cgroup, or only the first.
struct Engine {
    journal: PathBuf,
    pid: u32,
    cgroup: Option<agtrack::cgroup::Cgroup>,
    /// It will come to be executed: what a real engine sees.
    runs: bool,
}

impl Recording for Engine {
    fn tag(&mut self, request: TagRequest) -> anyhow::Result<uuid::Uuid> {
        std::fs::write(self.journal.join("tagged"), format!("{request:?}"))?;
        if self.journal.ends_with("dies-later") {
            std::thread::spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                std::process::abort();
            });
        }
        self.pid = request.pid;
        self.cgroup = request.cgroup;
        self.runs = !request.command[0].ends_with(b"/not-to-be-executed");
        Ok(uuid::Uuid::now_v7())
    }

    fn running(&mut self, _: uuid::Uuid) -> Vec<Running> {
        let pids = self
            .cgroup
            .as_ref()
            .map(|cgroup| cgroup.subtree_pids().unwrap_or_default());
        let exe = |pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
        pids.unwrap_or_default()
            .into_iter()
            .filter_map(|pid| Some((pid, exe(pid)?)))
            .map(|(pid, exe)| Running {
                pid,
                exe: exe.into_os_string().into_encoded_bytes(),
            })
            .collect()
    }

    fn wait_end(&mut self, session: uuid::Uuid, timeout: Duration) -> bool {
        let until = std::time::Instant::now() + timeout;
        loop {
            if self.running(session).is_empty() {
                return true;
            }
            if std::time::Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_running(&self) -> bool {
        !self.journal.ends_with("gives-up")
    }

    fn stop(self: Box<Self>, session: Option<uuid::Uuid>) -> anyhow::Result<Summary> {
        anyhow::ensure!(self.is_running(), "the disk is on fire");
        if !self.runs {
            // Files of a journal are known to who removes it; these are not.
            std::fs::remove_file(self.journal.join("tagged"))?;
            return Ok(Summary::default());
        }
        std::fs::write(self.journal.join("stopped"), format!("{session:?}"))?;
        let actions = [("process.exec".to_owned(), 1)].into();
        Ok(Summary {
            actions,
            ..Summary::default()
        })
    }
}
