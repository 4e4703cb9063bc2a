//! The diagnosis as lines for people.

use std::collections::{BTreeMap, HashSet};

use agtrack_common::event::TABLE;

use super::finding::{Finding, State};
use super::{BackendReport, Diagnosis, HookReport};
use crate::load::Backend;
use crate::record::printable;
use crate::terminal::{Palette, styled};

/// Width of the first column.
const NAME: usize = 22;
/// Hooks that are named for each reason why they do not work.
const NAMED: usize = 3;

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
        lines.extend(hooks(&diagnosis.backends, used, palette));
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

/// Each event with the hooks that see it, of the back end that is used; then why hooks do not work.
fn hooks(backends: &[BackendReport], used: Option<Backend>, palette: Palette) -> Vec<String> {
    let all = once_each(backends.iter());
    let of_used = once_each(
        backends
            .iter()
            .filter(|it| used.is_none_or(|used| it.name == used)),
    );
    let mut lines = Vec::new();
    let mut events: Vec<_> = TABLE.iter().map(|row| row.action).collect();
    let mut seen = HashSet::new();
    events.retain(|event| seen.insert(*event) && of_used.iter().any(|hook| hook.event == *event));
    for event in events {
        let works = of_used
            .iter()
            .filter(|hook| hook.event == event && hook.works);
        let mut targets: Vec<_> = works.map(|hook| hook.target.as_str()).collect();
        targets.dedup();
        lines.push(match targets.is_empty() {
            true => entry("no", palette.bad, event, "is not recorded on this kernel"),
            false => entry("ok", palette.good, event, &targets.join(", ")),
        });
    }
    let lacks = of_used.iter().filter(|hook| !hook.works).count();
    lines.extend(refused(&all, used, lacks, palette));
    lines
}

/// Each hook once, by its best report: a back end that fails as a whole says nothing about the hooks
/// it shares.
fn once_each<'r>(backends: impl Iterator<Item = &'r BackendReport>) -> Vec<&'r HookReport> {
    let mut all: Vec<&HookReport> = Vec::new();
    for hook in backends.flat_map(|report| &report.hooks) {
        match all.iter_mut().find(|known| is_same(known, hook)) {
            Some(known) if hook.works => *known = hook,
            Some(_) => {}
            None => all.push(hook),
        }
    }
    all
}

/// The hooks that do not work, by reason; the back end that is used lacks so many of them.
fn refused(
    all: &[&HookReport],
    used: Option<Backend>,
    lacks: usize,
    palette: Palette,
) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for hook in all {
        if let Some(reason) = &hook.reason {
            reasons.entry(reason).or_default().push(&hook.target);
        }
    }
    if reasons.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        String::new(),
        styled(
            palette.strong,
            "Hooks that do not work here: places in the kernel where agtrack would look",
        ),
    ];
    lines.extend(used.map(|used| {
        let said = match lacks {
            0 => "none of them is: they are of the other back ends, and nothing is lost by that"
                .into(),
            lacks => format!(
                "{lacks} of them are; what they would see is \"no\" above, or seen by others"
            ),
        };
        let name = used.name();
        format!(
            "          of back end {name}, which is used, {said} (--json says which belong to what)"
        )
    }));
    for (reason, mut targets) in reasons {
        let count = targets.len();
        targets.truncate(NAMED);
        let rest = match count - targets.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let found = format!("{reason}: {}{rest}", targets.join(", "));
        lines.push(entry(
            "no",
            palette.warning,
            &format!("{count} hooks"),
            &found,
        ));
    }
    lines
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

    fn report(name: Backend, works: bool) -> BackendReport {
        let hook = |event, program, target: &str| HookReport {
            event,
            program,
            target: target.into(),
            works,
            reason: (!works).then(|| "EINVAL\u{1b}".into()),
            instructions: None,
        };
        let unlink = HookReport {
            works: false,
            reason: Some("EINVAL\u{1b}".into()),
            ..hook("file.unlink", "unlink", "z")
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
                unlink,
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
  ok      root                    yes
  limited LSMs                    none
                                  costs: much
                                  do: boot

Back ends for file events, best first
  no      lsm                     open: EINVAL
  ok      fentry                  works, and is used
                                  costs: a little

Hooks
  ok      process.exec            tp_btf x
  ok      file.open               y
  no      file.unlink             is not recorded on this kernel

Hooks that do not work here: places in the kernel where agtrack would look
          of back end fentry, which is used, 1 of them are; what they would see is \"no\" above, or seen by others (--json says which belong to what)
  no      2 hooks                 EINVAL\\u{1b}: y, z

Yes.";
        assert_eq!(text, expect);
    }
}
