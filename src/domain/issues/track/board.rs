//! The findings on either side, who is matched with whom so far, and the round that matches more.
//!
//! A round takes what is left over and puts together what has the same [`Key`]. Several of one key on both sides are matched as
//! multisets: in the order of the file, each of the fewer with the nearest of the more. So nothing is matched twice, a round's outcome
//! does not depend on the order in which keys are looked at, and its cost is linear in the findings it is given.

use std::collections::HashMap;

use super::lines::Mark;
use super::map::Expected;
use super::{Pass, Place};

/// What a round asks to be equal, besides source and rule: a set of these bits.
pub(super) mod by {
    /// The line, where the diff left it unchanged.
    pub const EXACT: u16 = 1;
    /// The line, that of a hunk counted from its start.
    pub const START: u16 = 2;
    /// The line, that of a hunk counted from its end.
    pub const END: u16 = 4;
    /// Any of the three.
    pub const LINE: u16 = EXACT | START | END;
    /// The line's content.
    pub const TEXT: u16 = 8;
    /// The message.
    pub const MESSAGE: u16 = 16;
    /// The message's shape.
    pub const SHAPE: u16 = 32;
    /// The column.
    pub const COLUMN: u16 = 64;
    /// The tool's fingerprint.
    pub const HINT: u16 = 128;
    /// The line's content and that of the lines around it.
    pub const BLOCK: u16 = 256;
    /// The line's content, be it blank.
    pub const CONTENT: u16 = 512;
}

/// A finding as rounds see it.
pub(super) struct Item<'a> {
    pub place: &'a Place,
    /// A number for its source and rule: what differs in it is never matched.
    pub group: u32,
    /// In the head commit its own line, as exact as can be.
    pub expected: Expected,
    /// The content of its line; for a finding of a whole file something, if the file is unchanged.
    pub text: Option<Mark>,
}

/// Source and rule, line, text, wording, and what else a round asks for; 0 where it does not ask.
type Key = [u64; 5];

impl Item<'_> {
    /// The place's line, 0 for a whole file.
    pub fn line(&self) -> u32 {
        self.place.line().unwrap_or(0)
    }

    /// Where it is thought to be in the file after: by this distances are measured.
    pub fn about(&self) -> u32 {
        self.expected.from_start.or(self.expected.from_end).unwrap_or(self.line())
    }

    /// What a round by these bits compares, if the finding has all of it.
    fn key(&self, bits: u16) -> Option<Key> {
        let asks = |bit: u16| bits & bit != 0;
        let line = match bits & by::LINE {
            by::EXACT => self.expected.exact?,
            by::START => self.expected.from_start?,
            by::END => self.expected.from_end?,
            // Without a line there must be content to go by: all blank lines are alike, and so are whole files.
            _ if asks(by::TEXT) && (self.line() == 0 || self.text?.is_blank()) => return None,
            _ => 0,
        };
        let text = if asks(by::BLOCK) {
            self.place.block.as_ref()?.mark().get()
        } else if asks(by::TEXT | by::CONTENT) {
            self.text?.get()
        } else {
            0
        };
        let wording = match bits & (by::MESSAGE | by::SHAPE) {
            by::MESSAGE => self.place.message.get(),
            by::SHAPE => self.place.shape.get(),
            _ => 0,
        };
        let more = if asks(by::HINT) {
            self.place.hint?.get()
        } else if asks(by::COLUMN) {
            self.place.span.and_then(|span| span.column_start).map_or(0, |column| u64::from(column) + 1)
        } else {
            0
        };
        Some([u64::from(self.group), u64::from(line), text, wording, more])
    }
}

/// Both sides. Findings are named by their number, and the numbers ascend in the order of the file.
pub(super) struct Board<'a> {
    pub base: Vec<Item<'a>>,
    pub head: Vec<Item<'a>>,
    /// Which of the base are matched.
    taken: Vec<bool>,
    /// For each of the head, its match.
    pub matches: Vec<Option<(u32, Pass)>>,
}

