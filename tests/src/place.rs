//! A test's own place: a cgroup that is watched, a directory to work in, and the records of what
//! happens there.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::coverage;
use crate::follow::Follower;
use crate::group::Group;
use crate::launch::{Ran, Trigger};
use crate::records::Records;

/// How long after a failure it is seen whether something came too late.
const LATE: Duration = Duration::from_secs(2);

/// One test's place.
#[derive(Debug)]
pub struct Place<'a> {
    /// Its cgroup, and so its session.
    pub group: Group,
    directory: TempDir,
    path: String,
    follower: &'a Follower,
}

impl<'a> Place<'a> {
    /// Makes a cgroup below `parent`, which is watched so that each child begins a session.
    pub fn new(parent: &Group, name: &str, follower: &'a Follower) -> Place<'a> {
        let directory = TempDir::new().expect("a directory");
        // Paths in records have no links in them.
        let path = directory
            .path()
            .canonicalize()
            .expect("the directory is there");
        let path = path.to_str().expect("a plain name").to_owned();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("own");
        Place {
            group: parent.child(name),
            directory,
            path,
            follower,
        }
    }

    /// The directory, without links.
    pub fn directory(&self) -> &str {
        &self.path
    }

    /// A path in the directory.
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Makes a file with some bytes in it.
    pub fn make(&self, name: &str) -> String {
        std::fs::write(self.directory.path().join(name), b"content").expect("a file");
        self.file(name)
    }

    /// A trigger inside, not started yet.
    pub fn place<S: AsRef<OsStr>>(&self, steps: &[S]) -> Trigger {
        let trigger = Trigger::new(Path::new(&self.path), steps);
        self.group.take(trigger.pid());
        trigger
    }

    /// As [`Place::place`], and waits until the recorder has taken it in, and with it what /proc
    /// says of it: a process that ends at once has left no trace there.
    pub fn place_known<S: AsRef<OsStr>>(&self, steps: &[S]) -> Trigger {
        let trigger = self.place(steps);
        self.wait("that the trigger came in", |record| {
            record["action"] == "cgroup.attach" && record["object"]["target_pid"] == trigger.pid()
        });
        trigger
    }

    /// Runs a trigger inside to its end, and waits until all of it is in the journal.
    pub fn run<S: AsRef<OsStr>>(&self, steps: &[S]) -> Ran {
        let mut trigger = self.place(steps);
        trigger.go();
        let ran = trigger.end();
        self.settle(ran.pid);
        ran
    }

    /// Waits until every process seen here, `pid` among them, has ended in the records too.
    ///
    /// # Panics
    /// Patience is at its end.
    pub fn settle(&self, pid: u32) {
        let settled = self.follower.wait(|records| {
            let own = own(records, &self.group.path)?;
            let (seen, ended) = processes(&own);
            (ended.contains(&u64::from(pid)) && seen == ended).then_some(())
        });
        if settled.is_none() {
            panic!(
                "the processes here did not all end in the records: {}",
                self.records()
            );
        }
    }

    /// Waits for a record of this session that `find` accepts.
    ///
    /// # Panics
    /// Patience is at its end.
    pub fn wait(&self, what: &str, find: impl Fn(&Value) -> bool) -> Arc<Value> {
        let found = self.follower.wait(|records| {
            let own = own(records, &self.group.path)?;
            own.0.iter().find(|record| find(record)).cloned()
        });
        let found = found.unwrap_or_else(|| panic!("{what} was not recorded: {}", self.records()));
        coverage::note(&found);
        found
    }

    /// All records of this session.
    pub fn records(&self) -> Records {
        own(&self.follower.records(), &self.group.path).unwrap_or_default()
    }
}

impl Drop for Place<'_> {
    /// A test that fails tells what was recorded here, also what came after it had looked.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let looked = self.records().len();
        std::thread::sleep(LATE);
        let records = self.records();
        println!("{} of these records when the test failed:", looked);
        println!("{}: {records}", self.group.path.display());
    }
}

/// The records of the session that is bound to a cgroup, and of those of agents that were started in
/// it. `None`: it has not begun.
pub fn own(records: &[Arc<Value>], cgroup: &Path) -> Option<Records> {
    let cgroup = cgroup.to_str()?;
    // The newest: a test that is repeated begins anew. What was before it is not looked at again with
    // each record that comes: on an emulated processor that would be most of what a test does.
    let start = records.iter().rposition(|record| {
        record["kind"] == "session" && record["change"] == "start" && record["cgroup"] == cgroup
    })?;
    let records = &records[start..];
    let mut sessions = vec![&records[0]["agent"]["session"]];
    for record in records {
        let agent = &record["agent"];
        if sessions.contains(&&agent["parent"]) && !sessions.contains(&&agent["session"]) {
            sessions.push(&agent["session"]);
        }
    }
    let is_own = |record: &&Arc<Value>| sessions.contains(&&record["agent"]["session"]);
    Some(Records(records.iter().filter(is_own).cloned().collect()))
}

/// Process ids that were seen as tagged, and those that ended.
fn processes(records: &Records) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let (mut seen, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for record in &records.0 {
        let actor = record["process"]["pid"].as_u64();
        match record["action"].as_str() {
            Some("process.exit") => {
                seen.extend(actor);
                ended.extend(actor);
            }
            Some("process.fork") => seen.extend(record["object"]["child_pid"].as_u64()),
            Some("cgroup.attach") => seen.extend(record["object"]["target_pid"].as_u64()),
            _ => {}
        }
    }
    (seen, ended)
}
