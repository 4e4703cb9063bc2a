//! What a file was to become.

use agtrack_common::event::{self, ChangeKind, fmode};
use agtrack_common::wire::{FileId, Path, path_flag};

use super::{access_of, flags, identity, nameless, note, note_cut};
use crate::decode::Segments;
use crate::record::{Access, Completeness, FileChange, Object, Text};

/// Type and permissions in a mode (include/uapi/linux/stat.h).
const MODE: u64 = 0o177_777;
/// `chown` leaves this one as it is: -1, or 16 bits of it from an i386 call.
const STAYS: [u32; 2] = [u32::MAX, 0xffff];

pub(super) fn object(
    kind: ChangeKind,
    body: &event::Change,
    data: &mut Segments<'_>,
    whole: &mut Completeness,
) -> Object {
    let mut path = data.path(&body.path);
    note(whole, &path);
    if kind == ChangeKind::ReceiveFile && matches!(&*path.bytes, b"" | b"/") {
        path.bytes = name(&body.file).into_bytes();
    }
    let (inode, device, _) = identity(&body.file);
    Object::File {
        path: Text(path.bytes),
        inode,
        device,
        change: change(kind, body, data, whole),
    }
}

fn change(
    kind: ChangeKind,
    body: &event::Change,
    data: &mut Segments<'_>,
    whole: &mut Completeness,
) -> FileChange {
    let mode = || Some(format!("{:o}", body.value & MODE));
    let id = |id: u32| (!STAYS.contains(&id)).then_some(id);
    let nothing = FileChange::default();
    match kind {
        ChangeKind::Mkdir | ChangeKind::Chmod => FileChange {
            mode: mode(),
            ..nothing
        },
        ChangeKind::Mknod => FileChange {
            mode: mode(),
            node: is_device(body.value).then(|| node(body.second)),
            ..nothing
        },
        ChangeKind::Link => FileChange {
            target: Some(second_path(body, data, whole)),
            unnamed: body.other.flags & path_flag::DELETED != 0,
            ..nothing
        },
        ChangeKind::Symlink => FileChange {
            target: text(body, data, whole),
            ..nothing
        },
        ChangeKind::SetXattr | ChangeKind::RemoveXattr => FileChange {
            attribute: text(body, data, whole),
            ..nothing
        },
        ChangeKind::Truncate => FileChange {
            size: Some(body.value),
            ..nothing
        },
        ChangeKind::Chown => FileChange {
            owner: id(body.value as u32),
            group: id(body.second),
            ..nothing
        },
        ChangeKind::Mount => mount(body, data, whole),
        ChangeKind::Umount => FileChange {
            mount_flags: flags::umount(body.value as u32),
            ..nothing
        },
        ChangeKind::PivotRoot => FileChange {
            source: (body.other != Path::default()).then(|| second_path(body, data, whole)),
            ..nothing
        },
        ChangeKind::Mmap => FileChange {
            size: Some(body.value),
            protection: flags::protection(body.second),
            ..nothing
        },
        ChangeKind::ReceiveFile => received(body),
        ChangeKind::Rmdir | ChangeKind::Chroot => nothing,
    }
}

fn received(body: &event::Change) -> FileChange {
    FileChange {
        access: Some(access(body.value as u32)),
        descriptor: u32::try_from(body.ret).ok(),
        ..FileChange::default()
    }
}

/// What is never a directory, and has no name of its own.
fn name(file: &FileId) -> String {
    match file.mode & 0o170_000 {
        0o040_000 => "/".to_owned(),
        _ => nameless(file),
    }
}

/// How a file was opened by whoever did.
fn access(mode: u32) -> Access {
    access_of(mode & fmode::READ != 0, mode & fmode::WRITE != 0)
}

/// The old way names a source and a file system, the new one moves what has been made already.
fn mount(body: &event::Change, data: &mut Segments<'_>, whole: &mut Completeness) -> FileChange {
    let flags = flags::mount(body.value as u32);
    if body.other.walked > 0 {
        return FileChange {
            source: Some(second_path(body, data, whole)),
            ..FileChange::default()
        };
    }
    let mut text = |length| {
        let text = data.bytes(length);
        (!text.is_empty()).then(|| Text(text.to_vec()))
    };
    FileChange {
        source: text(body.other.name),
        file_system: text(body.second),
        mount_flags: flags,
        ..FileChange::default()
    }
}

fn second_path(body: &event::Change, data: &mut Segments<'_>, whole: &mut Completeness) -> Text {
    let path = data.path(&body.other);
    note_cut(whole, &path);
    Text(path.bytes)
}

/// The words of a symbolic link, which may lead anywhere; none where they could not be read.
fn text(body: &event::Change, data: &mut Segments<'_>, whole: &mut Completeness) -> Option<Text> {
    if body.other.flags & path_flag::UNREADABLE != 0 {
        whole.notes.push("unreadable".to_owned());
        return None;
    }
    Some(Text(data.bytes(body.other.name).to_vec()))
}

/// Whether a mode is that of a block or character device.
fn is_device(mode: u64) -> bool {
    matches!(mode & 0o170_000, 0o060_000 | 0o020_000)
}

/// `MAJOR:MINOR` as user space encodes it (include/linux/kdev_t.h, `new_decode_dev`).
fn node(device: u32) -> String {
    let major = device >> 8 & 0xfff;
    let minor = device & 0xff | device >> 12 & 0xf_ff00;
    format!("{major}:{minor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_those_of_mknod() {
        assert_eq!(node(0x0103), "1:3");
        // As makedev(3) has 259 and 300.
        assert_eq!(node(0x0011_032c), "259:300");
        assert_eq!(node(u32::MAX), "4095:1048575");
    }

    #[test]
    fn only_devices_have_a_number() {
        assert!(is_device(0o020_666) && is_device(0o060_600));
        assert!(!is_device(0o010_644) && !is_device(0o140_777) && !is_device(0));
    }
}
