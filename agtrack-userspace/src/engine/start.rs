//! From options to a recorder that runs.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context, anyhow};
use nix::sys::signal::SigSet;
use sha2::{Digest, Sha256};

use super::container::Asker;
use super::core::Core;
use super::guard::Guard;
use super::handover::Backlog;
use super::hands::{Hands, path_text};
use super::hasher::Hasher;
use super::live::Live;
use super::past::Past;
use super::summary::Tally;
use super::wait::{Bed, Ended};
use super::watch::Watch;
use super::{Begun, Options, Request, clock, facts, key};
use crate::cgroup::Hierarchy;
use crate::input::{Input, InputWriter, JournalState, RemovedJournal, Start, Tracker};
use crate::journal::{self, Journal, Previous};
use crate::load::{self, BackendChoice, Inventory, Place, Probes, Reads, Sizes, TakenOver};
use crate::noise;
use crate::pipeline::Pipeline;
use crate::record::{HookReport, Host, ProcessKey, Stamper, Text};
use crate::ring::Rings;

/// What agtrack keeps of this host, beside the journals.
pub(super) const STATE: &str = "/var/lib/agtrack";

pub(super) fn start(
    options: Options,
    inbox: mpsc::Receiver<Request>,
    waker: Arc<OwnedFd>,
    ended: Arc<Ended>,
) -> anyhow::Result<Live> {
    let watch = Watch::new(options.agents)?;
    let journal_options = journal::Options {
        owner: options.owner,
        ..options.journal_options
    };
    // Before the probes: who cannot write need not look.
    let (journal, opened) = Journal::open(&options.journal, journal_options)?;
    // A launcher's recorder follows one command, and leaves alone what others have left.
    let past = (!options.launching).then(|| Past::read(&options.journal));
    let goes_on = past.as_ref().is_some_and(Past::goes_on);
    let needed = options.launching || watch.has_rules() || goes_on;
    let place = place((options.pin, options.launching), &options.journal)?;
    let (mut guard, guarded) = Guard::new(&options.journal, options.config_file.as_deref());
    let ready = make_ready(
        load_undisturbed(options.backend, options.reads, options.sizes, &place),
        (options.config_sha256, options.noise, options.removed),
        (&mut guard, guarded),
        (options.hash_max_bytes, options.hash_wait),
        options.input_log.as_deref(),
        (&opened.previous, past.as_ref()),
    );
    let Ready {
        backlog,
        mut probes,
        rings,
        facts,
        input_log,
        hasher,
    } = match ready {
        Ok(ready) => ready,
        Err(error) => {
            // Nothing was recorded.
            journal.put_back(&opened.previous);
            return Err(error);
        }
    };
    if !needed {
        probes.detach();
    }
    let stamper = Stamper::new(facts.host.clone(), opened.log_id);
    let boot_id = facts.host.boot_id.clone();
    let asker = Asker::new(options.container_sockets);
    let mut core = core(facts, (journal, stamper), ended, (input_log, hasher, asker));
    core.write()?;
    let hierarchy = Hierarchy::find().ok();
    let bed = Bed::new(waker, &rings, guard.descriptors())?;
    let mut hands = Hands::new(core, probes, hierarchy);
    (hands.past, hands.boot_id) = (past.unwrap_or_default(), boot_id);
    hands.core.begun.unclean = matches!(opened.previous, Previous::Unclean { .. });
    let mut live = Live::new(hands, rings, guard, bed, inbox);
    live.trouble.speaks = !options.launching;
    live.go_on(watch, backlog.as_ref())?;
    Ok(live)
}

impl Live {
    /// Begins with what there is already: cgroups, sessions of recorders before, and what was recorded
    /// since.
    fn go_on(&mut self, watch: Watch, backlog: Option<&Backlog>) -> anyhow::Result<()> {
        if let Some(backlog) = backlog {
            self.hands.recall(backlog);
        }
        self.learn_cgroups()?;
        self.watch = watch;
        self.begin_watching()?;
        if let Some(backlog) = backlog {
            self.tell_backlog(backlog)?;
        }
        self.hands.end_past(&self.watch)
    }
}

