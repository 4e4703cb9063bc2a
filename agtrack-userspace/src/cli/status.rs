//! `agtrack status`: how the daemon is doing, on one page.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::control::{Peer, Request, SOCKET};
use crate::health::Health;
use crate::record::{Condition, SinkHealth, printable};
use crate::terminal::{self, Output, Palette, Unwritten, styled};

/// Arguments of `agtrack status`.
///
/// Exit code 1 where a part is failing or hangs, or where no daemon answers: it says which, and why.
/// Needs root, or the group that `[control] group` of the configuration names.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where the daemon listens
    #[arg(long, value_name = "SOCKET", default_value = SOCKET)]
    socket: PathBuf,
}

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let health: Health = Peer::connect(&args.socket)?.ask(&Request::Status {}, None)?;
    let mut out = Output::new();
    match args.json {
        true => out.json(&health)?,
        false => page(&health, &mut out)?,
    }
    out.finish()?;
    let bad = health.bad();
    if bad.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let bad: Vec<_> = bad.iter().map(|name| printable(name)).collect();
    terminal::tell(&format!("somebody has to look at: {}", bad.join(", ")));
    Ok(ExitCode::FAILURE)
}

fn page(health: &Health, out: &mut Output) -> Result<(), Unwritten> {
    let palette = out.palette;
    for line in lines(health, palette) {
        out.line(line)?;
    }
    Ok(())
}

fn lines(health: &Health, palette: Palette) -> Vec<String> {
    let journal = &health.journal;
    let commit = journal.last_commit.as_deref();
    let commit = commit.map_or("none since the start".to_owned(), printable);
    let title = |word: &str| title(word, palette);
    let mut lines = vec![
        format!(
            "{} agtrack {}, process {}, since {} ({}), back end {}",
            title("daemon"),
            printable(&health.version),
            health.pid,
            printable(&health.since),
            time(health.uptime_seconds),
            printable(&health.backend)
        ),
        format!(
            "{} {}",
            title("probes"),
            match &health.unpinned {
                None => "go on while no daemon runs".to_owned(),
                Some(reason) => format!("end with the daemon: {}", printable(reason)),
            }
        ),
        format!(
            "{} {}, read {}",
            title("config"),
            printable(&health.config.file),
            printable(&health.config.read)
        ),
        format!(
            "{} {}, {}, {} tagged processes",
            title("agents"),
            number(health.agents, "agent"),
            number(health.sessions, "session"),
            health.processes
        ),
        format!(
            "{} {}, record {}, {}, last written {commit}",
            title("journal"),
            printable(&journal.path),
            journal.seq,
            size(journal.bytes)
        ),
        format!("{} {}", title("lost"), losses(health)),
    ];
    if let Some(refused) = &health.config.refused {
        let time = printable(&refused.time);
        let reasons: Vec<_> = refused.reason.lines().map(printable).collect();
        let reason = reasons.join("; ");
        let told = format!("not reloaded at {time}, the one above stays in force: {reason}");
        // Below the configuration's own line.
        lines.insert(
            3,
            format!("{} {}", title("config"), styled(palette.warning, told)),
        );
    }
    lines.extend(parts(health, palette));
    lines
}

/// What a line is about.
fn title(word: &str, palette: Palette) -> String {
    styled(palette.strong, format!("{word:<9}"))
}

/// A line for each part and each sink.
fn parts(health: &Health, palette: Palette) -> Vec<String> {
    let title = |word: &str| title(word, palette);
    let mut lines = Vec::new();
    for part in &health.parts {
        let detail = printable(&part.detail);
        lines.push(format!(
            "{} {} {detail}",
            title(&part.name),
            state(part.state, palette)
        ));
    }
    let sinks = health.sinks.iter();
    lines.extend(sinks.map(|sink| {
        format!(
            "{} {} {}: {}",
            title("sink"),
            state(sink.state, palette),
            styled(palette.strong, printable(&sink.name)),
            told(sink)
        )
    }));
    lines
}

