//! Lines that may match, found without parsing. In: a block of whole lines; out: the lines that
//! have everything that a match must contain.

use std::ops::ControlFlow;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, Input, MatchKind};
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

use super::literal::{self, Ends};
use super::when::Window;
use super::{Query, change, object};
use crate::record::OutcomeResult;

/// Shorter ones are in every line.
const SHORTEST: usize = 3;

/// What is known of the lines of a query's matches.
#[derive(Debug)]
pub(super) struct Sieve {
    /// Each is in every match; the rarest first, as far as can be guessed.
    needles: Vec<Needle>,
    window: Window,
}

/// One of these is in the line.
#[derive(Debug)]
enum Needle {
    One(Box<Finder<'static>>),
    Any(Box<AhoCorasick>),
}

impl Needle {
    /// From alternatives; none where they say nothing.
    fn new(literals: &[Vec<u8>], any_case: bool) -> Option<Needle> {
        let useful = literals.iter().all(|bytes| bytes.len() >= SHORTEST);
        if literals.is_empty() || !useful {
            return None;
        }
        if let ([literal], false) = (literals, any_case) {
            return Some(Needle::One(Box::new(Finder::new(literal).into_owned())));
        }
        let searcher = AhoCorasickBuilder::new()
            .ascii_case_insensitive(any_case)
            .match_kind(MatchKind::LeftmostFirst)
            .build(literals)
            .ok()?;
        Some(Needle::Any(Box::new(searcher)))
    }

    /// Where the first one begins, from `at` on.
    fn find(&self, block: &[u8], at: usize) -> Option<usize> {
        match self {
            Needle::One(finder) => Some(at + finder.find(block.get(at..)?)?),
            Needle::Any(searcher) => {
                let input = Input::new(block).span(at..block.len());
                Some(searcher.find(input)?.start())
            }
        }
    }
}

impl Sieve {
    pub(super) fn new(query: &Query) -> Sieve {
        let path = |globs: &[super::Glob]| all(globs, |glob| glob.literal().map(<[u8]>::to_vec));
        let exact = |text: &String| literal::of_text(text.as_bytes(), Ends::BOTH);
        let field = |key: &str, value: &str| format!("\"{key}\":\"{value}\"").into_bytes();
        let keyed = |key, values: &[String]| all(values, |value| Some(field(key, value)));
        let begins = |begin: &String| Some(format!("\"session\":\"{begin}").into_bytes());
        let pid = |pid: &u32| Some(format!("\"pid\":{pid}").into_bytes());
        let hosts = all(&query.hosts, super::Host::literal);
        let any_case = hosts.iter().flatten().any(u8::is_ascii_alphabetic);
        let action = |glob: &super::Glob| glob.literal().map(<[u8]>::to_vec);
        let mut paths = all(&query.paths, |glob| match glob.name() {
            // Other paths with this name at their end are counted.
            Some(name) => literal::of_bytes(&[b"/", name].concat(), Ends::END),
            None => glob.literal().map(<[u8]>::to_vec),
        });
        if !paths.is_empty() {
            paths.extend(object::DETOURS.map(<[u8]>::to_vec));
        }
        let needles = [
            Needle::new(&paths, false),
            Needle::new(&hosts, any_case),
            Needle::new(&all(&query.tool_calls, exact), false),
            Needle::new(&path(&query.exes), false),
            Needle::new(&all(&query.sessions, begins), false),
            Needle::new(&keyed("effect", &query.decisions), false),
            Needle::new(&all(&query.pids, pid), false),
            Needle::new(&all(&query.actions, action), false),
            Needle::new(&talks(query), false),
            Needle::new(&path(&query.agents), false),
            Needle::new(&changes(query), false),
            Needle::new(
                &all(&query.outcomes, |outcome| Some(ended(*outcome))),
                false,
            ),
            Needle::new(&keyed("kind", &query.kinds), false),
        ];
        Sieve {
            needles: needles.into_iter().flatten().collect(),
            window: Window::new(&query.period),
        }
    }

    /// Hands over each line of the block that may match, without its newline, in their order.
    pub(super) fn sift(
        &self,
        block: &[u8],
        mut hand: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut at = 0;
        while at < block.len() {
            let hit = match self.needles.first() {
                Some(needle) => needle.find(block, at),
                None => Some(at),
            };
            let Some(hit) = hit else { break };
            let before = block.get(at..hit).unwrap_or_default();
            let begin = memrchr(b'\n', before).map_or(at, |newline| at + newline + 1);
            let behind = block.get(hit..).unwrap_or_default();
            let end = memchr(b'\n', behind).map_or(block.len(), |newline| hit + newline);
            let line = block.get(begin..end).unwrap_or_default();
            at = end + 1;
            if self.may_match(line) {
                hand(line)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn may_match(&self, line: &[u8]) -> bool {
        let mut others = self.needles.iter().skip(1);
        !line.is_empty()
            && self.window.may_have(line)
            && others.all(|needle| needle.find(line, 0).is_some())
    }
}

/// The literals of all alternatives; none where one has none.
fn all<T>(values: &[T], literal: impl Fn(&T) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let literals: Option<Vec<_>> = values.iter().map(literal).collect();
    literals.unwrap_or_default()
}

/// Hosts stand in these actions only.
fn talks(query: &Query) -> Vec<Vec<u8>> {
    let actions = ["\"action\":\"net.", "\"action\":\"kernel.io_uring"];
    match query.hosts.is_empty() {
        true => Vec::new(),
        false => actions.map(|text| text.as_bytes().to_vec()).into(),
    }
}

fn changes(query: &Query) -> Vec<Vec<u8>> {
    match query.changes {
        true => change::literals(),
        false => Vec::new(),
    }
}

fn ended(outcome: OutcomeResult) -> Vec<u8> {
    let word = match outcome {
        OutcomeResult::Success => "success",
        OutcomeResult::Failure => "failure",
        OutcomeResult::InProgress => "in_progress",
        OutcomeResult::Unknown => "unknown",
    };
    format!("\"result\":\"{word}\"").into_bytes()
}
