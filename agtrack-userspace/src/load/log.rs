//! What the probes have to say for themselves, on cold paths only: a map that is full, and the like.
//! It goes to stderr, and so to the service's log.

use aya::Ebpf;
use aya_log::EbpfLogger;
use log::{Level, Log, Metadata, Record};

use crate::record::printable;
use crate::terminal::note;

/// Reads the probes' messages.
pub(super) struct ProbeLog(Option<EbpfLogger<&'static dyn Log>>);

impl ProbeLog {
    /// Takes the messages' ring out of the loaded object. Without one the probes are mute, and
    /// nothing else is different.
    pub(super) fn take(ebpf: &mut Ebpf) -> ProbeLog {
        ProbeLog(EbpfLogger::init_with_logger(ebpf, &Stderr as &'static dyn Log).ok())
    }

    /// Prints what has come.
    pub(super) fn flush(&mut self) {
        if let Some(log) = &mut self.0 {
            log.flush();
        }
    }
}

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            note(format_args!(
                "agtrack: probe: {}",
                printable(&record.args().to_string())
            ));
        }
    }

    fn flush(&self) {}
}
