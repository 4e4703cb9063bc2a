//! What passed between a socket and its peer, in a few words.

use super::peer;
use crate::record::{Direction, Flow};

/// What passed, and with whom.
pub(super) fn passed(flow: &Flow) -> String {
    let with = match &flow.peer {
        Some(with) => peer(with),
        None => format!("several at {}", peer(&flow.local)),
    };
    let way = match flow.direction {
        Some(Direction::Inbound) => "from ",
        Some(Direction::Outbound) | None => "",
    };
    let again = match flow.retransmits {
        Some(again @ 1..) => format!(", {again} segments again"),
        Some(0) | None => String::new(),
    };
    format!(
        "{way}{with}: {} bytes out, {} in{again}",
        flow.bytes_out, flow.bytes_in
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_passed_is_told_with_whom_and_how_much() {
        let end =
            |port: u16| json!({"ip": "10.0.0.7", "port": port, "proto": "tcp", "domain": null});
        let mut flow = json!({
            "local": end(4711), "peer": end(443), "direction": "outbound",
            "bytes_out": 10, "bytes_in": 20, "packets_out": 3, "packets_in": 4,
            "retransmits": 0, "began_boot_time": 1, "ended_boot_time": 5, "duration": 4,
        });
        let told =
            |flow: &serde_json::Value| passed(&serde_json::from_value(flow.clone()).unwrap());
        assert_eq!(told(&flow), "10.0.0.7:443 tcp: 10 bytes out, 20 in");
        flow["direction"] = "inbound".into();
        flow["retransmits"] = 2.into();
        assert_eq!(
            told(&flow),
            "from 10.0.0.7:443 tcp: 10 bytes out, 20 in, 2 segments again"
        );
        flow["peer"] = json!(null);
        flow["direction"] = json!(null);
        flow["retransmits"] = json!(null);
        assert_eq!(
            told(&flow),
            "several at 10.0.0.7:4711 tcp: 10 bytes out, 20 in"
        );
    }
}
