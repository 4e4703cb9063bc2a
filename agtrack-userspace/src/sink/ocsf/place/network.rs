//! Connections and their ends.

use super::Deed;
use crate::record::{Address, Direction, Flow, Object};
use crate::sink::ocsf::actor;
use crate::sink::ocsf::fields::{Fields, duration};

/// `connection_info.direction_id`.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Unknown = 0,
    Inbound = 1,
    Outbound = 2,
}

impl From<Direction> for Way {
    fn from(direction: Direction) -> Way {
        match direction {
            Direction::Inbound => Way::Inbound,
            Direction::Outbound => Way::Outbound,
        }
    }
}

/// The peer of an action that has one only.
fn peer<'a>(deed: &Deed<'a>) -> Option<&'a Address> {
    match &deed.action.object {
        Object::Connect(peer) => Some(peer),
        Object::Endpoint { peer, .. } => peer.as_ref(),
        Object::Uring(request) => request.address.as_ref(),
        _ => None,
    }
}

/// The socket's own address.
fn local<'a>(deed: &Deed<'a>) -> Option<&'a Address> {
    match &deed.action.object {
        Object::Endpoint { local, .. } => Some(local),
        Object::Uring(request) => request.address.as_ref(),
        _ => None,
    }
}

pub(super) fn to(deed: Deed<'_>) -> Option<Fields> {
    let peer = peer(&deed)?;
    let fields = Fields::default()
        .with("src_endpoint", actor::endpoint(deed.host))
        .with("dst_endpoint", endpoint(peer));
    Some(fields.with("connection_info", connection(peer, Way::Outbound)))
}

pub(super) fn from(deed: Deed<'_>) -> Option<Fields> {
    let peer = peer(&deed)?;
    let fields = Fields::default()
        .with("src_endpoint", endpoint(peer))
        .with("dst_endpoint", actor::endpoint(deed.host));
    Some(fields.with("connection_info", connection(peer, Way::Inbound)))
}

pub(super) fn own(deed: Deed<'_>) -> Option<Fields> {
    let local = local(&deed)?;
    let fields = Fields::default().with("dst_endpoint", endpoint(local));
    Some(fields.with("connection_info", connection(local, Way::Unknown)))
}

pub(super) fn taken(deed: Deed<'_>) -> Option<Fields> {
    let local = local(&deed)?;
    let fields = Fields::default()
        .maybe("src_endpoint", peer(&deed).map(endpoint))
        .with("dst_endpoint", endpoint(local));
    Some(fields.with("connection_info", connection(local, Way::Inbound)))
}

pub(super) fn socket(deed: Deed<'_>) -> Option<Fields> {
    let (protocol, kind) = match &deed.action.object {
        Object::Socket {
            family,
            socket_type,
            proto,
        } => (proto, format!("{family} {socket_type}")),
        Object::Uring(request) => (request.socket.as_ref()?, String::new()),
        _ => return None,
    };
    let connection = Fields::default()
        .with("direction_id", Way::Unknown as u32)
        .with("protocol_name", protocol.clone());
    let fields = Fields::default()
        .with("src_endpoint", actor::endpoint(deed.host))
        .with("connection_info", connection);
    Some(match kind.is_empty() {
        true => fields,
        false => fields.with("app_name", kind),
    })
}

pub(super) fn flow(deed: Deed<'_>) -> Option<Fields> {
    let Object::Flow(flow) = &deed.action.object else {
        return None;
    };
    // Both times are on the boot clock, as the record's is.
    let since = |boot: u64| i64::try_from(duration(deed.boot_time.saturating_sub(boot))).ok();
    let at = |boot: u64| since(boot).map(|ago| deed.time.saturating_sub(ago));
    let inbound = flow.direction == Some(Direction::Inbound);
    let own = endpoint(&flow.local);
    let peer = flow.peer.as_ref().map(endpoint);
    let (source, target) = match inbound {
        true => (peer, Some(own)),
        false => (Some(own), peer),
    };
    let way = flow.direction.map_or(Way::Unknown, Way::from);
    let about = flow.peer.as_ref().unwrap_or(&flow.local);
    let fields = Fields::default()
        .maybe("src_endpoint", source)
        .maybe("dst_endpoint", target)
        .with("connection_info", connection(about, way))
        .with("traffic", traffic(flow, inbound))
        .maybe("start_time", flow.began_boot_time.and_then(at))
        .maybe("end_time", at(flow.ended_boot_time))
        .maybe("duration", flow.duration.map(duration));
    Some(fields)
}

/// In OCSF `out` is from the source to the destination.
fn traffic(flow: &Flow, inbound: bool) -> Fields {
    let (out, into) = match inbound {
        true => ("in", "out"),
        false => ("out", "in"),
    };
    let sum = |one: u64, other: u64| one.saturating_add(other);
    Fields::default()
        .with("bytes", sum(flow.bytes_out, flow.bytes_in))
        .with(&format!("bytes_{out}"), flow.bytes_out)
        .with(&format!("bytes_{into}"), flow.bytes_in)
        .with("packets", sum(flow.packets_out, flow.packets_in))
        .with(&format!("packets_{out}"), flow.packets_out)
        .with(&format!("packets_{into}"), flow.packets_in)
}

/// The object `network_endpoint`.
pub(super) fn endpoint(address: &Address) -> Fields {
    match address {
        Address::Ip {
            ip, port, domain, ..
        } => Fields::default()
            .with("ip", ip.to_string())
            .with("port", *port)
            .maybe("hostname", domain.clone()),
        Address::Unix { socket } => Fields::default().with("name", socket.escaped().into_owned()),
        Address::Other { family } => Fields::default().with("name", format!("AF_{family}")),
    }
}

/// The object `network_connection_info`.
pub(super) fn connection(address: &Address, way: Way) -> Fields {
    let fields = Fields::default().with("direction_id", way as u32);
    match address {
        Address::Ip { ip, proto, .. } => {
            let number = match proto.as_str() {
                "tcp" => Some(6),
                "udp" => Some(17),
                other => other.parse::<u32>().ok(),
            };
            let version = if ip.is_ipv4() { 4 } else { 6 };
            // Which other addresses are inside is not known here.
            let local = ip.to_canonical().is_loopback();
            fields
                .with("protocol_name", proto.clone())
                .maybe("protocol_num", number)
                .with("protocol_ver_id", version)
                .with("boundary_id", u32::from(local))
        }
        Address::Unix { .. } => fields.with("protocol_name", "unix").with("boundary_id", 1),
        Address::Other { .. } => fields,
    }
}
