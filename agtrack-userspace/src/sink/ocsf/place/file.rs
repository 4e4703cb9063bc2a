//! Files.

use serde_json::{Value, json};

use super::Deed;
use crate::record::{Effect, Object, Sha256, Text};
use crate::sink::ocsf::fields::{Fields, name, text};

/// `file.type_id` by the type in a mode.
const TYPES: &[(u32, u32)] = &[
    (0o100_000, 1),
    (0o040_000, 2),
    (0o020_000, 3),
    (0o060_000, 4),
    (0o140_000, 5),
    (0o010_000, 6),
    (0o120_000, 7),
];
const TYPE: u32 = 0o170_000;

pub(super) fn file(deed: Deed<'_>) -> Option<Fields> {
    let file = object(&deed.action.object, &deed.action.action)?;
    let notes = &deed.action.completeness.notes;
    let gone = notes.iter().any(|note| note == "deleted");
    let file = file
        .all(content(deed.action.effect.as_ref()))
        .maybe("is_deleted", gone.then_some(true));
    Some(Fields::default().with("file", file))
}

pub(super) fn renamed(deed: Deed<'_>) -> Option<Fields> {
    let (from, to, inode, device) = match &deed.action.object {
        Object::Rename {
            from,
            to,
            inode,
            device,
            ..
        } => (from, to, inode, device),
        Object::Uring(request) => (
            request.path.as_ref()?,
            request.target.as_ref()?,
            &request.inode,
            &request.device,
        ),
        _ => return None,
    };
    let content = content(deed.action.effect.as_ref());
    let one = |path: &Text| {
        named(path, 0)
            .all(place(*inode, device.as_ref()))
            .all(content.clone())
    };
    let fields = Fields::default();
    Some(fields.with("file", one(from)).with("file_result", one(to)))
}

/// The object `file` of what an action is about, if that is a file.
pub(in crate::sink::ocsf) fn object(object: &Object, action: &str) -> Option<Fields> {
    match object {
        Object::Open {
            path,
            inode,
            device,
            mode,
            ..
        } => Some(named(path, kind(mode.as_deref())).all(place(*inode, device.as_ref()))),
        Object::File {
            path,
            inode,
            device,
            change,
        } => {
            let kind = match action {
                "file.mkdir" | "file.rmdir" => 2,
                "file.symlink" => 7,
                _ => kind(change.mode.as_deref()),
            };
            let file = named(path, kind).all(place(*inode, device.as_ref()));
            Some(file.maybe("size", change.size))
        }
        Object::Uring(request) => {
            let file = named(request.path.as_ref()?, kind(request.mode.as_deref()));
            let file = file.all(place(request.inode, request.device.as_ref()));
            Some(file.maybe("size", request.size))
        }
        Object::Rename { from, .. } => Some(named(from, 0)),
        _ => None,
    }
}

fn named(path: &Text, type_id: u32) -> Fields {
    let whole = text(path);
    let folder = whole.rsplit_once('/').map(|(folder, _)| match folder {
        "" => "/".to_owned(),
        folder => folder.to_owned(),
    });
    Fields::default()
        .with("name", name(path))
        .with("type_id", type_id)
        .with("path", whole)
        .maybe("parent_folder", folder)
}

/// Which file it is, beyond its name.
fn place(inode: Option<u64>, device: Option<&String>) -> Fields {
    Fields::default()
        .maybe("uid", inode.map(|inode| inode.to_string()))
        .maybe("volume", device.cloned())
}

/// What is in it.
fn content(effect: Option<&Effect>) -> Fields {
    let Some(effect) = effect else {
        return Fields::default();
    };
    let hashes = effect.sha256.as_ref().map(fingerprint);
    Fields::default()
        .maybe("size", effect.size)
        .list("hashes", hashes.into_iter().collect())
}

/// The object `fingerprint`.
pub(super) fn fingerprint(hash: &Sha256) -> Value {
    json!({"algorithm_id": 3, "algorithm": "SHA-256", "value": hash.to_string()})
}

/// Of an octal mode that has a type; 0, not known, otherwise.
fn kind(mode: Option<&str>) -> u32 {
    let mode = mode.and_then(|mode| u32::from_str_radix(mode, 8).ok());
    let bits = mode.unwrap_or_default() & TYPE;
    let row = TYPES.iter().find(|(kind, _)| *kind == bits);
    row.map_or(0, |(_, type_id)| *type_id)
}
