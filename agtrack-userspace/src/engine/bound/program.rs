//! The program that a session begins with: as the kernel tells of its exec, or as /proc has it.

use std::os::unix::fs::MetadataExt;

use agtrack_common::event::Exec;

use crate::decode::{Program, device};
use crate::engine::{clock, facts};
use crate::input::{ProcessFacts, RootProgram};
use crate::record::Text;

/// What was executed at `seen`, boot clock, ns. `told` is what else the kernel tells of it, where that is
/// whole.
pub(super) fn executed(
    body: &Exec,
    data: &[u8],
    told: Option<&ProcessFacts>,
    seen: u64,
) -> RootProgram {
    let script = told.and_then(|told| script(body, data, told));
    let is_known = body.exe.ino != 0 || body.exe.dev != 0;
    RootProgram {
        exe: told.and_then(|told| told.exe.clone()).unwrap_or_default(),
        device: is_known.then(|| device(body.exe.dev)),
        inode: is_known.then_some(body.exe.ino),
        script,
        seen,
    }
}

/// The script's path, from the working directory where it was named so.
fn script(body: &Exec, data: &[u8], told: &ProcessFacts) -> Option<Text> {
    let program = Program::new(body, data);
    let named = program.script_file.or(program.script)?.bytes;
    if named.starts_with(b"/") {
        return Some(Text(named));
    }
    let directory = told.cwd.as_ref()?;
    Some(Text([&*directory.0, b"/", &*named].concat()))
}

/// What a process runs now; none: it is gone.
pub(in crate::engine) fn running(pid: u32) -> Option<RootProgram> {
    let exe = facts::exe(pid);
    if exe.is_empty() {
        return None;
    }
    let file = std::fs::metadata(format!("/proc/{pid}/exe")).ok();
    let device = file.as_ref().map(|file| {
        let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
        format!("{major}:{minor}")
    });
    Some(RootProgram {
        exe: Text(exe),
        device,
        inode: file.map(|file| file.ino()),
        script: None,
        seen: clock::now().boot,
    })
}
