//! Whether a text was made by a machine that rolled dice, or by somebody who thought of something.
//!
//! Entropy alone does not tell: twenty letters of English have as much of it as twenty random hexadecimal digits. What tells is how
//! letters follow each other: nine in ten pairs of a word are pairs that words have, and four in ten of dice.

/// The letters that often follow each letter in words and names.
const FOLLOWERS: [&[u8]; 26] = [
    b"bcdgiklmnprstuvwy",
    b"aeilorsuy",
    b"acehiklortuy",
    b"adeiorsuy",
    b"acdefgilmnprstvwxy",
    b"aefilorstu",
    b"aehilnorsu",
    b"aeiortuy",
    b"abcdefgklmnoprstvz",
    b"aeosu",
    b"aeilnsy",
    b"adefiklmostuvy",
    b"abeimopsuy",
    b"acdefgiknorstuvy",
    b"abcdfgiklmnoprstuvwxy",
    b"aehiloprstuy",
    b"u",
    b"acdegiklmnoprstuvy",
    b"acehiklmopqrstuwy",
    b"acehilorstuwy",
    b"abcdegilmnprst",
    b"aeio",
    b"aehinors",
    b"aceipt",
    b"acelmnopst",
    b"aeioz",
];

/// The same as one bit a letter.
const PAIRS: [u32; 26] = {
    let mut pairs = [0; 26];
    let mut letter = 0;
    while letter < 26 {
        let mut at = 0;
        while at < FOLLOWERS[letter].len() {
            pairs[letter] |= 1 << (FOLLOWERS[letter][at] - b'a');
            at += 1;
        }
        letter += 1;
    }
    pairs
};

/// The shortest run of letters that can be a word.
const WORD: usize = 4;
/// Of the entropy that so many dice would have at most, this share at least is asked for.
const SHARE: f32 = 0.72;

/// Which sorts of characters a text has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sorts {
    pub lower: bool,
    pub upper: bool,
    pub digit: bool,
    pub other: bool,
}

impl Sorts {
    pub fn of(text: &[u8]) -> Sorts {
        let mut sorts = Sorts::default();
        for byte in text {
            match byte {
                b'a'..=b'z' => sorts.lower = true,
                b'A'..=b'Z' => sorts.upper = true,
                b'0'..=b'9' => sorts.digit = true,
                _ => sorts.other = true,
            }
        }
        sorts
    }

    pub fn count(self) -> usize {
        [self.lower, self.upper, self.digit, self.other].into_iter().filter(|has| *has).count()
    }
}

/// How many bits a character of this text carries, by Shannon's measure.
pub fn entropy(text: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    for byte in text {
        counts[usize::from(*byte)] = counts[usize::from(*byte)].saturating_add(1);
    }
    let total = text.len() as f32;
    counts.iter().filter(|count| **count > 0).map(|count| f32::from(*count) / total).map(|share| -share * share.log2()).sum()
}

/// Which share of a text is words, from 0 to 1.
pub fn wordiness(text: &[u8]) -> f32 {
    let (mut at, mut words) = (0, 0);
    while at < text.len() {
        let end = run_end(text, at);
        if end - at >= WORD && reads_like_a_word(&text[at..end]) {
            words += end - at;
        }
        at = end.max(at + 1);
    }
    words as f32 / text.len().max(1) as f32
}

/// The end of the letters from here on that can be one word: all capitals, or small ones behind at most one capital.
fn run_end(text: &[u8], start: usize) -> usize {
    let count = |from: usize, is: fn(&u8) -> bool| text[from..].iter().take_while(|byte| is(byte)).count();
    let capitals = count(start, u8::is_ascii_uppercase);
    match capitals {
        0 | 1 => start + capitals + count(start + capitals, u8::is_ascii_lowercase),
        // The last capital may begin the next word.
        _ if count(start + capitals, u8::is_ascii_lowercase) > 0 => start + capitals - 1,
        _ => start + capitals,
    }
}

fn reads_like_a_word(letters: &[u8]) -> bool {
    let letter = |byte: u8| usize::from(byte.to_ascii_lowercase() - b'a');
    let good = letters.windows(2).filter(|pair| PAIRS[letter(pair[0])] & 1 << letter(pair[1]) != 0).count();
    good * 5 >= (letters.len() - 1) * 4
}

/// Whether it looks like a key that a machine made.
pub fn is_key(text: &[u8]) -> bool {
    let sorts = Sorts::of(text);
    let alphabet = if text.iter().all(u8::is_ascii_hexdigit) {
        16.0
    } else if sorts.lower && sorts.upper {
        62.0
    } else {
        36.0_f32
    };
    // A number alone is a number, and letters of one case alone are a name.
    let is_mixed = sorts.digit && (sorts.lower || sorts.upper) || sorts.lower && sorts.upper && text.len() >= 20;
    is_mixed && entropy(text) >= SHARE * alphabet.min(text.len() as f32).log2() && wordiness(text) < 0.4
}

/// Whether it looks like a password that somebody uses.
pub fn is_password(text: &[u8]) -> bool {
    let sorts = Sorts::of(text);
    let words = wordiness(text);
    let distinct = text.iter().collect::<std::collections::BTreeSet<_>>().len();
    distinct >= 6
        && match sorts.count() {
            0 | 1 => false,
            2 => text.len() >= 10 && sorts.digit && (sorts.lower || sorts.upper) && words < 0.3,
            3 => words < 0.7,
            _ => words < 0.8,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sentences_are_no_keys() {
        for text in [
            "authentication_token_provider_v2",
            "UserPasswordResetTokenGenerator1",
            "refreshTokenExpirySeconds300",
            "my-service-account-credentials-2",
            "application/json;charset=utf-8",
            "12345678901234567890",
            "com.example.security.TokenFilter2",
        ] {
            assert!(!is_key(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_dice_made_is_a_key() {
        for text in ["9f86d081884c7d65", "q8Zt3LmN0vXc7RbY", "kJ2hs8fQpZxWv4nTgLrYbDcM", "b7x2k9q4m1z8w5t3", "dGhxNkZ6cVBtUjR2S3k4d0w5"] {
            assert!(is_key(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_password_has_several_sorts_of_characters() {
        for text in ["Xk9#mP2$vL7q", "Winter2019!", "kx93mdq8zp", "tR7-pLw-9xQ"] {
            assert!(is_password(text.as_bytes()), "{text}");
        }
        for text in ["username", "currentUserName2", "1234567890", "a1a1a1a1a1"] {
            assert!(!is_password(text.as_bytes()), "{text}");
        }
    }
}
