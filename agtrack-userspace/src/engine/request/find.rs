//! Whom a request means.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use anyhow::{Context, anyhow, bail, ensure};

use super::Target;
use crate::cgroup::{Cgroup, Hierarchy};
use crate::container;
use crate::engine::live::Live;
use crate::engine::packets::{list, one_session};
use crate::record::{Container, printable};

/// Fewer digits of a container's id mean anything.
const CONTAINER_DIGITS: usize = 4;

/// A cgroup that is meant, and the container that it is, where one was named.
pub(super) type Place = (Cgroup, Option<Container>);

impl Live {
    /// The cgroup that is meant; none where none is.
    pub(super) fn place(&self, target: &Target) -> anyhow::Result<Option<Place>> {
        let hierarchy = self.hands.hierarchy.as_ref();
        let hierarchy = hierarchy.context(
            "cgroup2 is not mounted, so nobody can be named by cgroup, unit or container; name a process",
        );
        match target {
            Target::Process(_) | Target::Session(_) => Ok(None),
            Target::Cgroup(path) | Target::Command(_, path, _) => {
                at(hierarchy?, path).map(|found| Some((found, None)))
            }
            Target::Unit(name) => of_unit(hierarchy?, name).map(|found| Some((found, None))),
            Target::Container(id) => of_container(hierarchy?, id).map(Some),
        }
    }

    /// The key of the session that runs whose id begins so.
    pub(super) fn session_key(&self, begin: &str) -> anyhow::Result<u64> {
        let pipeline = &self.hands.core.pipeline;
        let running: Vec<_> = pipeline.sessions().collect();
        let named = running
            .iter()
            .map(|(_, agent)| (agent.session, agent.name.clone()));
        let id = one_session(begin, named.collect())?;
        let found = running.iter().find(|(_, agent)| agent.session == id);
        found
            .map(|(key, _)| *key)
            .ok_or_else(|| anyhow!("session {id} has just ended"))
    }

    /// A session in words.
    pub(super) fn shown_session(&self, key: u64) -> String {
        match self.hands.core.pipeline.session(key) {
            Some(agent) => format!("session {} of {}", agent.session, printable(&agent.name)),
            None => "a session that has just begun or ended".to_owned(),
        }
    }
}

fn at(hierarchy: &Hierarchy, path: &Path) -> anyhow::Result<Cgroup> {
    let shown = path.display();
    let plain = path.is_absolute()
        && path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    ensure!(
        plain,
        "{shown} is no path of a cgroup: give it as /proc/PID/cgroup has it behind `0::`, like /agents/one"
    );
    // As the kernel writes it: no slash at the end, none twice.
    let path: std::path::PathBuf = path.components().collect();
    hierarchy.at(&path).map_err(|error| match error.is_gone() {
        true => anyhow!(
            "there is no cgroup {shown}: make it first (`mkdir {}`)",
            hierarchy.dir(&path).unwrap_or_default().display()
        ),
        false => error.into(),
    })
}

fn of_unit(hierarchy: &Hierarchy, name: &str) -> anyhow::Result<Cgroup> {
    let full = match name.contains('.') {
        true => name.to_owned(),
        false => format!("{name}.service"),
    };
    let is_it = |cgroup: &Cgroup| cgroup.path.file_name().is_some_and(|last| *last == *full);
    let mut found = hierarchy.all()?;
    found.retain(is_it);
    let paths = found.iter().map(|cgroup| cgroup.path.display().to_string());
    match &found[..] {
        [one] => Ok(one.clone()),
        [] => bail!(
            "no unit {} runs: it has no cgroup now; start it, or name it in the configuration \
             (`units`), which recognises it whenever it starts",
            printable(&full)
        ),
        _ => bail!(
            "several units are called {}; name one by its cgroup; {}",
            printable(&full),
            list("cgroups", paths.collect())
        ),
    }
}

fn of_container(hierarchy: &Hierarchy, id: &str) -> anyhow::Result<Place> {
    ensure!(
        id.len() >= CONTAINER_DIGITS,
        "give at least {CONTAINER_DIGITS} digits of the container's id"
    );
    let all = hierarchy.all()?.into_iter();
    let found: Vec<_> = all
        .filter_map(|cgroup| {
            let container = container::at(cgroup.path.as_os_str().as_bytes())?;
            container
                .id
                .starts_with(id)
                .then_some((cgroup, Some(container)))
        })
        .collect();
    let paths = found
        .iter()
        .map(|(cgroup, _)| cgroup.path.display().to_string());
    match &found[..] {
        [one] => Ok(one.clone()),
        [] => bail!(
            "no container whose id begins with {} runs; `docker ps --no-trunc` and its like show ids",
            printable(id)
        ),
        _ => bail!(
            "several containers begin with {}; give more of the id; {}",
            printable(id),
            list("cgroups", paths.collect())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_of_a_cgroup_is_said_so() {
        let hierarchy = Hierarchy::find().unwrap();
        for path in ["", "a", "/a/../b", "./a"] {
            let error = at(&hierarchy, Path::new(path)).unwrap_err().to_string();
            assert!(error.contains("is no path of a cgroup"), "{error}");
        }
        let error = at(&hierarchy, Path::new("/agtrack-none//x/"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("make it first (`mkdir "), "{error}");
        assert_eq!(at(&hierarchy, Path::new("/")).unwrap().path, Path::new("/"));
    }

    #[test]
    fn a_unit_and_a_container_that_do_not_run_are_said_so() {
        let hierarchy = Hierarchy::find().unwrap();
        let error = of_unit(&hierarchy, "agtrack-none").unwrap_err().to_string();
        assert!(
            error.contains("no unit agtrack-none.service runs"),
            "{error}"
        );
        let error = of_container(&hierarchy, "abc").unwrap_err().to_string();
        assert!(error.contains("at least 4 digits"), "{error}");
        let error = of_container(&hierarchy, "abcdef0123")
            .unwrap_err()
            .to_string();
        assert!(error.contains("no container"), "{error}");
    }
}
