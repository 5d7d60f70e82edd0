//! Which keys an index that began empty may hold: a Bloom filter, so that feeding it for the first time need not look each key up in
//! every segment to replace what is not there. A third of the time of a rebuild went there.
//!
//! It errs on one side alone: what it has not seen was never put. It is kept from the making of the index until the first rest.

/// Two mebibytes: with a million keys one in a thousand is taken for seen.
const BITS: u64 = 1 << 24;
/// The bits that a key sets.
const PROBES: u64 = 4;

/// A set of keys that may claim to hold more than it was given.
pub(super) struct Seen(Vec<u64>);

impl Seen {
    pub fn new() -> Seen {
        Seen(vec![0; (BITS / 64) as usize])
    }

    /// Adds the key. Answers whether it may have been there before.
    pub fn insert(&mut self, key: u128) -> bool {
        let first = mixed(key as u64 ^ mixed((key >> 64) as u64));
        let step = mixed(first) | 1;
        let mut was_there = true;
        for probe in 0..PROBES {
            let bit = first.wrapping_add(step.wrapping_mul(probe)) % BITS;
            let (word, mask) = (&mut self.0[(bit / 64) as usize], 1 << (bit % 64));
            was_there &= *word & mask != 0;
            *word |= mask;
        }
        was_there
    }
}

/// The last step of `SplitMix64`: every bit of the answer depends on every bit given.
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_always_seen_and_what_was_not_hardly_ever() {
        let mut seen = Seen::new();
        let mistaken = (0..200_000_u128).filter(|key| seen.insert(key << 70 | key)).count();
        assert!(mistaken < 20, "{mistaken}");
        assert!((0..200_000_u128).all(|key| seen.insert(key << 70 | key)));
    }
}
