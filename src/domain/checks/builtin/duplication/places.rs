//! Where a run of tokens stands that stands elsewhere as well.
//!
//! Looked at is only what [prints](super::prints) say that files share. It is laid end to end, each [region](Corpus::add) ended by a
//! break that is like nothing else, and its suffixes sorted: then the longest repetition that begins at each token is known at once, and
//! where else it stands is beside it in the order. What begins one token later and is one token shorter is the same repetition.
//!
//! A run is trimmed to whole lines, since lines are what people look at, and weighed: tables of values and rows of equal lines are long and
//! alike, and nobody would mend them. Of runs that overlap in a file the longest is told of.

use super::stream::{Piece, Role};
use super::suffixes::Suffixes;
use super::{MIN_LINES, MIN_TOKENS, TESTS_FACTOR};

/// Of how many other places of a run is looked at each.
const MAX_OTHERS: usize = 64;
/// The most places in one file.
pub const MAX_PER_FILE: usize = 30;
/// How many tokens go by between two looks at whether the answer still matters.
const STRIDE: usize = 1 << 14;
/// How many tokens of a run are weighed.
const WEIGHED: usize = 2_000;

/// The parts of files that are compared.
#[derive(Debug, Default)]
pub struct Corpus {
    pieces: Vec<Piece>,
    /// Where each region begins, and whose it is.
    regions: Vec<(usize, usize)>,
    /// The line of each file from which on it is tests.
    tests_from: Vec<u32>,
}

/// A run of whole lines that stands elsewhere as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The number of the file.
    pub file: usize,
    /// The first line.
    pub line_start: u32,
    /// The last line.
    pub line_end: u32,
    /// How many tokens.
    pub tokens: usize,
    /// A hash of them.
    pub hash: u64,
    /// Where else: file and first line, ascending.
    pub others: Vec<(usize, u32)>,
    /// Where it begins among the pieces.
    at: usize,
}

impl Corpus {
    /// Begins the next file; its number is that of those before it.
    pub fn begin(&mut self, tests_from: u32) -> usize {
        self.tests_from.push(tests_from);
        self.tests_from.len() - 1
    }

    /// How many tokens are compared.
    pub fn tokens(&self) -> usize {
        self.pieces.len()
    }

    /// Adds a run of a file's tokens.
    pub fn add(&mut self, file: usize, run: &[Piece]) {
        self.regions.push((self.pieces.len(), file));
        self.pieces.extend_from_slice(run);
        self.pieces.push(Piece::BREAK);
    }

    fn file_at(&self, at: usize) -> usize {
        let region = self.regions.partition_point(|(begin, _)| *begin <= at) - 1;
        self.regions[region].1
    }

    /// The places whose lines stand elsewhere as well, by file and line. `are_apart` says whether two files are not made from each other.
    pub fn places(&self, are_apart: &dyn Fn(usize, usize) -> bool, cancel: &dyn Fn() -> bool) -> Vec<Place> {
        let (text, alphabet) = self.text();
        let suffixes = Suffixes::of(&text, alphabet);
        drop(text);
        let mut by_file: Vec<Vec<Place>> = vec![Vec::new(); self.tests_from.len()];
        let mut before = 0;
        for at in 0..self.pieces.len() {
            if at.is_multiple_of(STRIDE) && cancel() {
                return Vec::new();
            }
            let length = suffixes.repeated(at);
            let begins = length >= before;
            before = length;
            if begins
                && length as usize >= MIN_TOKENS
                && let Some(place) = self.place(&suffixes, at, length, are_apart)
            {
                by_file[place.file].push(place);
            }
        }
        by_file.into_iter().flat_map(longest).collect()
    }

    /// The text of numbers: equal tokens have equal ones, and each break one of its own.
    fn text(&self) -> (Vec<u32>, usize) {
        let number = |n: usize| u32::try_from(n).expect("it is bounded by the tokens that are compared");
        let mut text = vec![0; self.pieces.len()];
        // Each hash with its place: sorted, equal ones lie side by side.
        let mut hashes = Vec::with_capacity(self.pieces.len());
        let mut next = 0;
        for (at, piece) in self.pieces.iter().enumerate() {
            if piece.role == Role::Break {
                text[at] = next;
                next += 1;
            } else {
                hashes.push(u64::from(piece.hash) << 32 | u64::from(number(at)));
            }
        }
        for same in sorted(hashes).chunk_by(|a, b| a >> 32 == b >> 32) {
            for one in same {
                text[(one & u64::from(u32::MAX)) as usize] = next;
            }
            next += 1;
        }
        (text, next as usize)
    }

