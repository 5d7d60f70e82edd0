//! Which keys went by, in a fixed size: a Bloom filter.
//!
//! It errs on one side alone: what it has not seen did not go by. So it serves where a mistake costs a little work and nothing else: an
//! index that is fed for the first time need not look for what it cannot hold, a sweep keeps a row that nothing names until the next one.

/// Two mebibytes: with a million keys one in a thousand is taken for seen.
const BITS: u64 = 1 << 24;
/// The bits that a key sets.
const PROBES: u64 = 4;

/// A set of keys that may claim to hold more than it was given.
#[derive(Debug)]
pub struct Seen {
    bits: Vec<u64>,
    salt: u64,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen::salted(0)
    }
}

impl Seen {
    /// An empty set. What one mistakes for seen, one with another salt most likely does not.
    pub fn salted(salt: u64) -> Seen {
        Seen { bits: vec![0; (BITS / 64) as usize], salt }
    }

    /// The places of a key: word and mask.
    fn places(&self, key: u128) -> impl Iterator<Item = (usize, u64)> + use<> {
        let first = mixed(key as u64 ^ mixed((key >> 64) as u64 ^ self.salt));
        let step = mixed(first) | 1;
        (0..PROBES).map(move |probe| {
            let bit = first.wrapping_add(step.wrapping_mul(probe)) % BITS;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    /// Adds the key. Answers whether it may have been there before.
    pub fn insert(&mut self, key: u128) -> bool {
        let mut was_there = true;
        for (word, mask) in self.places(key) {
            was_there &= self.bits[word] & mask != 0;
            self.bits[word] |= mask;
        }
        was_there
    }

    /// Whether the key may be there.
    pub fn may_have(&self, key: u128) -> bool {
        self.places(key).all(|(word, mask)| self.bits[word] & mask != 0)
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
        let mut seen = Seen::default();
        let mistaken = (0..200_000_u128).filter(|key| seen.insert(key << 70 | key)).count();
        assert!(mistaken < 20, "{mistaken}");
        assert!((0..200_000_u128).all(|key| seen.may_have(key << 70 | key) && seen.insert(key << 70 | key)));
    }
}
