//! Where `unsafe` lives, and that a match on kinds of events names them all.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::source::Source;
use super::{Breach, Rule};

/// Files and directories that may say `unsafe`, and why.
const UNSAFE: &[(&str, &str)] = &[
    ("agtrack-ebpf/", "reads kernel memory through helpers"),
    ("agtrack-userspace/src/load/", "hands memory to the kernel"),
    (
        "tests/src/bin/trigger/",
        "makes system calls that no library makes",
    ),
];

/// Enums of which every variant is named in a match.
const CLOSED: &[&str] = &["Kind", "Payload"];

/// Breaches in a file.
pub(crate) fn check(source: &Source) -> Vec<Breach> {
    let mut finder = Finder::default();
    finder.visit_file(&source.syntax);
    let free = UNSAFE.iter().any(|(path, _)| source.path.starts_with(path));
    let unsafes = finder.unsafes.into_iter().filter(|_| !free).map(|line| {
        let what = "says `unsafe`; the files that may are listed in tidy/syntax.rs";
        Breach::new(Rule::Unsafe, source, line, what)
    });
    // Other modules have a `Kind` of their own, which is not about events.
    let about_events = source.text.contains("agtrack_common");
    let wildcards = finder
        .wildcards
        .into_iter()
        .filter(|_| about_events)
        .map(|line| {
            let what = "matches the kinds of events with `_`: a new event would slip through";
            Breach::new(Rule::Wildcard, source, line, what)
        });
    unsafes.chain(wildcards).collect()
}

#[derive(Default)]
struct Finder {
    unsafes: Vec<usize>,
    wildcards: Vec<usize>,
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_expr_unsafe(&mut self, item: &'ast syn::ExprUnsafe) {
        self.unsafes.push(item.unsafe_token.span().start().line);
        visit::visit_expr_unsafe(self, item);
    }

    fn visit_signature(&mut self, item: &'ast syn::Signature) {
        self.unsafes
            .extend(item.unsafety.map(|token| token.span().start().line));
        visit::visit_signature(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.unsafes
            .extend(item.unsafety.map(|token| token.span().start().line));
        visit::visit_item_impl(self, item);
    }

    fn visit_expr_match(&mut self, item: &'ast syn::ExprMatch) {
        let closed = item.arms.iter().any(|arm| names_closed(&arm.pat));
        let wild = item
            .arms
            .iter()
            .find(|arm| matches!(arm.pat, syn::Pat::Wild(_)));
        if let (true, Some(arm)) = (closed, wild) {
            self.wildcards.push(arm.span().start().line);
        }
        visit::visit_expr_match(self, item);
    }
}

/// Whether a pattern names a variant of a closed enum.
fn names_closed(pattern: &syn::Pat) -> bool {
    let path = match pattern {
        syn::Pat::Or(or) => return or.cases.iter().any(names_closed),
        syn::Pat::Path(pattern) => &pattern.path,
        syn::Pat::TupleStruct(pattern) => &pattern.path,
        syn::Pat::Struct(pattern) => &pattern.path,
        _ => return false,
    };
    let before_last = path.segments.iter().rev().nth(1);
    before_last.is_some_and(|segment| CLOSED.iter().any(|name| segment.ident == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(path: &str, text: &str) -> Vec<Rule> {
        check(&Source::parse(path, text).unwrap())
            .iter()
            .map(|breach| breach.rule)
            .collect()
    }

    #[test]
    fn unsafe_is_a_breach_outside_its_files() {
        let text = "fn f() { unsafe { g() } }";
        assert_eq!(
            check_text("agtrack-userspace/src/journal.rs", text),
            [Rule::Unsafe]
        );
        assert_eq!(check_text("agtrack-ebpf/src/read.rs", text), []);
        assert_eq!(
            check_text("xtask/src/a.rs", "unsafe impl Send for X {}"),
            [Rule::Unsafe]
        );
    }

    #[test]
    fn a_wildcard_beside_kinds_is_a_breach() {
        let text = "use agtrack_common::event; fn f(k: Kind) { match k { event::Kind::Exec => 1, _ => 2 } }";
        assert_eq!(check_text("a.rs", text), [Rule::Wildcard]);
        assert_eq!(
            check_text("a.rs", &text.replace("Kind::Exec", "Other::Exec")),
            []
        );
        let bodies = "use agtrack_common::event; fn f() { match p { Payload::Exec(_) | Payload::Exit(_) => 1, _ => 2 } }";
        assert_eq!(check_text("a.rs", bodies), [Rule::Wildcard]);
    }
}
