//! Every row of the event table has a body, a probe, an end-to-end test and a replay fixture.

use std::path::Path;

use agtrack_common::event::TABLE;

use super::source::Source;
use super::{Breach, Rule};

/// Breaches of the table's completeness.
pub(crate) fn check(root: &Path, sources: &[Source]) -> Vec<Breach> {
    TABLE
        .iter()
        .flat_map(|row| {
            let kind = format!("{:?}", row.kind);
            missing(root, sources, &kind, row.action)
        })
        .collect()
}

/// The parts that a row lacks.
fn missing(root: &Path, sources: &[Source], kind: &str, action: &str) -> Vec<Breach> {
    let has = |dir: &str, needle: &str| {
        names(action)
            .iter()
            .map(|name| format!("{dir}/{name}.rs"))
            .any(|path| {
                sources
                    .iter()
                    .any(|s| s.path == path && s.text.contains(needle))
            })
    };
    let parts = [
        (
            "body",
            "agtrack-common/src/event",
            has("agtrack-common/src/event", &struct_of(kind)),
        ),
        (
            "probe",
            "agtrack-ebpf/src/probe",
            has("agtrack-ebpf/src/probe", ""),
        ),
        (
            "end-to-end test",
            "tests/e2e",
            has("tests/e2e", &format!("\"{action}\"")),
        ),
        (
            "replay fixture",
            "tests/replay",
            has_fixture(&root.join("tests/replay"), action),
        ),
    ];
    let lacking = parts.into_iter().filter(|(.., there)| !there);
    lacking
        .map(|(part, dir, _)| Breach {
            rule: Rule::EventParts,
            file: "agtrack-common/src/event.rs".to_owned(),
            line: 0,
            what: format!("`{action}` has no {part} in {dir}"),
        })
        .collect()
}

fn struct_of(kind: &str) -> String {
    format!("pub struct {kind} ")
}

/// Names a file of the event may have: `fork` for `process.fork`; events of one family may share
/// a file, as `cgroup` does.
fn names(action: &str) -> Vec<&str> {
    let (family, verb) = action.split_once('.').unwrap_or(("", action));
    vec![verb, family]
}

/// A file or directory of the event's name, whatever its extension.
fn has_fixture(dir: &Path, action: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return false;
    };
    let wanted = names(action);
    entries.filter_map(Result::ok).any(|entry| {
        let path = entry.path();
        let stem = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let stem = stem.split('.').next().unwrap_or_default();
        path.extension().is_none_or(|extension| extension != "rs") && wanted.contains(&stem)
    })
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
    fn a_family_may_share_a_file() {
        let body = "pub struct CgroupCreate { }";
        let source = Source::parse("agtrack-common/src/event/cgroup.rs", body).unwrap();
        let root = Path::new("/nonexistent");
        let breaches = missing(root, &[source], "CgroupCreate", "cgroup.create");
        assert!(
            breaches
                .iter()
                .all(|breach| !breach.what.contains("no body"))
        );
    }
}
