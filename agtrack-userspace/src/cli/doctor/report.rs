//! The diagnosis as lines for people.

use agtrack_common::event::TABLE;

use super::finding::{Finding, State};
use super::{BackendReport, Diagnosis, HookReport};
use crate::record::printable;
use crate::terminal::{Palette, styled};

/// Width of the first column.
const NAME: usize = 14;

/// The whole report.
pub(super) fn lines(diagnosis: &Diagnosis, palette: Palette) -> Vec<String> {
    let title = |text: &str| styled(palette.strong, text);
    let mut lines = vec![
        format!(
            "agtrack {} on Linux {}, {}",
            diagnosis.version, diagnosis.kernel, diagnosis.machine
        ),
        String::new(),
        title("What the host has"),
    ];
    lines.extend(
        diagnosis
            .findings
            .iter()
            .flat_map(|found| finding(found, palette)),
    );
    if !diagnosis.backends.is_empty() {
        lines.extend([
            String::new(),
            title("Back ends for file events, best first"),
        ]);
        let used = diagnosis.backend;
        for report in &diagnosis.backends {
            lines.extend(backend(report, used == Some(report.name), palette));
        }
        lines.extend([String::new(), title("Hooks")]);
        lines.extend(hooks(&diagnosis.backends, palette));
    }
    let style = match diagnosis.possible {
        Some(true) => palette.good,
        Some(false) => palette.bad,
        None => palette.warning,
    };
    lines.extend([
        String::new(),
        styled(style, printable(&diagnosis.conclusion)),
    ]);
    lines
}

fn finding(finding: &Finding, palette: Palette) -> Vec<String> {
    let (word, style) = match finding.state {
        State::Ok => ("ok", palette.good),
        State::Limited => ("limited", palette.warning),
        State::Missing => ("missing", palette.bad),
        State::Unknown => ("unknown", palette.warning),
    };
    let mut lines = vec![entry(word, style, finding.name, &finding.found)];
    lines.extend(finding.cost.iter().map(|cost| detail("costs", cost)));
    lines.extend(finding.remedy.iter().map(|remedy| detail("do", remedy)));
    lines
}

fn backend(report: &BackendReport, used: bool, palette: Palette) -> Vec<String> {
    let name = report.name.name();
    let reason = report.reason.as_deref().unwrap_or_default();
    let mut lines = vec![match (report.usable, used) {
        (true, true) => entry("ok", palette.good, name, "works, and is used"),
        (true, false) => entry("ok", palette.good, name, "works"),
        (false, _) => entry("no", palette.warning, name, reason),
    }];
    if used {
        lines.push(detail("costs", report.cost));
    }
    lines.extend(report.remedy.iter().map(|remedy| detail("do", remedy)));
    lines
}

/// Each hook once, with the back ends that it belongs to; the reasons of those that do not work.
fn hooks(backends: &[BackendReport], palette: Palette) -> Vec<String> {
    let mut all: Vec<&HookReport> = Vec::new();
    for hook in backends.iter().flat_map(|report| &report.hooks) {
        match all.iter_mut().find(|known| is_same(known, hook)) {
            // A back end that fails as a whole says nothing about the hooks it shares.
            Some(known) if hook.works => *known = hook,
            Some(_) => {}
            None => all.push(hook),
        }
    }
    let order = |hook: &HookReport| TABLE.iter().position(|row| row.action == hook.event);
    all.sort_by_key(|hook| order(hook));
    let mut told = "";
    let mut lines = Vec::new();
    for hook in all {
        lines.push(self::hook(hook, backends, palette));
        let Some(reason) = hook.reason.as_deref() else {
            continue;
        };
        lines.push(detail(
            "why",
            if reason == told { "as above" } else { reason },
        ));
        told = reason;
    }
    lines
}

fn hook(hook: &HookReport, backends: &[BackendReport], palette: Palette) -> String {
    let of: Vec<_> = backends
        .iter()
        .filter(|report| report.hooks.iter().any(|same| is_same(same, hook)))
        .map(|report| report.name.name())
        .collect();
    let every = of.len() == backends.len();
    let belongs = if every {
        "every back end".to_owned()
    } else {
        of.join(", ")
    };
    let (word, style) = match hook.works {
        true => ("ok", palette.good),
        false => ("no", palette.warning),
    };
    entry(
        word,
        style,
        hook.event,
        &format!("{} ({belongs})", hook.target),
    )
}

fn is_same(one: &HookReport, other: &HookReport) -> bool {
    (one.event, one.program) == (other.event, other.program)
}

fn entry(word: &str, style: anstyle::Style, name: &str, found: &str) -> String {
    let word = format!("{word:<8}");
    format!(
        "  {}{name:<NAME$}  {}",
        styled(style, word),
        printable(found)
    )
}

fn detail(what: &str, text: &str) -> String {
    format!("          {:<NAME$}  {what}: {}", "", printable(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Backend;

    fn report(name: Backend, works: bool) -> BackendReport {
        let hook = |event, program, target: &str| HookReport {
            event,
            program,
            target: target.into(),
            works,
            reason: (!works).then(|| "EINVAL\u{1b}".into()),
            instructions: None,
        };
        BackendReport {
            name,
            usable: works,
            reason: (!works).then(|| "open: EINVAL".into()),
            cost: "a little",
            remedy: None,
            hooks: vec![
                hook("process.exec", "exec", "tp_btf x"),
                hook("file.open", name.name(), "y"),
            ],
        }
    }

    #[test]
    fn everything_that_lacks_is_told_with_cost_and_remedy() {
        let diagnosis = Diagnosis {
            version: "1",
            kernel: "6.1".into(),
            machine: "x86_64".into(),
            possible: Some(true),
            backend: Some(Backend::Fentry),
            conclusion: "Yes.".into(),
            findings: vec![
                Finding::ok("root", "yes"),
                Finding::limited("LSMs", "none")
                    .costs("much")
                    .remedy("boot"),
            ],
            backends: vec![report(Backend::Lsm, false), report(Backend::Fentry, true)],
        };
        let text = lines(&diagnosis, Palette::default()).join("\n");
        let expect = "\
agtrack 1 on Linux 6.1, x86_64

What the host has
  ok      root            yes
  limited LSMs            none
                          costs: much
                          do: boot

Back ends for file events, best first
  no      lsm             open: EINVAL
  ok      fentry          works, and is used
                          costs: a little

Hooks
  ok      process.exec    tp_btf x (every back end)
  no      file.open       y (lsm)
                          why: EINVAL\\u{1b}
  ok      file.open       y (fentry)

Yes.";
        assert_eq!(text, expect);
    }
}
