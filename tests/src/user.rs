//! An ordinary user who is there for one thread and its children only.
//!
//! The thread gets mounts of its own: copies of the lists of accounts with one user more, a
//! `sudoers` of the test's, and an empty `/var/lib/agtrack`, each in the place of the host's. They
//! go away with the last process that sees them, so nothing on the host changes and an interrupted
//! test leaves nothing but a temporary directory.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::{here, launch};

/// Name of the user and of the group.
pub const NAME: &str = "agtrack-e2e";

/// Where agtrack keeps its things.
const STATE: &str = "/var/lib/agtrack";
/// The directory above.
const LIB: &str = "/var/lib";

/// The user, for [`User::live`].
#[derive(Debug)]
pub struct User {
    directory: TempDir,
    /// Id of the user and of its only group; nobody else has it.
    pub id: u32,
    /// The user's own directory.
    pub home: PathBuf,
    /// The agtrack under test, where the user can execute it.
    pub agtrack: PathBuf,
}

impl User {
    /// Lets `work` see a user who may (`is_trusted`) start agtrack, and nothing else, through
    /// sudo without a password, or may not. `None`: there is no sudo here.
    ///
    /// # Panics
    /// As `work`; or the mounts cannot be made, which needs root.
    pub fn live<T: Send>(is_trusted: bool, work: impl FnOnce(&User) -> T + Send) -> Option<T> {
        which("sudo")?;
        let user = User::new();
        let done = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                user.settle(is_trusted);
                work(&user)
            });
            thread.join()
        });
        match done {
            Ok(done) => Some(done),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn new() -> User {
        // Wherever the tests have theirs, here an ordinary user may go.
        let directory = tempfile::tempdir_in("/tmp").expect("a directory");
        let path = directory.path().canonicalize().expect("it is there");
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
        let agtrack = path.join("agtrack");
        // Where it was built an ordinary user may not be able to go.
        launch::copy_program(&here::agtrack(), &agtrack);
        let id = free_id();
        let home = path.join("home");
        std::fs::create_dir(&home).expect("a directory");
        chown(&home, Some(id), Some(id)).expect("it can be given away");
        std::fs::create_dir(path.join("state")).expect("a directory");
        User {
            directory,
            id,
            home,
            agtrack,
        }
    }

    /// From here on this thread sees other files than the host.
    fn settle(&self, is_trusted: bool) {
        unshare(CloneFlags::CLONE_NEWNS).expect("mounts of its own");
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private");
        let (id, home) = (self.id, self.home.display());
        let shell = "/bin/sh";
        self.extend(
            "/etc/passwd",
            &format!("{NAME}:x:{id}:{id}::{home}:{shell}"),
        );
        self.extend("/etc/group", &format!("{NAME}:x:{id}:"));
        // No password fits; the account is as good as any otherwise.
        self.extend("/etc/shadow", &format!("{NAME}:!:20000:0:99999:7:::"));
        let mut rules = "Defaults env_reset, use_pty, !mail_no_user\n".to_owned();
        let agtrack = self.agtrack.display();
        rules += &match is_trusted {
            true => format!("{NAME} ALL=(root) NOPASSWD: {agtrack}\n"),
            // Refused at once, and not after a password that nobody types.
            false => "Defaults !authenticate\n".to_owned(),
        };
        self.replace("/etc/sudoers", &rules, 0o440);
        if !Path::new(STATE).exists() {
            // Made in a directory of the test's own, which stands in the place of the one above.
            let above = self.directory.path().join("lib");
            std::fs::create_dir_all(above.join("agtrack")).expect("a directory");
            cover(&above, LIB);
        }
        cover(&self.state(), STATE);
    }

    fn extend(&self, file: &str, line: &str) {
        let mut text = std::fs::read_to_string(file).expect("a list of accounts");
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text += line;
        text.push('\n');
        let mode = std::fs::metadata(file).expect("it is there").mode();
        self.replace(file, &text, mode);
    }

    fn replace(&self, file: &str, text: &str, mode: u32) {
        let name = Path::new(file).file_name().expect("a file");
        let own = self.directory.path().join(name);
        std::fs::write(&own, text).expect("a copy");
        std::fs::set_permissions(&own, Permissions::from_mode(mode)).expect("it is ours");
        cover(&own, file);
    }

    /// What stands in the place of `/var/lib/agtrack`.
    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// A program as the user starts it: at home, with the environment of a login.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs([
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
            ("USER", NAME),
            ("LOGNAME", NAME),
            ("SHELL", "/bin/sh"),
            ("LANG", "C"),
        ]);
        command.env("HOME", &self.home).current_dir(&self.home);
        // The standard library lets go of root's other groups as well.
        command.uid(self.id).gid(self.id);
        command
    }

    /// Processes that still execute the user's agtrack.
    pub fn left_running(&self) -> Vec<u32> {
        let inode = |path: &Path| std::fs::metadata(path).map(|it| (it.dev(), it.ino()));
        let own = inode(&self.agtrack).expect("it is there");
        let processes = std::fs::read_dir("/proc").expect("proc is mounted");
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid: &u32| {
                inode(Path::new(&format!("/proc/{pid}/exe"))).is_ok_and(|exe| exe == own)
            })
            .collect()
    }
}

/// Shows one file or directory in the place of another.
fn cover(own: &Path, place: &str) {
    let none = None::<&str>;
    mount(Some(own), place, none, MsFlags::MS_BIND, none)
        .unwrap_or_else(|error| panic!("cannot mount over {place}: {error}"));
}

/// An id that no account has.
fn free_id() -> u32 {
    let lists = ["/etc/passwd", "/etc/group"]
        .map(|file| std::fs::read_to_string(file).expect("a list of accounts"));
    let is_taken = |id: &u32| {
        let id = id.to_string();
        let mut lines = lists.iter().flat_map(|list| list.lines());
        lines.any(|line| line.split(':').nth(2) == Some(&id))
    };
    (47_000..48_000)
        .find(|id| !is_taken(id))
        .expect("a thousand accounts are enough")
}

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}
