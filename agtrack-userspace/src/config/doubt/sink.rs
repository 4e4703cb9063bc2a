//! Sinks that cannot deliver here, as their directory or a file that they need is not there; those that
//! write the same file; keys of TLS where there is none; and globs that no agent's id matches.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Mistake, Placed, Source};
use crate::sink::glob;

/// Keys that are of use with TLS only.
const OF_TLS: [&str; 4] = ["ca_file", "cert_file", "key_file", "server_name"];

/// Keys that may name a file, which is read to connect.
const READ: [&str; 6] = [
    "ca_file",
    "cert_file",
    "key_file",
    "token",
    "password",
    "credentials",
];

/// A doubt, and the byte in the text that it is about.
type Doubt = (usize, String);

/// Doubts about sinks; `exists` knows files and directories.
pub(super) fn find(sources: &[Source], exists: impl Fn(&Path) -> bool) -> Vec<Placed> {
    let agents = agents(sources);
    let of_source = |source: &Source| {
        let Ok(tree) = DeTable::parse(&source.text) else {
            return Vec::new();
        };
        let sinks = tree.get_ref().get("sinks");
        let sinks = sinks.and_then(|sinks| sinks.get_ref().as_array());
        let sinks = sinks.into_iter().flatten();
        let sinks: Vec<_> = sinks.filter_map(|sink| sink.get_ref().as_table()).collect();
        let placed = |(start, message): Doubt| Placed {
            file: source.file.clone(),
            mistake: Mistake::at(&source.text, start, message),
        };
        let doubts = sinks.iter().enumerate().flat_map(|(index, sink)| {
            let before = sinks.iter().take(index).copied();
            let file = lost(sink, &exists).or_else(|| shared(sink, before));
            let idle = idle(sink);
            let files = if idle.is_empty() {
                unread(sink, &exists)
            } else {
                idle
            };
            let nobodys = nobodys(sink, &agents);
            file.into_iter().chain(files).chain(nobodys)
        });
        doubts.map(placed).collect()
    };
    sources.iter().flat_map(of_source).collect()
}

fn word<'t>(sink: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    sink.get(key)?.get_ref().as_str()
}

/// The file of a sink of type `file`.
fn file<'t>(sink: &'t DeTable<'_>) -> Option<&'t Path> {
    let is_file = word(sink, "type")? == "file";
    word(sink, "path").filter(|_| is_file).map(Path::new)
}

fn doubt(sink: &DeTable<'_>, key: &str, message: String) -> Option<Doubt> {
    Some((sink.get(key)?.span().start, message))
}

/// A file in a directory that is not there.
fn lost(sink: &DeTable<'_>, exists: impl Fn(&Path) -> bool) -> Option<Doubt> {
    let directory = file(sink)?.parent()?;
    if exists(directory) {
        return None;
    }
    let message = format!(
        "there is no directory {} here: nothing can be written until there is",
        directory.display()
    );
    doubt(sink, "path", message)
}

/// A file that a sink before writes too.
fn shared<'t>(
    sink: &DeTable<'_>,
    mut before: impl Iterator<Item = &'t DeTable<'t>>,
) -> Option<Doubt> {
    let path = file(sink)?;
    let other = before.find(|other| file(other) == Some(path))?;
    let message = format!(
        "sink `{}` writes {} too, and each cuts and renames it under the other; give each a file of its \
         own",
        word(other, "name").unwrap_or_default(),
        path.display()
    );
    doubt(sink, "path", message)
}

/// Keys of TLS with another protocol.
fn idle(sink: &DeTable<'_>) -> Vec<Doubt> {
    let protocol = word(sink, "protocol").filter(|protocol| ["tcp", "udp"].contains(protocol));
    let of_key = |key| {
        let message = format!(
            "`{key}` has no effect with `protocol = \"{}\"`, which is not encrypted; write `tls`, or \
             leave it out",
            protocol?
        );
        doubt(sink, key, message)
    };
    OF_TLS.into_iter().filter_map(of_key).collect()
}

/// Files that have to be read, and are not there.
fn unread(sink: &DeTable<'_>, exists: impl Fn(&Path) -> bool) -> Vec<Doubt> {
    let of_key = |key| {
        let path = word(sink, key).map(Path::new)?;
        let message = format!(
            "there is no file {} here: nothing can be sent until there is",
            path.display()
        );
        doubt(sink, key, message).filter(|_| path.is_absolute() && !exists(path))
    };
    READ.into_iter().filter_map(of_key).collect()
}

