//! Data flows one way: which room may import which.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::source::Source;
use super::{Breach, Rule};

/// Where the rooms are.
const HOUSE: &str = "agtrack-userspace/src/";

/// The rooms in the order in which data flows. A room may import those before it and the nouns.
/// A module that is not listed is the edge (loader, launcher, command line, the one loop) and may
/// import all.
const ROOMS: &[&str] = &[
    "ring",
    "decode",
    "enrich",
    "protocol",
    "correlate",
    "noise",
    "redact",
    "deed",
    "toolcall",
    "handoff",
    "effect",
    "journal",
    "sink",
];

/// Modules that hold nouns or tables only: they import no room.
const NOUNS: &[&str] = &["catalogue", "container", "credential", "input", "record"];

/// Breaches of the order of rooms in a file.
pub(crate) fn check(source: &Source) -> Vec<Breach> {
    let Some(room) = room(&source.path) else {
        return Vec::new();
    };
    let place = ROOMS.iter().position(|name| *name == room);
    let earlier = match place {
        Some(place) => &ROOMS[..=place],
        None if NOUNS.contains(&room) => &[],
        None => return Vec::new(),
    };
    let allowed =
        |module: &str| module == room || NOUNS.contains(&module) || earlier.contains(&module);
    let mut imports = Imports::default();
    imports.visit_file(&source.syntax);
    imports
        .found
        .into_iter()
        .filter(|(module, _)| !allowed(module))
        .map(|(module, line)| {
            let what = format!("room `{room}` imports `{module}`, which is not before it");
            Breach::new(Rule::RoomOrder, source, line, what)
        })
        .collect()
}

/// The module of the library that a file belongs to.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(HOUSE)?;
    inside.split('/').next()?.split('.').next()
}

/// Modules named after `crate::`, outside tests.
#[derive(Default)]
struct Imports {
    found: Vec<(String, usize)>,
}

impl Imports {
    fn tree(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.add(&path.ident),
            syn::UseTree::Name(name) => self.add(&name.ident),
            syn::UseTree::Rename(rename) => self.add(&rename.ident),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item)),
            syn::UseTree::Glob(_) => {}
        }
    }

    fn add(&mut self, module: &syn::Ident) {
        self.found
            .push((module.to_string(), module.span().start().line));
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if is_test(&item.attrs) {
            return;
        }
        if let syn::UseTree::Path(path) = &item.tree
            && path.ident == "crate"
        {
            self.tree(&path.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate")
            && let Some(module) = segments.next()
        {
            self.found
                .push((module.ident.to_string(), path.span().start().line));
        }
        visit::visit_path(self, path);
    }
}

/// Whether something is there for tests only.
pub(crate) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|argument| argument == "test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(path: &str, text: &str) -> usize {
        check(&Source::parse(path, text).unwrap()).len()
    }

    #[test]
    fn a_room_may_import_the_one_before_it() {
        assert_eq!(
            check_text("agtrack-userspace/src/sink.rs", "use crate::journal::Line;"),
            0
        );
        assert_eq!(
            check_text(
                "agtrack-userspace/src/sink/file.rs",
                "use crate::sink::Sink;"
            ),
            0
        );
    }

    #[test]
    fn a_room_may_not_import_a_later_one_however_it_is_spelt() {
        let path = "agtrack-userspace/src/journal/segment.rs";
        assert_eq!(check_text(path, "use crate::sink::Sink;"), 1);
        assert_eq!(check_text(path, "use crate::{record::Record, sink};"), 1);
        assert_eq!(check_text(path, "fn f() { crate::sink::send(); }"), 1);
    }

    #[test]
    fn a_noun_imports_no_room() {
        assert_eq!(
            check_text(
                "agtrack-userspace/src/record.rs",
                "use crate::decode::Event;"
            ),
            1
        );
        assert_eq!(
            check_text(
                "agtrack-userspace/src/record.rs",
                "use crate::input::Clock;"
            ),
            0
        );
    }

    #[test]
    fn tests_and_the_edge_may_import_anything() {
        let test = "#[cfg(test)] mod tests { use crate::sink::Sink; }";
        assert_eq!(check_text("agtrack-userspace/src/journal.rs", test), 0);
        assert_eq!(
            check_text("agtrack-userspace/src/daemon.rs", "use crate::sink::Sink;"),
            0
        );
    }
}
