//! Boot clock to wall clock.

use jiff::Timestamp;

use crate::input::Clock;

/// The moment `boot` (boot clock, ns) as RFC 3339 in UTC with nanoseconds, going by one reading of
/// both clocks.
pub fn timestamp(clock: Clock, boot: u64) -> String {
    let wall = i128::from(clock.wall) + i128::from(boot) - i128::from(clock.boot);
    match Timestamp::from_nanosecond(wall) {
        Ok(time) => format!("{time:.9}"),
        // A clock beyond the year 9999: the number itself is all there is to say.
        Err(_) => wall.to_string(),
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
}
