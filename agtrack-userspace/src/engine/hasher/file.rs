//! Finding the very file that an event was about, and reading it.
//!
//! Names are the agent's to choose, so nothing is opened for what its name promises: first a handle
//! is taken that has no effect on anything (`O_PATH`), then it is looked at what it leads to, and
//! only a regular file with the right inode is opened for reading.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxFlags, openat, statx};
use rustix::io::Errno;
use sha2::Digest;

use crate::record::{Sha256, Unhashed};

/// Bytes that are read at once.
pub(super) const PIECE: usize = 256 << 10;
/// A list of mounts is read so far, bytes.
const MOUNTS: u64 = 8 << 20;

/// What is asked of a file that is looked at.
const LOOKED_AT: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

/// File systems in memory of the kernel whose files are no data: to read one can be an act of its
/// own (include/uapi/linux/magic.h, fs/nfsd/nfsctl.c, fs/xenfs/super.c, fs/fuse/control.c).
const PSEUDO: &[u32] = &[
    0x9fa0,
    0x6265_6572,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x0027_e0eb,
    0x6367_7270,
    0xcafe_4a11,
    0x6265_6570,
    0xde5e_81e4,
    0xf97c_ff8c,
    0x4341_5d53,
    0x6165_676c,
    0x4249_4e4d,
    0x0765_5821,
    0x1980_0202,
    0x1cd1,
    0x6e73_6673,
    0x0187,
    0x5049_5045,
    0x534f_434b,
    0x0904_1934,
    0xabba_1974,
    0x6e66_7364,
    0x6759_6969,
    0x9fa2,
    0x6573_5543,
    0x5345_434d,
];

/// Where a file may be, and which it is.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Its path, from the root of a mount namespace.
    pub(super) path: &'a [u8],
    /// Processes whose roots it may be below.
    pub(super) pids: [u32; 2],
    /// Device and inode; `None`: whatever has the name.
    pub(super) identity: Option<(&'a str, u64)>,
    /// It was there then, wall clock, ns: one that was made later is another one, with its number.
    pub(super) made_before: u64,
    /// It is the program that the first of the processes runs, or was.
    pub(super) is_running: bool,
}

/// A file that was found. Nothing is read yet.
#[derive(Debug)]
pub(super) struct Found {
    handle: OwnedFd,
    pub(super) stat: Stat,
}

/// What of a file tells whether it is the same, and has the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// As stat(2) has it, which need not be that of the file system (btrfs, overlayfs).
    pub(super) device: (u32, u32),
    pub(super) inode: u64,
    /// When it was made, wall clock, ns; 0 where the file system does not know.
    pub(super) born: u64,
    pub(super) size: u64,
    /// Last change of the content, wall clock, ns.
    pub(super) modified: u64,
    /// Last change of anything, wall clock, ns. Nobody can set it.
    pub(super) changed: u64,
}

impl Place<'_> {
    /// The file, proven to be the one that is meant where its identity is known.
    pub(super) fn find(&self) -> Result<Found, Unhashed> {
        let [own, parent] = self.pids;
        let below = |pid: u32| [format!("/proc/{pid}/root").as_bytes(), self.path].concat();
        let mut result = Unhashed::Gone;
        // The recorder's own view first: it is the right one for whoever is in no container.
        let names = [
            Some((self.path.to_vec(), "self".to_owned())),
            (own > 0).then(|| (below(own), own.to_string())),
            (parent > 0).then(|| (below(parent), parent.to_string())),
        ];
        for (name, whose) in names.into_iter().flatten() {
            // Where the identity is known, what a link leads to is not what was meant.
            let follow = self.identity.is_none();
            match self.look(&name, &whose, follow) {
                Ok(found) => return Ok(found),
                Err(Unhashed::Gone) => {}
                Err(reason) => result = reason,
            }
        }
        if self.is_running && own > 0 {
            let name = format!("/proc/{own}/exe").into_bytes();
            return self.look(&name, &own.to_string(), true).or(Err(result));
        }
        Err(result)
    }

    /// What has its name where the recorder is, taken hold of in no way. Only good for telling that
    /// nothing has changed since the file was found and read: what kind of file it is was seen then.
    pub(super) fn glance(&self) -> Option<Stat> {
        let no_follow = match self.identity {
            // What a link leads to is not what was meant.
            Some(_) => AtFlags::SYMLINK_NOFOLLOW,
            None => AtFlags::empty(),
        };
        let flags = AtFlags::NO_AUTOMOUNT | no_follow;
        let stat = stat_of(&statx(CWD, self.path, flags, LOOKED_AT).ok()?);
        self.has_identity(&stat).then_some(stat)
    }

    /// Whether it is the one that is meant, as far as stat(2) tells.
    fn has_identity(&self, stat: &Stat) -> bool {
        let Some((device, inode)) = self.identity else {
            return true;
        };
        let (major, minor) = stat.device;
        self.is_of(inode, stat) && device == format!("{major}:{minor}")
    }

    fn is_of(&self, inode: u64, stat: &Stat) -> bool {
        stat.inode == inode && stat.born <= self.made_before
    }

    /// What has this name, where the mounts of that process are.
    fn look(&self, name: &[u8], whose: &str, follow: bool) -> Result<Found, Unhashed> {
        let no_follow = match follow {
            true => OFlags::empty(),
            false => OFlags::NOFOLLOW,
        };
        let flags = OFlags::PATH | OFlags::CLOEXEC | no_follow;
        let handle = openat(CWD, name, flags, Mode::empty()).map_err(reason)?;
        let stat = look_at(&handle)?;
        let found = Found {
            stat: stat_of(&stat),
            handle,
        };
        if !self.is_meant(&found, whose) {
            return Err(Unhashed::Gone);
        }
        let is_regular = u32::from(stat.stx_mode) & 0o170_000 == 0o100_000;
        let system = rustix::fs::fstatfs(&found.handle).map_err(reason)?;
        // Sign and width of the number differ between architectures; the names have 32 bits.
        if !is_regular || PSEUDO.contains(&(system.f_type as u32)) {
            return Err(Unhashed::NotRegular);
        }
        Ok(found)
    }

    fn is_meant(&self, found: &Found, whose: &str) -> bool {
        let Some((device, inode)) = self.identity else {
            return true;
        };
        self.has_identity(&found.stat)
            || self.is_of(inode, &found.stat)
                && mounted(&found.handle, whose).is_some_and(|mounted| mounted == device)
    }
}

