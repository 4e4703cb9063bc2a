//! Runs the rules on a text.
//!
//! In: a text. Out: the places that rules match. One pass over the text says which rules can match
//! at all; only these run. Patterns are compiled once, when first needed.

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::dfa::DFA;
use regex::bytes::{Regex, RegexBuilder};

use super::rules::{self, Rule};

/// Parts of the names that `name.rs` knows: without one of them in a text, no name is looked at.
/// Short on purpose: what stands around a name differs (`pw=`, `"pw":`, `?pw[]=`), and looking at a
/// name for nothing is cheap.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "pass", "pw", "secret", "token", "key", "cred", "bearer", "psk", "pat", "auth", "jwt", "sig",
    "code", "sid", "sess", "ticket", "otp", "hmac", "assertion", "saml",
];

/// Which rules a text can match; the highest bit stands for names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hits(u128);

const NAME_BIT: u32 = 127;

impl Hits {
    pub(super) fn names(self) -> bool {
        self.0 >> NAME_BIT & 1 == 1
    }
}

/// The rules, ready to run.
pub(super) struct Search {
    needles: DFA,
    start: StateID,
    /// For each needle, the bit of its rule.
    owners: Vec<u32>,
    rules: Vec<(&'static Rule, OnceLock<Regex>)>,
    aws: Hits,
}

impl Search {
    /// Prepares the table.
    #[expect(
        clippy::expect_used,
        reason = "the needles are constants; a test builds them"
    )]
    pub(super) fn new() -> Self {
        let rules: Vec<_> = rules::all().map(|rule| (rule, OnceLock::new())).collect();
        let of_rules = (0..NAME_BIT)
            .zip(rules::all())
            .flat_map(|(bit, rule)| rule.needles.iter().map(move |needle| (*needle, bit)));
        let of_names = NAMES.iter().map(|needle| (*needle, NAME_BIT));
        let (needles, owners): (Vec<_>, Vec<_>) = of_rules.chain(of_names).unzip();
        let needles = DFA::builder()
            .ascii_case_insensitive(true)
            .build(needles)
            .expect("a few hundred short needles fit an automaton");
        let start = needles
            .start_state(Anchored::No)
            .expect("an automaton is built unanchored");
        let aws = (0..)
            .zip(rules::all())
            .filter(|(_, rule)| rule.id.starts_with("aws"));
        let aws = Hits(aws.fold(0, |bits, (bit, _): (u32, _)| bits | 1 << bit));
        Self {
            needles,
            start,
            owners,
            rules,
            aws,
        }
    }

    /// Which rules can match.
    pub(super) fn hits(&self, text: &[u8]) -> Hits {
        let mut hits = 0;
        let mut state = self.start;
        // Needles overlap (`sk-` in `task-ant`), so every state is asked, not only the next match.
        for &byte in text {
            state = self.needles.next_state(Anchored::No, state, byte);
            if self.needles.is_special(state) && self.needles.is_match(state) {
                for nth in 0..self.needles.match_len(state) {
                    let owner = self
                        .owners
                        .get(self.needles.match_pattern(state, nth).as_usize());
                    hits |= owner.map_or(0, |bit| 1_u128 << bit);
                }
            }
        }
        Hits(hits)
    }

    /// Whether a text mentions AWS.
    pub(super) fn near_aws(&self, hits: Hits) -> bool {
        hits.0 & self.aws.0 != 0
    }

    /// Runs the rules for whole texts, or those for single words.
    pub(super) fn run(
        &self,
        text: &[u8],
        hits: Hits,
        word: bool,
        mut found: impl FnMut(Range<usize>, &'static str),
    ) {
        let mut bits = hits.0 & !(1 << NAME_BIT);
        while bits != 0 {
            let next = self.rules.get(bits.trailing_zeros() as usize);
            bits &= bits - 1;
            let Some((rule, regex)) = next.filter(|(rule, _)| rule.word == word) else {
                continue;
            };
            let regex = regex.get_or_init(|| compile(rule));
            for captures in regex.captures_iter(text) {
                for secret in captures.iter().skip(1).flatten() {
                    if rule.check.holds(secret.as_bytes()) {
                        found(secret.range(), rule.id);
                    }
                }
            }
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants; a test compiles every one"
)]
fn compile(rule: &Rule) -> Regex {
    RegexBuilder::new(rule.pattern)
        .unicode(false)
        .dfa_size_limit(256 << 10)
        .build()
        .expect("the pattern of a rule compiles")
}

#[cfg(test)]
mod tests {
    use super::super::name;
    use super::*;

    /// How a name stands before its value; `%` is the name.
    const CARRIERS: &[&str] = &[
        "%=x",
        "% = x",
        "%2=x",
        "DB_%=x",
        "%_dev=x",
        "--%=x",
        "?u=a&%=x",
        "?%[]=x",
        "a;%=x",
        r#"{"%":"x"}"#,
        r#"{\"%\": \"x\"}"#,
        "{'%': 'x'}",
        "%: x",
    ];

    #[test]
    fn every_name_in_every_place_has_a_needle() {
        let search = Search::new();
        for known in name::all() {
            for carrier in CARRIERS {
                for text in [
                    carrier.replace('%', known),
                    carrier.replace('%', &known.to_uppercase()),
                ] {
                    assert!(search.hits(text.as_bytes()).names(), "{text}");
                }
            }
        }
        assert!(!search.hits(b"ls -la /usr/bin").names());
    }
}
