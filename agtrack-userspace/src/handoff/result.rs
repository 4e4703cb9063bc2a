//! What comes of work that systemd or a container runtime was asked for: a cgroup, known by its place
//! and its name.

use crate::container;
use crate::record::Container;

/// Who runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    /// It is not known who does.
    Anyone,
    /// A service of the machine.
    System,
    /// A service of this user's.
    User(u32),
}

/// What appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Unit,
    Container,
}

/// What a channel gives to whom it is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// Nothing that has a cgroup of its own.
    Nothing,
    /// Units of systemd, of any name.
    Units,
    /// Units of systemd that have the names which it gives to those that are made for a command
    /// (`run-…`), or that are asked for by their own.
    Transient,
    /// Containers of these runtimes.
    Containers(&'static [&'static str]),
}

impl Gives {
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Gives::Nothing => None,
            Gives::Units | Gives::Transient => Some(Kind::Unit),
            Gives::Containers(_) => Some(Kind::Container),
        }
    }
}

/// A cgroup that may be a result.
#[derive(Debug)]
pub(super) struct Appeared<'a> {
    whose: Whose,
    what: What<'a>,
}

#[derive(Debug)]
enum What<'a> {
    /// The name without its suffix.
    Unit(&'a [u8]),
    Container(Container),
}

impl<'a> Appeared<'a> {
    /// What the cgroup at a path can be the result of; none: of nothing that is known.
    pub(super) fn new(path: &'a [u8]) -> Option<Appeared<'a>> {
        let (above, name) = split(path)?;
        if let Some(found) = container::around(path) {
            // What lies in a container is part of it.
            let is_inside = container::around(above).is_some();
            return (!is_inside).then(|| Appeared {
                whose: owner(above),
                what: What::Container(found),
            });
        }
        let whose = slice(above)?;
        let scope = name.strip_suffix(b".scope");
        let unit = scope.or_else(|| name.strip_suffix(b".service"))?;
        // Where people log in, and what D-Bus starts by itself.
        let not_asked: [&[u8]; 4] = [b"session-", b"user@", b"user-runtime-dir@", b"dbus-:"];
        let is_asked = !not_asked.iter().any(|begin| unit.starts_with(begin));
        (is_asked && unit != b"init").then_some(Appeared {
            whose,
            what: What::Unit(unit),
        })
    }

    /// Whether a channel that was reached at somebody's can have given it. `words` says whether the
    /// name alone tells.
    pub(super) fn is_of(&self, gives: Gives, whose: Whose, by_name: bool) -> bool {
        let fits = match (gives, &self.what) {
            (Gives::Units, What::Unit(_)) => true,
            (Gives::Transient, What::Unit(name)) => by_name || name.starts_with(b"run-"),
            (Gives::Containers(runtimes), What::Container(found)) => {
                let runtime = found.runtime.as_deref();
                runtime.is_none_or(|runtime| runtimes.contains(&runtime))
            }
            (Gives::Nothing | Gives::Units | Gives::Transient | Gives::Containers(_), _) => false,
        };
        fits && whose.covers(self.whose)
    }

    /// Whether an argument names it: as a word by itself, or in a command or an option.
    pub(super) fn is_named_in(&self, argument: &[u8]) -> bool {
        let mut words = argument.split(|byte| !is_of_name(*byte));
        match &self.what {
            What::Unit(name) => words.any(|word| {
                let bare = word
                    .strip_suffix(b".service")
                    .or_else(|| word.strip_suffix(b".scope"));
                name.len() >= SHORTEST_NAME && bare.unwrap_or(word) == *name
            }),
            What::Container(found) => words.any(|word| {
                word.len() >= SHORTEST_ID.min(found.id.len())
                    && word.len() >= SHORTEST_NAME
                    && found.id.as_bytes().starts_with(word)
            }),
        }
    }
}

/// Shorter names are words of other meanings.
const SHORTEST_NAME: usize = 3;
/// As many letters of a container's id as its runtime shows.
const SHORTEST_ID: usize = 12;

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.@:\\".contains(&byte)
}

