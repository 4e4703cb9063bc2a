//! What was acted on, in a few words.

mod content;
mod flow;

use super::written;
use crate::record::{Access, Action, Address, FileChange, Object, Text, UringRequest, printable};
use crate::terminal::{self, cut, word};

/// Characters of a command line that are shown.
const COMMAND: usize = 160;

/// What an action was done to, and what a file that was written has in it now. Safe for a terminal.
pub(super) fn done(action: &Action) -> String {
    let is_written =
        matches!(&action.object, Object::File { change, .. } if change.content.is_some());
    let effect = action.effect.as_ref().filter(|_| is_written);
    let hash = effect.and_then(written::hash);
    words(&action.object) + &hash.map_or(String::new(), |hash| format!(" {hash}"))
}

/// Safe for a terminal.
pub(super) fn words(object: &Object) -> String {
    match object {
        Object::Rename {
            from,
            to,
            rename_flags,
            ..
        } => {
            let flags = flags(rename_flags);
            format!("{} -> {}{flags}", from.printable(), to.printable())
        }
        Object::Open {
            path,
            access,
            created,
            open_flags,
            ..
        } => opened(path, *access, *created, open_flags),
        Object::File { path, change, .. } => changed(path, change),
        Object::Exec {
            exe, args, brought, ..
        } => {
            let rest = args.get(1..).unwrap_or_default();
            let words: Vec<_> = [exe].into_iter().chain(rest).map(word).collect();
            cut(&words.join(" "), COMMAND) + &flags(&brought.marks())
        }
        Object::Fork {
            child_pid,
            namespaces,
            ..
        } => format!("process {child_pid}{}", flags(namespaces)),
        Object::Program { exe } => exe.printable(),
        Object::Exit {
            code, signal, core, ..
        } => exit(*code, signal.as_deref(), *core),
        Object::Connect(address) => peer(address),
        Object::Endpoint { local, peer: None } => peer(local),
        Object::Endpoint {
            local,
            peer: Some(from),
        } => format!("{} at {}", peer(from), peer(local)),
        Object::Flow(flow) => flow::passed(flow),
        Object::Ids { .. } | Object::Request { .. } | Object::Socket { .. } => asked(object),
        Object::Uring(request) => uring(request),
        Object::Dns(dns) => content::dns(dns),
        Object::Tls(_) | Object::Http(_) | Object::Quic(_) => content::begun(object),
        Object::Cgroup {
            cgroup, target_pid, ..
        } => moved(cgroup, *target_pid),
    }
}

/// What was asked of io_uring: of what, and whom.
fn uring(request: &UringRequest) -> String {
    let mut words = vec![printable(&request.request)];
    let target = request.target.as_ref().or(request.attribute.as_ref());
    words.extend(request.path.as_ref().map(Text::printable));
    words.extend(target.map(|target| format!("({})", target.printable())));
    words.extend(request.address.as_ref().map(peer));
    words.extend(request.socket.as_deref().map(printable));
    if let (None, Some(descriptor)) = (&request.path, request.descriptor) {
        words.push(format!("descriptor {descriptor}"));
    }
    format!("{}{}", words.join(" "), flags(&request.flags))
}

/// What was asked of the kernel and has no name of its own.
fn asked(object: &Object) -> String {
    match object {
        Object::Socket {
            family,
            socket_type,
            proto,
        } => format!(
            "{} {} {}",
            printable(family),
            printable(socket_type),
            printable(proto)
        ),
        Object::Ids {
            user,
            euser,
            group,
            egroup,
            capabilities,
            ..
        } => {
            let capabilities = printable(capabilities);
            format!("user {user}/{euser}, group {group}/{egroup}, capabilities {capabilities}")
        }
        Object::Request {
            request,
            target_pid,
            namespaces,
            ..
        } => {
            let target = target_pid.map_or(String::new(), |pid| format!(" to process {pid}"));
            format!("{}{target}{}", printable(request), flags(namespaces))
        }
        _ => String::new(),
    }
}

fn moved(cgroup: &Text, process: Option<u32>) -> String {
    match process {
        Some(pid) => format!("process {pid} to {}", cgroup.printable()),
        None => cgroup.printable(),
    }
}

/// A command line as a shell would take it.
pub(super) fn command(args: &[Text]) -> String {
    terminal::command(args, COMMAND)
}

fn opened(path: &Text, access: Access, created: bool, open_flags: &[String]) -> String {
    let mut how = vec![match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::ReadWrite => "read, write",
        Access::None => "neither read nor write",
    }];
    how.extend(created.then_some("created"));
    how.extend(
        open_flags
            .iter()
            .any(|flag| flag == "TRUNC")
            .then_some("truncated"),
    );
    how.extend(
        open_flags
            .iter()
            .any(|flag| flag == "APPEND")
            .then_some("append"),
    );
    format!("{} ({})", path.printable(), how.join(", "))
}

fn changed(path: &Text, change: &FileChange) -> String {
    let after = |word: &str, text: &Option<Text>| {
        let text = text.as_ref().map(Text::printable);
        text.map_or(String::new(), |text| format!(" {word} {text}"))
    };
    let beside = after("->", &change.target) + &after("from", &change.source);
    let set: Vec<_> = [
        change
            .mode
            .as_ref()
            .map(|mode| format!("mode {}", printable(mode))),
        change
            .node
            .as_ref()
            .map(|node| format!("device {}", printable(node))),
        change
            .attribute
            .as_ref()
            .map(|name| format!("attribute {}", name.printable())),
        change.owner.map(|owner| format!("owner {owner}")),
        change.group.map(|group| format!("group {group}")),
        change.size.map(|size| format!("{size} bytes")),
    ]
    .into_iter()
    .flatten()
    .chain(change.file_system.as_ref().map(Text::printable))
    .chain(change.mount_flags.iter().map(|flag| printable(flag)))
    .chain(change.content.iter().flat_map(written::words))
    .collect();
    format!("{}{beside}{}", path.printable(), flags(&set))
}

fn flags(flags: &[String]) -> String {
    if flags.is_empty() {
        String::new()
    } else {
        format!(" ({})", flags.join(", "))
    }
}

fn exit(code: Option<u8>, signal: Option<&str>, core: bool) -> String {
    let core = if core { ", core dumped" } else { "" };
    match (code, signal) {
        (Some(code), _) => format!("code {code}"),
        (None, Some(signal)) => format!("by {signal}{core}"),
        (None, None) => String::new(),
    }
}

fn peer(address: &Address) -> String {
    match address {
        Address::Ip {
            ip,
            port,
            proto,
            domain,
        } => {
            let name = domain
                .as_ref()
                .map(|name| format!(" ({})", printable(name)));
            let at = std::net::SocketAddr::new(*ip, *port);
            format!("{at} {proto}{}", name.unwrap_or_default())
        }
        Address::Unix { socket } => format!("unix {}", socket.printable()),
        Address::Other { family } => format!("address family {family}"),
    }
}

#[cfg(test)]
mod tests;
