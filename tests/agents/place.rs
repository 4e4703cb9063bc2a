//! Where a program runs, with what it is to do.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::model::{Model, Step};
use agtrack_tests::records::Records;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::Program;

/// The longest that a program may take, seconds.
const PATIENCE: &str = "120";

/// A command that the model wants, and what it must come to.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) command: String,
    pub(crate) code: u8,
    /// Names of files that it makes.
    pub(crate) created: Vec<String>,
    /// Whom it talks to.
    pub(crate) peer: Option<String>,
}

/// A directory with a home, a work place and a journal.
pub(crate) struct Place {
    pub(crate) program: &'static Program,
    /// The file whose exec begins the session, in the directory of the programs.
    pub(crate) known: &'static str,
    pub(crate) work: PathBuf,
    pub(crate) wanted: Vec<Wanted>,
    /// The file that the program makes by itself.
    pub(crate) edited: String,
    pub(crate) records: Records,
    /// What was recorded and said, for whoever looks into a failure.
    pub(crate) directory: TempDir,
    model: Model,
}

impl Place {
    /// A new one: nothing has run yet.
    pub(crate) fn new(program: &'static Program) -> Place {
        // A home below `/tmp` is treated by some in a way of its own.
        let directory = TempDir::new_in("/var/tmp").unwrap();
        let work = directory.path().join("work");
        std::fs::create_dir_all(directory.path().join("home")).unwrap();
        std::fs::create_dir_all(&work).unwrap();
        let init = Command::new("git").args(["init", "-q"]).arg(&work).status();
        assert!(init.unwrap().success());
        // Something to talk to that is not the model.
        let page = Model::start(Vec::new()).address;
        let wanted = wanted(&page.to_string());
        let edited = work.join("edited.txt").to_str().unwrap().to_owned();
        let mut steps: Vec<_> = wanted
            .iter()
            .map(|wanted| Step::Shell(wanted.command.clone()))
            .collect();
        // Some want paths as the model sees them, one wants them relative.
        let path = match program.name {
            "aider" => "edited.txt".to_owned(),
            _ => edited.clone(),
        };
        let line = "one".to_owned();
        steps.push(Step::Write { path, line });
        Place {
            program,
            known: program.file,
            work,
            wanted,
            edited,
            records: Records::default(),
            directory,
            model: Model::start(steps),
        }
    }

    /// `agtrack run -- PROGRAM`.
    pub(crate) fn launch(&mut self) {
        let journal = self.directory.path().join("journal");
        let mut run: Vec<String> = [PATIENCE, here::agtrack().to_str().unwrap(), "run"]
            .map(str::to_owned)
            .to_vec();
        run.extend([
            "--backend".to_owned(),
            here::backend(),
            "--journal".to_owned(),
        ]);
        run.extend([journal.to_str().unwrap().to_owned(), "--".to_owned()]);
        run.extend(self.command());
        self.run("timeout", &run);
        self.records = Records::read(&journal);
    }

    /// Started by somebody else in a cgroup that a daemon watches.
    pub(crate) fn by_cgroup(&mut self) {
        let name = format!(
            "agtrack-agents-{}-{}",
            self.program.label,
            std::process::id()
        );
        let home = Home::new(self.program.name, &[&format!("/{name}")]);
        let daemon = home.start();
        let group = Group::new(&name);
        let mut run = vec![
            "-c".to_owned(),
            "echo $$ > \"$0\" && exec timeout \"$@\"".to_owned(),
            group.procs(),
            PATIENCE.to_owned(),
        ];
        run.extend(self.command());
        self.run("sh", &run);
        drop(group);
        assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
        self.records = Records::read(&home.journal());
    }

    /// Started by nobody special, in nobody's cgroup; a daemon knows the path that it is called by.
    pub(crate) fn by_executable(&mut self) {
        self.recognise();
    }

    /// The same where a daemon knows the executable that the script ends up with.
    pub(crate) fn by_native_executable(&mut self) {
        self.known = self.program.native.expect("it has one");
        self.recognise();
    }

    fn recognise(&mut self) {
        let home = Home::new("other", &["/agtrack-nowhere/*"]);
        let mut run = vec![PATIENCE.to_owned()];
        run.extend(self.command());
        let agents = home.config().with_file_name("agents.d");
        std::fs::create_dir(&agents).unwrap();
        let agent = format!(
            "[[agents]]\nid = {:?}\nexecutables = [{:?}]\n",
            self.program.name,
            programs().join(self.known)
        );
        std::fs::write(agents.join("one.toml"), agent).unwrap();
        let daemon = home.start();
        self.run("timeout", &run);
        let ended = daemon.follower().wait(|records| {
            let ends =
                |record: &&Arc<Value>| record["kind"] == "session" && record["change"] == "end";
            records.iter().find(ends).map(|_| ())
        });
        assert!(ended.is_some(), "its session ends: {}", home.said());
        assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
        self.records = Records::read(&home.journal());
    }

    fn command(&self) -> Vec<String> {
        self.program.command(&programs(), self.model.address)
    }

    fn run(&self, starter: &str, arguments: &[String]) {
        let output = File::create(self.directory.path().join("output")).unwrap();
        let mut command = Command::new(starter);
        command.args(arguments).current_dir(&self.work);
        let home = self.directory.path().join("home");
        self.program.settle(&home, self.model.address, &mut command);
        let typed = self.directory.path().join("typed");
        std::fs::write(&typed, self.program.typed).unwrap();
        command.stdin(match self.program.typed {
            "" => Stdio::null(),
            _ => File::open(typed).unwrap().into(),
        });
        command.stderr(output.try_clone().unwrap()).stdout(output);
        let status = command.status().unwrap();
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// What the program wrote, and what it asked the model.
    pub(crate) fn said(&self) -> String {
        let said = std::fs::read(self.directory.path().join("output")).unwrap_or_default();
        format!(
            "{}\nasked: {:?}",
            String::from_utf8_lossy(&said),
            self.model.asked()
        )
    }
}

/// Where the programs are.
fn programs() -> PathBuf {
    let named = std::env::var_os("AGTRACK_AGENTS").map(PathBuf::from);
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/agents");
    let place = named.unwrap_or(place);
    // Scripts are known by the name that is asked for: it is to be the plain one.
    place.canonicalize().unwrap_or(place)
}

fn wanted(page: &str) -> Vec<Wanted> {
    let one = |command: &str, code, created: &[&str], peer: Option<&str>| Wanted {
        command: command.to_owned(),
        code,
        created: created.iter().map(|name| (*name).to_owned()).collect(),
        peer: peer.map(str::to_owned),
    };
    vec![
        one("echo hello > made.txt", 0, &["made.txt"], None),
        one("sh -c 'exit 3'", 3, &[], None),
        one(
            &format!("curl -s -o page.txt http://{page}/page"),
            0,
            &["page.txt"],
            Some(page),
        ),
        one(
            "git init -q repo && git -C repo -c user.name=me -c user.email=me@h commit -q \
             --allow-empty -m first",
            0,
            &["repo/.git/"],
            None,
        ),
    ]
}