/// The device of the file system that a handle is in, `major:minor` as the kernel has it. On btrfs
/// each subvolume, and on overlayfs with several file systems below each of these, has another one in
/// stat(2); the list of mounts has the file system's own.
pub(in crate::engine) fn mounted(handle: &OwnedFd, whose: &str) -> Option<String> {
    use std::io::{BufRead, BufReader, Read};
    let info = format!("/proc/self/fdinfo/{}", handle.as_raw_fd());
    let info = std::fs::read_to_string(info).ok()?;
    let id = info
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))?
        .trim();
    let list = std::fs::File::open(format!("/proc/{whose}/mountinfo")).ok()?;
    let lines = BufReader::new(list.take(MOUNTS)).split(b'\n');
    for line in lines.map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split(' ');
        if words.next() == Some(id) {
            return words.nth(1).map(str::to_owned);
        }
    }
    None
}

impl Found {
    /// Hashes what is in it now, of at most `max` bytes, piece by piece: the hash, the bytes, and
    /// whether it changed meanwhile.
    pub(super) fn hash(&self, max: u64, piece: &mut [u8]) -> Result<(Sha256, u64, bool), Unhashed> {
        let file = self.open()?;
        let mut hasher = sha2::Sha256::new();
        let mut size = 0_u64;
        loop {
            let read = match rustix::io::read(&file, &mut *piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(Errno::INTR) => continue,
                Err(_) => return Err(Unhashed::Unreadable),
            };
            size += read as u64;
            if size > max {
                return Err(Unhashed::TooLarge);
            }
            hasher.update(piece.get(..read).unwrap_or_default());
        }
        let after = stat_of(&look_at(&file)?);
        let digest = Sha256(hasher.finalize().into());
        Ok((digest, size, after != self.stat || after.size != size))
    }

    fn open(&self) -> Result<OwnedFd, Unhashed> {
        let name = format!("/proc/self/fd/{}", self.handle.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = |more| openat(CWD, &*name, flags | more, Mode::empty());
        // Only the owner and who has CAP_FOWNER may leave no trace in the time of access.
        let opened = match open(OFlags::NOATIME) {
            Err(Errno::PERM) => open(OFlags::empty()),
            other => other,
        };
        opened.map_err(|error| match error {
            // Somebody holds a lease on it.
            Errno::WOULDBLOCK => Unhashed::Busy,
            _ => Unhashed::Unreadable,
        })
    }
}

fn look_at(handle: impl AsFd) -> Result<Statx, Unhashed> {
    statx(handle, c"", AtFlags::EMPTY_PATH, LOOKED_AT).map_err(reason)
}

fn stat_of(stat: &Statx) -> Stat {
    let time = |time: &rustix::fs::StatxTimestamp| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::from(time.tv_nsec))
    };
    let has_birth = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    Stat {
        device: (stat.stx_dev_major, stat.stx_dev_minor),
        inode: stat.stx_ino,
        born: if has_birth { time(&stat.stx_btime) } else { 0 },
        size: stat.stx_size,
        modified: time(&stat.stx_mtime),
        changed: time(&stat.stx_ctime),
    }
}

/// What an error of looking for a file says of it.
fn reason(error: Errno) -> Unhashed {
    match error {
        Errno::NOENT
        | Errno::NOTDIR
        | Errno::LOOP
        | Errno::NAMETOOLONG
        | Errno::STALE
        | Errno::INVAL
        | Errno::SRCH => Unhashed::Gone,
        _ => Unhashed::Unreadable,
    }
}
