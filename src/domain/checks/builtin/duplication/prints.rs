//! The prints of a file: a few of the marks of its token runs, such that two files with a long run in common have a print in common.
//!
//! This is winnowing (Schleimer, Wilkerson, Aiken: *Winnowing: Local Algorithms for Document Fingerprinting*, 2003). Of the hashes of all
//! runs of [`GRAM`] tokens the least of every [`WINDOW`] in a row is kept, which is about one in sixteen. A run of [`MIN_TOKENS`] holds a
//! whole window, so its least hash is kept wherever the run stands. Prints are a pure function of path and bytes: they can be kept for as
//! long as the blob stays.

use super::super::tokens::Token;
use super::MIN_TOKENS;
use super::stream::Piece;

/// How many tokens a print speaks of.
pub const GRAM: usize = 40;
/// Of so many runs, each beginning one token after the other, one print is kept at least.
pub const WINDOW: usize = MIN_TOKENS - GRAM + 1;

/// An odd number without a pattern, as multiplier of all hashes here (2^64 over the golden ratio).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A mark of a run of tokens, and the place of its first among the tokens that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    /// The run's hash.
    pub hash: u64,
    /// The first token.
    pub at: u32,
}

/// The prints of a text, of its tokens that are compared.
pub fn of(pieces: &[Piece]) -> Vec<Print> {
    let hashes: Vec<u32> = pieces.iter().map(|piece| piece.hash).collect();
    winnow(&hashes)
}

/// A token's hash: equal for the same text.
pub fn hash(content: &[u8], token: Token) -> u32 {
    let text = &content[token.start..token.end];
    let mut hash = text.len() as u64;
    let mut words = text.chunks_exact(8);
    for word in &mut words {
        hash = fold(hash, u64::from_le_bytes(word.try_into().expect("it has eight bytes")));
    }
    let left = words.remainder();
    // Read at once with what follows, where something does: nearly everywhere.
    let rest = match content[token.end - left.len()..].first_chunk::<8>() {
        Some(eight) if !left.is_empty() => u64::from_be_bytes(*eight) >> (64 - 8 * left.len()),
        _ => left.iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte)),
    };
    u32::try_from(fold(hash, rest) >> 32).expect("it has 32 bits left")
}

/// One hash of two.
pub fn fold(hash: u64, next: u64) -> u64 {
    let mixed = (hash.rotate_left(5) ^ next).wrapping_mul(MIX);
    mixed ^ mixed >> 29
}

/// Of every window the least hash; of several the last, and none twice.
fn winnow(tokens: &[u32]) -> Vec<Print> {
    let Some(last) = (tokens.len() + 1).checked_sub(GRAM).filter(|runs| *runs > 0) else { return Vec::new() };
    let first_weight = (1..GRAM).fold(1_u64, |weight, _| weight.wrapping_mul(MIX));
    let roll = |hash: u64, token: u32| hash.wrapping_mul(MIX).wrapping_add(u64::from(token) + 1);
    let mut rolling = tokens[..GRAM].iter().fold(0, |hash, token| roll(hash, *token));
    // The hashes of the last runs, each at its place's lower bits.
    let mut ring = [u64::MAX; WINDOW.next_power_of_two()];
    let slot = |at: usize| at % WINDOW.next_power_of_two();
    let mut prints: Vec<Print> = Vec::with_capacity(last * 2 / WINDOW + 1);
    let mut least: Option<Print> = None;
    for at in 0..last {
        if at > 0 {
            rolling = roll(rolling.wrapping_sub(first_weight.wrapping_mul(u64::from(tokens[at - 1]) + 1)), tokens[at + GRAM - 1]);
        }
        let hash = fold(0, rolling);
        ring[slot(at)] = hash;
        let begin = (at + 1).saturating_sub(WINDOW);
        least = match least.filter(|least| least.at as usize >= begin) {
            // The same run again: the first stands for both, or rows of equal lines would be all prints.
            Some(least) if least.hash <= hash => Some(least),
            Some(_) => print(hash, at),
            None => (begin..=at).rev().min_by_key(|at| ring[slot(*at)]).and_then(|at| print(ring[slot(at)], at)),
        };
        let is_whole = at + 1 >= WINDOW || at + 1 == last;
        if let Some(least) = least.filter(|least| is_whole && prints.last() != Some(least)) {
            prints.push(least);
        }
    }
    prints
}

fn print(hash: u64, at: usize) -> Option<Print> {
    u32::try_from(at).ok().map(|at| Print { hash, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_run_in_common_has_a_print_in_common(
            run in proptest::collection::vec(0_u32..5, MIN_TOKENS..MIN_TOKENS + 30),
            before in proptest::collection::vec(0_u32..5, 0..60),
            after in proptest::collection::vec(0_u32..5, 0..60),
        ) {
            let one = winnow(&[&before[..], &run, &after].concat());
            let other = winnow(&[&after[..], &run, &before].concat());
            let shared = one.iter().filter(|print| other.iter().any(|other| other.hash == print.hash)).count();
            prop_assert!(shared > 0);
        }
    }

    #[test]
    fn few_prints_are_kept() {
        let tokens: Vec<u32> = (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761)).collect();
        let prints = winnow(&tokens);
        assert!((100_000 / WINDOW..100_000 * 3 / WINDOW).contains(&prints.len()), "{}", prints.len());
        assert!(winnow(&vec![7; 100_000]).len() <= 100_000 / WINDOW + 2);
    }

    #[test]
    fn what_is_shorter_than_a_run_has_none() {
        assert!(winnow(&[1; GRAM - 1]).is_empty());
        assert_eq!(winnow(&[1; GRAM]).len(), 1);
    }
}
