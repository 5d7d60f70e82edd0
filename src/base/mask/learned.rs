//! Values that become known while a program runs: a token that it was handed by another service, and does not want to see in its log.
//!
//! A line `::add-mask::VALUE` on either output, as programs write it for other services, has the value masked from there on, on both
//! outputs and in the files that are read afterwards. The line itself is not kept, so that a report on the same output stays whole. What
//! was written before is not touched: whoever registers a value does so before it is printed.

use super::{LEAST_BYTES, MOST_BYTES, Mask, Refused, Stream};
use crate::base::secret::Secret;

/// What a line begins with that registers a value.
pub const PREFIX: &[u8] = b"::add-mask::";
/// The most values that one run registers: each has the automaton built anew.
pub const MOST_VALUES: usize = 100;
/// What is said in place of a line whose value cannot be masked.
const NOT_MASKED: &[u8] = b"[a value to be masked was left out: it is too short, or there are too many]\n";

/// The values that a run knows: those it was given, and those it registers.
pub struct Values {
    known: Vec<Secret<String>>,
    mask: Mask,
    /// How often there was another mask.
    generation: usize,
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Values").field("registered", &self.generation).finish_non_exhaustive()
    }
}

impl Values {
    /// The values that a run is given.
    pub fn new(given: Vec<Secret<String>>) -> Result<Values, Refused> {
        Ok(Values { mask: Mask::new(&given)?, known: given, generation: 0 })
    }

    /// What masks all that are known by now.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Registers another; says whether it is masked from now on.
    fn add(&mut self, value: &[u8]) -> bool {
        let value = String::from_utf8_lossy(value).trim().to_owned();
        if value.len() < LEAST_BYTES || value.len() > MOST_BYTES || self.generation >= MOST_VALUES {
            return false;
        }
        self.known.push(Secret::new(value));
        match Mask::new(&self.known) {
            Ok(mask) => {
                self.mask = mask;
                self.generation += 1;
                true
            }
            Err(_) => {
                self.known.pop();
                false
            }
        }
    }
}

/// One output of a run on its way through the mask.
#[derive(Debug)]
pub struct Heard {
    stream: Stream,
    generation: usize,
    /// The beginning of a line that registers a value, or may yet.
    line: Vec<u8>,
    place: Place,
}

/// Where in a line the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// All of the line so far is what registering lines begin with.
    Beginning,
    /// In a line that registers a value.
    Value,
    /// In a line like any other.
    Within,
}

impl Heard {
    /// An output of a run that knows these values.
    pub fn new(values: &Values) -> Heard {
        Heard { stream: values.mask.stream(), generation: values.generation, line: Vec::new(), place: Place::Beginning }
    }

