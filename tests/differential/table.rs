//! What was compared, for people: recall and precision of each action in each work.

use agtrack_common::event::TABLE;

use crate::compare::{Comparison, Count};
use crate::deed::NOT_COMPARED;
use crate::rule::{KNOWN, RULES};

/// Prints it.
pub(crate) fn print(works: &[(&str, Comparison)]) {
    println!(
        "\n{:<24} {:<9} {:>7} {:>8} {:>7} {:>9} {:>7} {:>10}",
        "action", "work", "strace", "agtrack", "both", "left out", "recall", "precision"
    );
    let mut total = Count::default();
    for (index, row) in TABLE.iter().enumerate() {
        if TABLE[..index]
            .iter()
            .any(|other| other.action == row.action)
        {
            continue;
        }
        if let Some((_, reason)) = NOT_COMPARED.iter().find(|(name, _)| *name == row.action) {
            println!("{:<24} not compared: {reason}", row.action);
            continue;
        }
        let mut sum = Count::default();
        for (work, comparison) in works {
            if let Some(count) = comparison.counts.get(row.action) {
                line(row.action, work, *count);
                add(&mut sum, *count);
            }
        }
        line(row.action, "all", sum);
        add(&mut total, sum);
    }
    line("all", "all", total);
    println!("\nleft out:");
    for rule in RULES {
        applied(works, rule.name, rule.reason);
    }
    println!("\ntold differently:");
    for known in KNOWN {
        applied(works, known.name, known.reason);
    }
}

fn applied(works: &[(&str, Comparison)], name: &str, reason: &str) {
    let times = works.iter().filter_map(|(_, work)| work.rules.get(name));
    println!("{:>8}  {name}: {reason}", times.sum::<u64>());
}

fn add(sum: &mut Count, count: Count) {
    sum.strace += count.strace;
    sum.agtrack += count.agtrack;
    sum.both += count.both;
    sum.left_out += count.left_out;
}

fn line(action: &str, work: &str, count: Count) {
    let Count {
        strace,
        agtrack,
        both,
        left_out,
    } = count;
    println!(
        "{action:<24} {work:<9} {strace:>7} {agtrack:>8} {both:>7} {left_out:>9} {:>7} {:>10}",
        share(both, strace),
        share(both, agtrack)
    );
}

/// Never rounded up to all.
fn share(part: u64, whole: u64) -> String {
    match (part * 10_000).checked_div(whole) {
        None => "-".to_owned(),
        Some(10_000) => "100 %".to_owned(),
        Some(share) => format!("{}.{:02} %", share / 100, share % 100),
    }
}

/// Shares are told as they are.
pub(crate) fn check() {
    assert_eq!(share(3, 3), "100 %");
    assert_eq!(share(99_999, 100_000), "99.99 %");
    assert_eq!(share(0, 0), "-");
}
