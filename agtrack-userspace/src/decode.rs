//! Bytes from the rings become events.
//!
//! In: messages in drain order, and the clock. Out: [`Event`]s in order of kernel time, with their
//! parts joined. Bytes that are not an event are an error to be counted, never a panic.

mod merge;
mod parts;
mod program;
mod segments;

use agtrack_common::event::{DecodeError, Payload};
use agtrack_common::wire::{Header, OUTCOME, Outcome, PART, Part};
use zerocopy::FromBytes;

pub use program::{Program, device};
pub use segments::{PathText, Segments};

/// Something that happened, as the probes saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who and when.
    pub header: Header,
    /// What.
    pub what: What,
    /// Long data: paths and arguments.
    pub data: Vec<u8>,
    /// A part of the data was lost.
    pub parts_lost: bool,
}

/// An event, or the result of one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A row of the event table.
    Happened(Payload),
    /// How the thread's last announced operation ended.
    Ended(Outcome),
}

/// Why bytes are not an event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than a header.
    #[error("a message of {0} bytes is shorter than its header")]
    Header(usize),
    /// The body.
    #[error("{0}")]
    Body(DecodeError),
    /// The tail is not as long as the header says.
    #[error("a message of kind {kind} has {got} bytes of tail instead of {want}")]
    Tail {
        /// Its kind.
        kind: u16,
        /// Bytes promised.
        want: u16,
        /// Bytes there.
        got: usize,
    },
}

/// Joins parts and orders events.
#[derive(Debug, Default)]
pub struct Decoder {
    parts: parts::Parts,
    merge: merge::Merge,
}

impl Decoder {
    /// Takes one message and says which hook's event it is, if it is one. Events come out of
    /// [`Decoder::before`].
    ///
    /// # Errors
    /// The bytes are not a message; nothing of them is kept.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<u16>, Error> {
        let (header, rest) =
            Header::read_from_prefix(bytes).map_err(|_| Error::Header(bytes.len()))?;
        let (what, rest) = match header.kind {
            PART => {
                let (part, rest) = body::<Part>(header.kind, rest)?;
                self.parts.add(&header, part.offset, tail(&header, rest)?);
                return Ok(None);
            }
            OUTCOME => {
                let (outcome, rest) = body::<Outcome>(header.kind, rest)?;
                (What::Ended(outcome), rest)
            }
            kind => {
                let (payload, rest) = Payload::decode(kind, rest).map_err(Error::Body)?;
                (What::Happened(payload), rest)
            }
        };
        let (data, whole) = self.parts.join(&header, tail(&header, rest)?);
        self.merge.push(Event {
            header,
            what,
            data,
            parts_lost: !whole,
        });
        Ok(Some(header.hook))
    }

    /// Events that have not come out yet.
    pub fn waiting(&self) -> usize {
        self.merge.len()
    }

    /// Whether parts of events have come that are not whole yet.
    pub fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Moves the events that happened before `boot` (boot clock, ns) to `out`, in order.
    pub fn before(&mut self, boot: u64, out: &mut Vec<Event>) {
        self.parts.forget_before(boot);
        self.merge.before(boot, out);
    }
}

fn body<T: FromBytes>(kind: u16, bytes: &[u8]) -> Result<(T, &[u8]), Error> {
    T::read_from_prefix(bytes).map_err(|_| {
        Error::Body(DecodeError::Short {
            kind,
            len: bytes.len(),
        })
    })
}

/// Rings round sizes up to eight bytes, so there may be more than the tail, never less.
fn tail<'a>(header: &Header, rest: &'a [u8]) -> Result<&'a [u8], Error> {
    let want = header.tail;
    rest.get(..usize::from(want)).ok_or(Error::Tail {
        kind: header.kind,
        want,
        got: rest.len(),
    })
}

#[cfg(test)]
mod tests {
    use agtrack_common::event::{Exit, Kind};
    use zerocopy::IntoBytes;

    use super::*;

    fn exit(time: u64) -> Vec<u8> {
        let header = Header {
            kind: Kind::Exit as u16,
            time,
            tgid: 7,
            ..Header::default()
        };
        let body = Exit {
            status: 256,
            ..Exit::default()
        };
        [header.as_bytes(), body.as_bytes()].concat()
    }

    #[test]
    fn events_come_out_in_kernel_order() {
        let mut decoder = Decoder::default();
        for time in [30, 10, 20, 40] {
            decoder.push(&exit(time)).unwrap();
        }
        let mut times = |before| {
            let mut events = Vec::new();
            decoder.before(before, &mut events);
            let times: Vec<_> = events.iter().map(|event| event.header.time).collect();
            times
        };
        assert_eq!(times(35), [10, 20, 30]);
        assert_eq!(times(u64::MAX), [40]);
    }

    #[test]
    fn cut_messages_are_errors_at_every_length() {
        let whole = exit(1);
        for length in 0..whole.len() {
            assert!(
                Decoder::default().push(&whole[..length]).is_err(),
                "{length}"
            );
        }
        assert!(Decoder::default().push(&whole).is_ok());
    }

    #[test]
    fn unknown_kinds_are_errors() {
        let header = Header {
            kind: 999,
            ..Header::default()
        };
        let error = Decoder::default().push(header.as_bytes()).unwrap_err();
        assert_eq!(error, Error::Body(DecodeError::UnknownKind(999)));
    }
}
