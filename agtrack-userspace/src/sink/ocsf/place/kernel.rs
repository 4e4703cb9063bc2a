//! What the kernel keeps: namespaces, cgroups, programs, keys, modules.

use serde_json::json;

use super::Deed;
use crate::record::Object;
use crate::sink::ocsf::fields::{Fields, name, text};

/// Types of OCSF's `kernel` are two others.
const OTHER: u32 = 99;

pub(super) fn kernel(deed: Deed<'_>, kind: &str, call: Option<&str>) -> Option<Fields> {
    let (called, path) = match &deed.action.object {
        Object::Request {
            request,
            namespaces,
            ..
        } => match namespaces.is_empty() {
            true => (request.clone(), None),
            false => (namespaces.join(","), None),
        },
        Object::Cgroup { cgroup, .. } => (name(cgroup), Some(text(cgroup))),
        Object::File { path, .. } => (name(path), Some(text(path))),
        Object::Uring(request) => (request.request.clone(), request.path.as_ref().map(text)),
        _ => return None,
    };
    let kernel = Fields::default()
        .with("name", called)
        .with("type_id", OTHER)
        .with("type", kind)
        .maybe("system_call", call)
        .maybe("path", path);
    Some(Fields::default().with("kernel", kernel))
}

/// The call that loads or unloads one names it by a descriptor, or not at all.
pub(super) fn module(deed: Deed<'_>) -> Option<Fields> {
    let Object::Request { .. } = &deed.action.object else {
        return None;
    };
    let file = json!({"file": {"name": "unknown", "type_id": 0}});
    Some(Fields::default().with("driver", file))
}