    /// Takes what was written, and gives what is settled and masked.
    pub fn push(&mut self, values: &mut Values, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            match self.place {
                Place::Within => {
                    let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
                    let (line, after) = rest.split_at(end);
                    self.give(values, line, &mut out);
                    if line.ends_with(b"\n") {
                        self.place = Place::Beginning;
                    }
                    rest = after;
                }
                Place::Beginning => {
                    if *first == PREFIX[self.line.len()] {
                        self.line.push(*first);
                        rest = &rest[1..];
                        if self.line == PREFIX {
                            self.line.clear();
                            self.place = Place::Value;
                        }
                    } else {
                        let held = std::mem::take(&mut self.line);
                        self.give(values, &held, &mut out);
                        self.place = Place::Within;
                    }
                }
                Place::Value => {
                    let end = rest.iter().position(|byte| *byte == b'\n');
                    let (value, after) = rest.split_at(end.unwrap_or(rest.len()));
                    // One byte more than may be masked is enough to refuse it.
                    let room = (MOST_BYTES + 1).saturating_sub(self.line.len());
                    self.line.extend_from_slice(&value[..value.len().min(room)]);
                    rest = after;
                    if end.is_some() {
                        rest = &rest[1..];
                        self.register(values, &mut out);
                    }
                }
            }
        }
        out
    }

    /// Gives what was held back, at the end of the output.
    pub fn finish(&mut self, values: &mut Values) -> Vec<u8> {
        let mut out = Vec::new();
        match self.place {
            Place::Value => self.register(values, &mut out),
            Place::Beginning | Place::Within => {
                let held = std::mem::take(&mut self.line);
                self.give(values, &held, &mut out);
            }
        }
        self.follow(values);
        out.extend(self.stream.finish());
        out
    }

    fn register(&mut self, values: &mut Values, out: &mut Vec<u8>) {
        let mut line = std::mem::take(&mut self.line);
        if !values.add(&line) {
            self.give(values, NOT_MASKED, out);
        }
        zeroize::Zeroize::zeroize(&mut line);
        self.place = Place::Beginning;
    }

    fn give(&mut self, values: &Values, bytes: &[u8], out: &mut Vec<u8>) {
        self.follow(values);
        out.extend(self.stream.push(bytes));
    }

    fn follow(&mut self, values: &Values) {
        if self.generation != values.generation {
            self.stream.change(&values.mask);
            self.generation = values.generation;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(given: &[&str]) -> Values {
        Values::new(given.iter().map(|value| Secret::new((*value).to_owned())).collect()).unwrap()
    }

    /// What comes out of one output that is written in pieces.
    fn heard(given: &[&str], pieces: &[&[u8]]) -> String {
        let mut values = values(given);
        let mut output = Heard::new(&values);
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| output.push(&mut values, piece)).collect();
        out.extend(output.finish(&mut values));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_is_masked_from_where_it_is_registered_on_and_the_line_is_not_kept() {
        assert_eq!(heard(&[], &[b"a marigold\n::add-mask::marigold\nb marigold\n"]), "a marigold\nb ***\n");
        assert_eq!(heard(&[], &[b"::add-mask::marigold\r\n{\"key\": \"6d617269676f6c64\"}"]), "{\"key\": \"***\"}");
        assert_eq!(heard(&["narcissus"], &[b"::add-mask::marigold\nnarcissus marigold"]), "*** ***");
        assert_eq!(heard(&[], &[b"::add-mask::marigold"]), "", "at the very end, without a line's end");
    }

    #[test]
    fn what_only_begins_like_it_is_a_line_like_any_other() {
        for text in ["::", "::add-mask", "::add-mas\n::x", " ::add-mask::marigold\nmarigold", "x ::add-mask::marigold\nmarigold"] {
            assert_eq!(heard(&[], &[text.as_bytes()]), text);
        }
    }

    #[test]
    fn a_value_that_cannot_be_masked_is_said_and_not_shown() {
        let long = [PREFIX, &vec![b'x'; MOST_BYTES + 9], b"\nafter\n"].concat();
        for text in [&b"::add-mask::short\nafter\n"[..], b"::add-mask::\nafter\n", &long] {
            let out = heard(&[], &[text]);
            assert!(out.starts_with("[a value to be masked was left out") && out.ends_with("]\nafter\n"), "{}", out.len());
        }
        let many: String = (0..MOST_VALUES + 5).map(|n| format!("::add-mask::value-{n:04}\n")).collect();
        assert_eq!(heard(&[], &[many.as_bytes()]).lines().count(), 5);
    }

    #[test]
    fn both_outputs_know_what_one_registers_though_it_is_cut_in_two() {
        let mut values = values(&["narcissus"]);
        let (mut one, mut other) = (Heard::new(&values), Heard::new(&values));
        // The beginning of a value that is known is held back while another is registered.
        let mut out = other.push(&mut values, b"see narc");
        assert_eq!(one.push(&mut values, b"::add-mask::marigold\n"), b"");
        out.extend(other.push(&mut values, b"issus and mari"));
        out.extend(other.push(&mut values, b"gold"));
        out.extend(other.finish(&mut values));
        assert_eq!(String::from_utf8(out).unwrap(), "see *** and ***");
        assert_eq!(values.mask().text("marigold"), "***");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_comes_out(cuts in proptest::collection::vec(0usize..60, 0..8)) {
            let text = b"narcissus\n::add-mask::marigold\n::add\nnarcmarigold narcissus\nmarig";
            let whole = heard(&["narcissus"], &[text]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                pieces.push(&text[from..cut]);
                from = cut;
            }
            prop_assert_eq!(&heard(&["narcissus"], &pieces), &whole);
            prop_assert_eq!(whole, "***\n::add\nnarc*** ***\nmarig");
        }
    }
}
