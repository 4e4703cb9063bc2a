//! The bytes of BTF and where each type starts in them.
//!
//! In: bytes. Out: kind, name, members, target of a type id. Every read is checked against the
//! section it belongs to. Never follows a reference from one type to another.

use super::Error;

const MAGIC: u16 = 0xeb9f;
/// Bytes in front of each type's own data: name, info, size or target.
const HEAD: usize = 12;
/// Longest name that is read; the kernel allows 512. Without it, bytes in which every type has the
/// same name of megabytes would take minutes.
const LONGEST: usize = 1024;

/// What a type is; those that no question needs are `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pointer,
    Array,
    Struct,
    Union,
    Enum,
    Typedef,
    /// const, volatile, restrict, type tag: another type with something said about it.
    Modifier,
    Function,
    Prototype,
    Other,
}

impl Kind {
    /// Kind, bytes of data behind the head, bytes of data for each of its `length` elements.
    fn of(number: u32) -> Option<(Self, usize, usize)> {
        Some(match number {
            1 => (Self::Other, 4, 0), // integer
            2 => (Self::Pointer, 0, 0),
            3 => (Self::Array, 12, 0),
            4 => (Self::Struct, 0, 12),
            5 => (Self::Union, 0, 12),
            6 => (Self::Enum, 0, 8),
            7 => (Self::Other, 0, 0), // forward declaration
            8 => (Self::Typedef, 0, 0),
            9..=11 | 18 => (Self::Modifier, 0, 0),
            12 => (Self::Function, 0, 0),
            13 => (Self::Prototype, 0, 8),
            14 => (Self::Other, 4, 0),  // variable
            15 => (Self::Other, 0, 12), // data section
            16 => (Self::Other, 0, 0),  // float
            17 => (Self::Other, 4, 0),  // declaration tag
            19 => (Self::Enum, 0, 12),
            _ => return None,
        })
    }
}

/// One member of a struct or union.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Offset of its name in the strings.
    pub(super) name: u32,
    /// Its type id.
    pub(super) id: u32,
    /// Bits from the start of the struct.
    pub(super) bits: u32,
}

/// BTF bytes, checked to consist of whole types.
#[derive(Debug)]
pub(super) struct Raw {
    bytes: Vec<u8>,
    strings: std::ops::Range<usize>,
    /// Byte offset of each type; the type with id 1 comes first (0 is `void` and has no bytes).
    starts: Vec<u32>,
}

