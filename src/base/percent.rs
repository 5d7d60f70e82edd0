//! Shares of a whole, and the one rule by which they become percent.

use serde::{Deserialize, Serialize};

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ratio {
    /// How many of them.
    pub covered: u64,
    /// How many there are.
    pub total: u64,
}

impl Ratio {
    /// Percent with at most two decimals, rounded down, so that only the whole says 100; `None` where there is nothing to count.
    pub fn percent(self) -> Option<f64> {
        self.hundredths().map(|hundredths| hundredths as f64 / 100.0)
    }

    /// Hundredths of a percent, rounded down.
    pub fn hundredths(self) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let exact = u128::from(self.covered.min(self.total)) * 10_000 / u128::from(self.total);
        Some(u64::try_from(exact).expect("at most 10,000"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_is_a_hundred_percent() {
        assert_eq!(Ratio { covered: 99_999, total: 100_000 }.percent(), Some(99.99));
        assert_eq!(Ratio { covered: 3, total: 3 }.percent(), Some(100.0));
        assert_eq!(Ratio { covered: u64::MAX - 1, total: u64::MAX }.percent(), Some(99.99));
    }

    #[test]
    fn nothing_to_count_is_no_percent() {
        assert_eq!(Ratio::default().percent(), None);
    }
}
