//! The suffix array of a text of numbers, and how much neighbors in it have in common: every repetition in linear time.
//!
//! The array is built by induced sorting (Nong, Zhang, Chan: *Linear Suffix Array Construction by Almost Pure Induced-Sorting*, 2009), the
//! common prefixes as Kasai and others do (2001). Both take time and memory in proportion to the text, whatever stands in it: rows of equal
//! lines, on which comparing pairs takes the square, are no worse than any other text.

/// No place.
const NONE: u32 = u32::MAX;

/// The suffixes of a text in their order.
#[derive(Debug)]
pub struct Suffixes {
    /// Where each begins, ascending by content.
    pub order: Vec<u32>,
    /// The place of each in the order.
    pub rank: Vec<u32>,
    /// How many numbers each has in common with the one before it in the order; 0 for the first.
    pub common: Vec<u32>,
}

impl Suffixes {
    /// Sorts the suffixes of a text whose numbers are below `alphabet`. A text has fewer than 2^32 - 1 numbers.
    pub fn of(text: &[u32], alphabet: usize) -> Suffixes {
        let order = sort(text, alphabet);
        let mut rank = vec![0; order.len()];
        for (place, at) in order.iter().enumerate() {
            rank[*at as usize] = number(place);
        }
        let mut common = vec![0; order.len()];
        let mut shared = 0;
        for at in 0..text.len() {
            let place = rank[at] as usize;
            if place == 0 {
                shared = 0;
                continue;
            }
            let other = order[place - 1] as usize;
            while at.max(other) + shared < text.len() && text[at + shared] == text[other + shared] {
                shared += 1;
            }
            common[place] = number(shared);
            shared = shared.saturating_sub(1);
        }
        Suffixes { order, rank, common }
    }

    /// The most that the suffix at a place of the text has in common with any other.
    pub fn repeated(&self, at: usize) -> u32 {
        let place = self.rank[at] as usize;
        self.common[place].max(self.common.get(place + 1).copied().unwrap_or(0))
    }

    /// At most `most` other places, nearest first in the order, whose suffixes have the first `length` numbers in common with that at
    /// `at`.
    pub fn others(&self, at: usize, length: u32, most: usize) -> Vec<usize> {
        let place = self.rank[at] as usize;
        let before = (1..=place).rev().take_while(|place| self.common[*place] >= length).map(|place| self.order[place - 1]);
        let after = (place + 1..self.order.len()).take_while(|place| self.common[*place] >= length).map(|place| self.order[place]);
        before.take(most / 2).chain(after.take(most / 2)).map(|at| at as usize).collect()
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).expect("a text has fewer than 2^32 - 1 numbers")
}

/// The buckets of the array: where those of each number begin that are greater than their successor, and where the others.
struct Buckets {
    greater: Vec<u32>,
    lesser: Vec<u32>,
}

impl Buckets {
    fn of(text: &[u32], is_lesser: &[bool], alphabet: usize) -> Buckets {
        let (mut greater, mut lesser) = (vec![0; alphabet], vec![0; alphabet]);
        for (number, is_lesser) in text.iter().zip(is_lesser) {
            let count = if *is_lesser { &mut lesser } else { &mut greater };
            count[*number as usize] += 1;
        }
        let mut begin = 0;
        for (greater, lesser) in greater.iter_mut().zip(&mut lesser) {
            let (greaters, lessers) = (*greater, *lesser);
            *greater = begin;
            *lesser = begin + greaters;
            begin += greaters + lessers;
        }
        Buckets { greater, lesser }
    }
}

