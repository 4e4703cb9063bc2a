//! What the files of programs are now: by device and inode the kernel knows them, and programs are
//! replaced.
//!
//! A thread looks, because a file system may not answer, and records do not wait for that.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use agtrack_common::tag::{BOUND_NAME, BoundFile};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, openat, statx};

use crate::engine::hasher::mounted;

/// The first line of a script is read so far, bytes, as the kernel does.
const FIRST_LINE: u64 = 256;

/// A program as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    /// Number of its rule.
    pub(super) rule: u16,
    /// As the configuration names it.
    pub(super) path: PathBuf,
    /// Where that leads to.
    pub(super) real: Option<PathBuf>,
    /// As the kernel knows the file.
    pub(super) file: Option<BoundFile>,
    /// As stat(2) does, which need not be the same.
    pub(super) stat: Option<(u64, u64)>,
    /// The words behind `#!`, where it is a script.
    pub(super) interpreter: Vec<Vec<u8>>,
}

/// All programs of the rules, in the order of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(pub(super) Vec<Program>);

impl Seen {
    /// Where nothing could be looked at.
    fn unseen(programs: Vec<(u16, PathBuf)>) -> Seen {
        let program = |(rule, path)| Program {
            rule,
            path,
            ..Program::default()
        };
        Seen(programs.into_iter().map(program).collect())
    }

    /// The files, each with the first rule that names it.
    pub(super) fn files(&self) -> BTreeMap<BoundFile, u32> {
        let mut files = BTreeMap::new();
        for program in &self.0 {
            if let Some(file) = program.file {
                files.entry(file).or_insert(u32::from(program.rule));
            }
        }
        files
    }

    /// The same of their names.
    pub(super) fn names(&self) -> BTreeMap<Vec<u8>, u32> {
        let mut names = BTreeMap::new();
        for program in &self.0 {
            for name in [Some(&program.path), program.real.as_ref()]
                .into_iter()
                .flatten()
            {
                let name = name.as_os_str().as_bytes();
                if name.len() + 1 < BOUND_NAME {
                    names
                        .entry(name.to_vec())
                        .or_insert(u32::from(program.rule));
                }
            }
        }
        names
    }
}

/// The thread that looks; there is none until something is to be looked at.
#[derive(Debug, Default)]
pub(super) struct Looker {
    thread: Option<Thread>,
    /// It was asked and has not answered.
    asked: bool,
}

#[derive(Debug)]
struct Thread {
    questions: Sender<Vec<(u16, PathBuf)>>,
    answers: Receiver<Seen>,
}

impl Looker {
    /// Looks now, and waits so long for the answer; without one only names are known.
    pub(super) fn look_for(&mut self, programs: Vec<(u16, PathBuf)>, wait: Duration) -> Seen {
        if programs.is_empty() {
            return Seen::default();
        }
        // An answer that is still to come is to another question.
        if self.asked {
            *self = Looker::default();
        }
        self.ask(programs.clone());
        let answer = self
            .thread
            .as_ref()
            .and_then(|thread| thread.answers.recv_timeout(wait).ok());
        self.asked = answer.is_none();
        answer.unwrap_or_else(|| Seen::unseen(programs))
    }

    /// Takes the answer, if it has come, and asks again.
    pub(super) fn look_again(&mut self, programs: Vec<(u16, PathBuf)>) -> Option<Seen> {
        let thread = self.thread.as_ref();
        let answer = thread.and_then(|thread| thread.answers.try_recv().ok());
        if answer.is_some() || !self.asked {
            self.ask(programs);
        }
        answer
    }

    /// One that cannot be started is tried again the next time.
    fn ask(&mut self, programs: Vec<(u16, PathBuf)>) {
        if self.thread.is_none() {
            self.thread = start().ok();
        }
        let sent = self
            .thread
            .as_ref()
            .is_some_and(|thread| thread.questions.send(programs).is_ok());
        self.asked = sent;
        if !sent {
            self.thread = None;
        }
    }
}

fn start() -> std::io::Result<Thread> {
    let (questions, asked) = channel::<Vec<(u16, PathBuf)>>();
    let (answer, answers) = channel();
    std::thread::Builder::new()
        .name("programs".to_owned())
        .spawn(move || {
            for programs in asked {
                let all = programs.into_iter();
                let seen = Seen(all.map(|(rule, path)| look(rule, path)).collect());
                if answer.send(seen).is_err() {
                    return;
                }
            }
        })?;
    Ok(Thread { questions, answers })
}

/// What a program's file is now.
fn look(rule: u16, path: PathBuf) -> Program {
    let real = path.canonicalize().ok();
    let found = real.as_deref().and_then(identity);
    Program {
        rule,
        file: found.map(|(file, _)| file),
        stat: found.map(|(_, stat)| stat),
        interpreter: real.as_deref().map(interpreter).unwrap_or_default(),
        real,
        path,
    }
}

/// A regular file, as the kernel and as stat(2) know it.
fn identity(path: &Path) -> Option<(BoundFile, (u64, u64))> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let handle = openat(CWD, path, flags, Mode::empty()).ok()?;
    let stat = statx(&handle, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).ok()?;
    if u32::from(stat.stx_mode) & 0o170_000 != 0o100_000 {
        return None;
    }
    let (major, minor) = (stat.stx_dev_major, stat.stx_dev_minor);
    let told = mounted(&handle, "self").and_then(|device| {
        let (major, minor) = device.split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    let (of_mount, of_minor): (u32, u32) = told.unwrap_or((major, minor));
    let file = BoundFile {
        ino: stat.stx_ino,
        dev: of_mount << 20 | of_minor,
        reserved: 0,
    };
    let device = rustix::fs::makedev(major, minor);
    Some((file, (device, stat.stx_ino)))
}

/// Device and inode of what a link of /proc leads to.
pub(super) fn stat(path: &str) -> Option<(u64, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

fn interpreter(path: &Path) -> Vec<Vec<u8>> {
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FIRST_LINE).read_to_end(&mut first));
    let line = first.split(|byte| *byte == b'\n').next();
    let Some(line) = line.and_then(|line| line.strip_prefix(b"#!")) else {
        return Vec::new();
    };
    if read.is_err() {
        return Vec::new();
    }
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}
