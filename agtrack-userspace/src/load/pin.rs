//! Probes that outlive their recorder: what the kernel keeps stays pinned to the BPF file system.
//!
//! ```text
//! BPFFS/agtrack/JOURNAL/LAYOUT/maps/TAGS …
//!                             /GENERATION/links/sys_exit …
//!                                        /programs/sys_exit …
//! ```
//!
//! While nobody reads them the rings fill up, and what they have no room for is counted. The next
//! recorder of the same journal takes them over where they fit: its programs are a new generation over
//! the same maps, and a number in one of these says which generation records. Where they do not fit they
//! are removed.

mod books;
mod take;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aya::Ebpf;
use aya::maps::{Array, Map, MapData};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::{Backend, Probes, Reads, Sizes};
pub(super) use books::Carried;
pub use take::TakenOver;
pub(super) use take::take_over;

/// What [`Probes`] were made of, as far as maps and messages depend on it (`build.rs`).
const LAYOUT: &str = env!("AGTRACK_LAYOUT");
/// The directory of all recorders.
const OURS: &str = "agtrack";
/// Digits of a name.
const DIGITS: usize = 16;
/// The generation that records, in the map `CONTROL`.
const ACTIVE: u32 = 0;

/// Where the probes of one journal's recorders are pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(PathBuf);

impl Place {
    /// That of a journal, whether or not anything is pinned there.
    ///
    /// # Errors
    /// No BPF file system is mounted.
    pub fn of(journal: &Path) -> anyhow::Result<Place> {
        let journal = std::path::absolute(journal).unwrap_or_else(|_| journal.to_owned());
        let name = short(journal.as_os_str().as_encoded_bytes());
        Ok(Place(ours()?.join(name)))
    }

    /// All at which anything is pinned.
    ///
    /// # Errors
    /// No BPF file system is mounted.
    pub fn all() -> anyhow::Result<Vec<Place>> {
        Ok(directories(&ours()?).into_iter().map(Place).collect())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether anything is pinned there.
    pub fn is_taken(&self) -> bool {
        self.0.is_dir()
    }

    /// Whether a recorder lives that has its probes there.
    pub fn is_held(&self) -> bool {
        std::fs::File::open(&self.0)
            .is_ok_and(|dir| flock(dir, FlockOperation::NonBlockingLockShared).is_err())
    }

    /// Unpins everything: programs that nobody holds otherwise record no more.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub fn clear(&self) -> anyhow::Result<()> {
        remove(&self.0)?;
        // What is above is in use while another recorder has something there.
        if let Some(ours) = self.0.parent() {
            let _ = std::fs::remove_dir(ours);
        }
        Ok(())
    }

    /// Unpins what does not fit.
    pub(super) fn keep_only(&self, kept: &Layout) -> anyhow::Result<()> {
        let others = directories(&self.0).into_iter();
        others
            .filter(|other| *other != kept.0)
            .try_for_each(|other| remove(&other))
    }

    pub(super) fn layout(&self, backend: Backend, reads: Reads, sizes: Sizes) -> Layout {
        let fits = format!("{LAYOUT} {} {reads:?} {sizes:?}", backend.name());
        Layout(self.0.join(short(fits.as_bytes())))
    }
}

/// Maps that fit one build, back end and set of sizes.
#[derive(Clone, Debug)]
pub(super) struct Layout(PathBuf);

impl Layout {
    fn maps(&self) -> PathBuf {
        self.0.join("maps")
    }

    pub(super) fn generation(&self, generation: u32) -> Generation {
        Generation {
            dir: self.0.join(generation.to_string()),
            number: generation,
        }
    }

    /// The generation that records, where one does.
    pub(super) fn active(&self) -> Option<Generation> {
        let control = MapData::from_pin(self.maps().join("CONTROL")).ok()?;
        let control = Array::<_, u32>::try_from(Map::Array(control)).ok()?;
        let active = self.generation(control.get(&ACTIVE, 0).ok()?);
        (active.number != 0 && active.links().is_dir()).then_some(active)
    }

    /// Removes what is left of one of which nothing records.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        remove(&self.0)
    }

    /// Removes what is left of generations but this one: recorders that were killed as they took over.
    fn keep_only(&self, kept: u32) {
        let (kept, maps) = (self.generation(kept).dir, self.maps());
        for other in directories(&self.0) {
            if other != kept && other != maps {
                let _ = std::fs::remove_dir_all(other);
            }
        }
    }
}

/// What is pinned of one recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    place: PathBuf,
    links: PathBuf,
}

impl Pins {
    /// The directory of this journal's recorders.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The directory of what attaches the programs.
    pub fn links(&self) -> &Path {
        &self.links
    }

