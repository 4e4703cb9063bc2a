//! The crates that are linked into the program and its probes, with their licences, as a table.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run;
use crate::workspace::Workspace;

/// The crates that the program is made of: itself, and the probes inside it.
const ROOTS: [&str; 2] = ["agtrack-userspace", "agtrack-ebpf"];

/// The table, in Markdown.
///
/// # Errors
/// cargo does not answer, or a crate names no licence.
pub(super) fn table(workspace: &Workspace) -> Result<String> {
    let mut metadata = workspace.cargo();
    metadata.args(["metadata", "--format-version", "1", "--locked"]);
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    metadata.args(["--filter-platform", &target]);
    let metadata: Value = serde_json::from_str(&run::output(&mut metadata)?)
        .context("cargo metadata does not answer in JSON")?;
    written(&metadata)
}

fn written(metadata: &Value) -> Result<String> {
    let mut text = String::from(
        "# Licences of what agtrack contains\n\n\
         The crates that are linked into `/usr/bin/agtrack` and its probes. \
         Those that only build it are not named.\n\n\
         | crate | version | licence |\n|---|---|---|\n",
    );
    let linked = linked(metadata);
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut rows = BTreeSet::new();
    for package in packages.filter(|package| linked.contains(word(&package["id"]))) {
        let (name, version) = (word(&package["name"]), word(&package["version"]));
        let licence = package["license"]
            .as_str()
            .with_context(|| format!("the crate {name} {version} names no licence"))?;
        rows.insert(format!("| {name} | {version} | {licence} |\n"));
    }
    text.extend(rows);
    Ok(text)
}

/// Ids of the packages that the roots need when they run.
fn linked(metadata: &Value) -> BTreeSet<&str> {
    let nodes = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten();
    let nodes: BTreeMap<_, _> = nodes.map(|node| (word(&node["id"]), node)).collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut open: Vec<&str> = packages
        .filter(|package| ROOTS.contains(&word(&package["name"])))
        .map(|package| word(&package["id"]))
        .collect();
    let mut linked = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !linked.insert(id) {
            continue;
        }
        let needs = nodes.get(id).and_then(|node| node["deps"].as_array());
        let runs = needs.into_iter().flatten().filter(|need| {
            let kinds = need["dep_kinds"].as_array().into_iter().flatten();
            // No kind is an ordinary one; the others are "dev" and "build".
            kinds.into_iter().any(|kind| kind["kind"].is_null())
        });
        open.extend(runs.map(|need| word(&need["pkg"])));
    }
    linked
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_only_builds_or_tests_is_not_in_the_table() {
        let need = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let node = |name: &str, deps: Vec<Value>| json!({"id": name, "deps": deps});
        let package =
            |name: &str| json!({"id": name, "name": name, "version": "1", "license": "MIT"});
        let names = ["agtrack-userspace", "deep", "linked", "tested", "builds"];
        let packages: Vec<_> = names.map(package).into();
        let metadata = json!({
            "packages": packages,
            "resolve": {"nodes": [
                node("agtrack-userspace", vec![
                    need("linked", Value::Null),
                    need("tested", json!("dev")),
                    need("builds", json!("build")),
                ]),
                node("linked", vec![need("deep", Value::Null)]),
                node("tested", vec![]),
                node("builds", vec![]),
                node("deep", vec![]),
            ]},
        });
        let text = written(&metadata).unwrap();
        let rows: Vec<_> = text
            .lines()
            .filter(|line| line.contains("| MIT |"))
            .collect();
        assert_eq!(
            rows,
            [
                "| agtrack-userspace | 1 | MIT |",
                "| deep | 1 | MIT |",
                "| linked | 1 | MIT |"
            ]
        );
    }
}
