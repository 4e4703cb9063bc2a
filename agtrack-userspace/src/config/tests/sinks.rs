//! Mistakes in sinks.

use super::{check, parse};

#[test]
fn sinks_are_read_with_their_defaults() {
    let text = "[[sinks]]\nname = \"siem\"\ntype = \"file\"\npath = \"/x\"\nstart = 7\n";
    let sink = &parse(text).unwrap().sinks[0];
    assert_eq!(sink.start, crate::sink::Start::Seq(7));
    let limits = (sink.batch_records, sink.batch_bytes, sink.batch_ms);
    assert_eq!(limits, (500, 1 << 20, 200));
}

#[test]
fn mistakes_in_sinks_are_told_all_at_once() {
    check(
        "[[sinks]]\nname = \"No\"\ntype = \"fil\"\n[[sinks]]\nname = \"a\"\ntype = \"unix\"\nkeep = 3\n\
         [[sinks]]\nname = \"a\"\ntype = \"file\"\npth = \"/x\"\nstart = \"soon\"\ndrop = \"id\"\n\
         [[sinks]]\npath = \"x\"\n",
        &[
            "2:8: `sinks[1].name`: \"No\" is no name of a sink: it has 1 to 64 of a-z, 0-9 and -",
            "3:8: `fil` is no value of `sinks[1].type`; did you mean `file`?",
            "4:1: `sinks[2]` has no `path`, which a sink of type `unix` requires",
            "7:1: `keep` is no key of a sink of type `unix` in `sinks[2]`; its own are `path`, `socket`, \
             `framing`, `resend_ms`",
            "9:8: the sink in line 5 has the name `a` already; choose another one",
            "11:1: unknown key `pth` in `sinks[3]`; did you mean `path`?",
            "12:9: `sinks[3].start`: \"soon\" is neither `now`, `beginning` nor a time such as \
             `2026-11-22T21:03:11Z`",
            "13:8: `sinks[3].drop` is a list: write `drop = [\"id\"]`",
            "13:8: `sinks[3].drop[1]`: `id` is never left out: a receiver knows the record by it",
            "14:1: `sinks[4]` has no `name`, which is required",
            "14:1: `sinks[4]` has no `type`, which is required",
            "15:8: `sinks[4].path`: \"x\" is not an absolute path of a file; begin it with `/`",
        ],
    );
}

#[test]
fn values_that_name_nothing_are_told() {
    check(
        "[[sinks]]\nname = \"a\"\ntype = \"syslog\"\naddress = \"127.0.0.1\"\n\
         actions = [\"net.conect\", \"net.*\", \"file.unlink\"]\n\
         drop = [\"process.ancestry\", \"proces.ancestry\"]\n\
         [[sinks]]\nname = \"b\"\ntype = \"syslog\"\naddress = \"[::1]:99999\"\nencoding = \"ocsf\"\n\
         drop = [\"unmapped\"]\n",
        &[
            "4:11: `sinks[1].address`: `127.0.0.1` is no address; write a host and a port, as in \
             `siem.example.org:6514`",
            "5:12: `sinks[1].actions`: `net.conect`: no action is called so; did you mean `net.connect`? \
             all are in docs/events.md (`agtrack events`), those on the recorder's files in \
             docs/record.md",
            "6:29: `sinks[1].drop`: `proces.ancestry` is no field of any record; docs/record.md and \
             `agtrack schema` have them all",
            "10:11: `sinks[2].address`: `[::1]:99999` is no address; write a host and a port, as in \
             `siem.example.org:6514`",
        ],
    );
}

#[test]
fn standard_output_is_one_sinks_alone() {
    check(
        "[[sinks]]\nname = \"a\"\ntype = \"stdout\"\n[[sinks]]\nname = \"b\"\ntype = \"stdout\"\n",
        &["6:8: there is only one standard output; give it to one sink"],
    );
}