impl Raw {
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, Error> {
        let total = bytes.len();
        let header = || Error::Bounds("header", total);
        let magic = bytes
            .first_chunk()
            .map(|two| u16::from_le_bytes(*two))
            .ok_or_else(header)?;
        if magic != MAGIC {
            return Err(Error::Magic(magic));
        }
        let version = *bytes.get(2).ok_or_else(header)?;
        if version != 1 {
            return Err(Error::Version(version));
        }
        let word = |at| word(&bytes, at).ok_or_else(header);
        let base = word(4)?;
        let types = section(base, word(8)?, word(12)?, total)
            .ok_or(Error::Bounds("type section", total))?;
        let strings = section(base, word(16)?, word(20)?, total)
            .ok_or(Error::Bounds("string section", total))?;
        let starts = starts(&bytes, types)?;
        Ok(Self {
            bytes,
            strings,
            starts,
        })
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Every type id.
    pub(super) fn ids(&self) -> std::ops::RangeInclusive<u32> {
        // `starts` holds offsets below 4 GiB of records of 12 bytes at least: it always fits.
        1..=u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    fn start(&self, id: u32) -> Option<usize> {
        let place = usize::try_from(id).ok()?.checked_sub(1)?;
        self.starts.get(place).map(|&start| start as usize)
    }

    /// What the type is; `None` for `void` and for ids that do not exist.
    pub(super) fn kind(&self, id: u32) -> Option<Kind> {
        let info = word(&self.bytes, self.start(id)? + 4)?;
        Kind::of(info_kind(info)).map(|(kind, _, _)| kind)
    }

    /// Name of a type; empty for those without.
    pub(super) fn name(&self, id: u32) -> Option<&[u8]> {
        self.string(word(&self.bytes, self.start(id)?)?)
    }

    /// The string at an offset of the string section; `None` when it has no end.
    pub(super) fn string(&self, offset: u32) -> Option<&[u8]> {
        let text = self
            .bytes
            .get(self.strings.clone())?
            .get(offset as usize..)?;
        let text = text.get(..LONGEST).unwrap_or(text);
        memchr::memchr(0, text).and_then(|end| text.get(..end))
    }

    /// The type that a pointer, typedef, modifier, function or prototype refers to.
    pub(super) fn target(&self, id: u32) -> Option<u32> {
        word(&self.bytes, self.start(id)? + 8)
    }

    /// Elements of an array: type id and count.
    pub(super) fn array(&self, id: u32) -> Option<(u32, u32)> {
        let data = self.start(id)? + HEAD;
        Some((word(&self.bytes, data)?, word(&self.bytes, data + 8)?))
    }

    /// Members of a struct or union; the caller has checked the kind.
    pub(super) fn members(&self, id: u32) -> Option<impl Iterator<Item = Member>> {
        let start = self.start(id)?;
        let info = word(&self.bytes, start + 4)?;
        // With the flag set, the top byte is the width of a bitfield.
        let mask = if info >> 31 == 1 {
            0x00ff_ffff
        } else {
            u32::MAX
        };
        let data = self.data(start, info_length(info) * 12)?;
        Some(data.chunks_exact(12).filter_map(move |member| {
            let bits = word(member, 8)? & mask;
            Some(Member {
                name: word(member, 0)?,
                id: word(member, 4)?,
                bits,
            })
        }))
    }

    /// Name offset and type id of each parameter of a prototype; the caller has checked the kind.
    pub(super) fn parameters(&self, id: u32) -> Option<impl Iterator<Item = (u32, u32)>> {
        let start = self.start(id)?;
        let length = info_length(word(&self.bytes, start + 4)?);
        let data = self.data(start, length * 8)?;
        Some(
            data.chunks_exact(8)
                .filter_map(|one| Some((word(one, 0)?, word(one, 4)?))),
        )
    }

    fn data(&self, start: usize, length: usize) -> Option<&[u8]> {
        self.bytes.get(start + HEAD..)?.get(..length)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Kernels up to 7.0 use 5 bits for the kind and 16 for the length, with zeros above them; newer
/// ones may use these zeros. Reading the wide form is right for both.
fn info_kind(info: u32) -> u32 {
    (info >> 24) & 0x7f
}

fn info_length(info: u32) -> usize {
    (info & 0x00ff_ffff) as usize
}

fn section(base: u32, from: u32, length: u32, total: usize) -> Option<std::ops::Range<usize>> {
    let start = (base as usize).checked_add(from as usize)?;
    let end = start.checked_add(length as usize)?;
    (end <= total).then_some(start..end)
}

/// Steps over every type once. Each step moves by 12 bytes or more, so it ends.
fn starts(bytes: &[u8], types: std::ops::Range<usize>) -> Result<Vec<u32>, Error> {
    // A type takes about 27 bytes in practice; 12 at least.
    let mut starts = Vec::with_capacity(types.len() / 24);
    let mut at = types.start;
    while at < types.end {
        let offset = at - types.start;
        let truncated = || Error::Truncated(offset);
        let info = word(bytes, at + 4).ok_or_else(truncated)?;
        let kind = info_kind(info);
        let (_, fixed, each) = Kind::of(kind).ok_or(Error::UnknownKind { kind, offset })?;
        starts.push(u32::try_from(at).map_err(|_| truncated())?);
        at += HEAD + fixed + each * info_length(info);
        if at > types.end {
            return Err(truncated());
        }
    }
    Ok(starts)
}
