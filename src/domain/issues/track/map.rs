//! Where a line of the file before stands in the file after, by the hunks of a diff.

use crate::engine::git::diff::Hunk;

/// Where a finding of the base commit is to be looked for. Lines count from 1; 0 stands for the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    /// Its line, where the diff left it unchanged.
    pub exact: Option<u32>,
    /// Its line if the lines of its hunk are paired from the first on; the same as `exact` where there is one.
    pub from_start: Option<u32>,
    /// Its line if the lines of its hunk are paired from the last back; the same as `exact` where there is one.
    pub from_end: Option<u32>,
}

impl Expected {
    /// Exactly there.
    pub const fn at(line: u32) -> Expected {
        Expected { exact: Some(line), from_start: Some(line), from_end: Some(line) }
    }

    /// Nowhere.
    pub const NOWHERE: Expected = Expected { exact: None, from_start: None, from_end: None };
}

/// Where `line` of the file before stands in the file after. Hunks that do not ascend give some line or none, and nothing worse.
pub(super) fn expect(line: u32, hunks: &[Hunk]) -> Expected {
    let Some(row) = line.checked_sub(1) else { return Expected::at(0) };
    let passed = hunks.partition_point(|hunk| hunk.before.end <= row);
    let number = |row: i64| u32::try_from(row + 1).ok();
    let inside = hunks.get(passed).filter(|hunk| hunk.before.contains(&row));
    let Some(hunk) = inside else {
        let shift = passed.checked_sub(1).map_or(0, |last| i64::from(hunks[last].after.end) - i64::from(hunks[last].before.end));
        return number(i64::from(row) + shift).map_or(Expected::NOWHERE, Expected::at);
    };
    let within = |row: &i64| (i64::from(hunk.after.start)..i64::from(hunk.after.end)).contains(row);
    let from_start = i64::from(hunk.after.start) + i64::from(row - hunk.before.start);
    let from_end = i64::from(hunk.after.end) - i64::from(hunk.before.end - row);
    Expected {
        exact: None,
        from_start: Some(from_start).filter(within).and_then(number),
        from_end: Some(from_end).filter(within).and_then(number),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_outside_hunks_move_by_what_hunks_above_added_and_removed() {
        // Two lines are put before line 3; lines 6 and 7 become one; line 9 goes.
        let hunks = [Hunk { before: 2..2, after: 2..4 }, Hunk { before: 5..7, after: 7..8 }, Hunk { before: 8..9, after: 9..9 }];
        let exact: Vec<_> = (1..=10).map(|line| expect(line, &hunks).exact).collect();
        assert_eq!(exact, [Some(1), Some(2), Some(5), Some(6), Some(7), None, None, Some(9), None, Some(10)]);
    }

    #[test]
    fn lines_of_a_hunk_are_paired_from_its_start_and_from_its_end() {
        let hunks = [Hunk { before: 2..4, after: 2..5 }, Hunk { before: 6..9, after: 7..8 }, Hunk { before: 10..11, after: 9..9 }];
        let ends = |line| (expect(line, &hunks).from_start, expect(line, &hunks).from_end);
        assert_eq!([ends(3), ends(4)], [(Some(3), Some(4)), (Some(4), Some(5))]);
        assert_eq!([ends(7), ends(8), ends(9)], [(Some(8), None), (None, None), (None, Some(8))]);
        assert_eq!(ends(11), (None, None));
    }

    #[test]
    fn a_finding_without_a_line_stays_without_one() {
        assert_eq!(expect(0, &[Hunk { before: 0..9, after: 0..0 }]), Expected::at(0));
    }

    proptest! {
        #[test]
        fn hunks_that_make_no_sense_do_no_harm(line: u32, hunks in proptest::collection::vec(any::<[u32; 4]>(), 0..5)) {
            let hunks: Vec<Hunk> = hunks.iter().map(|[a, b, c, d]| Hunk { before: *a..*b, after: *c..*d }).collect();
            expect(line, &hunks);
        }
    }
}
