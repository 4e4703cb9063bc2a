//! What was written through a file.

use agtrack_common::event::{Close, close_flag};

use agtrack_common::wire::path_flag;

use super::{identity, note};
use crate::decode::Segments;
use crate::record::{Completeness, FileChange, Object, Text, Written};

pub(super) fn object(body: &Close, data: &mut Segments<'_>, whole: &mut Completeness) -> Object {
    let mut path = data.path(&body.path);
    note(whole, &path);
    if path.flags & path_flag::UNREADABLE != 0 && body.path.walked == 0 {
        // Whoever remembers its name fills it in.
        path.bytes.clear();
    }
    let (inode, device, _) = identity(&body.file);
    let has = |flag| body.flags & flag != 0;
    let written = Written {
        written: body.written,
        writes: body.calls,
        created: has(close_flag::CREATED),
        emptied: has(close_flag::EMPTIED),
        last: match (has(close_flag::LAST), has(close_flag::HELD)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        },
        several: has(close_flag::SEVERAL),
    };
    Object::File {
        path: Text(path.bytes),
        inode,
        device,
        change: FileChange {
            size: Some(body.size),
            content: Some(written),
            ..FileChange::default()
        },
    }
}
