//! Ratios, as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::budget::Budget;
use super::foreign;
use super::load::Load;
use super::recorder::Recorder;

/// A load without and with a recorder, one right after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// Nanoseconds of an operation without.
    pub(super) free: f64,
    /// Nanoseconds of an operation with.
    pub(super) under: f64,
    /// Cores that others used meanwhile.
    pub(super) foreign: f64,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.under / self.free
    }

    /// Whether others left it alone.
    pub(super) fn is_calm(&self) -> bool {
        self.foreign <= foreign::LIMIT
    }
}

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Pairs(BTreeMap<(Recorder, Load), Vec<Pair>>);

impl Pairs {
    /// Adds a round.
    pub(super) fn add(&mut self, recorder: Recorder, load: Load, pair: Pair) {
        self.0.entry((recorder, load)).or_default().push(pair);
    }

    /// A row for each load, a column for each recorder, a budget in each cell that has one.
    pub(super) fn table(&self, loads: &[Load], recorders: &[Recorder], backend: &str) -> String {
        let mut table = String::from("| operation | none, ns |");
        for recorder in recorders {
            let _ = write!(table, " {recorder} |");
        }
        table.push_str("\n|---|---|");
        table.push_str(&"---|".repeat(recorders.len()));
        table.push('\n');
        for &load in loads {
            let free: Vec<f64> = recorders
                .iter()
                .filter_map(|&recorder| self.0.get(&(recorder, load)))
                .flatten()
                .map(|pair| pair.free)
                .collect();
            let _ = write!(table, "| {} | {:.0} |", load.describe(), median(&free));
            for &recorder in recorders {
                let budget = Budget::of(recorder, load, backend);
                let _ = write!(table, " {} |", cell(self.of(recorder, load), budget));
            }
            table.push('\n');
        }
        table
    }

    /// A cell without a budget.
    pub(super) fn plain(&self, recorder: Recorder, load: Load) -> String {
        cell(self.of(recorder, load), None)
    }

    fn of(&self, recorder: Recorder, load: Load) -> &[Pair] {
        self.0.get(&(recorder, load)).map_or(&[], Vec::as_slice)
    }

    /// How many rounds of how many were spoiled by others.
    pub(super) fn spoiled(&self) -> (usize, usize) {
        let all = self.0.values().flatten();
        let spoiled = all.clone().filter(|pair| !pair.is_calm()).count();
        (spoiled, all.count())
    }
}

fn cell(pairs: &[Pair], budget: Option<Budget>) -> String {
    if pairs.is_empty() {
        return "not measured".to_owned();
    }
    let calm: Vec<Pair> = pairs.iter().copied().filter(Pair::is_calm).collect();
    // Where others left hardly a round alone, all of them stand there, and are marked.
    let enough = calm.len() * 2 >= pairs.len();
    let pairs = if enough { &calm[..] } else { pairs };
    let ratios: Vec<f64> = pairs.iter().map(Pair::ratio).collect();
    let free: Vec<f64> = pairs.iter().map(|pair| pair.free).collect();
    let (free, ratio) = (median(&free), median(&ratios));
    let mut cell = format!("{}{}", spread(&ratios), if enough { "" } else { "*" });
    if let Some(budget) = budget {
        if let Budget::More(_) = budget {
            let _ = write!(cell, " ({:+.0} ns)", (ratio - 1.0) * free);
        }
        let _ = write!(cell, "; goal {budget}");
        if !budget.holds(free, ratio) {
            cell.push_str(", **over**");
        }
    }
    cell
}

/// Median, with the least and the greatest.
pub(super) fn spread(samples: &[f64]) -> String {
    let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = samples.iter().copied().fold(0.0, f64::max);
    format!(
        "{} [{}..{}]",
        short(median(samples)),
        short(least),
        short(greatest)
    )
}

/// Two digits after the point where they say something.
fn short(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 10.0 => format!("{ratio:.2}"),
        ratio if ratio < 100.0 => format!("{ratio:.1}"),
        ratio => format!("{ratio:.0}"),
    }
}

/// The middle one; 0 of none.
pub(super) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        n => sorted[n / 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(under: f64, foreign: f64) -> Pair {
        Pair {
            free: 100.0,
            under,
            foreign,
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn a_spread_has_median_least_and_greatest() {
        assert_eq!(spread(&[1.0, 1.1, 922.0]), "1.10 [1.00..922]");
    }

    #[test]
    fn spoiled_rounds_are_left_out_while_there_are_others() {
        let pairs = [pair(110.0, 0.1), pair(500.0, 1.2), pair(120.0, 0.0)];
        assert_eq!(cell(&pairs, None), "1.15 [1.10..1.20]");
        let pairs = [pair(110.0, 1.0), pair(130.0, 1.2), pair(120.0, 0.0)];
        assert_eq!(cell(&pairs, None), "1.20 [1.10..1.30]*");
    }

    #[test]
    fn a_cell_shows_its_budget_and_whether_it_holds() {
        let pairs = [pair(120.0, 0.0)];
        assert_eq!(
            cell(&pairs, Some(Budget::Times(1.1))),
            "1.20 [1.20..1.20]; goal ≤ 1.10, **over**"
        );
        assert_eq!(
            cell(&pairs, Some(Budget::More(30.0))),
            "1.20 [1.20..1.20] (+20 ns); goal ≤ +30 ns"
        );
        assert_eq!(cell(&[], Some(Budget::Times(1.0))), "not measured");
    }
}