impl<'a> Board<'a> {
    pub fn new(base: Vec<Item<'a>>, head: Vec<Item<'a>>) -> Board<'a> {
        Board { taken: vec![false; base.len()], matches: vec![None; head.len()], base, head }
    }

    pub fn base_is_free(&self, at: u32) -> bool {
        !self.taken[at as usize]
    }

    pub fn head_is_free(&self, at: u32) -> bool {
        self.matches[at as usize].is_none()
    }

    pub fn base(&self, at: u32) -> &Item<'a> {
        &self.base[at as usize]
    }

    pub fn head(&self, at: u32) -> &Item<'a> {
        &self.head[at as usize]
    }

    /// Matches two that are free.
    pub fn join(&mut self, base: u32, head: u32, pass: Pass) {
        debug_assert!(self.base_is_free(base) && self.head_is_free(head) && self.base(base).group == self.head(head).group);
        self.taken[base as usize] = true;
        self.matches[head as usize] = Some((base, pass));
    }

    /// Those of `base` and `head` that are free and have a free equal by `bits` on the other side. What is not among
    /// them is spared the rounds that ask for this and more.
    pub fn sharing(&self, base: &[u32], head: &[u32], bits: u16) -> (Vec<u32>, Vec<u32>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (base, head) in self.buckets(base, head, bits).into_values() {
            before.extend(base);
            after.extend(head);
        }
        before.sort_unstable();
        after.sort_unstable();
        (before, after)
    }

    /// Matches those of `base` and `head`, each ascending, that are free and equal by `bits`.
    pub fn round(&mut self, base: &[u32], head: &[u32], pass: Pass, bits: u16) {
        for (base, head) in self.buckets(base, head, bits).into_values() {
            let about: Vec<u32> = base.iter().map(|at| self.base(*at).about()).collect();
            let lines: Vec<u32> = head.iter().map(|at| self.head(*at).line()).collect();
            for (one, other) in nearest_in_order(&about, &lines) {
                self.join(base[one], head[other], pass);
            }
        }
    }

    /// Matches those of `base` and `head`, each ascending, that are free and equal by `bits`, where several are, as many on either side,
    /// and all stand equally far from where they are expected.
    pub fn round_in_step(&mut self, base: &[u32], head: &[u32], pass: Pass, bits: u16) {
        for (base, head) in self.buckets(base, head, bits).into_values() {
            let shift = |(base, head): (&u32, &u32)| i64::from(self.head(*head).line()) - i64::from(self.base(*base).about());
            let mut shifts = base.iter().zip(&head).map(shift);
            let first = shifts.next();
            if base.len() == head.len() && base.len() > 1 && shifts.all(|shift| Some(shift) == first) {
                for (base, head) in base.into_iter().zip(head) {
                    self.join(base, head, pass);
                }
            }
        }
    }

    /// Matches by the tool's fingerprint where one finding alone has it on either side, matched or not. A fingerprint that several share
    /// tells what they are, not which.
    pub fn hint(&mut self, base: &[u32], head: &[u32]) {
        let mut seen: HashMap<Key, (Vec<u32>, Vec<u32>)> = HashMap::new();
        for at in base {
            self.base(*at).key(by::HINT).into_iter().for_each(|key| seen.entry(key).or_default().0.push(*at));
        }
        for at in head {
            self.head(*at).key(by::HINT).into_iter().for_each(|key| seen.entry(key).or_default().1.push(*at));
        }
        for (base, head) in seen.into_values() {
            if let ([base], [head]) = (&base[..], &head[..])
                && self.base_is_free(*base)
                && self.head_is_free(*head)
            {
                self.join(*base, *head, Pass::Hint);
            }
        }
    }

    /// Those of `base` and `head` that are free, by what a round by `bits` compares; only what both sides have.
    pub fn buckets(&self, base: &[u32], head: &[u32], bits: u16) -> HashMap<Key, (Vec<u32>, Vec<u32>)> {
        let mut buckets: HashMap<Key, (Vec<u32>, Vec<u32>)> = HashMap::new();
        for at in base.iter().copied().filter(|at| self.base_is_free(*at)) {
            if let Some(key) = self.base(at).key(bits) {
                buckets.entry(key).or_default().0.push(at);
            }
        }
        if !buckets.is_empty() {
            for at in head.iter().copied().filter(|at| self.head_is_free(*at)) {
                if let Some(bucket) = self.head(at).key(bits).and_then(|key| buckets.get_mut(&key)) {
                    bucket.1.push(at);
                }
            }
        }
        buckets.retain(|_, (_, head)| !head.is_empty());
        buckets
    }
}

/// Pairs all of the shorter list with some of the longer, keeping the order of both: each with the nearest that leaves enough for those
/// after it. Both ascend. Linear; where the distances tempt it, not the least sum of them.
fn nearest_in_order(one: &[u32], other: &[u32]) -> Vec<(usize, usize)> {
    if one.len() > other.len() {
        return nearest_in_order(other, one).into_iter().map(|(few, many)| (many, few)).collect();
    }
    let mut next = 0;
    let pick = |(few, at): (usize, &u32)| {
        let last = other.len() - (one.len() - few);
        let mut best = next;
        while best < last && other[best + 1].abs_diff(*at) < other[best].abs_diff(*at) {
            best += 1;
        }
        next = best + 1;
        (few, best)
    };
    one.iter().enumerate().map(pick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_on_both_sides_are_paired_in_order() {
        assert_eq!(nearest_in_order(&[1, 50, 90], &[49, 51, 89]), [(0, 0), (1, 1), (2, 2)]);
    }

    #[test]
    fn the_fewer_take_the_nearest_of_the_more() {
        assert_eq!(nearest_in_order(&[50, 90], &[1, 49, 60, 89, 99]), [(0, 1), (1, 3)]);
        assert_eq!(nearest_in_order(&[1, 49, 60, 89, 99], &[50, 90]), [(1, 0), (3, 1)]);
        assert_eq!(nearest_in_order(&[99, 99], &[1, 2, 3]), [(0, 1), (1, 2)]);
        assert_eq!(nearest_in_order(&[], &[1]), []);
    }
}
