//! Whether a peer was reached.

use super::*;

#[test]
fn a_connection_that_ended_was_there_also_where_nobody_waited_for_it() {
    let flow = |ip: &str| {
        let flow = serde_json::json!({
            "local": tcp("127.0.0.1"), "peer": tcp(ip), "direction": "outbound", "bytes_out": 0,
            "bytes_in": 0, "packets_out": 1, "packets_in": 1, "ended_boot_time": 0,
        });
        let flow = Object::Flow(serde_json::from_value(flow).unwrap());
        action("/usr/bin/curl", "net.flow", flow, None)
    };
    let begun = |ip: &str| connect(tcp(ip), Some("EINPROGRESS"));
    let summary = summary(&[
        begun("10.0.0.7"),
        flow("10.0.0.7"),
        begun("10.0.0.8"),
        begun("10.0.0.9"),
        begun("10.0.0.9"),
        flow("10.0.0.9"),
    ]);
    let ways: Vec<_> = summary
        .peers
        .items
        .iter()
        .map(|item| item.ways.join("+"))
        .collect();
    assert_eq!(ways, ["connected", "in progress", "connected+in progress"]);
}