impl Whose {
    /// Who runs what is reached at a path.
    pub(super) fn at(path: &[u8]) -> Whose {
        if let Some(rest) = path.strip_prefix(b"/run/user/") {
            let user = rest.split(|byte| *byte == b'/').next();
            return user.and_then(number).map_or(Whose::Anyone, Whose::User);
        }
        let of_system: [&[u8]; 3] = [b"/run/", b"/var/run/", b"/var/lib/"];
        match of_system.iter().any(|begin| path.starts_with(begin)) {
            true => Whose::System,
            false => Whose::Anyone,
        }
    }

    fn covers(self, other: Whose) -> bool {
        self == Whose::Anyone || self == other
    }

    /// Whether results of this kind appear directly in the cgroup at a path.
    pub(super) fn expects(self, kind: Kind, parent: &[u8]) -> bool {
        let is_place = match kind {
            Kind::Unit => slice(parent).is_some(),
            Kind::Container => slice(parent).is_some() || is_of_runtime(parent),
        };
        is_place && self.covers(owner(parent))
    }
}

/// Where runtimes put containers that systemd does not know.
fn is_of_runtime(parent: &[u8]) -> bool {
    let places: [&[u8]; 5] = [b"/", b"/docker", b"/libpod_parent", b"/default", b"/k8s.io"];
    places.contains(&parent) || parent == b"/kubepods" || parent.starts_with(b"/kubepods/")
}

/// The name of a cgroup and the one above it.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    let (above, name) = (path.get(..slash)?, path.get(slash + 1..)?);
    let above = if above.is_empty() { b"/" } else { above };
    (!name.is_empty()).then_some((above, name))
}

/// Whose the slice at a path is; none: it is no slice in which units are.
fn slice(path: &[u8]) -> Option<Whose> {
    let mut parts = path.strip_prefix(b"/")?.split(|byte| *byte == b'/');
    let whose = match owner(path) {
        Whose::System | Whose::Anyone => Whose::System,
        Whose::User(user) => {
            // `user.slice/user-N.slice/user@N.service`, the user's own manager.
            parts.by_ref().nth(2)?;
            Whose::User(user)
        }
    };
    let is_slice = |part: &[u8]| part.ends_with(b".slice") && part != b"user.slice";
    // The manager's own `user.slice` holds containers.
    let is_own = |part: &[u8]| whose != Whose::System && part == b"user.slice";
    parts
        .all(|part| is_slice(part) || is_own(part))
        .then_some(whose)
}

/// Whose manager a cgroup belongs to.
fn owner(path: &[u8]) -> Whose {
    let user = || {
        let rest = path.strip_prefix(b"/user.slice/user-")?;
        let (_, rest) = rest.split_at(rest.windows(8).position(|part| part == b".slice/u")? + 7);
        let rest = rest.strip_prefix(b"user@")?;
        number(rest.get(..rest.iter().position(|byte| *byte == b'.')?)?)
    };
    user().map_or(Whose::System, Whose::User)
}

