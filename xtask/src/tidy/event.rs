//! Every row of the event table has a body, a probe, an end-to-end test and a replay fixture.

use std::path::Path;

use agtrack_common::event::TABLE;

use super::source::Source;
use super::{Breach, Rule};

const BODIES: &str = "agtrack-common/src/event";
const PROBES: &str = "agtrack-ebpf/src/probe";

/// Breaches of the table's completeness.
pub(crate) fn check(root: &Path, sources: &[Source]) -> Vec<Breach> {
    TABLE
        .iter()
        .flat_map(|row| {
            row.kind
                .actions()
                .flat_map(|action| missing(root, sources, row.body, action))
        })
        .collect()
}

/// The parts that a row lacks. Rows that share a body share the files of its name.
fn missing(root: &Path, sources: &[Source], body: &str, action: &str) -> Vec<Breach> {
    let name = snake_case(body);
    // Bodies of one family may share their files, as those of cgroups do; each must occur in them.
    let family = name.split('_').next().unwrap_or(&name);
    let has = |path: String, needle: &str| {
        sources
            .iter()
            .any(|source| source.path == path && source.text.contains(needle))
    };
    let shared = |dir: &str, needle: &str| {
        [name.as_str(), family]
            .iter()
            .any(|stem| has(format!("{dir}/{stem}.rs"), needle))
    };
    let replayed = [name.as_str(), family].iter().any(|stem| {
        let golden = std::fs::read_to_string(root.join(format!("tests/replay/{stem}.jsonl")));
        let wanted = format!("\"action\":\"{action}\"");
        let input = root.join(format!("tests/replay/{stem}.input"));
        input.is_file() && golden.is_ok_and(|records| records.contains(&wanted))
    });
    let literal = format!("\"{action}\"");
    let tested = sources
        .iter()
        .any(|source| source.path.starts_with("tests/e2e/") && source.text.contains(&literal));
    let parts = [
        (
            "body",
            BODIES,
            shared(BODIES, &format!("pub struct {body} ")),
        ),
        ("probe", PROBES, shared(PROBES, "")),
        ("end-to-end test", "tests/e2e", tested),
        ("replay fixture", "tests/replay", replayed),
    ];
    parts
        .into_iter()
        .filter(|(.., there)| !there)
        .map(|(part, dir, _)| Breach {
            rule: Rule::EventParts,
            file: "agtrack-common/src/event.rs".to_owned(),
            line: 0,
            what: format!("`{action}` has no {part} in {dir}"),
        })
        .collect()
}

/// `CgroupCreate` as a file is named.
fn snake_case(kind: &str) -> String {
    let mut name = String::new();
    for letter in kind.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_nothing_lacks_four_parts() {
        let breaches = missing(Path::new("/nonexistent"), &[], "Exec", "process.exec");
        assert_eq!(breaches.len(), 4);
        assert!(breaches[0].what.contains("`process.exec` has no body"));
    }

    #[test]
    fn a_family_may_share_files_that_name_each_of_its_events() {
        let source = |path: &str, text: &str| Source::parse(path, text).unwrap();
        let sources = [
            source(
                "agtrack-common/src/event/cgroup.rs",
                "pub struct CgroupCreate { }",
            ),
            source("agtrack-ebpf/src/probe/cgroup.rs", ""),
            source("tests/e2e/cgroup.rs", "const A: &str = \"cgroup.attach\";"),
        ];
        let root = tempfile::tempdir().unwrap();
        let replay = root.path().join("tests/replay");
        std::fs::create_dir_all(&replay).unwrap();
        std::fs::write(replay.join("cgroup.input"), "").unwrap();
        let golden = "{\"action\":\"cgroup.create\"}\n";
        std::fs::write(replay.join("cgroup.jsonl"), golden).unwrap();
        let create = missing(root.path(), &sources, "CgroupCreate", "cgroup.create");
        assert_eq!(create.len(), 1);
        assert!(create[0].what.contains("no end-to-end test"));
        let attach = missing(root.path(), &sources, "CgroupAttach", "cgroup.attach");
        assert_eq!(attach.len(), 2);
        assert!(attach[1].what.contains("no replay fixture"));
    }
}
