//! The retry schedule: how long to wait after the n-th failure, as a pure function.

use std::time::Duration;

/// The waits after the first, second, … failure; the last one repeats.
pub const SCHEDULE: [Duration; 6] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(6 * 3_600),
];

/// The wait after `failures` failures in a row, lengthened by up to a quarter according to `spread`, so that what failed together does
/// not come back together.
pub fn after(failures: u32, spread: u64) -> Duration {
    let step = usize::try_from(failures.max(1) - 1).unwrap_or(usize::MAX).min(SCHEDULE.len() - 1);
    let wait = SCHEDULE[step];
    wait + wait / 4 * u32::try_from(spread % 1_000).expect("below 1,000") / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_six_hours_and_stay_there() {
        let waits: Vec<u64> = (0..9).map(|failures| after(failures, 0).as_secs()).collect();
        assert_eq!(waits, [10, 10, 60, 300, 1_800, 7_200, 21_600, 21_600, 21_600]);
    }

    #[test]
    fn the_spread_lengthens_by_less_than_a_quarter() {
        for spread in [0, 1, 499, 999, u64::MAX] {
            let wait = after(2, spread);
            assert!(wait >= SCHEDULE[1] && wait < SCHEDULE[1] * 5 / 4, "{wait:?}");
        }
    }
}
