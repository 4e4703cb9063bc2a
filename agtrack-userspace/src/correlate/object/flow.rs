//! What passed between a socket and its peer.

use agtrack_common::event::{Flow, flow_direction};

use super::inet;
use crate::record::{self, Direction, Object};

/// `IPPROTO_TCP` (include/uapi/linux/in.h).
const TCP: u16 = 6;

pub(super) fn object(body: &Flow) -> Object {
    let address = |bytes, port| inet(body.family, bytes, port, (body.protocol, 0));
    let began = (body.begun != 0).then_some(body.begun);
    Object::Flow(record::Flow {
        local: address(body.local, body.local_port),
        peer: (body.several == 0).then(|| address(body.peer, body.peer_port)),
        direction: match body.direction {
            flow_direction::OUTBOUND => Some(Direction::Outbound),
            flow_direction::INBOUND => Some(Direction::Inbound),
            _ => None,
        },
        bytes_out: body.bytes_out,
        bytes_in: body.bytes_in,
        packets_out: body.packets_out,
        packets_in: body.packets_in,
        retransmits: (body.protocol == TCP).then_some(body.retransmits),
        began_boot_time: began,
        ended_boot_time: body.ended,
        duration: began.map(|began| body.ended.saturating_sub(began)),
    })
}
