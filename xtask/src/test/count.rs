//! Counting test cases in what test programs print.

use std::fmt;
use std::ops::AddAssign;

/// Test cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Did what they should.
    pub(crate) passed: u64,
    /// Did not.
    pub(crate) failed: u64,
    /// Were not run.
    pub(crate) skipped: u64,
}

impl Count {
    /// Nothing passed because nothing was tried, which is no success.
    pub(crate) fn ran_nothing(self) -> bool {
        self.passed + self.failed == 0
    }

    /// The sum of all `test result:` lines; nothing if there is none.
    pub(crate) fn in_output<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Count> {
        lines.filter_map(Count::in_line).reduce(|mut sum, count| {
            sum += count;
            sum
        })
    }

    /// The numbers of a line as in `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn in_line(line: &str) -> Option<Count> {
        let rest = line.trim().strip_prefix("test result: ")?;
        let (_, numbers) = rest.split_once(". ")?;
        let mut count = Count::default();
        for part in numbers.split("; ") {
            let Some((number, what)) = part.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => count.passed = number,
                "failed" => count.failed = number,
                "ignored" => count.skipped = number,
                _ => {}
            }
        }
        Some(count)
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; \
                    3 filtered out; finished in 0.01s";
        assert_eq!(
            Count::in_line(line),
            Some(Count {
                passed: 12,
                failed: 2,
                skipped: 1
            })
        );
    }

    #[test]
    fn results_of_several_programs_add_up() {
        let output = "running 1 test\ntest result: ok. 1 passed; 0 failed\n\
                      test result: ok. 2 passed; 1 failed\n";
        let sum = Count::in_output(output.lines());
        assert_eq!(
            sum,
            Some(Count {
                passed: 3,
                failed: 1,
                skipped: 0
            })
        );
    }

    #[test]
    fn output_without_a_result_has_no_count() {
        assert_eq!(Count::in_output("running 3 tests\n".lines()), None);
    }

    #[test]
    fn the_closing_line_is_plain() {
        let count = Count {
            passed: 4,
            failed: 0,
            skipped: 2,
        };
        assert_eq!(count.to_string(), "4 passed, 0 failed, 2 skipped");
    }
}
