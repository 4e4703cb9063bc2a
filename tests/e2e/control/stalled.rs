//! Parts that hang are told by name, and hold up no other.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{agtrack, alone, part, run_in, told, until};
use crate::host::own_name;
use crate::{Outcome, Unable, tests};

tests![a_sink_that_hangs_is_named, a_journal_that_stalls_is_named];

fn a_sink_that_hangs_is_named() -> Outcome {
    let name = own_name("-hangs");
    let mut home = Home::new("builder", &[&format!("/{name}")]);
    let socket = home.path("receiver");
    // Who listens there takes the connection and reads nothing.
    let listener = UnixListener::bind(&socket).unwrap();
    let holding = std::thread::spawn(move || listener.accept().unwrap());
    home.sinks = format!("[[sinks]]\nname = \"stuck\"\ntype = \"unix\"\npath = {socket:?}\n");
    home.configure(&[("builder", &[&format!("/{name}")])]);
    let daemon = home.start();
    let group = Group::new(&name);
    // More than a socket keeps.
    let line = format!(
        "echo $$ > {}; cd {}; for i in $(seq 1500); do : > f$i; done",
        group.procs(),
        home.path("").display()
    );
    let ran = Command::new("/bin/sh")
        .args(["-c", &line])
        .status()
        .unwrap();
    assert!(ran.success());
    let stuck = until(&home, "the sink hangs", |status| {
        status["sinks"][0]["state"] == "hung"
    });
    assert_eq!(stuck["sinks"][0]["name"], "stuck");
    assert!(stuck["sinks"][0]["behind"].as_u64() > Some(100), "{stuck}");
    assert!(
        stuck["sinks"][0]["behind_ms"].as_u64() > Some(5000),
        "{stuck}"
    );
    for name in ["rings", "pipeline", "journal"] {
        assert_eq!(part(&stuck, name)["state"], "ok", "{stuck}");
    }
    let page = agtrack(&home, &["status"]);
    let said = String::from_utf8(page.stderr).unwrap();
    assert_eq!(page.status.code(), Some(1), "{said}");
    assert!(said.contains("sink stuck"), "{said}");
    daemon.signal(Signal::SIGTERM);
    drop(holding.join().unwrap());
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

/// A file system of its own that can be made to stand still.
struct Disk {
    directory: TempDir,
    frozen: bool,
}

impl Disk {
    fn new() -> Result<Disk, Unable> {
        let directory = TempDir::new().unwrap();
        let disk = Disk {
            directory,
            frozen: false,
        };
        let image = disk.directory.path().join("image");
        std::fs::create_dir(disk.mount()).unwrap();
        let file = std::fs::File::create(&image).unwrap();
        file.set_len(64 << 20).unwrap();
        let run = |program: &str, words: &[&std::ffi::OsStr]| {
            let output = Command::new(program).args(words).output();
            let done = output.as_ref().is_ok_and(|output| output.status.success());
            match done {
                true => Ok(()),
                false => Err(Unable(format!("{program} cannot be used here: {output:?}"))),
            }
        };
        run("mkfs.ext4", &["-q".as_ref(), image.as_os_str()])?;
        let options = ["-o".as_ref(), "loop".as_ref(), image.as_os_str()];
        run(
            "mount",
            &[&options[..], &[disk.mount().as_os_str()]].concat(),
        )?;
        Ok(disk)
    }

    fn mount(&self) -> PathBuf {
        self.directory.path().join("mount")
    }

    fn freeze(&mut self, freeze: bool) {
        let word = if freeze { "--freeze" } else { "--unfreeze" };
        let done = Command::new("fsfreeze")
            .arg(word)
            .arg(self.mount())
            .status();
        assert!(done.is_ok_and(|status| status.success()), "fsfreeze {word}");
        self.frozen = freeze;
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.frozen {
            self.freeze(false);
        }
        let _ = umount2(&self.mount(), MntFlags::MNT_DETACH);
    }
}

fn a_journal_that_stalls_is_named() -> Outcome {
    let mut disk = Disk::new()?;
    let home = alone();
    let config = std::fs::read_to_string(home.config()).unwrap();
    let journal = disk.mount().join("journal");
    let [old, new] = [home.journal(), journal.clone()].map(|path| path.display().to_string());
    std::fs::write(home.config(), config.replace(&old, &new)).unwrap();
    let mut daemon = home.spawn(home.command());
    daemon.hears("READY=1");
    let group = Group::new(&own_name("-stalls"));
    let path = group.path.to_str().unwrap().to_owned();
    told(&home, &["tag", "--cgroup", &path, "--agent", "job"]);
    disk.freeze(true);
    run_in(&group);
    let stalled = until(&home, "the journal hangs", |status| {
        part(status, "journal")["state"] == "hung"
    });
    assert_eq!(part(&stalled, "pipeline")["state"], "ok", "{stalled}");
    let page = agtrack(&home, &["status"]);
    let said = String::from_utf8(page.stderr).unwrap();
    assert_eq!(page.status.code(), Some(1), "{said}");
    assert!(said.contains("look at: journal"), "{said}");
    // Requests are answered all the same, once they have waited for the disk.
    told(&home, &["untag", "--cgroup", &path]);
    disk.freeze(false);
    until(&home, "all is well again", |status| {
        part(status, "journal")["state"] == "ok"
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = agtrack_tests::follow::all(&journal);
    let has = |change: &str| records.iter().any(|record| record["change"] == change);
    assert!(has("tag") && has("untag"), "nothing is lost");
    Ok(())
}