fn number(digits: &[u8]) -> Option<u32> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";

    fn is_of(path: &str, gives: Gives, whose: Whose) -> bool {
        Appeared::new(path.as_bytes()).is_some_and(|found| found.is_of(gives, whose, false))
    }

    #[test]
    fn units_are_known_by_slice_and_name() {
        let system = |path: &str| is_of(path, Gives::Units, Whose::System);
        for path in [
            "/system.slice/run-u1.service",
            "/system.slice/nginx.service",
            "/system.slice/system-job.slice/job@1.service",
            "/agents.slice/run-r7.scope",
        ] {
            assert!(system(path), "{path}");
            assert!(is_of(path, Gives::Units, Whose::Anyone), "{path}");
            assert!(!is_of(path, Gives::Units, Whose::User(7)), "{path}");
        }
        for path in [
            "",
            "/",
            "/run-u1.service",
            "/elsewhere/run-u1.service",
            "/system.slice/nginx.service/worker.service",
            "/system.slice/../run-u1.service",
            "/system.slice/x.slice",
            "/init.scope",
            "/user.slice/user-7.slice/session-3.scope",
            "/user.slice/user-7.slice/user@7.service",
            "/user.slice/x.service",
        ] {
            assert!(!system(path), "{path}");
        }
    }

    #[test]
    fn a_users_units_are_those_of_his_manager() {
        let app = "/user.slice/user-7.slice/user@7.service/app.slice/run-u1.service";
        let old = "/user.slice/user-7.slice/user@7.service/run-u1.service";
        for path in [app, old] {
            assert!(is_of(path, Gives::Transient, Whose::User(7)), "{path}");
            assert!(!is_of(path, Gives::Transient, Whose::User(8)), "{path}");
            assert!(!is_of(path, Gives::Transient, Whose::System), "{path}");
        }
    }

    #[test]
    fn a_bus_gives_units_that_are_made_for_a_command() {
        let of = |path: &str, by_name| {
            let found = Appeared::new(path.as_bytes()).unwrap();
            found.is_of(Gives::Transient, Whose::System, by_name)
        };
        assert!(of("/system.slice/run-u1.service", false));
        assert!(!of("/system.slice/nginx.service", false));
        assert!(of("/system.slice/nginx.service", true));
    }

    #[test]
    fn containers_are_known_by_the_runtimes_names() {
        let docker = Gives::Containers(&["docker"]);
        let scope = format!("/system.slice/docker-{ID}.scope");
        let plain = format!("/docker/{ID}");
        for path in [&scope, &plain] {
            assert!(is_of(path, docker, Whose::System), "{path}");
            assert!(!is_of(path, Gives::Units, Whose::System), "{path}");
            let podman = Gives::Containers(&["podman"]);
            assert!(!is_of(path, podman, Whose::System), "{path}");
        }
        assert!(!is_of(&format!("{scope}/init"), docker, Whose::System));
        assert!(!is_of(
            "/system.slice/docker.service",
            docker,
            Whose::System
        ));
        let own = format!("/user.slice/user-7.slice/user@7.service/user.slice/docker-{ID}.scope");
        assert!(is_of(&own, docker, Whose::User(7)));
        assert!(!is_of(&own, docker, Whose::System));
    }

    #[test]
    fn results_are_expected_where_they_appear() {
        for (whose, kind, parent, expect) in [
            (Whose::System, Kind::Unit, "/system.slice", true),
            (Whose::System, Kind::Unit, "/", false),
            (Whose::System, Kind::Unit, "/user.slice", false),
            (Whose::System, Kind::Unit, "/system.slice/x.service", false),
            (Whose::User(7), Kind::Unit, "/system.slice", false),
            (
                Whose::User(7),
                Kind::Container,
                "/user.slice/user-7.slice/user@7.service/user.slice",
                true,
            ),
            (Whose::System, Kind::Container, "/docker", true),
            (
                Whose::Anyone,
                Kind::Container,
                "/kubepods/burstable/pod1",
                true,
            ),
            (Whose::System, Kind::Unit, "/docker", false),
        ] {
            let found = whose.expects(kind, parent.as_bytes());
            assert_eq!(found, expect, "{whose:?} {kind:?} {parent}");
        }
    }

    #[test]
    fn who_runs_it_is_told_by_where_it_is_reached() {
        for (path, whose) in [
            ("/run/user/1000/bus", Whose::User(1000)),
            ("/run/dbus/system_bus_socket", Whose::System),
            ("/var/run/docker.sock", Whose::System),
            ("/home/a/.docker/run/docker.sock", Whose::Anyone),
            ("/usr/bin/systemd-run", Whose::Anyone),
            ("/run/user/x/bus", Whose::Anyone),
        ] {
            assert_eq!(Whose::at(path.as_bytes()), whose, "{path}");
        }
    }

    #[test]
    fn a_name_is_found_among_words() {
        let named = |path: &str, argument: &str| {
            let found = Appeared::new(path.as_bytes()).unwrap();
            found.is_named_in(argument.as_bytes())
        };
        let job = "/system.slice/my-job.service";
        for argument in [
            "my-job",
            "my-job.service",
            "--unit=my-job",
            "systemd-run --unit 'my-job' true",
        ] {
            assert!(named(job, argument), "{argument}");
        }
        for argument in ["my-jobs", "job", "", "my-job.timer", "/x/my-job2"] {
            assert!(!named(job, argument), "{argument}");
        }
        assert!(!named("/system.slice/ls.service", "ls -l"));
        let scope = format!("/system.slice/docker-{ID}.scope");
        assert!(named(&scope, &format!("docker start {}", &ID[..12])));
        assert!(named(&scope, ID));
        assert!(!named(&scope, &ID[..11]));
        assert!(!named(&scope, "docker start"));
    }
}
