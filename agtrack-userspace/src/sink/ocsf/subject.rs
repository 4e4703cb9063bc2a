//! A record in a line, and by its name.

use super::fields::text;
use crate::record::{Address, Body, Change, Object, Outcome, Record};

/// Characters of a line.
const LINE: usize = 512;

/// What kind of record it is: the action's name, or the kind's and what changed.
pub(super) fn code(body: &Body) -> String {
    match body {
        Body::Action(action) => action.action.clone(),
        Body::Tamper(tamper) => tamper.action.clone(),
        Body::Session(change) => format!("session.{}", word(change.change)),
        Body::ToolCall(change) => format!("tool_call.{}", word(change.change)),
        Body::Lifecycle(change) => format!("lifecycle.{}", word(change.change)),
        Body::Handoff(_) => "handoff".to_owned(),
        Body::Gap(_) => "gap".to_owned(),
        Body::Heartbeat(_) => "heartbeat".to_owned(),
    }
}

/// A change as it stands in records.
pub(super) fn word(change: Change) -> &'static str {
    match change {
        Change::Start => "start",
        Change::End => "end",
        Change::Report => "report",
        Change::Suspend => "suspend",
        Change::Resume => "resume",
        Change::Reload => "reload",
        Change::ReloadRefused => "reload_refused",
        Change::CaptureStart => "capture_start",
        Change::CaptureEnd => "capture_end",
        Change::Tag => "tag",
        Change::Untag => "untag",
    }
}

/// The line.
pub(super) fn message(record: &Record) -> String {
    let agent = record.agent.as_deref();
    let who = agent.map_or_else(String::new, |agent| format!("{}: ", agent.name));
    let line = format!("{who}{}", told(&record.body));
    line.chars().take(LINE).collect()
}

fn told(body: &Body) -> String {
    let code = code(body);
    match body {
        Body::Action(action) => {
            let object = object(&action.object);
            format!("{code} {object}{}", ending(&action.outcome))
        }
        Body::Tamper(tamper) => {
            let object = object(&tamper.object);
            format!("{code} {object}{}", ending(&tamper.outcome))
        }
        Body::ToolCall(change) => {
            let command: Vec<_> = change.tool_call.command.iter().map(text).collect();
            format!("{code} {}", command.join(" "))
        }
        Body::Handoff(handoff) => {
            let (channel, reached) = (&handoff.channel, text(&handoff.reached));
            let (can, caveat) = (&handoff.can, handoff.caveat());
            format!("reached {channel} at {reached}, which {can}{caveat}")
        }
        Body::Gap(gap) => format!("gap: {}", gap.detail),
        Body::Lifecycle(change) => match &change.detail {
            Some(detail) => format!("{code}: {detail}"),
            None => code,
        },
        Body::Session(_) | Body::Heartbeat(_) => code,
    }
}

fn ending(outcome: &Outcome) -> String {
    let errno = outcome.errno.as_ref();
    errno.map_or_else(String::new, |errno| format!(": {errno}"))
}

/// What it was done to, in a few words.
pub(super) fn object(object: &Object) -> String {
    match object {
        Object::Uring(request) => match (&request.path, &request.address) {
            (Some(path), _) => format!("{} {}", request.request, text(path)),
            (None, Some(peer)) => format!("{} {}", request.request, address(peer)),
            (None, None) => request.request.clone(),
        },
        Object::Flow(flow) => {
            let peer = flow.peer.as_ref().unwrap_or(&flow.local);
            let (out, into) = (flow.bytes_out, flow.bytes_in);
            format!("{}, {out} bytes out, {into} bytes in", address(peer))
        }
        Object::Dns(dns) => {
            let names: Vec<_> = dns.questions.iter().map(|one| one.name.as_str()).collect();
            names.join(" ")
        }
        Object::Tls(hello) => match &hello.server_name {
            Some(name) => text(name),
            None => address(&hello.peer),
        },
        Object::Http(http) => format!("{} {}", text(&http.method), text(&http.target)),
        Object::Quic(hello) => address(&hello.peer),
        Object::Rename { from, to, .. } => format!("{} to {}", text(from), text(to)),
        Object::Open { path, .. } | Object::File { path, .. } => text(path),
        Object::Exec { exe, .. } | Object::Program { exe } => text(exe),
        Object::Fork { child_pid, .. } => child_pid.to_string(),
        Object::Exit { code, signal, .. } => match (code, signal) {
            (_, Some(signal)) => signal.clone(),
            (Some(code), None) => code.to_string(),
            (None, None) => String::new(),
        },
        Object::Connect(peer) => address(peer),
        Object::Cgroup { cgroup, .. } => text(cgroup),
        Object::Endpoint { local, peer } => address(peer.as_ref().unwrap_or(local)),
        Object::Socket {
            family,
            socket_type,
            proto,
        } => format!("{family} {socket_type} {proto}"),
        Object::Ids { euser, egroup, .. } => format!("{euser}:{egroup}"),
        Object::Request {
            request,
            target_pid,
            ..
        } => match target_pid {
            Some(pid) => format!("{request} {pid}"),
            None => request.clone(),
        },
    }
}

fn address(address: &Address) -> String {
    match address {
        Address::Ip {
            ip, port, domain, ..
        } => match domain {
            Some(domain) => format!("{domain} ({ip}) port {port}"),
            None => format!("{ip} port {port}"),
        },
        Address::Unix { socket } => text(socket),
        Address::Other { family } => format!("AF_{family}"),
    }
}
