//! Keeping registered secrets out of what programs write.
//!
//! A program that is given a secret prints it sooner or later: a trace of its commands, a URL with credentials in an error, its whole
//! environment in a report. A [`Mask`] knows the values and replaces them, as they are and in the forms (`forms`) that programs give them on the
//! way: base 64, hexadecimal, percent-encoded, escaped for JSON, for XML and HTML.
//!
//! Output comes in pieces, and a piece may end within a secret. A [`Stream`] therefore follows all values at once with one automaton and
//! holds back what may yet become one of them: never more than one byte less than the longest form, and mostly nothing, so that a log is
//! not late. However a text is cut, the same comes out: each run of bytes that values cover, alone or overlapping, becomes one [`STARS`].
//!
//! The same automaton follows the output a second time without its line breaks, wherever they are: base 64 and hexadecimal are broken into
//! lines of many lengths.
//!
//! It is a net and no wall. A program that wants to tell can: it reverses the value, or compresses it, or prints a letter and a blank in
//! turn. What keeps a secret is not giving it to such a program.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;

use super::secret::Secret;

mod forms;
pub mod learned;

/// What is shown in place of a secret.
pub const STARS: &[u8] = b"***";
/// A shorter value stands in too much that is no secret, and masking it would tell where.
pub const LEAST_BYTES: usize = 6;
/// How many bytes of values together are looked for spelt out byte by byte as well, which makes much of little.
const MOST_SPELT_BYTES: usize = 4 << 10;
/// The most bytes of all values together: the automaton takes up to fifteen hundred times as much.
pub const MOST_BYTES: usize = 64 << 10;

/// The most bytes of all texts together that are looked for only as they are.
pub const MOST_PLAIN_BYTES: usize = 256 << 10;

/// Why values cannot be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One is too short.
    #[error("a secret of {length} bytes is too short to be kept out of what is written; it takes {LEAST_BYTES}")]
    TooShort {
        /// How long it is.
        length: usize,
    },
    /// They are too long.
    #[error("secrets of more than {MOST_BYTES} bytes together cannot be kept out of what is written")]
    TooLong,
}

/// Values that must not be seen.
#[derive(Clone, Default)]
pub struct Mask(Option<Arc<Values>>);

struct Values {
    automaton: NFA,
    start: StateID,
    /// For each state, how many of the last bytes may be the beginning of something longer.
    held: HashMap<StateID, usize>,
}

impl Values {
    fn step(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// How long the longest form is that the text ends with in a state; `None` if it ends with none.
    fn longest(&self, state: StateID) -> Option<usize> {
        if !self.automaton.is_match(state) {
            return None;
        }
        let patterns = (0..self.automaton.match_len(state)).map(|n| self.automaton.match_pattern(state, n));
        patterns.map(|pattern| self.automaton.pattern_len(pattern)).max()
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Mask([redacted])" } else { "Mask(nothing)" })
    }
}

impl Mask {
    /// A mask of these values.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a Secret<String>>) -> Result<Mask, Refused> {
        let values: Vec<&str> = values.into_iter().map(|value| value.expose().as_str()).collect();
        if let Some(short) = values.iter().find(|value| value.trim().len() < LEAST_BYTES) {
            return Err(Refused::TooShort { length: short.trim().len() });
        }
        if values.iter().map(|value| value.len()).sum::<usize>() > MOST_BYTES {
            return Err(Refused::TooLong);
        }
        let (mut all, mut room) = (BTreeSet::new(), MOST_SPELT_BYTES);
        for value in values {
            forms::of(value, &mut all);
            if let Some(left) = room.checked_sub(value.len()) {
                room = left;
                forms::spelt_out(value, &mut all);
            }
        }
        Mask::of(&all).ok_or(Refused::TooLong)
    }

    /// A mask of these texts and their lines as they are, the first of them that fit, without those that are too short: for secrets that
    /// nobody gave us to keep.
    pub fn plain<'a>(texts: impl IntoIterator<Item = &'a str>) -> Mask {
        let mut room = MOST_PLAIN_BYTES;
        let mut all = BTreeSet::new();
        for text in texts {
            let Some(left) = room.checked_sub(text.len()) else { break };
            room = left;
            all.extend(forms::parts(text).map(|part| part.as_bytes().to_vec()));
        }
        Mask::of(&all).unwrap_or_default()
    }

    fn of(all: &BTreeSet<Vec<u8>>) -> Option<Mask> {
        if all.is_empty() {
            return Some(Mask(None));
        }
        let automaton = NFA::builder().prefilter(false).build(all).ok()?;
        let start = automaton.start_state(Anchored::No).ok()?;
        let held = held(&automaton, start, all);
        Some(Mask(Some(Arc::new(Values { automaton, start, held }))))
    }

    /// Begins with a stream of bytes.
    pub fn stream(&self) -> Stream {
        let states = self.0.as_ref().map(|values| States { whole: values.start, joined: values.start });
        Stream { mask: self.clone(), states, rest: Vec::new(), from: 0, places: VecDeque::new(), runs: Vec::new() }
    }

    /// Masks bytes that are all there.
    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.0.is_none() {
            return bytes;
        }
        let mut stream = self.stream();
        let mut masked = stream.push(&bytes);
        masked.extend(stream.finish());
        masked
    }

    /// Masks a text.
    pub fn text(&self, text: &str) -> String {
        if self.0.is_none() { text.to_owned() } else { String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())).into_owned() }
    }
}

