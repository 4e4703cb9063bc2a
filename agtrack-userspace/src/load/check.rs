//! The self-check: what the probes see of agtrack's own process must be what /proc and the file
//! system say. Offsets that are wrong for this kernel, or hooks that load and never run, show here
//! and not in somebody's evidence.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agtrack_common::event::{Exec, Open, Payload};
use agtrack_common::tag::Tag;
use anyhow::{Context, bail, ensure};
use procfs::process::Process;

use super::Probes;
use super::quiet::Quiet;
use crate::cgroup::Hierarchy;
use crate::decode::{Decoder, Event, Program, Segments, What};
use crate::enrich::arguments;
use crate::record::TICK;
use crate::ring::{Rings, Take, is_event};

/// Session key of the self-check; no session gets it.
const SESSION: u64 = u64::MAX;
/// How long events may take to show.
const PATIENCE: Duration = Duration::from_secs(5);

/// The next step where agtrack and the kernel do not agree.
const REPORT: &str = "please report it with the output of `uname -a`";

/// Checks the attached probes. Leaves no tag and no count behind.
///
/// # Errors
/// Names the first thing that differs, or that did not show.
pub(super) fn check(probes: &mut Probes, rings: &mut Rings) -> anyhow::Result<()> {
    let own = Process::myself()?.stat()?;
    let pid = own.pid.unsigned_abs();
    probes.tag_process(
        pid,
        Tag {
            start: own.starttime * TICK,
            session: SESSION,
            owed: 0,
            unwritten: 0,
        },
    )?;
    let mut arrived = 0;
    let seen = observe(rings, &mut arrived);
    probes.untag_process(pid);
    forget(probes, rings, arrived)?;
    let (program, events) = seen?;
    check_open(&events, &program, pid, own.starttime)?;
    check_child(&events, &program, pid)
}

/// Drops what the probes saw until now and sets their counters to zero, `arrived` events behind the
/// begin. The gate is closed meanwhile: an event of somebody else between the two would arrive and not
/// be counted. One that is handed over already is counted a moment later.
fn forget(probes: &mut Probes, rings: &mut Rings, mut arrived: u64) -> anyhow::Result<()> {
    probes.close_gate()?;
    let begin = Instant::now();
    let mut quiet = Quiet::default();
    while begin.elapsed() < PATIENCE {
        let drained = rings.drain(Take::All, |message| arrived += u64::from(is_event(message)));
        let settled = quiet.is_settled(drained.count, arrived, &probes.counters()?);
        if settled && drained.empty {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    probes.reset_counters()?;
    probes.open_gate()
}

/// Opens the own executable, runs it once, and collects what the probes saw.
fn observe(
    rings: &mut Rings,
    arrived: &mut u64,
) -> anyhow::Result<(std::path::PathBuf, Vec<Event>)> {
    let program = std::fs::read_link("/proc/self/exe").context("cannot read /proc/self/exe")?;
    std::fs::File::open(&program).with_context(|| format!("cannot open {}", program.display()))?;
    let mut child = Command::new(&program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    child.wait()?;
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        rings.drain(Take::All, |message| {
            *arrived += u64::from(is_event(message));
            let _ = decoder.push(message);
        });
        decoder.before(u64::MAX, &mut events);
        if events
            .iter()
            .any(|event| matches!(payload(event), Some(Payload::Exit(_))))
        {
            return Ok((program, events));
        }
        // Nothing to wait for: the rings wake nobody before they are read on a clock.
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!(
        "the probes attached but saw nothing of a process that agtrack started itself; agtrack must \
         run in the host's pid namespace (in a container: `--pid=host`), see `agtrack doctor`"
    )
}

fn payload(event: &Event) -> Option<&Payload> {
    match &event.what {
        What::Happened(payload) => Some(payload),
        What::Ended(_) => None,
    }
}

fn check_open(events: &[Event], program: &Path, pid: u32, start: u64) -> anyhow::Result<()> {
    let file = std::fs::metadata(program)?;
    let opened = events
        .iter()
        .filter(|event| event.header.tgid == pid)
        .find_map(|event| {
            let Some(Payload::Open(body)) = payload(event) else {
                return None;
            };
            (body.file.ino == file.ino()).then_some((event, body))
        });
    let Some((event, body)) = opened else {
        bail!(
            "the probes attached but did not see agtrack open {}; {REPORT}",
            program.display()
        );
    };
    let path = Segments::new(&event.data).path(&body.path);
    same("start of this process", event.header.start / TICK, start)?;
    same(
        "path of an open file",
        &path.bytes[..],
        program.as_os_str().as_bytes(),
    )?;
    check_file(body, &file)
}

fn check_file(body: &Open, file: &std::fs::Metadata) -> anyhow::Result<()> {
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    // Device numbers of btrfs and overlayfs differ between stat and the super block by design.
    let anonymous = body.file.dev >> 20 == 0;
    if !anonymous {
        same(
            "device of an open file",
            (body.file.dev >> 20, body.file.dev & 0xf_ffff),
            (major, minor),
        )?;
    }
    same("mode of an open file", body.file.mode, file.mode())
}

fn check_child(events: &[Event], program: &Path, pid: u32) -> anyhow::Result<()> {
    let forked = events.iter().find_map(|event| match payload(event) {
        Some(Payload::Fork(body)) if event.header.tgid == pid => Some(*body),
        _ => None,
    });
    let child = forked
        .with_context(|| format!("the probes did not see agtrack start a process; {REPORT}"))?;
    let ran = events
        .iter()
        .filter(|event| event.header.tgid == child.child)
        .find_map(|event| {
            let Some(Payload::Exec(body)) = payload(event) else {
                return None;
            };
            Some((event, body))
        });
    let (event, body) =
        ran.with_context(|| format!("the probes did not see agtrack run a program; {REPORT}"))?;
    let Program { exe, cwd, args, .. } = Program::new(body, &event.data);
    let args: Vec<_> = arguments(args).map(|argument| argument.0).collect();
    same(
        "path of a program",
        &exe.bytes[..],
        program.as_os_str().as_bytes(),
    )?;
    let own_cwd = std::env::current_dir().context("cannot tell the working directory")?;
    same(
        "working directory",
        &cwd.bytes[..],
        own_cwd.as_os_str().as_bytes(),
    )?;
    same(
        "arguments",
        args,
        vec![
            program.as_os_str().as_bytes().to_vec(),
            b"--version".to_vec(),
        ],
    )?;
    same("parent", body.parent, pid)?;
    check_identity(body)
}

fn check_identity(body: &Exec) -> anyhow::Result<()> {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    same(
        "user",
        (body.uid, body.euid),
        (getuid().as_raw(), geteuid().as_raw()),
    )?;
    same(
        "group",
        (body.gid, body.egid),
        (getgid().as_raw(), getegid().as_raw()),
    )?;
    if let Ok(cgroup) = Hierarchy::find().and_then(|cgroups| cgroups.of_pid(std::process::id())) {
        same("cgroup", body.cgroup, cgroup.id)?;
    }
    Ok(())
}

fn same<T: PartialEq<U> + std::fmt::Debug, U: std::fmt::Debug>(
    what: &str,
    seen: T,
    expected: U,
) -> anyhow::Result<()> {
    ensure!(
        seen == expected,
        "self-check failed: the probes read {seen:?} as the {what}, but it is {expected:?}; \
         agtrack would record nonsense on this kernel and refuses to; {REPORT}"
    );
    Ok(())
}
