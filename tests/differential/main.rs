//! agtrack against strace, an oracle nobody here wrote: real programs run under both at once, and
//! both must have seen the same commands, successful opens, deletions, renames and connects, call
//! by call and process by process. Nothing missing, nothing invented.
//!
//! Each program runs under `strace -ff`, and that under `agtrack run`. strace's own doings are left
//! out; its children are the program. Needs root and strace. `AGTRACK_BACKEND` forces a back end.
//!
//! No difference is excused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod recorded;
mod strace;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use agtrack_tests::here;
use tempfile::TempDir;

/// One thing that was done: by which process, what, and to what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deed {
    /// Process id.
    pub(crate) pid: u32,
    /// The action's name.
    pub(crate) action: &'static str,
    /// Paths, arguments or addresses.
    pub(crate) what: Vec<String>,
}

/// How often each thing was done.
pub(crate) type Deeds = BTreeMap<Deed, u64>;

/// Runs a shell script in an empty directory under both and compares.
fn check(script: &str) {
    assert!(
        here::is_root(),
        "the differential tests record from the kernel and need root"
    );
    let directory = TempDir::new().unwrap();
    let work = directory.path().canonicalize().unwrap().join("work");
    std::fs::create_dir(&work).unwrap();
    let (journal, trace) = (
        directory.path().join("journal"),
        directory.path().join("trace"),
    );
    std::fs::create_dir(&trace).unwrap();
    run(script, &work, &journal, &trace);
    let (expected, found) = (strace::deeds(&trace, &work), recorded::deeds(&journal));
    let count: u64 = expected.values().sum();
    let mut differences = String::new();
    for deed in expected
        .keys()
        .chain(found.keys().filter(|deed| !expected.contains_key(deed)))
    {
        let of = |deeds: &Deeds| deeds.get(deed).copied().unwrap_or_default();
        let (expected, found) = (of(&expected), of(&found));
        if expected != found {
            let _ = writeln!(differences, "strace {expected}, agtrack {found}: {deed:?}");
        }
    }
    println!("{count} deeds, {} kinds", expected.len());
    assert!(
        differences.is_empty(),
        "of {count} deeds these differ:\n{differences}"
    );
    assert!(count > 20, "the program did something: {expected:?}");
}

fn run(script: &str, work: &Path, journal: &Path, trace: &Path) {
    let mut command = Command::new(here::agtrack());
    command.args([
        "run",
        "--quiet",
        "--until",
        "all",
        "--backend",
        &here::backend(),
    ]);
    command.arg("--journal").arg(journal).arg("--");
    // One file a thread; paths of descriptors; arguments in full.
    command.args(["strace", "-ff", "-qq", "-y", "-s", "100000"]);
    command
        .args([
            "-e",
            "trace=%process,%file,%network,fchdir,fchmod,fchown,ftruncate",
            "-o",
        ])
        .arg(trace.join("t"));
    command
        .args(["bash", "-euc", script])
        .current_dir(work)
        .stdin(Stdio::null());
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", work)
        .env("LC_ALL", "C");
    let output = command.output().expect("agtrack and strace are installed");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_shell_script() {
    check(
        "mkdir -p a/b; for i in 1 2 3; do echo $i > a/$i; done
         cat a/1 a/2 > both; mv a/3 a/b/three; cp both a/b/; ln -s ../both a/link
         cat < a/link > third; echo x >> a/link; (cd a && rm 1 && cd b && mv three ../four) &
         wait; sort < both | uniq > sorted; chmod 700 a/b; chown 0:0 a/b/both; ln both a/hard
         truncate -s 100 both; mkfifo a/pipe; mkdir -m 1777 c; rmdir c; cp -a both kept
         install -m 600 both a/installed; rm -rf a/b; test -e nothing || true
         find . -type f -exec sh -c 'wc -c < \"$0\" > /dev/null' {} \\;",
    );
}

#[test]
fn git_and_make() {
    check(
        "git init -q src; cd src; git config user.name t; git config user.email t@example.org
         printf 'all: one two\\none:\\n\\techo 1 > one.tmp && mv one.tmp one\\n' > Makefile
         printf 'two: one\\n\\tsed s/1/2/ one > two\\nclean:\\n\\trm -f one two\\n' >> Makefile
         git add .; git commit -qm first; cd ..; git clone -q src copy; cd copy
         make -s -j2; make -s clean; make -s; git status --short > /dev/null",
    );
}

#[test]
fn tar_and_gzip() {
    check(
        "mkdir -p tree/deep/er; for i in $(seq 20); do echo $i > tree/deep/er/$i; done
         tar -czf t.tar.gz tree; rm -r tree; tar -xzf t.tar.gz; tar -tzf t.tar.gz > list
         gzip -k list; rm list; gunzip list.gz",
    );
}

#[test]
fn python_with_threads_and_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let program = format!(
        "import os, socket, subprocess, tempfile, threading
def work(n):
    for i in range(10):
        path = f'{{n}}-{{i}}'
        with open(path, 'w') as f: f.write('x')
        os.rename(path, path + '.done')
        if i % 2: os.unlink(path + '.done')
    socket.create_connection(('127.0.0.1', {port})).close()
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
with tempfile.NamedTemporaryFile(dir='.') as f: f.write(b'x')
d = os.open('.', os.O_RDONLY); os.mkdir('sub'); os.chdir('sub')
os.close(os.open('../inner', os.O_CREAT | os.O_WRONLY)); os.fchdir(d)
os.rename('inner', 'sub/outer', src_dir_fd=d); os.unlink('sub/outer')
server = socket.socket(socket.AF_UNIX); server.bind('here'); server.listen()
client = socket.socket(socket.AF_UNIX); client.connect('here')
subprocess.run(['true']); subprocess.run('exit 0', shell=True)
if os.fork() == 0: open('child', 'w').close(); os._exit(0)
os.wait()
"
    );
    check(&format!(
        "cat > p.py <<'END'\n{program}\nEND\npython3 -B p.py"
    ));
}
