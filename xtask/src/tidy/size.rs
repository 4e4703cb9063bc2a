//! Small files, small functions.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::source::Source;
use super::{Breach, Rule};

/// Lines of a file, tests included.
const FILE: usize = 400;
/// Lines of a function, from `fn` to its last brace.
const FUNCTION: usize = 60;

/// Breaches of the size rules in a file.
pub(crate) fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE {
        let what = format!("has {lines} lines; {FILE} are enough");
        breaches.push(Breach::new(Rule::FileSize, source, 0, what));
    }
    let mut functions = Functions::default();
    functions.visit_file(&source.syntax);
    for (name, line, lines) in functions.long {
        let what = format!("{name} has {lines} lines; {FUNCTION} are enough");
        breaches.push(Breach::new(Rule::FunctionSize, source, line, what));
    }
    breaches
}

#[derive(Default)]
struct Functions {
    long: Vec<(String, usize, usize)>,
}

impl Functions {
    fn measure(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let first = signature.span().start().line;
        let lines = body.span().end().line - first + 1;
        if lines > FUNCTION {
            self.long.push((signature.ident.to_string(), first, lines));
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> Vec<Rule> {
        check(&Source::parse("a.rs", text).unwrap())
            .iter()
            .map(|breach| breach.rule)
            .collect()
    }

    #[test]
    fn a_long_file_is_a_breach() {
        assert_eq!(check_text(&"\n".repeat(400)), []);
        assert_eq!(check_text(&"\n".repeat(401)), [Rule::FileSize]);
    }

    #[test]
    fn a_long_function_is_a_breach_also_in_an_impl() {
        let body = "\n".repeat(59);
        assert_eq!(check_text(&format!("fn f() {{{body}}}")), []);
        assert_eq!(
            check_text(&format!("fn f() {{\n{body}}}")),
            [Rule::FunctionSize]
        );
        let method = format!("impl X {{ fn f() {{\n{body}}} }}");
        assert_eq!(check_text(&method), [Rule::FunctionSize]);
    }
}
