//! Who can tell what a container is.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};

use super::http;
use super::said::Form;
use crate::input::ContainerWanted;
use crate::record::Container;

/// Files that a pattern may stand for.
const MOST: usize = 64;
/// The longest file that is read, bytes: the list of all that is stored may be long.
const LONGEST: u64 = 8 << 20;

/// Whom to ask for containers of a runtime. `{id}` is the container's, `{user}` the number of the user
/// whose own it is, `{home}` the home of that, `*` any part of one name. Where that says something else
/// than in Debian's packages, it is not found.
struct Row {
    runtime: &'static str,
    way: Way,
}

#[derive(Clone, Copy)]
enum Way {
    Socket(&'static str),
    File(&'static str, Form),
}

const fn socket(runtime: &'static str, path: &'static str) -> Row {
    let way = Way::Socket(path);
    Row { runtime, way }
}

const fn file(runtime: &'static str, path: &'static str, form: Form) -> Row {
    let way = Way::File(path, form);
    Row { runtime, way }
}

/// In the order in which they are asked. Docker holds up whoever asks its socket until the container has
/// started, so its file comes first; Podman's file has no labels, so it comes last.
const ROWS: &[Row] = &[
    file(
        "docker",
        "/var/lib/docker/containers/{id}/config.v2.json",
        Form::Docker,
    ),
    file(
        "docker",
        "{home}/.local/share/docker/containers/{id}/config.v2.json",
        Form::Docker,
    ),
    socket("docker", "/run/docker.sock"),
    socket("docker", "/run/user/{user}/docker.sock"),
    socket("podman", "/run/podman/podman.sock"),
    socket("podman", "/run/user/{user}/podman/podman.sock"),
    file(
        "podman",
        "/var/lib/containers/storage/*-containers/*containers.json",
        Form::Storage,
    ),
    file(
        "podman",
        "{home}/.local/share/containers/storage/*-containers/*containers.json",
        Form::Storage,
    ),
    file(
        "containerd",
        "/run/containerd/io.containerd.runtime.v2.task/*/{id}/config.json",
        Form::Bundle,
    ),
    file(
        "containerd",
        "/run/k3s/containerd/io.containerd.runtime.v2.task/*/{id}/config.json",
        Form::Bundle,
    ),
    file(
        "cri-o",
        "/run/containers/storage/*-containers/{id}/userdata/config.json",
        Form::Bundle,
    ),
    file(
        "cri-o",
        "/var/lib/containers/storage/*-containers/{id}/userdata/config.json",
        Form::Bundle,
    ),
];

/// One that can be asked.
#[derive(Debug)]
pub(super) enum Source {
    Socket(PathBuf),
    File(PathBuf, Form),
}

/// Those who may know a container, the configured sockets first.
pub(super) fn all(wanted: &ContainerWanted, sockets: &[PathBuf]) -> Vec<Source> {
    let runtime = wanted.container.runtime.as_deref();
    let is_asked = |row: &&Row| runtime.is_none_or(|runtime| row.runtime == runtime);
    let mut found: Vec<_> = match runtime {
        Some("docker" | "podman") | None => sockets.iter().cloned().map(Source::Socket).collect(),
        Some(_) => Vec::new(),
    };
    let user = user(&wanted.cgroup.0);
    for row in ROWS.iter().filter(is_asked) {
        let (pattern, form) = match row.way {
            Way::Socket(pattern) => (pattern, None),
            Way::File(pattern, form) => (pattern, Some(form)),
        };
        let Some(path) = filled(pattern, &wanted.container.id, user) else {
            continue;
        };
        match form {
            None => found.push(Source::Socket(path.into())),
            Some(form) => {
                let files = expanded(&path).into_iter();
                found.extend(files.map(|file| Source::File(file, form)));
            }
        }
    }
    found
}

/// The user in whose slice a cgroup is.
fn user(cgroup: &[u8]) -> Option<u32> {
    let cgroup = str::from_utf8(cgroup).ok()?;
    let rest = cgroup.strip_prefix("/user.slice/user-")?;
    rest.split_once(".slice")?.0.parse().ok()
}

/// None where it is of a user's own, and the container is not.
fn filled(pattern: &str, id: &str, user: Option<u32>) -> Option<String> {
    let mut path = pattern.replace("{id}", id);
    if path.contains("{user}") {
        path = path.replace("{user}", &user?.to_string());
    }
    if let Some(rest) = path.strip_prefix("{home}") {
        let account = nix::unistd::User::from_uid(user?.into()).ok()??;
        path = format!("{}{rest}", account.dir.to_str()?);
    }
    Some(path)
}

/// The files that a pattern stands for; without a `*` the one that it names, whether it is there or not.
fn expanded(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = match part.split_once('*') {
            None => found.into_iter().map(|path| path.join(part)).collect(),
            Some((begin, end)) => found
                .iter()
                .flat_map(|path| like(path, begin, end))
                .take(MOST)
                .collect(),
        };
    }
    found
}

fn like(directory: &Path, begin: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let names = entries
        .take(4096)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_like = |name: &String| {
        name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
    };
    let mut names: Vec<_> = names.filter(is_like).collect();
    names.sort();
    names.into_iter().map(|name| directory.join(name)).collect()
}

impl Source {
    /// What it says of a container.
    ///
    /// # Errors
    /// In words, with its name.
    pub(super) fn ask(&self, container: &Container) -> Result<Container, String> {
        let (path, found) = match self {
            Source::Socket(path) => (path, by_socket(path, container)),
            Source::File(path, form) => {
                let read = contents(path);
                (path, read.and_then(|bytes| form.read(container, &bytes)))
            }
        };
        found.map_err(|reason| format!("{}: {reason}", path.display()))
    }
}

fn by_socket(path: &Path, container: &Container) -> Result<Container, String> {
    let reply = http::get(path, &format!("/containers/{}/json", container.id))?;
    match reply.status {
        200 => Form::Docker.read(container, &reply.body),
        404 => Err("it knows no such container".to_owned()),
        other => Err(format!("it answers with status {other}")),
    }
}

/// A regular file: others, which somebody may have put there, are not waited for.
fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty()).map_err(std::io::Error::from);
    let read = file.and_then(|file| {
        let file = File::from(file);
        let mut bytes = Vec::new();
        if file.metadata()?.is_file() {
            file.take(LONGEST + 1).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    });
    let bytes = read.map_err(|error| error.to_string())?;
    match bytes.len() {
        0 => Err("it is empty, or no regular file".to_owned()),
        length if length as u64 > LONGEST => Err("it is too long".to_owned()),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_names_that_are_there() {
        let temp = tempfile::tempdir().unwrap();
        for directory in ["overlay-containers", "vfs-containers", "other"] {
            let directory = temp.path().join(directory);
            std::fs::create_dir(&directory).unwrap();
            std::fs::write(directory.join("containers.json"), "[]").unwrap();
        }
        let at = temp.path().to_str().unwrap();
        let found = expanded(&format!("{at}/*-containers/*containers.json"));
        let expect = ["overlay-containers", "vfs-containers"];
        assert_eq!(
            found,
            expect.map(|name| temp.path().join(name).join("containers.json"))
        );
        assert_eq!(expanded("/no/such"), [PathBuf::from("/no/such")]);
        assert!(expanded(&format!("{at}/*/none/*.json")).is_empty());
    }

    #[test]
    fn a_users_own_are_known_by_their_slice() {
        let check = |cgroup: &str, expect| assert_eq!(user(cgroup.as_bytes()), expect, "{cgroup}");
        check(
            "/user.slice/user-1000.slice/user@1000.service/x",
            Some(1000),
        );
        check("/user.slice/user-a.slice/x", None);
        check("/user.slice/user.slice", None);
        check("/system.slice/docker-x.scope", None);
        assert_eq!(filled("/run/user/{user}/x", "i", None), None);
        let filled = filled("/run/user/{user}/{id}", "i", Some(7));
        assert_eq!(filled.as_deref(), Some("/run/user/7/i"));
    }

    #[test]
    fn what_is_no_regular_file_is_not_waited_for() {
        let temp = tempfile::tempdir().unwrap();
        let fifo = temp.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(contents(&fifo).is_err() && contents(temp.path()).is_err());
    }
}
