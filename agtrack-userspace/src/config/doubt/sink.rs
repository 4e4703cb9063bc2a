//! Sinks that cannot deliver here: their directory is not there.

use std::path::Path;

use toml::de::DeTable;

use super::{Mistake, Placed, Source};

/// Files of sinks in directories that `exists` does not know.
pub(super) fn find(sources: &[Source], exists: impl Fn(&Path) -> bool) -> Vec<Placed> {
    let of_source = |source: &Source| {
        let Ok(tree) = DeTable::parse(&source.text) else {
            return Vec::new();
        };
        let sinks = tree.get_ref().get("sinks");
        let sinks = sinks.and_then(|sinks| sinks.get_ref().as_array());
        let lost = |sink: &DeTable<'_>| {
            let kind = sink.get("type")?.get_ref().as_str()?;
            let path = sink.get("path").filter(|_| kind == "file")?;
            let directory = Path::new(path.get_ref().as_str()?).parent()?;
            if exists(directory) {
                return None;
            }
            let message = format!(
                "there is no directory {} here: nothing can be written until there is",
                directory.display()
            );
            Some(Placed {
                file: source.file.clone(),
                mistake: Mistake::at(&source.text, path.span().start, message),
            })
        };
        let sinks = sinks.into_iter().flatten();
        sinks
            .filter_map(|sink| lost(sink.get_ref().as_table()?))
            .collect()
    };
    sources.iter().flat_map(of_source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_a_directory_that_is_not_there_is_doubted() {
        let text = "[[sinks]]\nname = \"a\"\ntype = \"file\"\npath = \"/no/a.jsonl\"\n\
                    [[sinks]]\nname = \"b\"\ntype = \"file\"\npath = \"/yes/a.jsonl\"\n\
                    [[sinks]]\nname = \"c\"\ntype = \"unix\"\npath = \"/no/a.sock\"\n";
        let source = Source {
            file: "c.toml".into(),
            text: text.to_owned(),
        };
        let found = find(&[source], |directory| directory == Path::new("/yes"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mistake.line, 4);
        assert!(found[0].mistake.message.contains("no directory /no here"));
    }
}