#[test]
fn the_examples_in_the_shipped_file_work_and_show_every_type_and_key() {
    let text = include_str!("../../../../dist/agtrack.toml");
    let example: String = text
        .lines()
        .skip_while(|line| *line != "# [[sinks]]")
        .take_while(|line| !line.starts_with("# Who is recorded"))
        .map(|line| line.trim_start_matches('#').trim_start())
        .filter(|line| line.starts_with("[[") || line.contains(" = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let sinks = parse(&example).unwrap().sinks;
    let shown: Vec<_> = sinks
        .iter()
        .map(|sink| serde_json::to_value(sink).unwrap())
        .collect();
    for row in crate::sink::TABLE {
        assert!(
            sinks.iter().any(|sink| sink.kind == row.kind),
            "{}",
            row.name
        );
        for key in row.needs.iter().chain(row.knows) {
            // What several types share stands with one of them.
            let is_shown = shown.iter().any(|sink| !sink[key].is_null());
            assert!(is_shown, "{}: {key}", row.name);
        }
    }
    let shown = &shown[0];
    for key in [
        "encoding", "start", "kinds", "actions", "agents", "drop", "batch_ms",
    ] {
        assert!(!shown[key].is_null(), "{key}");
    }
}

#[test]
fn secrets_are_told_that_stand_alone_beside_another_or_would_go_unencrypted() {
    check(
        "[[sinks]]\nname = \"a\"\ntype = \"elasticsearch\"\nurl = \"http://192.0.2.1:9200\"\n\
         index = \"Agents\"\ntoken = \"hunter2\"\nuser = \"u\"\n\
         [[sinks]]\nname = \"b\"\ntype = \"splunk\"\nurl = \"splunk:8088\"\nack_ms = 5\n\
         token = \"env:T\"\ncert_file = \"/c\"\nkeep = 3\n",
        &[
            "4:7: `sinks[1].url`: with `http://` everybody on the way could read the secret; write \
             `https://`, or leave the secret out",
            "5:9: `sinks[1].index`: \"Agents\" is no name of an index: it begins with a letter or a \
             digit and has 1 to 255 of a-z, 0-9, `-`, `_` and `.`",
            "6:9: `sinks[1].token`: it says where something is kept: an absolute path, \
             `credential:NAME` (a credential of the systemd unit) or `env:NAME` (a variable)",
            "7:1: `user` in `sinks[1]` goes with `password`, which is not there",
            "7:1: `user` in `sinks[1]` stands beside `token`; give one of them",
            "11:7: `sinks[2].url`: it begins with neither `https://` nor `http://`; write scheme, \
             host and port, as in `https://siem.example.org:9200`",
            "12:10: `sinks[2].ack_ms`: 5 is out of range: 1000 to 600000",
            "14:1: `cert_file` in `sinks[2]` goes with `key_file`, which is not there",
            "15:1: `keep` is no key of a sink of type `splunk` in `sinks[2]`; its own are `url`, \
             `token`, `index`, `sourcetype`, `require_ack`, `ack_ms`, `compress`, `ca_file`, \
             `cert_file`, `key_file`, `server_name`",
        ],
    );
}

#[test]
fn a_url_has_the_scheme_of_its_interface_and_a_subject_is_one_to_publish_to() {
    check(
        "[[sinks]]\nname = \"a\"\ntype = \"nats\"\nurl = \"https://nats\"\nsubject = \"a.*\"\n\
         [[sinks]]\nname = \"b\"\ntype = \"nats\"\nurl = \"nats://192.0.2.1\"\nsubject = \"a\"\n\
         credentials = \"/c\"\ntoken = \"/t\"\n\
         [[sinks]]\nname = \"c\"\ntype = \"otlp\"\nurl = \"nats://otel\"\n",
        &[
            "4:7: `sinks[1].url`: it begins with neither `tls://` nor `nats://`; write scheme, host and \
             port, as in `tls://siem.example.org:4222`",
            "5:11: `sinks[1].subject`: \"a.*\" is no subject to publish to: words joined with dots, \
             without spaces, `*` and `>`",
            "9:7: `sinks[2].url`: with `nats://` everybody on the way could read the secret; write \
             `tls://`, or leave the secret out",
            "11:1: `credentials` in `sinks[2]` stands beside `token`; give one of them",
            "16:7: `sinks[3].url`: it begins with neither `https://` nor `http://`; write scheme, host \
             and port, as in `https://siem.example.org:9200`",
        ],
    );
}

#[test]
fn brokers_topics_and_protocols_of_kafka_are_looked_at_before_anybody_is_called() {
    check(
        "[[sinks]]\nname = \"a\"\ntype = \"kafka\"\nbrokers = [\"kafka\"]\ntopic = \"a b\"\n\
         protocol = \"udp\"\nuser = \"u\"\n\
         [[sinks]]\nname = \"b\"\ntype = \"kafka\"\nbrokers = [\"127.0.0.1:9092\", \"192.0.2.1:9092\"]\n\
         topic = \"a\"\nprotocol = \"tcp\"\nuser = \"u\"\npassword = \"/p\"\n\
         [[sinks]]\nname = \"c\"\ntype = \"kafka\"\nbrokers = [\"127.0.0.1:9092\"]\nmechanism = \"plain\"\n\
         topic = \"a\"\nprotocol = \"tcp\"\nuser = \"u\"\npassword = \"/p\"\n\
         [[sinks]]\nname = \"d\"\ntype = \"kafka\"\nbrokers = []\ntopic = \"a\"\n\
         [[sinks]]\nname = \"e\"\ntype = \"kafka\"\nbrokers = \"k:9093\"\ntopic = \"..\"\n",
        &[
            "4:12: `sinks[1].brokers`: `kafka` is no address; write a host and a port, as in \
             `siem.example.org:6514`",
            "5:9: `sinks[1].topic`: \"a b\" is no name of a topic: it has 1 to 249 of a-z, A-Z, 0-9, `.`, \
             `_` and `-`",
            "6:12: `sinks[1].protocol`: a sink of type `kafka` does not know `udp`; write `tls` or `tcp`",
            "7:1: `user` in `sinks[1]` goes with `password`, which is not there",
            "11:11: `sinks[2].brokers`: with `protocol = \"tcp\"` everybody on the way could learn the \
             password; write `tls`, or leave the password out",
            "19:11: `sinks[3].brokers`: with `protocol = \"tcp\"` the password could go in the open to any \
             broker that the first one names; write `tls`, or another `mechanism` than `plain`",
            "28:11: `sinks[4].brokers`: it names nobody; write hosts and ports, as in \
             `[\"kafka1.example.org:9093\"]`",
            "33:11: `sinks[5].brokers` is a list: write `brokers = [\"k:9093\"]`",
            "34:9: `sinks[5].topic`: \"..\" is no name of a topic: it has 1 to 249 of a-z, A-Z, 0-9, `.`, \
             `_` and `-`",
        ],
    );
}

#[test]
fn otlp_goes_by_http_or_grpc_which_has_no_paths() {
    check(
        "[[sinks]]\nname = \"a\"\ntype = \"otlp\"\nurl = \"http://127.0.0.1:4317/v1\"\nprotocol = \"grpc\"\n\
         [[sinks]]\nname = \"b\"\ntype = \"otlp\"\nurl = \"http://127.0.0.1:4318/v1\"\nprotocol = \"http\"\n\
         [[sinks]]\nname = \"c\"\ntype = \"otlp\"\nurl = \"http://127.0.0.1:4318\"\nprotocol = \"tcp\"\n\
         [[sinks]]\nname = \"d\"\ntype = \"syslog\"\naddress = \"127.0.0.1:514\"\nprotocol = \"grpc\"\n",
        &[
            "4:7: `sinks[1].url`: it goes on behind the port, which gRPC has no place for; leave that out",
            "15:12: `sinks[3].protocol`: a sink of type `otlp` does not know `tcp`; write `http` or `grpc`",
            "20:12: `sinks[4].protocol`: a sink of type `syslog` does not know `grpc`; write `tls` or `tcp` or \
             `udp`",
        ],
    );
}