/// How many bytes are held back in each state. A state is the longest beginning of a form that the text ends with; where that is a whole
/// form that no other goes on from, it is the longest shorter one.
fn held(automaton: &NFA, start: StateID, forms: &BTreeSet<Vec<u8>>) -> HashMap<StateID, usize> {
    let step = |state, byte: &u8| automaton.next_state(Anchored::No, state, *byte);
    let (mut held, mut ends) = (HashMap::from([(start, 0)]), Vec::new());
    for form in forms {
        let mut state = start;
        for (length, byte) in (0_usize..).zip(form) {
            if length > 0 {
                held.insert(state, length);
            }
            state = step(state, byte);
        }
        ends.push((form, state));
    }
    ends.retain(|(_, state)| !held.contains_key(state));
    // What a form ends with besides is shorter, so it is known by then.
    ends.sort_by_key(|(form, _)| form.len());
    for (form, state) in ends {
        let other = form[1..].iter().fold(start, step);
        let length = held.get(&other).copied().unwrap_or(0);
        held.insert(state, length);
    }
    held
}

/// A stream of bytes on its way through a mask.
pub struct Stream {
    mask: Mask,
    states: Option<States>,
    /// What was taken and not given.
    rest: Vec<u8>,
    /// The place of its first byte in the stream.
    from: u64,
    /// The places of those of its bytes that break no line.
    places: VecDeque<u64>,
    /// What is covered, ascending and apart: from the last given byte on, or up to it.
    runs: Vec<Run>,
}

/// How far the automaton is: in the text as it is, and in the text without its line breaks.
#[derive(Clone, Copy)]
struct States {
    whole: StateID,
    joined: StateID,
}

/// Bytes that are covered.
struct Run {
    start: u64,
    end: u64,
    is_told: bool,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("mask", &self.mask).field("from", &self.from).field("held", &self.rest.len()).finish()
    }
}

impl Stream {
    /// Takes bytes and gives those that are settled.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (Some(values), Some(mut states)) = (self.mask.0.clone(), self.states) else { return bytes.to_vec() };
        let mut at = self.from + self.rest.len() as u64;
        self.rest.extend_from_slice(bytes);
        for byte in bytes {
            self.step(&values, &mut states, *byte, at);
            at += 1;
        }
        self.states = Some(states);
        let held = values.held.get(&states.whole).copied().unwrap_or(0) as u64;
        // Of what is held back without its line breaks, the first byte may lie lines before.
        let joined = values.held.get(&states.joined).copied().unwrap_or(0);
        let first = (joined > 0).then(|| self.places[self.places.len().saturating_sub(joined)]);
        self.give((at - held).min(first.unwrap_or(at)))
    }

    /// Takes one byte at its place, and notes what ends with it.
    fn step(&mut self, values: &Values, states: &mut States, byte: u8, at: u64) {
        states.whole = values.step(states.whole, byte);
        if let Some(longest) = values.longest(states.whole) {
            self.cover((at + 1 - longest as u64).max(self.from), at + 1);
        }
        if matches!(byte, b'\n' | b'\r') {
            return;
        }
        self.places.push_back(at);
        states.joined = values.step(states.joined, byte);
        if let Some(longest) = values.longest(states.joined) {
            let first = self.places[self.places.len().saturating_sub(longest)];
            self.cover(first, at + 1);
        }
    }

    /// Goes on with another mask. What is held back passes it from its first byte on.
    fn change(&mut self, mask: &Mask) {
        self.mask = mask.clone();
        self.states = mask.0.as_ref().map(|values| States { whole: values.start, joined: values.start });
        self.places.clear();
        let (Some(values), Some(mut states)) = (mask.0.clone(), self.states) else { return };
        for (byte, at) in self.rest.clone().into_iter().zip(self.from..) {
            self.step(&values, &mut states, byte, at);
        }
        self.states = Some(states);
    }

    /// Gives what was held back, at the end of the stream.
    pub fn finish(&mut self) -> Vec<u8> {
        self.states = self.mask.0.as_ref().map(|values| States { whole: values.start, joined: values.start });
        let given = self.give(self.from + self.rest.len() as u64);
        self.places.clear();
        given
    }

    /// Notes a run that ends after all others.
    fn cover(&mut self, mut start: u64, end: u64) {
        let mut is_told = false;
        while let Some(last) = self.runs.pop_if(|last| last.end >= start) {
            start = start.min(last.start);
            is_told |= last.is_told;
        }
        self.runs.push(Run { start, end, is_told });
    }

    /// Gives what is before `to`, which no later run covers.
    fn give(&mut self, to: u64) -> Vec<u8> {
        let mut given = Vec::new();
        let mut at = self.from;
        let part = |from: u64, to: u64| {
            let place = |at: u64| usize::try_from(at - self.from).unwrap_or(usize::MAX);
            &self.rest[place(from)..place(to)]
        };
        for run in self.runs.iter_mut().filter(|run| run.start < to) {
            if at < run.start {
                given.extend_from_slice(part(at, run.start));
            }
            if !run.is_told {
                given.extend_from_slice(STARS);
                run.is_told = true;
            }
            at = at.max(run.end.min(to));
        }
        if at < to {
            given.extend_from_slice(part(at, to));
        }
        self.rest.drain(..usize::try_from(to - self.from).unwrap_or(usize::MAX));
        self.from = to;
        while self.places.front().is_some_and(|place| *place < to) {
            self.places.pop_front();
        }
        // One that touches what comes may go on.
        self.runs.retain(|run| run.end >= to);
        given
    }
}

#[cfg(test)]
mod tests;
