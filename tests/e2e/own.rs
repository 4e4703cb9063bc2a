//! The cgroup of a launched command goes away with it, and with the next recorder where its own was
//! killed; nobody else's does.

use std::path::Path;
use std::process::{Child, Command};

use agtrack::cgroup::{Cgroup, Hierarchy, OwnCgroup};
use agtrack_tests::group::Group;
use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::host::own_name;
use crate::{Outcome, Unable, tests};

tests![
    a_process_moves_in_and_back_and_nothing_stays,
    dropping_it_removes_it_too,
    only_what_an_ended_recorder_left_is_removed,
];

/// A cgroup of the test, and the tree that it is in.
fn parent(name: &str) -> Result<(Hierarchy, Group, Cgroup), Unable> {
    let hierarchy = Hierarchy::find().map_err(|error| Unable(error.to_string()))?;
    if !hierarchy.is_writable() {
        return Err(Unable("cgroup2 is mounted read-only".to_owned()));
    }
    let group = Group::new(&own_name(name));
    let cgroup = hierarchy.at(&group.path).unwrap();
    Ok((hierarchy, group, cgroup))
}

/// A process that is killed when the test forgets it.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Sleeper {
        Sleeper(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn a_process_moves_in_and_back_and_nothing_stays() -> Outcome {
    let (hierarchy, _group, parent) = parent("-own-back")?;
    let child = Sleeper::new();
    let own = OwnCgroup::create(&parent, "own").unwrap();
    own.cgroup().adopt(child.pid()).unwrap();
    assert_eq!(&hierarchy.of_pid(child.pid()).unwrap(), own.cgroup());
    assert_eq!(own.cgroup().subtree_pids().unwrap(), [child.pid()]);

    // The agent makes a cgroup below and moves into it.
    let nested = own.cgroup().dir.join("nested");
    std::fs::create_dir(&nested).unwrap();
    std::fs::write(nested.join("cgroup.procs"), child.pid().to_string()).unwrap();
    let dir = own.cgroup().dir.clone();
    own.dissolve().unwrap();
    assert!(!dir.exists());
    assert_eq!(hierarchy.of_pid(child.pid()).unwrap(), parent);
    Ok(())
}

fn dropping_it_removes_it_too() -> Outcome {
    let (_, _group, parent) = parent("-own-drop")?;
    let own = OwnCgroup::create(&parent, "own").unwrap();
    let dir = own.cgroup().dir.clone();
    assert!(dir.is_dir());
    drop(own);
    assert!(!dir.exists());
    Ok(())
}

fn only_what_an_ended_recorder_left_is_removed() -> Outcome {
    let (hierarchy, _group, parent) = parent("-own-left")?;
    let [living, empty, busy] =
        ["living", "empty", "busy"].map(|name| OwnCgroup::create(&parent, name).unwrap());
    let foreign = parent.dir.join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::create_dir(empty.cgroup().dir.join("nested")).unwrap();
    let child = Sleeper::new();
    busy.cgroup().adopt(child.pid()).unwrap();
    for own in [&empty, &busy] {
        note_another(&own.cgroup().dir);
    }
    hierarchy.remove_abandoned();
    assert!(!empty.cgroup().dir.exists());
    for dir in [&living.cgroup().dir, &busy.cgroup().dir, &foreign] {
        assert!(dir.is_dir(), "{}", dir.display());
    }
    std::fs::remove_dir(foreign).unwrap();
    Ok(())
}

/// As if the cgroup's note were of a process with the number of this one that began at another time.
fn note_another(dir: &Path) {
    const NOTE: &str = "trusted.agtrack.recorder";
    let mut note = [0_u8; 64];
    let length = getxattr(dir, NOTE, &mut note).expect("its maker is noted on it");
    let text = std::str::from_utf8(&note[..length]).unwrap();
    let (who, start) = text.rsplit_once(':').unwrap();
    let another = format!("{who}:{}", start.parse::<u64>().unwrap() + 1);
    setxattr(dir, NOTE, another.as_bytes(), XattrFlags::empty()).unwrap();
}
