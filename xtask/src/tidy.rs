//! The rules of the source tree that the compiler does not check.
//!
//! Comes in: the sources. Goes out: one line per breach, with file and line. Exceptions stand in
//! [`EXCEPTIONS`], each with its reason; one that is no longer needed is a breach too.

mod event;
mod room;
mod size;
mod source;
mod syntax;

use std::process::ExitCode;

use anyhow::Result;

use crate::test::count::Count;
use crate::workspace::Workspace;
use source::Source;

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A file has at most 400 lines.
    FileSize,
    /// A function has at most 60 lines.
    FunctionSize,
    /// A room imports only what comes before it.
    RoomOrder,
    /// `unsafe` lives in a few files.
    Unsafe,
    /// No `_ =>` on kinds of events.
    Wildcard,
    /// Every row of the event table has body, probe, test and fixture.
    EventParts,
}

/// What is allowed all the same: rule, file, why.
const EXCEPTIONS: &[(Rule, &str, &str)] = &[(
    Rule::FunctionSize,
    "agtrack-userspace/src/redact/tests.rs",
    "a table of inputs and expectations, one a line",
)];

/// A breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    rule: Rule,
    file: String,
    /// 0 where the whole file is meant.
    line: usize,
    what: String,
}

/// `cargo xtask tidy`.
///
/// # Errors
/// The sources cannot be read.
pub(crate) fn command(workspace: &Workspace) -> Result<ExitCode> {
    let count = count(workspace)?;
    Ok(if count.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Prints the breaches. A tidy tree is one passed test case, each breach a failed one.
///
/// # Errors
/// The sources cannot be read.
pub(crate) fn count(workspace: &Workspace) -> Result<Count> {
    let breaches = breaches(workspace)?;
    for breach in &breaches {
        println!(
            "{}:{}: {} ({:?})",
            breach.file, breach.line, breach.what, breach.rule
        );
    }
    let failed = u64::try_from(breaches.len())?;
    println!("tidy: {failed} breaches");
    Ok(Count {
        passed: u64::from(failed == 0),
        failed,
        skipped: 0,
    })
}

fn breaches(workspace: &Workspace) -> Result<Vec<Breach>> {
    let sources = source::read(&workspace.root)?;
    let mut found = Vec::new();
    for source in &sources {
        found.extend(size::check(source));
        found.extend(room::check(source));
        found.extend(syntax::check(source));
    }
    found.extend(event::check(&workspace.root, &sources));
    Ok(excused(found, EXCEPTIONS))
}

/// Leaves out what is excepted, and adds the exceptions that excuse nothing.
fn excused(found: Vec<Breach>, exceptions: &[(Rule, &str, &str)]) -> Vec<Breach> {
    let idle = exceptions.iter().filter(|(rule, file, _)| {
        !found
            .iter()
            .any(|breach| breach.rule == *rule && breach.file == *file)
    });
    let idle: Vec<_> = idle
        .map(|(rule, file, _)| Breach {
            rule: *rule,
            file: (*file).to_owned(),
            line: 0,
            what: "has an exception in tidy.rs that is no longer needed".to_owned(),
        })
        .collect();
    let excepted = |breach: &Breach| {
        exceptions
            .iter()
            .any(|(rule, file, _)| breach.rule == *rule && breach.file == *file)
    };
    found
        .into_iter()
        .filter(|breach| !excepted(breach))
        .chain(idle)
        .collect()
}

impl Breach {
    fn new(rule: Rule, source: &Source, line: usize, what: impl Into<String>) -> Breach {
        Breach {
            rule,
            file: source.path.clone(),
            line,
            what: what.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breach(rule: Rule, file: &str) -> Breach {
        Breach {
            rule,
            file: file.to_owned(),
            line: 1,
            what: String::new(),
        }
    }

    #[test]
    fn an_exception_excuses_its_file_and_rule_only() {
        let found = vec![breach(Rule::Unsafe, "a.rs"), breach(Rule::FileSize, "a.rs")];
        let left = excused(found, &[(Rule::Unsafe, "a.rs", "reason")]);
        assert_eq!(left, [breach(Rule::FileSize, "a.rs")]);
    }

    #[test]
    fn an_idle_exception_is_a_breach() {
        let left = excused(Vec::new(), &[(Rule::Unsafe, "gone.rs", "reason")]);
        assert_eq!(left.len(), 1);
        assert!(left[0].what.contains("no longer needed"));
    }
}