fn sort(text: &[u32], alphabet: usize) -> Vec<u32> {
    let length = text.len();
    if length < 2 {
        return (0..number(length)).collect();
    }
    // Whether a suffix is less than the one that begins after it.
    let mut is_lesser = vec![false; length];
    for at in (0..length - 1).rev() {
        is_lesser[at] = if text[at] == text[at + 1] { is_lesser[at + 1] } else { text[at] < text[at + 1] };
    }
    let buckets = Buckets::of(text, &is_lesser, alphabet);
    // Where a valley begins: the suffixes that all others can be sorted by.
    let valleys: Vec<u32> = (1..length).filter(|at| is_lesser[*at] && !is_lesser[*at - 1]).map(number).collect();
    let mut order = vec![NONE; length];
    induce(text, &is_lesser, &buckets, &valleys, &mut order);
    if valleys.is_empty() {
        return order;
    }
    let mut name = vec![NONE; length];
    for (nth, at) in valleys.iter().enumerate() {
        name[*at as usize] = number(nth);
    }
    let mut sorted: Vec<u32> = order.iter().copied().filter(|at| name[*at as usize] != NONE).collect();
    // The text of the valleys' names, by which those are told apart that look the same up to the next valley.
    let mut names = vec![0; valleys.len()];
    let mut last = 0;
    for pair in sorted.windows(2) {
        let (a, b) = (name[pair[0] as usize] as usize, name[pair[1] as usize] as usize);
        last += u32::from(!is_same(text, &valleys, a, b));
        names[b] = last;
    }
    let sorted_names = sort(&names, last as usize + 1);
    for (sorted, nth) in sorted.iter_mut().zip(&sorted_names) {
        *sorted = valleys[*nth as usize];
    }
    order.fill(NONE);
    induce(text, &is_lesser, &buckets, &sorted, &mut order);
    order
}

/// Whether two valleys are the same up to where the next begin. The last one's end is the end of the text, which is like nothing else.
fn is_same(text: &[u32], valleys: &[u32], a: usize, b: usize) -> bool {
    let (Some(end_a), Some(end_b)) = (valleys.get(a + 1), valleys.get(b + 1)) else { return false };
    let piece = |nth: usize, end: u32| &text[valleys[nth] as usize..=end as usize];
    piece(a, *end_a) == piece(b, *end_b)
}

/// Sorts all suffixes by those at the valleys.
fn induce(text: &[u32], is_lesser: &[bool], buckets: &Buckets, valleys: &[u32], order: &mut [u32]) {
    let mut next = buckets.lesser.clone();
    let put = |order: &mut [u32], next: &mut [u32], at: u32| {
        let next = &mut next[text[at as usize] as usize];
        order[*next as usize] = at;
        *next += 1;
    };
    for at in valleys {
        put(order, &mut next, *at);
    }
    next.clone_from(&buckets.greater);
    put(order, &mut next, number(text.len() - 1));
    for place in 0..order.len() {
        let at = order[place];
        if at != NONE && at > 0 && !is_lesser[at as usize - 1] {
            put(order, &mut next, at - 1);
        }
    }
    // The lesser ones are put anew from the end of each bucket, which is where the next one's greater begin.
    next.clone_from(&buckets.greater);
    next.push(number(text.len()));
    for place in (0..order.len()).rev() {
        let at = order[place];
        if at != NONE && at > 0 && is_lesser[at as usize - 1] {
            let next = &mut next[text[at as usize - 1] as usize + 1];
            *next -= 1;
            order[*next as usize] = at - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn suffixes_are_sorted_and_share_what_is_said(text in (1_u32..6).prop_flat_map(|most| proptest::collection::vec(0..most, 0..80))) {
            let found = Suffixes::of(&text, 6);
            let mut expected: Vec<u32> = (0..u32::try_from(text.len()).unwrap()).collect();
            expected.sort_by_key(|at| &text[*at as usize..]);
            prop_assert_eq!(&found.order, &expected);
            for place in 1..text.len() {
                let (a, b) = (&text[found.order[place - 1] as usize..], &text[found.order[place] as usize..]);
                let shared = a.iter().zip(b).take_while(|(a, b)| a == b).count();
                prop_assert_eq!(found.common[place] as usize, shared);
            }
        }
    }

    #[test]
    fn a_text_of_one_number_takes_no_longer_than_any_other() {
        let found = Suffixes::of(&vec![0; 300_000], 1);
        assert_eq!((found.order[0], found.common[299_999], found.repeated(0)), (299_999, 299_999, 299_999));
        assert_eq!(found.others(0, 10, 4).len(), 2);
    }
}
