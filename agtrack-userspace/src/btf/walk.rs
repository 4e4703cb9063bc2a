//! Follows references from one type to another.
//!
//! In: a type id and what to look for. Out: offsets and names. BTF may refer in circles: chains
//! are followed for a fixed number of steps, and a search visits a fixed number of members.

use super::raw::{Kind, Raw};

/// Longest chain of typedefs and modifiers; real ones have up to 6.
const CHAIN: usize = 32;
/// Anonymous structs inside each other; real ones have up to 5.
const DEPTH: usize = 16;
/// Members looked at for one question; the largest real struct has about 400.
const MEMBERS: usize = 200_000;

/// The type behind typedefs and modifiers; `None` for `void` and for circles.
pub(super) fn strip(raw: &Raw, mut id: u32) -> Option<u32> {
    for _ in 0..CHAIN {
        match raw.kind(id)? {
            Kind::Typedef | Kind::Modifier => id = raw.target(id)?,
            _ => return Some(id),
        }
    }
    None
}

/// Byte offset of a dotted member path inside a struct.
pub(super) fn offset(raw: &Raw, structure: u32, path: &str) -> Option<u32> {
    let mut budget = MEMBERS;
    let mut bits = 0_u32;
    let mut id = structure;
    for name in path.split('.') {
        if name.is_empty() {
            return None; // It would match the first anonymous member.
        }
        let (more, next) = find(raw, id, name.as_bytes(), DEPTH, &mut budget)?;
        bits = bits.checked_add(more)?;
        id = next;
    }
    bits.is_multiple_of(8).then_some(bits / 8)
}

/// Bit offset and type of a member, also inside anonymous members.
fn find(raw: &Raw, id: u32, name: &[u8], depth: usize, budget: &mut usize) -> Option<(u32, u32)> {
    let id = strip(raw, id)?;
    if !matches!(raw.kind(id)?, Kind::Struct | Kind::Union) {
        return None;
    }
    let mut nested = Vec::new();
    for member in raw.members(id)? {
        *budget = budget.checked_sub(1)?;
        match raw.string(member.name)? {
            found if found == name => return Some((member.bits, member.id)),
            [] => nested.push(member),
            _ => {}
        }
    }
    let depth = depth.checked_sub(1)?;
    nested.into_iter().find_map(|member| {
        let (bits, found) = find(raw, member.id, name, depth, budget)?;
        Some((member.bits.checked_add(bits)?, found))
    })
}

/// Type ids of the parameters of a prototype, without a trailing `...`.
pub(super) fn parameters(raw: &Raw, id: u32) -> Option<impl Iterator<Item = u32>> {
    (raw.kind(id)? == Kind::Prototype).then_some(())?;
    // `...` is a parameter without name and type.
    Some(
        raw.parameters(id)?
            .filter(|&(name, id)| name != 0 || id != 0)
            .map(|(_, id)| id),
    )
}

/// A type as C writes it, without `const` and the like.
pub(super) fn type_name(raw: &Raw, mut id: u32) -> String {
    let mut suffix = String::new();
    for _ in 0..CHAIN {
        let Some(kind) = raw.kind(id) else {
            return format!("void{suffix}");
        };
        let name = String::from_utf8_lossy(raw.name(id).unwrap_or_default());
        let next = match kind {
            Kind::Pointer => {
                suffix.insert(0, '*');
                raw.target(id)
            }
            Kind::Modifier => raw.target(id),
            Kind::Array => raw.array(id).map(|(element, count)| {
                suffix.push_str(&format!("[{count}]"));
                element
            }),
            Kind::Struct => return format!("struct {name}{suffix}"),
            Kind::Union => return format!("union {name}{suffix}"),
            Kind::Enum => return format!("enum {name}{suffix}"),
            Kind::Prototype => return format!("function{suffix}"),
            Kind::Typedef | Kind::Function | Kind::Other => return format!("{name}{suffix}"),
        };
        let Some(next) = next else { break };
        id = next;
    }
    format!("?{suffix}")
}
