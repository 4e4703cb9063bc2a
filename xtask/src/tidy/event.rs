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
        .flat_map(|row| missing(root, sources, &format!("{:?}", row.kind)))
        .collect()
}

/// The parts that a row lacks.
fn missing(root: &Path, sources: &[Source], kind: &str) -> Vec<Breach> {
    let name = snake_case(kind);
    // Events of one family may share a file with their body or probe, as those of cgroups do.
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
    let fixture = |extension: &str| {
        root.join(format!("tests/replay/{name}.{extension}"))
            .is_file()
    };
    let parts = [
        (
            "body",
            BODIES,
            shared(BODIES, &format!("pub struct {kind} ")),
        ),
        ("probe", PROBES, shared(PROBES, "")),
        (
            "end-to-end test",
            "tests/e2e",
            has(format!("tests/e2e/{name}.rs"), ""),
        ),
        (
            "replay fixture",
            "tests/replay",
            fixture("input") && fixture("jsonl"),
        ),
    ];
    parts
        .into_iter()
        .filter(|(.., there)| !there)
        .map(|(part, dir, _)| Breach {
            rule: Rule::EventParts,
            file: "agtrack-common/src/event.rs".to_owned(),
            line: 0,
            what: format!("`{kind}` has no {part} in {dir}"),
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
        let breaches = missing(Path::new("/nonexistent"), &[], "Exec");
        assert_eq!(breaches.len(), 4);
        assert!(breaches[0].what.contains("`Exec` has no body"));
    }

    #[test]
    fn a_family_may_share_the_file_of_its_bodies_but_not_of_its_tests() {
        let source = |path: &str, text: &str| Source::parse(path, text).unwrap();
        let sources = [
            source(
                "agtrack-common/src/event/cgroup.rs",
                "pub struct CgroupCreate { }",
            ),
            source("agtrack-ebpf/src/probe/cgroup.rs", ""),
            source("tests/e2e/cgroup.rs", ""),
        ];
        let breaches = missing(Path::new("/nonexistent"), &sources, "CgroupCreate");
        assert_eq!(breaches.len(), 2);
        assert!(breaches[0].what.contains("no end-to-end test"));
    }
}
