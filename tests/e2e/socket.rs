//! `net.socket`: sockets that see or send packets of others.

use agtrack_tests::steps;
use libc::{
    AF_INET, AF_INET6, AF_PACKET, AF_UNIX, IPPROTO_ICMP, IPPROTO_UDP, SOCK_CLOEXEC, SOCK_DGRAM,
    SOCK_RAW, SOCK_STREAM,
};
use serde_json::json;

use crate::host::place;
use crate::open::has_i386;
use crate::{Outcome, tests};

tests![
    raw_and_packet_sockets_are_recorded,
    a_refused_one_too,
    ordinary_sockets_are_not,
    an_i386_call_is_seen,
];

/// Every packet, in network order (include/uapi/linux/if_ether.h, `ETH_P_ALL`).
const EVERY: u16 = 3_u16.to_be();

fn raw_and_packet_sockets_are_recorded() -> Outcome {
    let place = place("raw");
    let ran = place.run(&steps! {
        "socket", AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP, "+",
        "socket", AF_INET6, SOCK_RAW, IPPROTO_UDP, "+",
        "socket", AF_PACKET, SOCK_DGRAM, EVERY, "+",
        "socket", AF_PACKET, SOCK_RAW, 0,
    });
    let sockets = place.records().action("net.socket");
    let objects: Vec<_> = sockets.0.iter().map(|record| &record["object"]).collect();
    assert_eq!(
        objects,
        [
            &json!({"family": "inet", "socket_type": "raw", "proto": "icmp"}),
            &json!({"family": "inet6", "socket_type": "raw", "proto": "udp"}),
            &json!({"family": "packet", "socket_type": "dgram", "proto": "0x0003"}),
            &json!({"family": "packet", "socket_type": "raw", "proto": "0x0000"}),
        ]
    );
    for ((.., made), socket) in ran.steps.iter().zip(&sockets.0) {
        let ended = if *made >= 0 { "success" } else { "failure" };
        assert_eq!(socket["outcome"]["result"], ended, "{socket}");
    }
    Ok(())
}

fn a_refused_one_too() -> Outcome {
    let place = place("refused");
    let ran = place.run(&steps![
        "setuid",
        1000,
        "+",
        "socket",
        AF_INET,
        SOCK_RAW,
        IPPROTO_ICMP
    ]);
    assert_eq!(ran.result("socket"), i64::from(-libc::EPERM));
    let sockets = place.records().action("net.socket");
    assert_eq!(
        sockets.one()["outcome"],
        json!({"result": "failure", "errno": "EPERM"})
    );
    Ok(())
}

fn ordinary_sockets_are_not() -> Outcome {
    let place = place("ordinary");
    place.run(&steps! {
        "socket", AF_INET, SOCK_STREAM, 0, "+",
        "socket", AF_INET6, SOCK_DGRAM, 0, "+",
        "socket", AF_UNIX, SOCK_RAW, 0, "+",
        "socket", libc::AF_NETLINK, SOCK_RAW, 0,
    });
    place.records().action("net.socket").none();
    Ok(())
}

/// Through `socketcall`, whose arguments lie in memory.
fn an_i386_call_is_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    let ran = place.run(&steps!["socket32", AF_INET, SOCK_RAW, IPPROTO_ICMP]);
    assert!(ran.result("socket32") >= 0);
    let sockets = place.records().action("net.socket");
    let expect = json!({"family": "inet", "socket_type": "raw", "proto": "icmp"});
    assert_eq!(sockets.one()["object"], expect);
    Ok(())
}