/// Where the probes are pinned; why nowhere, where they should be.
fn place(
    (pin, launching): (bool, bool),
    journal: &Path,
) -> anyhow::Result<anyhow::Result<Option<Place>>> {
    let place = Place::of(journal);
    if pin {
        return Ok(place.map(Some));
    }
    // A recorder before may have been told to leave its probes there, which this one is not. Without a BPF
    // file system there are none.
    if let (false, Ok(place)) = (launching, place) {
        place.clear()?;
    }
    Ok(Ok(None))
}

fn core(
    facts: Start,
    (journal, stamper): (Journal, Stamper),
    ended: Arc<Ended>,
    (input_log, hasher, asker): (Option<InputWriter<BufWriter<File>>>, Option<Hasher>, Asker),
) -> Core {
    let mut drafts = Vec::new();
    Core {
        pipeline: Pipeline::new(facts, &mut drafts),
        journal,
        stamper,
        tally: Tally::default(),
        ended,
        hasher,
        asker,
        input_log,
        drafts,
        refused: 0,
        keys: HashMap::new(),
        begun: Begun::default(),
    }
}

/// All that a recorder needs beside its journal.
struct Ready {
    /// Where another recorder is taken over from.
    backlog: Option<Backlog>,
    probes: Probes,
    rings: Rings,
    facts: Start,
    input_log: Option<InputWriter<BufWriter<File>>>,
    hasher: Option<Hasher>,
}

fn make_ready(
    loaded: anyhow::Result<(Probes, Rings, Option<TakenOver>)>,
    (config_sha256, noise, removed): (Option<String>, noise::Globs, Option<RemovedJournal>),
    (guard, guarded): (&mut Guard, Vec<HookReport>),
    (hash_max_bytes, hash_wait): (u64, Duration),
    input_log: Option<&Path>,
    (previous, past): (&Previous, Option<&Past>),
) -> anyhow::Result<Ready> {
    let (mut probes, mut rings, taken) = loaded?;
    let backlog = taken.map(|taken| Backlog::read(&taken, &mut rings, &mut probes));
    let backlog = backlog.transpose()?;
    let mut facts = start_facts(&probes.inventory, config_sha256, previous)?;
    let since = past.map_or(0, |past| past.last_time(&facts.host.boot_id));
    facts.kept = backlog.as_ref().map(|backlog| backlog.kept(since));
    facts.hooks.extend(guarded);
    let pins = probes.inventory.pins.as_ref();
    facts.hooks.extend(pins.map(|pins| guard.watch_pins(pins)));
    facts.noise = noise;
    facts.journal.removed = removed;
    facts.left_open = past.map(Past::left_open);
    let hasher = (hash_max_bytes > 0).then(|| Hasher::new(hash_max_bytes));
    let hasher = hasher.transpose()?;
    facts.hashes = hasher.is_some();
    facts.hash_wait = u64::try_from(hash_wait.as_nanos()).unwrap_or(u64::MAX);
    let mut input_log = input_log.map(open_input_log).transpose()?;
    if let Some(log) = &mut input_log {
        log.write(&Input::Start(Box::new(facts.clone())))?;
    }
    Ok(Ready {
        backlog,
        probes,
        rings,
        facts,
        input_log,
        hasher,
    })
}