/// The ids of all agents.
fn agents(sources: &[Source]) -> Vec<String> {
    let of_source = |source: &Source| {
        let tree = DeTable::parse(&source.text).ok()?;
        let agents = tree.get_ref().get("agents")?.get_ref().as_array()?.iter();
        let id = |agent: &Spanned<DeValue<'_>>| {
            let id = agent.get_ref().get("id")?.get_ref().as_str()?;
            Some(id.to_owned())
        };
        Some(agents.filter_map(id).collect::<Vec<_>>())
    };
    sources.iter().filter_map(of_source).flatten().collect()
}

/// Globs on ids that no agent of the configuration has. Where it has none all are named elsewhere.
fn nobodys(sink: &DeTable<'_>, agents: &[String]) -> Vec<Doubt> {
    let globs = sink
        .get("agents")
        .and_then(|list| list.get_ref().as_array());
    let of_glob = |value: &Spanned<DeValue<'_>>| {
        let text = value.get_ref().as_str()?;
        let glob = glob(text).ok()?.compile_matcher();
        let message = format!(
            "no agent of this configuration has an id that `{text}` matches: by it only agents are sent \
             that are tagged by request"
        );
        let is_nobodys = !agents.is_empty() && !agents.iter().any(|id| glob.is_match(id));
        is_nobodys.then_some((value.span().start, message))
    };
    globs.into_iter().flatten().filter_map(of_glob).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_have_to_be_read_and_are_not_there_are_doubted() {
        let text = "[[sinks]]\ntype = \"splunk\"\nca_file = \"/no/ca.pem\"\ntoken = \"/yes/token\"\n\
                    [[sinks]]\ntype = \"otlp\"\ntoken = \"credential:x\"\npassword = \"env:X\"\n";
        let source = Source {
            file: "c.toml".into(),
            text: text.to_owned(),
        };
        let found = find(&[source], |file| file == Path::new("/yes/token"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mistake.line, 3);
        let message = &found[0].mistake.message;
        assert!(
            message.starts_with("there is no file /no/ca.pem"),
            "{message}"
        );
    }

    #[test]
    fn globs_that_no_agent_is_called_by_are_doubted() {
        let agents = "[[agents]]\nid = \"team/coder\"\n";
        let sinks = "[[sinks]]\ntype = \"journald\"\nagents = [\"team/*\", \"codr\"]\n";
        let found = doubts(&format!("{agents}{sinks}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, 5);
        assert!(found[0].1.contains("`codr`"), "{found:?}");
        assert_eq!(
            doubts(sinks),
            [],
            "who is tagged by request is named by the request"
        );
    }

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

    fn doubts(text: &str) -> Vec<(usize, String)> {
        let source = Source {
            file: "c.toml".into(),
            text: text.to_owned(),
        };
        let found = find(&[source], |_| true).into_iter();
        found
            .map(|placed| (placed.mistake.line, placed.mistake.message))
            .collect()
    }

    #[test]
    fn a_file_that_two_sinks_write_is_doubted() {
        let text = "[[sinks]]\nname = \"a\"\ntype = \"file\"\npath = \"/x/a.jsonl\"\n\
                    [[sinks]]\nname = \"b\"\ntype = \"file\"\npath = \"/x//a.jsonl\"\n\
                    [[sinks]]\nname = \"c\"\ntype = \"unix\"\npath = \"/x/a.jsonl\"\n\
                    [[sinks]]\nname = \"d\"\ntype = \"file\"\npath = \"/x/d.jsonl\"\n";
        let found = doubts(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, 8);
        let message = &found[0].1;
        assert!(
            message.starts_with("sink `a` writes /x//a.jsonl too"),
            "{message}"
        );
    }

    #[test]
    fn keys_of_tls_without_tls_are_doubted() {
        let text = "[[sinks]]\ntype = \"syslog\"\nprotocol = \"tcp\"\nca_file = \"/x/ca.pem\"\n\
                    [[sinks]]\ntype = \"syslog\"\nca_file = \"/x/ca.pem\"\n\
                    [[sinks]]\ntype = \"otlp\"\nprotocol = \"grpc\"\nca_file = \"/x/ca.pem\"\n";
        let found = doubts(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, 4);
        assert!(found[0].1.starts_with("`ca_file` has no effect"));
    }
}
