//! Where the parts of an action stand in its class: one function a kind of object.

mod content;
mod file;
mod kernel;
mod network;
mod process;

use super::fields::Fields;
use crate::credential;
use crate::record::{Action, Address, Agent, Host, Object, Process, Text};

pub(super) use file::object as file_object;

/// An action with what is needed to place it.
#[derive(Clone, Copy)]
pub(super) struct Deed<'a> {
    pub(super) action: &'a Action,
    pub(super) agent: Option<&'a Agent>,
    pub(super) host: &'a Host,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    /// Boot clock, ns.
    pub(super) boot_time: u64,
}

impl<'a> Deed<'a> {
    pub(super) fn process(&self) -> &'a Process {
        &self.action.process
    }
}

/// How an object is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `file` is the file.
    File,
    /// `file` has the old name, `file_result` the new one.
    Renamed,
    /// `process` is the program that was started, `actor.process` its parent.
    Launched,
    /// `process` is the child.
    Forked,
    /// `process` is the process itself.
    Itself,
    /// `process` is the other process, or the process itself where there is no other.
    Target,
    /// `kernel` is what the kernel keeps: its kind, and the system call where it is always the same.
    Kernel(&'static str, Option<&'static str>),
    /// `driver` is the module, whose name the kernel is not asked for.
    Module,
    /// `dst_endpoint` is the peer.
    To,
    /// `src_endpoint` is the peer.
    From,
    /// `dst_endpoint` is the socket's own address.
    Own,
    /// `src_endpoint` is the peer, `dst_endpoint` the socket's own address.
    Taken,
    /// Both ends and `traffic`, seen from the side that began.
    Flow,
    /// `src_endpoint` is the machine, `connection_info` the socket's protocol.
    Socket,
    /// Both ends and `query`, `answers`, `rcode`.
    Dns,
    /// Both ends and `tls`.
    Tls,
    /// Both ends and `http_request`.
    Http,
    /// Both ends; `app_protocol_name` is `quic`.
    Quic,
}

impl Place {
    /// What stands in the class besides what all have. `None`: such an action has no such object.
    pub(super) fn fields(self, deed: Deed<'_>) -> Option<Fields> {
        match self {
            Place::File => file::file(deed),
            Place::Renamed => file::renamed(deed),
            Place::Launched => process::launched(deed),
            Place::Forked => process::forked(deed),
            Place::Itself => process::itself(deed),
            Place::Target => process::target(deed),
            Place::Kernel(kind, call) => kernel::kernel(deed, kind, call),
            Place::Module => kernel::module(deed),
            Place::To => network::to(deed),
            Place::From => network::from(deed),
            Place::Own => network::own(deed),
            Place::Taken => network::taken(deed),
            Place::Flow => network::flow(deed),
            Place::Socket => network::socket(deed),
            Place::Dns => content::dns(deed),
            Place::Tls => content::tls(deed),
            Place::Http => content::http(deed),
            Place::Quic => content::quic(deed),
        }
    }

    /// The same for people.
    #[must_use]
    pub fn words(self) -> String {
        let words = match self {
            Place::File => "`file`",
            Place::Renamed => "`file`: the old name; `file_result`: the new one",
            Place::Launched => "`process`: what was started; `actor.process`: its parent",
            Place::Forked => "`process`: the child",
            Place::Itself => "`process`: itself",
            Place::Target => "`process`: the other one, or itself where there is none",
            Place::Kernel(kind, None) => return format!("`kernel`, of type `{kind}`"),
            Place::Kernel(kind, Some(call)) => {
                return format!("`kernel`, of type `{kind}`, by `{call}`");
            }
            Place::Module => "`driver.file`, whose name is not known: `unknown`",
            Place::To => "`dst_endpoint`: the peer",
            Place::From => "`src_endpoint`: the peer",
            Place::Own => "`dst_endpoint`: its own address",
            Place::Taken => "`src_endpoint`: the peer; `dst_endpoint`: its own address",
            Place::Flow => "both ends, `traffic`, `duration`; the source is the side that began",
            Place::Socket => "`src_endpoint`: the machine; `connection_info`: the protocol",
            Place::Dns => "both ends, `query`, `answers`, `rcode`",
            Place::Tls => "both ends, `tls`",
            Place::Http => "both ends, `http_request`",
            Place::Quic => "both ends, `app_protocol_name`",
        };
        words.to_owned()
    }
}

/// The well-known credential that an action is about, in a word or two.
pub(super) fn credential(action: &Action) -> Option<&'static str> {
    let at = |path: &Text| credential::at(&path.0).map(|known| known.what);
    let of = |address: &Option<Address>| address.as_ref().and_then(credential::of);
    match &action.object {
        Object::Open { path, .. } => at(path),
        Object::File { path, change, .. } => {
            at(path).or_else(|| change.target.as_ref().and_then(at))
        }
        Object::Rename { from, to, .. } => at(from).or_else(|| at(to)),
        Object::Connect(address) => credential::of(address),
        Object::Uring(request) => request
            .path
            .as_ref()
            .and_then(at)
            .or_else(|| request.target.as_ref().and_then(at))
            .or_else(|| of(&request.address)),
        Object::Flow(_)
        | Object::Dns(_)
        | Object::Tls(_)
        | Object::Http(_)
        | Object::Quic(_)
        | Object::Exec { .. }
        | Object::Fork { .. }
        | Object::Exit { .. }
        | Object::Program { .. }
        | Object::Cgroup { .. }
        | Object::Endpoint { .. }
        | Object::Socket { .. }
        | Object::Ids { .. }
        | Object::Request { .. } => None,
    }
}
