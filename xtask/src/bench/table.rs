//! Ratios, as a table.

use std::collections::BTreeMap;

use super::load::Load;
use super::recorder::Recorder;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    free: BTreeMap<Load, Vec<f64>>,
    ratios: BTreeMap<(Recorder, Load), Vec<f64>>,
}

impl Samples {
    /// Nanoseconds per operation without a recorder.
    pub(crate) fn free(&mut self, load: Load, nanoseconds: f64) {
        self.free.entry(load).or_default().push(nanoseconds);
    }

    /// Cost with the recorder over cost without, in one round.
    pub(crate) fn ratio(&mut self, recorder: Recorder, load: Load, ratio: f64) {
        self.ratios.entry((recorder, load)).or_default().push(ratio);
    }

    /// Prints medians, with the least and the greatest.
    pub(crate) fn print(&self, loads: &[Load]) {
        println!("\nratio to no recorder, median [least-greatest] of alternating rounds");
        print!("| {:<29} |", "recorder");
        loads.iter().for_each(|load| print!(" {load:<18} |"));
        print!("\n|{}|", "-".repeat(31));
        loads.iter().for_each(|_| print!("{}|", "-".repeat(20)));
        print!("\n| {:<29} |", "none (ns)");
        for load in loads {
            let nanoseconds = self.free.get(load).map_or(0.0, |samples| median(samples));
            print!(" {nanoseconds:<18.0} |");
        }
        println!();
        let mut recorders: Vec<_> = self.ratios.keys().map(|(recorder, _)| *recorder).collect();
        recorders.dedup();
        for recorder in recorders {
            print!("| {recorder:<29} |");
            for load in loads {
                let samples = self.ratios.get(&(recorder, *load));
                let cell = samples.map_or("not measured".to_owned(), |samples| cell(samples));
                print!(" {cell:<18} |");
            }
            println!();
        }
        println!();
    }
}

fn cell(samples: &[f64]) -> String {
    let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = samples.iter().copied().fold(0.0, f64::max);
    format!(
        "{} [{}-{}]",
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

fn median(samples: &[f64]) -> f64 {
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

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn a_cell_has_median_least_and_greatest() {
        assert_eq!(cell(&[1.0, 1.1, 922.0]), "1.10 [1.00-922]");
    }
}
