//! The gate that the command waits behind until it is tagged.
//!
//! Two pipes between the launcher and its stub: one byte opens the gate, and the way back carries
//! "ready", then what went wrong, or nothing at all, because exec closes it.
//! The stub's ends are the only descriptors that are meant to be inherited; it opens them anew
//! (close-on-exec) and closes the inherited ones first of all, so that the command gets none.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::io::FdFlags;
use rustix::pipe::{PipeFlags, pipe_with};

/// The longest report that is read, in bytes.
const REPORT: u64 = 4096;

/// The launcher's side.
#[derive(Debug)]
pub(super) struct Gate {
    open: File,
    report: File,
}

/// The stub's ends as they are inherited; the launcher drops them once the stub runs.
#[derive(Debug)]
pub(super) struct Inherited {
    open: OwnedFd,
    report: OwnedFd,
}

/// What the stub said instead of "ready", or after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// exec failed with this error number.
    Exec(i32),
    /// Something before it did; the text says what.
    Before(String),
}

/// Makes both sides.
///
/// # Errors
/// No descriptors are left.
pub(super) fn gate() -> io::Result<(Gate, Inherited)> {
    let (far_open, open) = pipe_with(PipeFlags::CLOEXEC)?;
    let (report, far_report) = pipe_with(PipeFlags::CLOEXEC)?;
    for end in [&far_open, &far_report] {
        rustix::io::fcntl_setfd(end, FdFlags::empty())?;
    }
    let near = Gate {
        open: open.into(),
        report: report.into(),
    };
    Ok((
        near,
        Inherited {
            open: far_open,
            report: far_report,
        },
    ))
}

impl Inherited {
    /// The numbers to hand to the stub, as one word.
    pub(super) fn word(&self) -> String {
        format!("{},{}", self.open.as_raw_fd(), self.report.as_raw_fd())
    }
}

impl Gate {
    /// Waits until the stub stands at the gate.
    ///
    /// # Errors
    /// The stub ended or reported instead.
    pub(super) fn wait_ready(&mut self) -> Result<(), Report> {
        let mut kind = [0];
        match self.report.read_exact(&mut kind) {
            Ok(()) if kind == [b'R'] => Ok(()),
            Ok(()) => Err(self
                .read_report(kind[0])
                .unwrap_or(Report::Before("nothing".into()))),
            Err(error) => Err(Report::Before(format!("it ended at once ({error})"))),
        }
    }

    /// Lets the stub become the command; none if it did.
    pub(super) fn open(mut self) -> Option<Report> {
        // Where the stub is gone already its wait status tells.
        let _ = self.open.write_all(b"G");
        let mut kind = [0];
        self.report.read_exact(&mut kind).ok()?;
        self.read_report(kind[0])
    }

    fn read_report(&mut self, kind: u8) -> Option<Report> {
        let mut rest = Vec::new();
        (&mut self.report)
            .take(REPORT)
            .read_to_end(&mut rest)
            .ok()?;
        let text = String::from_utf8_lossy(&rest).into_owned();
        match (kind, text.parse()) {
            (b'E', Ok(errno)) => Some(Report::Exec(errno)),
            _ => Some(Report::Before(text)),
        }
    }
}

/// The stub's side.
#[derive(Debug)]
pub(super) struct Stub {
    open: File,
    report: File,
}

impl Stub {
    /// Takes over the inherited ends that `word` names.
    ///
    /// # Errors
    /// They are not the ends of a gate.
    pub(super) fn inherit(word: &str) -> io::Result<Stub> {
        let ends = word
            .split_once(',')
            .and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let (open, report): (RawFd, RawFd) =
            ends.ok_or_else(|| io::Error::other("not the numbers of two descriptors"))?;
        Ok(Stub {
            open: reopen(open, OpenOptions::new().read(true))?,
            report: reopen(report, OpenOptions::new().write(true))?,
        })
    }

    /// Tells the launcher that all is prepared, and waits until the gate opens.
    ///
    /// # Errors
    /// The launcher is gone; the command must not run.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        self.report.write_all(b"R")?;
        self.open.read_exact(&mut [0])
    }

    /// Reports what kept the command from running.
    pub(super) fn report(mut self, what: &Report) {
        let text = match what {
            Report::Exec(errno) => format!("E{errno}"),
            Report::Before(why) => format!("B{why}"),
        };
        // A launcher that is gone has nobody to tell.
        let _ = self.report.write_all(text.as_bytes());
    }
}

/// The same pipe under a new, close-on-exec descriptor; the old one is closed.
fn reopen(number: RawFd, options: &mut OpenOptions) -> io::Result<File> {
    if number <= 2 {
        return Err(io::Error::other("a standard stream is not a gate"));
    }
    // Without NONBLOCK this would wait for ever for a launcher that is gone.
    let file = options
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(format!("/proc/self/fd/{number}"))?;
    if !rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode).is_fifo() {
        return Err(io::Error::other("the descriptor is not a pipe"));
    }
    nix::unistd::close(number)?;
    rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd;

    /// Both sides in one process; the inherited ends are closed by taking them over.
    fn both() -> (Gate, Stub) {
        let (near, far) = gate().unwrap();
        let word = far.word();
        let _ = (far.open.into_raw_fd(), far.report.into_raw_fd());
        (near, Stub::inherit(&word).unwrap())
    }

    #[test]
    fn the_stub_waits_and_a_closed_report_is_success() {
        let (mut near, mut stub) = both();
        let waiting = std::thread::spawn(move || stub.wait().map(|()| drop(stub)));
        near.wait_ready().unwrap();
        assert!(!waiting.is_finished());
        assert_eq!(near.open(), None);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn a_failed_exec_comes_back() {
        let (mut near, mut stub) = both();
        let waiting = std::thread::spawn(move || {
            stub.wait().unwrap();
            stub.report(&Report::Exec(8));
        });
        near.wait_ready().unwrap();
        assert_eq!(near.open(), Some(Report::Exec(8)));
        waiting.join().unwrap();
    }

    #[test]
    fn a_stub_that_cannot_prepare_says_why() {
        let (mut near, stub) = both();
        stub.report(&Report::Before("no such group".into()));
        assert_eq!(
            near.wait_ready(),
            Err(Report::Before("no such group".into()))
        );
    }

    #[test]
    fn a_launcher_that_is_gone_never_opens_the_gate() {
        let (near, mut stub) = both();
        drop(near);
        assert!(stub.wait().is_err());
        let (near, far) = gate().unwrap();
        drop(near);
        let word = far.word();
        let _ = (far.open.into_raw_fd(), far.report.into_raw_fd());
        let passed = Stub::inherit(&word).and_then(|mut stub| stub.wait());
        assert!(passed.is_err(), "nobody opens it any more");
    }

    #[test]
    fn the_stub_keeps_no_descriptor_open_across_exec() {
        let (_near, stub) = both();
        for end in [&stub.open, &stub.report] {
            assert!(
                rustix::io::fcntl_getfd(end)
                    .unwrap()
                    .contains(FdFlags::CLOEXEC)
            );
        }
    }

    #[test]
    fn other_numbers_are_refused() {
        for word in ["", "1", "x,y", "0,1", "-3,-4", "99999,99998"] {
            assert!(Stub::inherit(word).is_err(), "{word}");
        }
        let file = tempfile::tempfile().unwrap();
        let number = file.as_raw_fd();
        assert!(Stub::inherit(&format!("{number},{number}")).is_err());
        assert!(file.metadata().is_ok(), "what is not a gate stays open");
    }
}