fn state(state: Condition, palette: Palette) -> String {
    let style = match state {
        Condition::Ok => palette.good,
        Condition::Slow => palette.warning,
        Condition::Failing | Condition::Hung => palette.bad,
    };
    styled(style, format!("{:<7}", state.word()))
}

fn losses(health: &Health) -> String {
    let reason = |(reason, count): (&crate::record::GapReason, &u64)| {
        let word = serde_json::to_value(reason).unwrap_or_default();
        format!("{count} {}", word.as_str().unwrap_or("for another reason"))
    };
    let mut told: Vec<_> = health
        .losses
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(reason)
        .collect();
    if told.is_empty() {
        told.push("nothing".to_owned());
    }
    if health.skipped > 0 {
        told.push(format!(
            "at most {} runs of hooks skipped by the kernel",
            health.skipped
        ));
    }
    told.join(", ")
}

fn told(sink: &SinkHealth) -> String {
    let mut told = format!("delivered up to {}", sink.delivered_seq);
    if sink.behind > 0 {
        told.push_str(&format!(
            ", {} behind ({})",
            sink.behind,
            time(sink.behind_ms / 1000)
        ));
    }
    told.push_str(&format!(", {} within the last minute", sink.last_minute));
    if sink.refused > 0 {
        told.push_str(&format!(", {} refused", sink.refused));
    }
    if let Some(error) = &sink.error {
        told.push_str(&format!("; {}", printable(error)));
    }
    if let Some(next) = &sink.next_try {
        told.push_str(&format!("; next try {}", printable(next)));
    }
    told
}

fn number(count: u64, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{ConfigRefused, Part};
    use crate::record::GapReason;

    #[test]
    fn a_page_has_a_line_for_each_part_and_no_control_characters() {
        let health = Health {
            losses: [(GapReason::RingFull, 7), (GapReason::MapFull, 0)].into(),
            skipped: 3,
            parts: vec![Part {
                name: "journal".to_owned(),
                state: Condition::Hung,
                detail: "the disk\u{1b}[2J".to_owned(),
            }],
            sinks: vec![SinkHealth {
                name: "siem".to_owned(),
                delivered_seq: 5,
                behind: 70,
                refused: 1,
                error: Some("no route".to_owned()),
                state: Condition::Failing,
                behind_ms: 130_000,
                last_minute: 9,
                next_try: Some("2026-11-22T21:03:11Z".to_owned()),
            }],
            ..Health::default()
        };
        let lines = lines(&health, Palette::default());
        assert!(lines.iter().all(|line| !line.contains('\u{1b}')));
        let lost = "lost      7 ring_full, at most 3 runs of hooks skipped by the kernel";
        assert!(lines.contains(&lost.to_owned()), "{lines:#?}");
        assert!(lines.contains(&"journal   hung    the disk\\u{1b}[2J".to_owned()));
        let sink = "sink      failing siem: delivered up to 5, 70 behind (2 min), 9 within the last \
                    minute, 1 refused; no route; next try 2026-11-22T21:03:11Z";
        assert!(lines.contains(&sink.to_owned()), "{lines:#?}");
        assert_eq!(health.bad(), ["journal", "sink siem"]);
    }

    #[test]
    fn a_configuration_that_was_not_taken_is_told_below_the_one_in_force() {
        let mut health = Health::default();
        let configs = |health: &Health| {
            let lines = lines(health, Palette::default());
            let configs = lines.into_iter().filter(|line| line.starts_with("config"));
            configs.collect::<Vec<_>>()
        };
        assert_eq!(configs(&health).len(), 1);
        health.config.refused = Some(ConfigRefused {
            time: "2026-11-22T21:03:11Z".to_owned(),
            reason: "unknown key `cgroup`\nno `id`".to_owned(),
        });
        let told = "config    not reloaded at 2026-11-22T21:03:11Z, the one above stays in force: unknown \
                    key `cgroup`; no `id`";
        assert_eq!(configs(&health).get(1).map(String::as_str), Some(told));
    }
}