    /// The place of a repetition, if it is worth a word.
    fn place(&self, suffixes: &Suffixes, at: usize, length: u32, are_apart: &dyn Fn(usize, usize) -> bool) -> Option<Place> {
        let file = self.file_at(at);
        let others: Vec<(usize, usize)> = suffixes
            .others(at, length, MAX_OTHERS)
            .into_iter()
            .map(|other| (other, self.file_at(other)))
            .filter(|(_, other)| are_apart(file, *other))
            .collect();
        // A repetition that overlaps itself ends where the next begins.
        let apart = |other: usize| (length as usize).min(other.abs_diff(at));
        let length = others.iter().map(|(other, _)| apart(*other)).max()?;
        let (begin, end) = self.trim(at, at + length)?;
        let is_test = |file: usize, at: usize| self.pieces[at].line >= self.tests_from[file];
        let mut named: Vec<(usize, u32)> = Vec::new();
        for (other, of) in others {
            let there = other + (begin - at);
            let factor = if is_test(file, begin) && is_test(of, there) { TESTS_FACTOR } else { 1 };
            let is_long = end - begin >= MIN_TOKENS * factor && self.lines(begin, end) >= MIN_LINES * factor;
            if apart(other) >= length && is_long {
                named.push((of, self.pieces[there].line));
            }
        }
        if named.is_empty() || !self.has_weight(begin, end) {
            return None;
        }
        named.sort_unstable();
        named.dedup();
        Some(Place {
            file,
            line_start: self.pieces[begin].line,
            line_end: self.pieces[end - 1].line_end,
            tokens: end - begin,
            hash: self.pieces[begin..end].iter().fold(0, |hash, piece| super::prints::fold(hash, u64::from(piece.hash))),
            others: named,
            at: begin,
        })
    }

    /// The whole lines of a run, without brackets at the beginning that close what was opened before.
    fn trim(&self, begin: usize, end: usize) -> Option<(usize, usize)> {
        let run = &self.pieces[begin..end];
        let first = run.iter().position(|piece| piece.is_first() && piece.role != Role::Closes)?;
        let last = run.iter().rposition(Piece::is_last)? + 1;
        (first < last).then(|| (begin + first, begin + self.whole(begin, first, last)))
    }

    /// Where a run ends that goes on into something it does not finish: before that, if it is little.
    fn whole(&self, begin: usize, first: usize, last: usize) -> usize {
        let (mut depth, mut whole) = (0_i64, first);
        for (at, piece) in self.pieces[begin + first..begin + last].iter().enumerate() {
            depth += match piece.role {
                Role::Opens => 1,
                Role::Closes => -1,
                _ => 0,
            };
            if depth <= 0 && piece.is_last() {
                (depth, whole) = (0, first + at + 1);
            }
        }
        if (last - whole) * 4 <= last - first { whole } else { last }
    }

    fn lines(&self, begin: usize, end: usize) -> usize {
        self.pieces[begin..end].iter().filter(|piece| piece.is_first()).count()
    }

    /// Whether a run says something: not a table of values, nor the same over and over.
    fn has_weight(&self, begin: usize, end: usize) -> bool {
        let run = &self.pieces[begin..end.min(begin + WEIGHED)];
        let of = |role: Role| run.iter().filter(|piece| piece.role == role).count();
        let mut hashes: Vec<u32> = run.iter().filter(|piece| piece.role == Role::Word).map(|piece| piece.hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let is_table = of(Role::Literal) * 100 > run.len() * 30 || of(Role::Word) * 100 < run.len() * 25;
        let is_monotonous = hashes.len() < 12 || hashes.len() * 30 < run.len();
        !is_table && !is_monotonous
    }
}

/// The same, ascending by their upper half: put in order by eleven of its bits after the other, in linear time.
fn sorted(mut pairs: Vec<u64>) -> Vec<u64> {
    const BITS: u32 = 11;
    let mut other = vec![0; pairs.len()];
    for shift in [32, 32 + BITS, 32 + 2 * BITS] {
        let digit = |pair: u64| (pair >> shift) as usize & ((1 << BITS) - 1);
        let mut begins = [0_usize; (1 << BITS) + 1];
        for pair in &pairs {
            begins[digit(*pair) + 1] += 1;
        }
        for at in 1..begins.len() {
            begins[at] += begins[at - 1];
        }
        for pair in &pairs {
            let begin = &mut begins[digit(*pair)];
            other[*begin] = *pair;
            *begin += 1;
        }
        std::mem::swap(&mut pairs, &mut other);
    }
    pairs
}

/// Of the places of one file the longest that do not overlap, by line.
fn longest(mut places: Vec<Place>) -> Vec<Place> {
    places.sort_by(|a, b| b.tokens.cmp(&a.tokens).then(a.at.cmp(&b.at)));
    let mut taken: Vec<Place> = Vec::new();
    for place in places {
        if taken.len() == MAX_PER_FILE {
            break;
        }
        let shared: usize =
            taken.iter().map(|other| (place.at + place.tokens).min(other.at + other.tokens).saturating_sub(place.at.max(other.at))).sum();
        if shared * 2 < place.tokens && place.tokens - shared >= MIN_TOKENS {
            taken.push(place);
        }
    }
    taken.sort_by_key(|place| (place.line_start, place.line_end));
    taken
}
