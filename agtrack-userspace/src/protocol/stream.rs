//! One direction of a socket: pieces come in, in any order, some twice, some never; what begins at
//! the begin of a piece is read as soon as it is whole.

use super::pieces::{Piece, Pieces};
use super::{Flow, Found, HELD, Segment, Told, dns, http, tls};

/// So many pieces that are there before their turn say that the one before them does not come.
const LOST: usize = 8;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Too little is there to tell.
    Any,
    Dns,
    Tls,
    Http,
}

/// What a reader makes of bytes.
#[derive(Debug)]
pub(super) enum Step {
    /// It needs more.
    More,
    /// It is not what it looked like.
    Not,
    /// It has read something to its end.
    Done(Option<Box<Found>>, Then),
}

/// Where the next thing may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// So many bytes after the begin of this one.
    At(u64),
    /// With one of the next segments.
    Segment,
    /// Nowhere: what follows is encrypted.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Stream<O> {
    /// What is before this place has been looked at.
    next: u64,
    state: State<O>,
    pieces: Pieces,
}

#[derive(Debug)]
enum State<O> {
    /// Whatever comes may begin something.
    Open,
    /// Something has begun.
    Gathering(Gathering<O>),
    /// Nothing is of interest any more.
    Deaf,
}

#[derive(Debug)]
struct Gathering<O> {
    owner: O,
    time: u64,
    flow: Flow,
    reader: Reader,
    from: u64,
    data: Vec<u8>,
    /// Where the last piece ended, of which not all may be here.
    behind: u64,
    /// What comes behind was not copied, or has no room.
    cut: bool,
}

impl<O> Default for Stream<O> {
    fn default() -> Self {
        Stream {
            next: 0,
            state: State::Open,
            pieces: Pieces::default(),
        }
    }
}

impl<O: Clone> Stream<O> {
    pub(super) fn take(
        &mut self,
        owner: &O,
        time: u64,
        segment: &Segment<'_>,
        flow: Flow,
        out: &mut Vec<Told<O>>,
    ) {
        let whole = Piece {
            offset: segment.offset,
            total: u64::from(segment.total).max(segment.bytes.len() as u64),
            bytes: segment.bytes,
        };
        let Some(piece) = whole.from(self.known()) else {
            return;
        };
        self.doubt(piece);
        match &mut self.state {
            State::Deaf => {}
            State::Gathering(gathering) if piece.offset == gathering.end() => {
                gathering.append(piece);
                self.read(out);
            }
            State::Gathering(gathering) => {
                let room = HELD.saturating_sub(gathering.data.len());
                self.pieces.put(piece, room);
            }
            State::Open => {
                self.open((owner, time, flow), piece);
                self.read(out);
            }
        }
    }

    /// For whom it waits for the rest of something, and since when.
    pub(super) fn waits(&self) -> Option<(&O, u64)> {
        match &self.state {
            State::Gathering(gathering) => Some((&gathering.owner, gathering.time)),
            State::Open | State::Deaf => None,
        }
    }

    /// Tells what there is of what does not end.
    pub(super) fn end(&mut self, out: &mut Vec<Told<O>>) {
        self.pieces.clear();
        if let State::Gathering(gathering) = &mut self.state {
            gathering.cut = true;
            self.read(out);
        }
    }

    /// Bytes that wait.
    pub(super) fn held(&self) -> usize {
        match &self.state {
            State::Gathering(gathering) => gathering.data.len() + self.pieces.bytes(),
            State::Open | State::Deaf => self.pieces.bytes(),
        }
    }

    /// Up to where the stream is known.
    fn known(&self) -> u64 {
        match &self.state {
            State::Gathering(gathering) => gathering.end(),
            State::Open | State::Deaf => self.next,
        }
    }

    /// A few bytes that looked like the begin of something, and together with what follows do not.
    fn doubt(&mut self, piece: Piece<'_>) {
        if let State::Gathering(gathering) = &self.state
            && gathering.reader == Reader::Any
            && piece.offset == gathering.end()
        {
            let both = [&gathering.data, piece.bytes].concat();
            if gathering.flow.begins(&both).is_none() {
                self.next = piece.offset;
                self.state = State::Open;
            }
        }
    }

    /// Looks whether something begins with this piece.
    fn open(&mut self, (owner, time, flow): (&O, u64, Flow), piece: Piece<'_>) {
        let reader = flow.begins(piece.bytes);
        let in_turn = piece.offset == self.next;
        match reader {
            None if in_turn => self.next = piece.end(),
            None => self.keep(piece),
            // Messages of DNS have nothing to know them by, but stand one behind the other.
            Some(Reader::Dns | Reader::Any) if flow.is_dns && !in_turn => {
                self.keep(piece);
                if self.pieces.len() >= LOST {
                    self.next = self.pieces.first().unwrap_or(self.next);
                }
            }
            Some(reader) => {
                let who = (owner.clone(), time, flow);
                self.state = State::Gathering(Gathering::begin(who, reader, piece));
                return;
            }
        }
        self.resume((owner, time, flow));
    }

