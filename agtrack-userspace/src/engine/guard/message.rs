//! What a fanotify group gives to read (fanotify(7)): never trusted, never more than the buffer.

use zerocopy::{FromBytes, Immutable, KnownLayout};

/// `FAN_EVENT_INFO_TYPE_DFID_NAME`: the directory's handle and a name.
const DIRECTORY_AND_NAME: u8 = 2;

/// `struct fanotify_event_metadata`.
#[repr(C)]
#[derive(FromBytes, KnownLayout, Immutable)]
struct Metadata {
    length: u32,
    version: u8,
    reserved: u8,
    metadata_length: u16,
    mask: u64,
    fd: i32,
    pid: i32,
}

/// `struct fanotify_event_info_fid`, without the handle's bytes behind it.
#[repr(C)]
#[derive(FromBytes, KnownLayout, Immutable)]
struct Info {
    kind: u8,
    pad: u8,
    length: u16,
    file_system: [u32; 2],
    handle_bytes: u32,
    handle_type: i32,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event<'a> {
    /// `FAN_*` bits.
    pub(super) mask: u64,
    /// Who did it.
    pub(super) pid: i32,
    /// The name it is about; `.`: the directory itself.
    pub(super) name: Option<&'a [u8]>,
}

/// The events in what was read; what is not whole is left out.
pub(super) fn events(bytes: &[u8]) -> impl Iterator<Item = Event<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (metadata, _) = Metadata::read_from_prefix(rest).ok()?;
        let length = metadata.length as usize;
        if length < size_of::<Metadata>() {
            return None;
        }
        let event = rest.get(..length)?;
        rest = rest.get(length..)?;
        let infos = event.get(usize::from(metadata.metadata_length)..);
        Some(Event {
            mask: metadata.mask,
            pid: metadata.pid,
            name: infos.and_then(name),
        })
    })
}

fn name(mut infos: &[u8]) -> Option<&[u8]> {
    loop {
        let (info, behind) = Info::read_from_prefix(infos).ok()?;
        let length = usize::from(info.length);
        if length < size_of::<Info>() {
            return None;
        }
        if info.kind == DIRECTORY_AND_NAME {
            let room = length - size_of::<Info>();
            let name = behind.get(..room)?.get(info.handle_bytes as usize..)?;
            return name.split(|byte| *byte == 0).next();
        }
        infos = infos.get(length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(mask: u64, pid: i32, infos: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((24 + infos.len() as u32).to_ne_bytes());
        bytes.extend([3, 0]);
        bytes.extend(24_u16.to_ne_bytes());
        bytes.extend(mask.to_ne_bytes());
        bytes.extend((-1_i32).to_ne_bytes());
        bytes.extend(pid.to_ne_bytes());
        bytes.extend(infos);
        bytes
    }

    fn info(kind: u8, handle: &[u8], name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0];
        bytes.extend((20 + handle.len() as u16 + name.len() as u16).to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend((handle.len() as u32).to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(handle);
        bytes.extend(name);
        bytes
    }

    #[test]
    fn names_stand_behind_handles() {
        let mut bytes = event(2, 7, &info(2, b"handle", b"segment\0\0\0"));
        let other = [info(1, b"x", b""), info(2, b"", b".\0")].concat();
        bytes.extend(event(8, 8, &other));
        bytes.extend(event(0x4000, 0, b""));
        let found: Vec<_> = events(&bytes).collect();
        let expect = [
            (2, 7, Some(&b"segment"[..])),
            (8, 8, Some(b".")),
            (0x4000, 0, None),
        ];
        let expect = expect.map(|(mask, pid, name)| Event { mask, pid, name });
        assert_eq!(found, expect);
    }

    #[test]
    fn what_is_cut_anywhere_is_left_out() {
        let whole = event(2, 7, &info(2, b"handle", b"segment\0"));
        for length in 0..whole.len() {
            assert_eq!(events(&whole[..length]).count(), 0, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_fail(bytes in proptest::collection::vec(0_u8..=30, 0..200)) {
            assert!(events(&bytes).count() <= bytes.len() / 24);
        }
    }
}
