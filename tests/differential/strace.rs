//! What strace saw: the files that `strace -ff -yy` wrote, one a thread, as deeds.

mod address;
mod deed;
mod line;
mod place;

use std::collections::BTreeMap;
use std::path::Path;

use crate::deed::{Deed, Deeds};
use line::{Call, behind, string};

/// Calls that strace is asked to show: all that the event table has a row for, what makes and ends
/// processes, and what says where a relative name leads or which port a socket was given.
pub(crate) const CALLS: &str = "trace=%process,%file,%network,close,fchdir,fchmod,fchown,ftruncate,\
    fsetxattr,fremovexattr,open_by_handle_at,kill,tkill,tgkill,rt_sigqueueinfo,rt_tgsigqueueinfo,\
    pidfd_send_signal,setuid,setgid,setreuid,setregid,setresuid,setresgid,capset,unshare,setns,\
    ptrace,bpf,init_module,finit_module,delete_module,io_uring_setup,perf_event_open,add_key,\
    request_key,keyctl,mount,move_mount,umount2,pivot_root,chroot";

/// A thread, as it is at one of its calls.
#[derive(Clone, Debug)]
struct Thread {
    id: u32,
    /// Its process.
    pid: u32,
    /// Its working directory.
    cwd: String,
    /// Its root directory; empty: the host's.
    root: String,
}

/// What strace wrote of a thread.
#[derive(Debug, Default)]
struct File {
    calls: Vec<Call>,
    /// How it ended: the words of `+++ … +++`.
    end: Option<String>,
}

/// All that strace saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The process that strace started.
    pub(crate) first: u32,
    /// What it and all that came of it did.
    pub(crate) deeds: Deeds,
}

/// All deeds in the directory, beginning with the thread that no other made, in `work`.
pub(crate) fn read(trace: &Path, work: &Path) -> Seen {
    let files: BTreeMap<u32, File> = std::fs::read_dir(trace)
        .unwrap()
        .map(|entry| file(&entry.unwrap().path()))
        .collect();
    let calls = files.values().flat_map(|file| &file.calls);
    let made: Vec<u32> = calls.filter_map(child).collect();
    let mut roots = files.keys().filter(|id| !made.contains(id));
    let (Some(&first), None) = (roots.next(), roots.next()) else {
        panic!("one thread is first")
    };
    let mut deeds = Deeds::new();
    let mut waiting = vec![Thread {
        id: first,
        pid: first,
        cwd: work.to_str().unwrap().to_owned(),
        root: String::new(),
    }];
    while let Some(mut thread) = waiting.pop() {
        if let Some(file) = files.get(&thread.id) {
            follow(&mut thread, file, &mut waiting, &mut deeds);
        }
    }
    Seen { first, deeds }
}

fn file(path: &Path) -> (u32, File) {
    let id = path.extension().unwrap().to_str().unwrap().parse().unwrap();
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let end = |line: &str| Some(line.strip_prefix("+++ ")?.strip_suffix(" +++")?.to_owned());
    let file = File {
        calls: text.lines().filter_map(Call::read).collect(),
        end: text.lines().last().and_then(end),
    };
    (id, file)
}

/// Goes through the calls of a thread, and finds those that it made.
fn follow(thread: &mut Thread, file: &File, waiting: &mut Vec<Thread>, deeds: &mut Deeds) {
    let mut add = |pid, (action, what), result: &str| {
        let result = result.to_owned();
        let deed = Deed {
            pid,
            action,
            what,
            result,
        };
        *deeds.entry(deed).or_insert(0) += 1;
    };
    for (index, call) in file.calls.iter().enumerate() {
        if let Some(id) = child(call) {
            let is_thread = call.says("CLONE_THREAD");
            if !is_thread {
                add(
                    thread.pid,
                    ("process.fork", vec![id.to_string()]),
                    "success",
                );
            }
            waiting.push(Thread {
                id,
                pid: if is_thread { thread.pid } else { id },
                ..thread.clone()
            });
        }
        thread.moves(call);
        if let Some(deed) = deed::deed(thread, call, &file.calls[index + 1..]) {
            add(thread.pid, deed, outcome(call));
        }
    }
    if thread.id == thread.pid {
        let end = file.end.as_deref().unwrap_or("no end");
        add(
            thread.pid,
            ("process.exit", vec![end.to_owned()]),
            "success",
        );
    }
}

/// A connect that goes on is no failure.
fn outcome(call: &Call) -> &str {
    match call.outcome() {
        "EINPROGRESS" | "EALREADY" | "EINTR" | "ERESTARTSYS" if call.name == "connect" => {
            "in_progress"
        }
        outcome => outcome,
    }
}

/// The process or thread that a call made.
fn child(call: &Call) -> Option<u32> {
    let makes = matches!(&*call.name, "clone" | "clone3" | "fork" | "vfork");
    let made = makes.then(|| call.number()).flatten();
    made.filter(|id| *id > 0)
}

impl Thread {
    /// Keeps the directories from which names are read.
    fn moves(&mut self, call: &Call) {
        if call.number() != Some(0) {
            return;
        }
        match &*call.name {
            "chdir" => self.cwd = place::real(&self.path(call, 0)),
            "fchdir" => self.cwd = behind(call.argument(0)),
            "chroot" => self.root = place::real(&self.path(call, 0)),
            _ => {}
        }
    }

    /// The path that an argument names.
    fn path(&self, call: &Call, index: usize) -> String {
        self.at(&self.cwd, &string(call.argument(index)))
    }

    /// The path that two arguments name: a directory, and what is below it.
    fn below(&self, call: &Call, index: usize) -> String {
        self.at(
            &behind(call.argument(index)),
            &string(call.argument(index + 1)),
        )
    }

    fn at(&self, directory: &str, path: &str) -> String {
        if path.starts_with('/') {
            return place::at(&self.root, &format!("{}{path}", self.root));
        }
        place::at(directory, path)
    }
}

/// The test of this reader.
pub(crate) fn check() {
    line::check();
    address::check();
    place::check();
    deed::check();
}