    /// For later; what is older is of less interest.
    fn keep(&mut self, piece: Piece<'_>) {
        if !self.pieces.put(piece, HELD) {
            self.pieces.clear();
            self.pieces.put(piece, HELD);
        }
    }

    /// Looks at the pieces whose turn it is now.
    fn resume(&mut self, (owner, time, flow): (&O, u64, Flow)) {
        while let Some((offset, total, bytes)) = self.pieces.take(self.next) {
            let piece = Piece {
                offset,
                total,
                bytes: &bytes,
            };
            if let Some(reader) = flow.begins(&bytes) {
                let who = (owner.clone(), time, flow);
                self.state = State::Gathering(Gathering::begin(who, reader, piece));
                return;
            }
            self.next = piece.end();
        }
    }

    /// Reads as long as there is something.
    fn read(&mut self, out: &mut Vec<Told<O>>) {
        while let State::Gathering(gathering) = &mut self.state {
            gathering.pull(&mut self.pieces);
            let then = match gathering.step() {
                Step::More if !gathering.cut => return,
                Step::More | Step::Not => Then::Segment,
                Step::Done(found, then) => {
                    let told =
                        |found: Box<Found>| (gathering.owner.clone(), gathering.time, *found);
                    out.extend(found.map(told));
                    then
                }
            };
            if gathering.goes_on(then) {
                continue;
            }
            let end = gathering.end().max(gathering.behind);
            let who = (gathering.owner.clone(), gathering.time, gathering.flow);
            self.next = match then {
                Then::At(length) => gathering.from.saturating_add(length).max(end),
                Then::Segment | Then::Nothing => end,
            };
            self.state = State::Open;
            if then == Then::Nothing {
                self.state = State::Deaf;
                self.pieces.clear();
            }
            self.resume((&who.0, who.1, who.2));
        }
    }
}

impl<O> Gathering<O> {
    fn begin((owner, time, flow): (O, u64, Flow), reader: Reader, piece: Piece<'_>) -> Self {
        let mut gathering = Gathering {
            owner,
            time,
            flow,
            reader,
            from: piece.offset,
            data: Vec::new(),
            behind: piece.offset,
            cut: false,
        };
        gathering.append(piece);
        gathering
    }

    fn end(&self) -> u64 {
        self.from.saturating_add(self.data.len() as u64)
    }

    fn append(&mut self, piece: Piece<'_>) {
        let room = HELD.saturating_sub(self.data.len());
        let taken = piece.bytes.get(..room).unwrap_or(piece.bytes);
        self.data.extend_from_slice(taken);
        self.behind = piece.end();
        self.cut = piece.is_cut() || self.data.len() >= HELD;
    }

    /// Adds the pieces whose turn it is now.
    fn pull(&mut self, pieces: &mut Pieces) {
        pieces.shrink(HELD.saturating_sub(self.data.len()));
        while let Some((offset, total, bytes)) = pieces.take(self.end()) {
            self.append(Piece {
                offset,
                total,
                bytes: &bytes,
            });
        }
    }

    fn step(&mut self) -> Step {
        if self.reader == Reader::Any {
            match self.flow.begins(&self.data) {
                None => return Step::Not,
                Some(reader) => self.reader = reader,
            }
        }
        let step = match self.reader {
            Reader::Any => Step::More,
            Reader::Dns => dns::read(&self.data, self.flow, self.cut),
            Reader::Tls => tls::read(&self.data, self.flow, self.cut),
            Reader::Http => http::read(&self.data, self.flow, self.cut),
        };
        // The length and the number of a message of DNS may look like a method, or a record of TLS.
        if matches!(step, Step::Not) && self.flow.is_dns && self.reader != Reader::Dns {
            self.reader = Reader::Dns;
            return dns::read(&self.data, self.flow, self.cut);
        }
        step
    }

    /// Whether something else begins in what is there already.
    fn goes_on(&mut self, then: Then) -> bool {
        let Then::At(length) = then else {
            return false;
        };
        let rest = usize::try_from(length)
            .ok()
            .and_then(|length| self.data.get(length..))
            .filter(|rest| !rest.is_empty() && length > 0);
        let Some(reader) = rest.and_then(|rest| self.flow.begins(rest)) else {
            return false;
        };
        self.data.drain(..length as usize);
        self.from = self.from.saturating_add(length);
        self.reader = reader;
        true
    }
}
