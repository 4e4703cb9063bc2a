//! The page: Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write};

use crate::health::Health;
use crate::record::HookTotals;

/// What the page is, as HTTP says it.
pub(super) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric with its samples: labels as they are written, and values.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

fn one(name: &'static str, kind: &'static str, help: &'static str, value: u64) -> Metric {
    many(name, kind, help, vec![(String::new(), number(value))])
}

fn many(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
) -> Metric {
    Metric {
        name,
        kind,
        help,
        samples,
    }
}

/// Exact up to 2^53, as all numbers of Prometheus are.
fn number(value: u64) -> f64 {
    value as f64
}

/// `{a="b",c="d"}`.
fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

/// All metrics of a recorder.
pub(super) fn page(health: &Health) -> String {
    let mut text = String::new();
    let all = [
        recorder(health),
        journal(health),
        parts(health),
        sinks(health),
        hooks(health),
    ];
    for metric in all.into_iter().flatten() {
        put(&mut text, &metric);
    }
    text
}

fn put(text: &mut String, metric: &Metric) {
    if metric.samples.is_empty() {
        return;
    }
    let mut line = |line: &dyn Display| {
        // A string takes all.
        let _ = writeln!(text, "{line}");
    };
    line(&format_args!("# HELP {} {}", metric.name, metric.help));
    line(&format_args!("# TYPE {} {}", metric.name, metric.kind));
    for (labels, value) in &metric.samples {
        line(&format_args!("{}{labels} {value}", metric.name));
    }
}

fn recorder(health: &Health) -> Vec<Metric> {
    let about = labels(&[("version", &health.version), ("backend", &health.backend)]);
    let losses = health.losses.iter().map(|(reason, count)| {
        let word = serde_json::to_value(reason).unwrap_or_default();
        let word = word.as_str().unwrap_or("other");
        (labels(&[("reason", word)]), number(*count))
    });
    vec![
        many(
            "agtrack_build_info",
            "gauge",
            "Always 1; version of agtrack and back end for file events.",
            vec![(about, 1.0)],
        ),
        one(
            "agtrack_uptime_seconds",
            "gauge",
            "How long the daemon has been running.",
            health.uptime_seconds,
        ),
        one(
            "agtrack_agents",
            "gauge",
            "Agents of the configuration.",
            health.agents,
        ),
        one(
            "agtrack_sessions",
            "gauge",
            "Sessions that run.",
            health.sessions,
        ),
        one(
            "agtrack_processes",
            "gauge",
            "Processes of agents that run.",
            health.processes,
        ),
        many(
            "agtrack_events_lost_total",
            "counter",
            "Events known to be missing since the start, by the reason of their gap records.",
            losses.collect(),
        ),
        one(
            "agtrack_hook_runs_skipped_total",
            "counter",
            "Runs of hooks that the kernel skipped since the start, on the whole host: an upper bound.",
            health.skipped,
        ),
    ]
}

fn journal(health: &Health) -> Vec<Metric> {
    let journal = &health.journal;
    vec![
        one(
            "agtrack_journal_records_total",
            "counter",
            "Records on disk, since there is the journal.",
            journal.seq,
        ),
        one(
            "agtrack_journal_size_bytes",
            "gauge",
            "Bytes of the journal on disk.",
            journal.bytes,
        ),
        one(
            "agtrack_journal_waiting_bytes",
            "gauge",
            "Bytes of records that wait for the disk.",
            journal.waiting_bytes,
        ),
    ]
}

fn parts(health: &Health) -> Vec<Metric> {
    let up = |part: &crate::health::Part| {
        let up = if part.state.is_bad() { 0.0 } else { 1.0 };
        (labels(&[("part", &part.name)]), up)
    };
    vec![many(
        "agtrack_part_up",
        "gauge",
        "1 while a part of the recorder works, 0 while it fails or hangs.",
        health.parts.iter().map(up).collect(),
    )]
}

fn sinks(health: &Health) -> Vec<Metric> {
    let each = |value: &dyn Fn(&crate::record::SinkHealth) -> f64| {
        let sample = |sink| {
            let sink: &crate::record::SinkHealth = sink;
            (labels(&[("sink", &sink.name)]), value(sink))
        };
        health.sinks.iter().map(sample).collect::<Vec<_>>()
    };
    let up = each(&|sink| if sink.state.is_bad() { 0.0 } else { 1.0 });
    vec![
        many(
            "agtrack_sink_up",
            "gauge",
            "1 while a sink delivers, 0 while it fails or hangs.",
            up,
        ),
        many(
            "agtrack_sink_behind_records",
            "gauge",
            "Records that are in the journal and not delivered.",
            each(&|sink| number(sink.behind)),
        ),
        many(
            "agtrack_sink_behind_seconds",
            "gauge",
            "How long the oldest of them has been in the journal.",
            each(&|sink| number(sink.behind_ms) / 1000.0),
        ),
        many(
            "agtrack_sink_delivered_records_total",
            "counter",
            "The last record up to which all are delivered, refused or not meant for the sink.",
            each(&|sink| number(sink.delivered_seq)),
        ),
        many(
            "agtrack_sink_refused_records_total",
            "counter",
            "Records that the receiver refused for good, since there is the sink.",
            each(&|sink| number(sink.refused)),
        ),
    ]
}

fn hooks(health: &Health) -> Vec<Metric> {
    let samples = |hook: &HookTotals| {
        let counts = &hook.counts;
        let rows = [
            ("submitted", counts.submitted),
            ("filtered", counts.filtered),
            ("coalesced", counts.coalesced),
            ("lost", counts.lost),
        ];
        rows.map(|(became, count)| {
            let of = [
                ("action", hook.action.as_str()),
                ("hook", hook.hook.as_str()),
                ("became", became),
            ];
            (labels(&of), number(count))
        })
    };
    vec![many(
        "agtrack_hook_runs_total",
        "counter",
        "Runs of hooks for processes of agents since the start, by what became of them.",
        health.hooks.iter().flat_map(samples).collect(),
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Part;
    use crate::record::{Condition, GapReason, SinkHealth};

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let health = Health {
            version: "1".to_owned(),
            backend: "lsm".to_owned(),
            losses: [(GapReason::RingFull, 7)].into(),
            parts: vec![Part {
                name: "journal".to_owned(),
                state: Condition::Hung,
                detail: String::new(),
            }],
            sinks: vec![SinkHealth {
                name: "a\"b\\".to_owned(),
                delivered_seq: 5,
                behind: 2,
                refused: 0,
                error: None,
                state: Condition::Ok,
                behind_ms: 1500,
                last_minute: 0,
                next_try: None,
            }],
            ..Health::default()
        };
        let text = page(&health);
        for line in [
            "agtrack_build_info{version=\"1\",backend=\"lsm\"} 1",
            "# TYPE agtrack_events_lost_total counter",
            "agtrack_events_lost_total{reason=\"ring_full\"} 7",
            "agtrack_part_up{part=\"journal\"} 0",
            "agtrack_sink_up{sink=\"a\\\"b\\\\\"} 1",
            "agtrack_sink_behind_seconds{sink=\"a\\\"b\\\\\"} 1.5",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        let mut named: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# HELP "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        let all = named.len();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), all, "each name once");
        assert!(text.ends_with('\n'));
        assert!(!text.contains("agtrack_hook_runs_total"), "none ran");
    }
}
