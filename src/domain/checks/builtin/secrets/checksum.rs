//! Checksums that tokens carry, so that a scanner knows one from a word that looks like one.
//!
//! GitHub began it and others took it over: the last six digits are the CRC-32 of what stands before them, in base 62.
//! <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How many digits a CRC-32 takes in base 62.
pub const DIGITS: usize = 6;

/// Whether the last digits are the checksum of all before them.
pub fn ends_in_its_own(text: &[u8]) -> bool {
    text.split_last_chunk::<DIGITS>().is_some_and(|(body, checksum)| of(body) == *checksum)
}

/// The checksum of a text, in digits.
pub fn of(body: &[u8]) -> [u8; DIGITS] {
    let mut rest = crc32fast::hash(body);
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_github_computes() {
        // From GitHub's announcement of the format.
        assert_eq!(&of(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"), b"0mLq17");
        assert!(ends_in_its_own(&[&b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"[..], b"0mLq17"].concat()));
        assert!(!ends_in_its_own(b"0mLq1"));
    }
}
