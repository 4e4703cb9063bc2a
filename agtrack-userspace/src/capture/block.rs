//! The shape that all blocks have: kind, length, content, options, and the length again.

/// Everything begins at a multiple of so many bytes.
const ALIGNED: usize = 4;
/// Kind and length.
const HEADER: usize = 8;
/// Ends the options.
const END: u16 = 0;

/// A block that is being written behind what is there already.
pub(super) struct Block<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Block<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>, kind: u32) -> Self {
        let start = out.len();
        let mut block = Block { out, start };
        block.u32(kind);
        // Its length, which nobody knows yet.
        block.u32(0);
        block
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.out.extend_from_slice(&number.to_ne_bytes());
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_ne_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_ne_bytes());
    }

    /// How many bytes are there, how many there were, and those that are there.
    pub(super) fn data(&mut self, total: u32, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.u32(length);
        self.u32(total.max(length));
        self.padded(bytes);
    }

    pub(super) fn options(self) -> Options<'a> {
        Options { block: self }
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        let rest = self.out.len().next_multiple_of(ALIGNED);
        self.out.resize(rest, 0);
    }
}

/// The options of a block, which end it.
pub(super) struct Options<'a> {
    block: Block<'a>,
}

impl Options<'_> {
    pub(super) fn text(&mut self, option: u16, text: &str) {
        self.bytes(option, text.as_bytes());
    }

    /// At most 64 KiB; what is more is left out.
    pub(super) fn bytes(&mut self, option: u16, bytes: &[u8]) {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.block.u16(option);
        self.block.u16(length);
        let kept = bytes.get(..usize::from(length)).unwrap_or(bytes);
        self.block.padded(kept);
    }

    pub(super) fn end(mut self) {
        self.block.u16(END);
        self.block.u16(0);
        let Block { out, start } = self.block;
        let length = u32::try_from(out.len() - start + ALIGNED).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_ne_bytes());
        if let Some(place) = out.get_mut(start + ALIGNED..start + HEADER) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
    }
}
