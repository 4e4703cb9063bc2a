//! A control socket whose group is not there: only root may ask.

use toml::de::DeTable;

use super::{Mistake, Placed, Source};

/// The group of `[control]` where `exists` does not know it.
pub(super) fn find(sources: &[Source], exists: impl Fn(&str) -> bool) -> Vec<Placed> {
    let of_source = |source: &Source| {
        let tree = DeTable::parse(&source.text).ok()?;
        let group = tree
            .get_ref()
            .get("control")?
            .get_ref()
            .as_table()?
            .get("group")?;
        let name = group.get_ref().as_str()?;
        if exists(name) {
            return None;
        }
        let message = format!(
            "there is no group {name:?} here, so only root may ask at the control socket; make it \
             (`groupadd --system {name}`)"
        );
        Some(Placed {
            file: source.file.clone(),
            mistake: Mistake::at(&source.text, group.span().start, message),
        })
    };
    sources.iter().filter_map(of_source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_not_there_is_doubted() {
        let source = |group| Source {
            file: "c.toml".into(),
            text: format!("[control]\ngroup = \"{group}\"\n"),
        };
        let found = find(&[source("root"), source("nobodys")], |name| name == "root");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mistake.line, 2);
        assert!(
            found[0]
                .mistake
                .message
                .contains("no group \"nobodys\" here")
        );
    }
}
