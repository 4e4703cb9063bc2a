//! Parts that many drafts share are redacted once.

use std::collections::VecDeque;

use crate::record::Shared;

/// Parts that are remembered.
const MOST: usize = 64;

/// The parts that came last, the latest first: what they were, what they became, and by which rules.
#[derive(Debug)]
pub(super) struct Memo<T>(VecDeque<(Shared<T>, Shared<T>, Vec<&'static str>)>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Memo(VecDeque::new())
    }
}

impl<T> Memo<T> {
    /// What a part becomes and by which rules, which `redact` says of those that are new here. One
    /// that no rule is about stays what it is.
    pub(super) fn redacted(
        &mut self,
        part: &Shared<T>,
        redact: impl FnOnce(&T) -> (T, Vec<&'static str>),
    ) -> (Shared<T>, Vec<&'static str>) {
        let place = self.0.iter().position(|(before, ..)| before.is(part));
        let found = place.and_then(|place| self.0.remove(place));
        let (before, after, rules) = found.unwrap_or_else(|| {
            let (after, rules) = redact(part);
            let after = if rules.is_empty() {
                part.clone()
            } else {
                Shared::new(after)
            };
            (part.clone(), after, rules)
        });
        let answer = (after.clone(), rules.clone());
        self.0.push_front((before, after, rules));
        self.0.truncate(MOST);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_redacted_once_while_it_is_remembered() {
        let mut memo = Memo::default();
        let mut asked = 0;
        let mut redacted = |part: &Shared<u32>| {
            memo.redacted(part, |number| {
                asked += 1;
                (number + 1, if *number == 0 { vec![] } else { vec!["rule"] })
            })
        };
        let parts: Vec<_> = (0..=MOST as u32).map(Shared::new).collect();
        for part in &parts[..MOST] {
            redacted(part);
            let (after, rules) = redacted(part);
            if **part == 0 {
                assert!(after.is(part) && rules.is_empty());
            } else {
                assert_eq!((*after, rules), (**part + 1, vec!["rule"]));
            }
        }
        // One more displaces the one that was asked for longest ago.
        redacted(&parts[MOST]);
        redacted(&parts[1]);
        redacted(&parts[0]);
        assert_eq!((asked, memo.0.len()), (MOST + 2, MOST));
    }
}