/// The kernel gives up verifying a program (EAGAIN) when its thread has a signal waiting, which must
/// not pass for a program that it refuses: so signals go to another thread meanwhile.
fn load_undisturbed(
    backend: BackendChoice,
    reads: Reads,
    sizes: Sizes,
    place: &anyhow::Result<Option<Place>>,
) -> anyhow::Result<(Probes, Rings, Option<TakenOver>)> {
    let at = place.as_ref().ok().cloned().flatten();
    let loading = std::thread::spawn(move || {
        SigSet::all()
            .thread_block()
            .context("cannot block signals")?;
        load::load(backend, reads, sizes, at.as_ref())
    });
    let loaded = loading
        .join()
        .map_err(|_| anyhow!("loading the probes panicked, which is a fault of agtrack: please report the message above"))?;
    let (mut probes, rings, taken) = loaded?;
    if let Err(reason) = place {
        probes.inventory.unpinned = Some(format!("{reason:#}"));
    }
    Ok((probes, rings, taken))
}

fn start_facts(
    inventory: &Inventory,
    config_sha256: Option<String>,
    previous: &Previous,
) -> anyhow::Result<Start> {
    let attached = inventory
        .hooks
        .iter()
        .filter(|state| state.missing.is_none());
    Ok(Start {
        host: host()?,
        kernel: kernel_release(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        backend: inventory.backend.name().to_owned(),
        hooks: reports(inventory),
        attached: attached.map(|state| state.hook.id).collect(),
        passed_over: inventory
            .passed_over
            .iter()
            .map(|(backend, reason)| format!("{}: {reason}", backend.name()))
            .collect(),
        config_sha256,
        noise: noise::Globs::new(),
        hashes: false,
        hash_wait: 0,
        redaction_key: key::host_key(Path::new(STATE))?,
        tracker: tracker(),
        journal: journal_state(previous),
        left_open: None,
        kept: None,
        unpinned: inventory.unpinned.clone(),
        clock: clock::now(),
    })
}

/// This process, and the one that started it.
fn tracker() -> Option<Tracker> {
    let key = |pid| {
        let start = facts::start(pid)?;
        Some(ProcessKey { pid, start })
    };
    let hierarchy = Hierarchy::find().ok();
    let cgroup = hierarchy.and_then(|all| all.of_pid(std::process::id()).ok());
    Some(Tracker {
        key: key(std::process::id())?,
        parent: key(std::os::unix::process::parent_id()),
        cgroup: cgroup.as_ref().map(|cgroup| path_text(&cgroup.path)),
        cgroup_id: cgroup.map(|cgroup| cgroup.id),
        exe: Some(Text(facts::exe(std::process::id()))),
    })
}

fn reports(inventory: &Inventory) -> Vec<HookReport> {
    inventory
        .hooks
        .iter()
        .map(|state| HookReport {
            action: state.hook.kind.row().action.to_owned(),
            program: state.hook.program.to_owned(),
            target: state.target.clone(),
            attached: state.missing.is_none(),
            reason: state.missing.clone(),
        })
        .collect()
}

fn journal_state(previous: &Previous) -> JournalState {
    match previous {
        Previous::Fresh | Previous::Clean => JournalState::default(),
        Previous::Unclean { cut } => JournalState {
            unclean: true,
            torn: cut.as_ref().map_or(0, |cut| cut.bytes),
            removed: None,
        },
    }
}

fn host() -> anyhow::Result<Host> {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").context(
        "cannot read the boot id from /proc/sys/kernel/random/boot_id (is /proc mounted?)",
    )?;
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    Ok(Host {
        id: host_id(&machine_id, &name),
        name,
        boot_id: boot_id.trim().to_owned(),
    })
}

/// The machine id is to be kept secret (machine-id(5)), so only a hash of it leaves the host. A
/// machine without one is known by its name.
fn host_id(machine_id: &str, name: &str) -> String {
    let source = if machine_id.trim().is_empty() {
        name
    } else {
        machine_id.trim()
    };
    let digest = Sha256::digest(format!("agtrack host {source}"));
    digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn kernel_release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

fn open_input_log(path: &Path) -> anyhow::Result<InputWriter<BufWriter<File>>> {
    // It holds what came from outside before redaction.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create the input log {}", path.display()))?;
    Ok(InputWriter::new(BufWriter::new(file)))
}