    /// Whether they are there still: without them recording ends with the recorder.
    pub fn are_there(&self) -> bool {
        self.links.is_dir()
    }
}

/// The programs of one recorder.
#[derive(Clone, Debug)]
pub(super) struct Generation {
    dir: PathBuf,
    /// From 1 on.
    number: u32,
}

impl Generation {
    fn links(&self) -> PathBuf {
        self.dir.join("links")
    }

    fn programs(&self) -> PathBuf {
        self.dir.join("programs")
    }
}

/// Pins the maps, before any of them is handed out.
///
/// # Errors
/// The kernel or the file system refuses something.
pub(super) fn pin_maps(ebpf: &Ebpf, layout: &Layout) -> anyhow::Result<()> {
    let maps = directory(layout.maps())?;
    for (name, map) in ebpf.maps().filter(|(name, _)| is_shared(name)) {
        map.pin(maps.join(name))
            .with_context(|| format!("cannot pin map {name}"))?;
    }
    Ok(())
}

impl Probes {
    /// Pins the programs and what attaches them, now and later, beside maps that are pinned already.
    ///
    /// # Errors
    /// As for [`pin_maps`].
    pub(super) fn pin(&mut self, generation: &Generation) -> anyhow::Result<()> {
        let programs = directory(generation.programs())?;
        for (name, program) in self.ebpf.programs_mut() {
            // Only those that this kernel has taken.
            if program.fd().is_ok() {
                program
                    .pin(programs.join(name))
                    .with_context(|| format!("cannot pin program {name}"))?;
            }
        }
        self.links.pin(directory(generation.links())?)?;
        self.generation = generation.number;
        let place = generation.dir.ancestors().nth(2).unwrap_or(&generation.dir);
        self.held = held(place);
        self.inventory.pins = Some(Pins {
            place: place.to_owned(),
            links: generation.links(),
        });
        self.open_gate()
    }

    /// Whether it outlives this process.
    pub fn is_pinned(&self) -> bool {
        self.inventory.pins.as_ref().is_some_and(Pins::are_there)
    }
}

/// The directory, held until this process ends. Whoever holds it instead does not keep a recorder from
/// recording: nobody but `agtrack detach` asks.
fn held(place: &Path) -> Option<std::fs::File> {
    let dir = std::fs::File::open(place).ok()?;
    flock(&dir, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(dir)
}

/// Constants belong to a generation, and what programs print is read by who loaded them.
fn is_shared(map: &str) -> bool {
    !map.starts_with('.') && map != "AYA_LOGS" && map != "AYA_LOG_BUF"
}

/// `BPFFS/agtrack`
fn ours() -> anyhow::Result<PathBuf> {
    let mounts = procfs::process::Process::myself()
        .and_then(|own| own.mountinfo())
        .context("cannot read /proc/self/mountinfo (is /proc mounted?)")?;
    let mount = mounts.into_iter().find(|mount| mount.fs_type == "bpf");
    match mount {
        Some(mount) => Ok(mount.mount_point.join(OURS)),
        None => bail!("no BPF file system is mounted: `mount -t bpf bpf /sys/fs/bpf`"),
    }
}

/// Removes a directory with all below it, if it is there.
fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Makes a directory that is root's alone.
fn directory(path: PathBuf) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}

/// The directories in one; none where it is not there.
fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries.map(|entry| entry.path()).collect();
    all.retain(|path| path.is_dir());
    all.sort();
    all
}

/// A name that stands for these bytes.
fn short(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<String>()[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_shared_by_what_they_mean() {
        let place = Place(PathBuf::from("/x"));
        let sizes = Sizes::default();
        let layout = |backend, reads, sizes| place.layout(backend, reads, sizes).0;
        let one = layout(Backend::Lsm, Reads::All, sizes);
        assert_eq!(one, layout(Backend::Lsm, Reads::All, sizes));
        assert_ne!(one, layout(Backend::Fentry, Reads::All, sizes));
        assert_ne!(one, layout(Backend::Lsm, Reads::Counted, sizes));
        let bulk = sizes.bulk * 2;
        assert_ne!(
            one,
            layout(Backend::Lsm, Reads::All, Sizes { bulk, ..sizes })
        );
    }

    /// The BPF file system takes no name with a dot.
    #[test]
    fn names_are_digits() {
        let name = short(b"/var/lib/agtrack/journal");
        assert_eq!(name.len(), DIGITS);
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(name, short(b"/var/lib/agtrack/journal2"));
    }

    #[test]
    fn constants_stay_with_their_generation() {
        assert!(is_shared("TAGS") && is_shared("LIFECYCLE"));
        assert!(!is_shared(".rodata") && !is_shared("AYA_LOGS"));
    }
}
