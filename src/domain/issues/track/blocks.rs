//! Findings that moved with the lines around them: within a file, and from one file to another.
//!
//! A line whose surroundings, five lines to either side, are found once before and once after has moved there. Where that does not
//! decide (the edge of what was moved is among the five lines, or there are several such places), lines of equal content are paired by
//! how many equal lines surround them without a gap, then by distance. That looks at pairs, so it has a limit; what lies past the limit
//! is left to cheaper passes.

use std::cmp::Reverse;

use super::Pass;
use super::board::{Board, by};

/// So many pairs of findings on equal lines are compared in one file.
pub const FILE_PAIRS_MAX: usize = 250_000;

/// So many pairs of findings on equal lines are compared in all files together.
pub const ALL_PAIRS_MAX: usize = 16 * FILE_PAIRS_MAX;

/// So many equal lines without a gap, blank ones not counted, make a move from one file to another: fewer are met by chance.
pub const MOVED_LINES_MIN: u32 = 3;

/// Matches what moved within a file. `base` and `head` are the file's findings; `left` is what remains of [`ALL_PAIRS_MAX`].
pub(super) fn within_file(board: &mut Board<'_>, base: &[u32], head: &[u32], left: &mut usize) {
    for (base, head) in board.buckets(base, head, by::BLOCK).into_values() {
        let one_line_before = base.iter().all(|at| board.base(*at).line() == board.base(base[0]).line());
        let one_line_after = head.iter().all(|at| board.head(*at).line() == board.head(head[0]).line());
        if one_line_before && one_line_after {
            for wording in [by::MESSAGE, by::SHAPE, 0] {
                board.round(&base, &head, Pass::Block, by::BLOCK | wording);
            }
        }
    }
    by_surroundings(board, base, head, Pass::Block, 1, left);
}

/// Matches what moved from one file to another. `base` and `head` are the findings of all files that the commit changed.
pub(super) fn between_files(board: &mut Board<'_>, base: &[u32], head: &[u32]) {
    let tells = |place: &super::Place| place.block.as_ref().is_some_and(|block| block.common_run(block).written >= MOVED_LINES_MIN);
    let base: Vec<u32> = base.iter().copied().filter(|at| board.base_is_free(*at) && tells(board.base(*at).place)).collect();
    let head: Vec<u32> = head.iter().copied().filter(|at| board.head_is_free(*at) && tells(board.head(*at).place)).collect();
    for wording in [by::MESSAGE, by::SHAPE, 0] {
        board.round(&base, &head, Pass::Moved, by::BLOCK | wording);
    }
    let mut left = FILE_PAIRS_MAX;
    by_surroundings(board, &base, &head, Pass::Moved, MOVED_LINES_MIN, &mut left);
}

/// Matches findings on equal lines, those first that share the most lines around them, at least `least` that are not blank.
fn by_surroundings(board: &mut Board<'_>, base: &[u32], head: &[u32], pass: Pass, least: u32, left: &mut usize) {
    let mut buckets: Vec<_> = board.buckets(base, head, by::TEXT).into_iter().collect();
    // The small ones first, so that one that is too large does not use up what the others need.
    buckets.sort_by_key(|(key, (base, head))| (base.len().saturating_mul(head.len()), *key));
    let mut left_here = FILE_PAIRS_MAX.min(*left);
    let mut pairs = Vec::new();
    for (_, (base, head)) in buckets {
        let Some(remaining) = left_here.checked_sub(base.len().saturating_mul(head.len())) else { break };
        *left -= left_here - remaining;
        left_here = remaining;
        for (base, head) in base.iter().flat_map(|base| head.iter().map(move |head| (*base, *head))) {
            let (before, after) = (board.base(base), board.head(head));
            let (Some(one), Some(other)) = (&before.place.block, &after.place.block) else { continue };
            let run = one.common_run(other);
            if run.written >= least {
                let distance = if pass == Pass::Moved { 0 } else { before.about().abs_diff(after.line()) };
                let wording = (before.place.message != after.place.message, before.place.shape != after.place.shape);
                pairs.push((Reverse(run), distance, wording, base, head));
            }
        }
    }
    pairs.sort_unstable();
    for (.., base, head) in pairs {
        if board.base_is_free(base) && board.head_is_free(head) {
            board.join(base, head, pass);
        }
    }
}
