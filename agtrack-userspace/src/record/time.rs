//! Boot clock to wall clock.

use jiff::Timestamp;

use crate::input::Clock;

const SECOND: i128 = 1_000_000_000;

/// The moment `boot` (boot clock, ns) as RFC 3339 in UTC with nanoseconds, going by one reading of
/// both clocks.
pub fn timestamp(clock: Clock, boot: u64) -> String {
    written(wall(clock, boot))
}

fn wall(clock: Clock, boot: u64) -> i128 {
    i128::from(clock.wall) + i128::from(boot) - i128::from(clock.boot)
}

fn written(wall: i128) -> String {
    match Timestamp::from_nanosecond(wall) {
        Ok(time) => format!("{time:.9}"),
        // A clock beyond the year 9999: the number itself is all there is to say.
        Err(_) => wall.to_string(),
    }
}

/// Writes times, most of which share their second with the one before.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// Since 1970; what is written of it ends in the point.
    second: i128,
    text: String,
}

impl Times {
    /// As [`timestamp`].
    pub(super) fn at(&mut self, clock: Clock, boot: u64) -> String {
        let wall = wall(clock, boot);
        let (second, rest) = (wall.div_euclid(SECOND), wall.rem_euclid(SECOND));
        if self.text.is_empty() || self.second != second {
            let text = written(wall);
            let Some(point) = text.find('.') else {
                return text;
            };
            self.second = second;
            self.text = text.get(..=point).unwrap_or_default().to_owned();
            return text;
        }
        let mut digits = *b"000000000Z";
        let mut rest = rest as u64;
        for digit in digits.iter_mut().take(9).rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        let mut text = String::with_capacity(self.text.len() + digits.len());
        text.push_str(&self.text);
        text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_times_are_placed_around_the_reading() {
        let clock = Clock {
            boot: 10_000_000_000,
            wall: 1_700_000_000_000_000_000,
        };
        assert_eq!(
            timestamp(clock, 10_000_000_001),
            "2023-11-14T22:13:20.000000001Z"
        );
        assert_eq!(
            timestamp(clock, 9_000_000_000),
            "2023-11-14T22:13:19.000000000Z"
        );
        timestamp(clock, u64::MAX);
    }

    #[test]
    fn times_are_written_the_same_whatever_was_written_before() {
        let mut times = Times::default();
        let clock = Clock {
            boot: 5,
            wall: 1_700_000_000_999_999_990,
        };
        for boot in [5, 14, 15, 1_000_000_015, 3, 0, u64::MAX, 7] {
            assert_eq!(times.at(clock, boot), timestamp(clock, boot), "{boot}");
        }
        // Before 1970, and where no date can be written.
        let clock = Clock { boot: 9, wall: 3 };
        for boot in [0, 1, u64::MAX, 2] {
            assert_eq!(times.at(clock, boot), timestamp(clock, boot), "{boot}");
        }
    }
}
