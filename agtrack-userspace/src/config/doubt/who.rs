//! Doubts about programs, users and containers.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Entry, entries, program};
use crate::config::{Placed, Source, User};

/// What an entry of a list stands for, so that two can be told to be the same.
#[derive(PartialEq, Eq, Hash)]
enum Thing {
    Program(PathBuf),
    User(u32),
    Container(String),
}

/// Looks at texts without mistakes.
pub(super) fn find(sources: &[Source]) -> Vec<Placed> {
    let mut doubts = Vec::new();
    let mut first = HashMap::new();
    for entry in entries(sources, "executables") {
        let Some(path) = entry.value.as_str().map(Path::new) else {
            continue;
        };
        let doubt = no_program(path).or_else(|| program::common(&entry, path));
        doubts.extend(doubt.map(|message| entry.placed(message)));
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let shown = format!("`{}`", path.display());
        doubts.extend(taken(&mut first, Thing::Program(real), entry, &shown));
    }
    for entry in entries(sources, "containers") {
        let Some(rule) = entry.value.as_str().map(str::to_owned) else {
            continue;
        };
        if let Some(what) = every(&rule) {
            let id = &entry.id;
            doubts.push(entry.placed(format!(
                "`{rule}` is every container {what}: all of them are recorded as agent `{id}`; name only \
                 those that the agent runs in"
            )));
        }
        let shown = format!("`{rule}`");
        doubts.extend(taken(&mut first, Thing::Container(rule), entry, &shown));
    }
    for entry in entries(sources, "users") {
        let Some(user) = user(&entry) else {
            continue;
        };
        let Some(number) = user.number() else {
            let message = format!(
                "there is no user `{user}` here, so nobody is recognised by it; correct the name, \
                 or reload once there is"
            );
            doubts.push(entry.placed(message));
            continue;
        };
        if number == 0 {
            let message = format!(
                "`{user}` is the superuser: whatever root executes on this host, the system's services \
                 too, is recorded as agent `{}`; name a user that only the agent runs as",
                entry.id
            );
            doubts.push(entry.placed(message));
        }
        let shown = format!("user `{user}`");
        doubts.extend(taken(&mut first, Thing::User(number), entry, &shown));
    }
    doubts
}

/// What has nothing but stars to match.
fn every(rule: &str) -> Option<&'static str> {
    let (word, like) = rule.split_once('=')?;
    let is_open = !like.is_empty() && like.bytes().all(|letter| letter == b'*');
    match word {
        "pod" | "namespace" if is_open => Some("of Kubernetes"),
        "name" | "image" if is_open => Some("of this host"),
        _ => None,
    }
}

fn user(entry: &Entry<'_>) -> Option<User> {
    if let Some(name) = entry.value.as_str() {
        return Some(User::Name(name.to_owned()));
    }
    let number = entry.value.as_integer()?;
    let number = u32::from_str_radix(number.as_str(), number.radix()).ok()?;
    Some(User::Number(number))
}

/// What nobody can execute here.
fn no_program(path: &Path) -> Option<String> {
    let shown = path.display();
    let reason = match std::fs::metadata(path) {
        Err(error) => format!("cannot be looked at ({error})"),
        Ok(found) if !found.is_file() => "is no regular file".to_owned(),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            "may not be executed by anybody".to_owned()
        }
        Ok(_) => return None,
    };
    Some(format!(
        "`{shown}` {reason}, so nobody is recognised by it until there is a program of that name; `command -v` \
         and `readlink -f` tell where one is"
    ))
}

/// An agent before has it already.
fn taken<'t>(
    first: &mut HashMap<Thing, Entry<'t>>,
    thing: Thing,
    entry: Entry<'t>,
    shown: &str,
) -> Option<Placed> {
    let Some(other) = first.get(&thing) else {
        first.insert(thing, entry);
        return None;
    };
    let (id, whose, place) = (&entry.id, &other.id, other.place(&entry));
    if other.agent == entry.agent {
        return Some(entry.placed(format!(
            "{shown} stands for agent `{id}` already in {place}; delete one of them"
        )));
    }
    Some(entry.placed(format!(
        "{shown} gets agent `{id}` nothing: agent `{whose}` names the same in {place}, and of two \
         agents the first gets it; leave it to one of them"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expects doubts about the lines of two agents, each beginning with this.
    fn check(one: &str, other: &str, expect: &[&str]) {
        let text = format!("[[agents]]\nid = \"a\"\n{one}\n[[agents]]\nid = \"b\"\n{other}\n");
        let file = PathBuf::from("c");
        let doubts = find(&[Source { file, text }]);
        let told: Vec<_> = doubts.iter().map(|doubt| doubt.line("")).collect();
        assert_eq!(told.len(), expect.len(), "{told:#?}");
        for (told, expect) in told.iter().zip(expect) {
            assert!(told.starts_with(expect), "{told}");
        }
    }

    #[test]
    fn programs_that_are_not_there_are_told() {
        check("executables = [\"/bin/ls\"]", "", &[]);
        check(
            "executables = [\"/nowhere/x\"]",
            "executables = [\"/etc\", \"/etc/passwd\"]",
            &[
                "c:3:16: `/nowhere/x` cannot be looked at (No such file",
                "c:6:16: `/etc` is no regular file",
                "c:6:24: `/etc/passwd` may not be executed by anybody",
            ],
        );
    }

    #[test]
    fn programs_that_everybody_executes_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("agent");
        std::os::unix::fs::symlink("/usr/bin/env", &link).unwrap();
        check(
            &format!("executables = [\"/bin/sh\", {link:?}]"),
            "executables = [\"/usr/bin/ls\", \"/bin/bash\"]",
            &[
                "c:3:16: `/bin/sh` is a shell: whoever executes it on this host",
                &format!(
                    "c:3:27: `{}` is a program that starts others",
                    link.display()
                ),
                "c:6:31: `/bin/bash` is a shell",
            ],
        );
    }

    #[test]
    fn a_program_or_user_of_two_agents_is_the_firsts() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/bin/ls", &link).unwrap();
        check(
            "executables = [\"/bin/ls\"]\nusers = [4242]",
            &format!("executables = [{link:?}]\nusers = [0x1092]"),
            &[
                &format!("c:7:16: `{}` gets agent `b` nothing", link.display()),
                "c:8:10: user `4242` gets agent `b` nothing: agent `a` names the same in line 4",
            ],
        );
        check(
            "users = [7, 7]",
            "",
            &["c:3:13: user `7` stands for agent `a` already in line 3"],
        );
    }

    #[test]
    fn containers_of_two_agents_or_of_all_are_told() {
        check(
            "containers = [\"name=box-*\", \"name=*\"]",
            "containers = [\"image=x\", \"name=box-*\"]",
            &[
                "c:3:29: `name=*` is every container of this host",
                "c:6:26: `name=box-*` gets agent `b` nothing: agent `a` names the same in line 3",
            ],
        );
        check(
            "containers = [\"label=a\", \"label=a\"]",
            "",
            &["c:3:26: `label=a` stands for agent `a` already in line 3"],
        );
    }

    #[test]
    fn users_that_are_nobody_or_everything_are_told() {
        check(
            "users = [\"no-such-user\", \"root\"]",
            "users = [0]",
            &[
                "c:3:10: there is no user `no-such-user` here",
                "c:3:26: `root` is the superuser",
                "c:6:10: `0` is the superuser",
                "c:6:10: user `0` gets agent `b` nothing",
            ],
        );
    }
}
