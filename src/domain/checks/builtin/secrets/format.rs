//! What tokens of one kind look like: a beginning that nothing else has, and pieces of so many characters of an alphabet.
//!
//! Reading is greedy and never goes back, so a token costs its length and no more, whatever stands there.

use super::checksum;
use super::fake;
use super::randomness;
use crate::domain::issues::finding::Severity;

/// The characters a piece is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// Digits.
    Digit,
    /// Hexadecimal digits with small letters.
    Hex,
    /// The capitals and digits of base 32.
    Base32,
    /// Capitals and digits.
    Upper,
    /// Small letters and digits.
    Lower,
    /// Letters and digits.
    Base62,
    /// Letters, digits and `_`.
    Word,
    /// Letters, digits, `-` and `_`.
    Url,
    /// Base 64, with its padding.
    Base64,
}

impl Alphabet {
    /// Whether a character is one of it.
    pub fn has(self, byte: u8) -> bool {
        match self {
            Alphabet::Digit => byte.is_ascii_digit(),
            Alphabet::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Alphabet::Base32 => matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
            Alphabet::Upper => matches!(byte, b'A'..=b'Z' | b'0'..=b'9'),
            Alphabet::Lower => matches!(byte, b'a'..=b'z' | b'0'..=b'9'),
            Alphabet::Base62 => byte.is_ascii_alphanumeric(),
            Alphabet::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Alphabet::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Alphabet::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// A part of a token.
#[derive(Debug, Clone, Copy)]
pub enum Piece {
    /// This very text.
    Text(&'static str),
    /// So many characters, from the first number to the second.
    Run(Alphabet, usize, usize),
}

/// What shows that a token is one, beyond its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It looks as if dice had made it.
    Dice,
    /// It ends in the checksum of what stands behind its beginning.
    Checksum,
    /// It ends in the checksum of all before.
    WholeChecksum,
}

/// Tokens of one kind.
#[derive(Debug)]
pub struct Format {
    /// What it begins with.
    pub prefix: &'static str,
    /// The rule that speaks of it.
    pub rule: &'static str,
    /// What it is, with its article.
    pub what: &'static str,
    /// What follows the beginning.
    pub body: &'static [Piece],
    /// What shows that it is one.
    pub proof: Proof,
    /// How much it matters.
    pub severity: Severity,
}

impl Format {
    /// Whether nothing else is of its form by chance: a beginning that is short, or a word, is found in enough of what machines write.
    pub fn is_distinct(&self) -> bool {
        !matches!(self.prefix, "SK" | "EAAA" | "EZAK" | "cio" | "oy2" | "dapi" | "key-" | "secret_")
    }

    /// The end of the token that begins at `start`, where its beginning stands; `None` if what follows is no such token.
    pub fn read(&self, text: &[u8], start: usize) -> Option<usize> {
        let begin = start + self.prefix.len();
        if !text[start..].starts_with(self.prefix.as_bytes()) || !is_boundary_before(text, start) {
            return None;
        }
        let end = read(self.body, text, begin)?;
        let body = &text[begin..end];
        let is_one = match self.proof {
            Proof::Dice => !fake::is_fake(body) && looks_rolled(body),
            Proof::Checksum => checksum::ends_in_its_own(body),
            Proof::WholeChecksum => checksum::ends_in_its_own(&text[start..end]),
        };
        is_one.then_some(end)
    }
}

/// The end of these pieces, which stand at `at` and nothing like them behind.
pub fn read(pieces: &[Piece], text: &[u8], mut at: usize) -> Option<usize> {
    let mut goes_on: fn(u8) -> bool = |byte| byte.is_ascii_alphanumeric() || byte == b'_';
    for piece in pieces {
        match piece {
            Piece::Text(piece) => at += text.get(at..)?.starts_with(piece.as_bytes()).then_some(piece.len())?,
            Piece::Run(alphabet, least, most) => {
                let run = text.get(at..)?.iter().take(*most).take_while(|byte| alphabet.has(**byte)).count();
                if run < *least {
                    return None;
                }
                at += run;
                if alphabet.has(b'-') {
                    goes_on = |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                }
            }
        }
    }
    text.get(at).is_none_or(|next| !goes_on(*next)).then_some(at)
}

/// Whether a word can begin here: not within another, but behind an escape such as `\n`.
pub fn is_boundary_before(text: &[u8], start: usize) -> bool {
    match text[..start] {
        [.., b'\\', b'n' | b'r' | b't'] | [.., b'%', b'2' | b'3', b'0'..=b'9' | b'A'..=b'F'] => true,
        [.., last] => !last.is_ascii_alphanumeric() && last != b'_',
        [] => true,
    }
}

/// Whether the body of a token looks made by a machine. Its form says the most, so little is asked for.
fn looks_rolled(body: &[u8]) -> bool {
    let sorts = randomness::Sorts::of(body);
    // One in thirty ids in base 32 has no digit; small letters alone are a name.
    let is_mixed = sorts.digit || sorts.upper;
    // Capitals alone form long runs, half of which can read like words by chance.
    let most_words = if sorts.lower { 0.5 } else { 0.8 };
    is_mixed && randomness::entropy(body) >= 2.5 && randomness::wordiness(body) < most_words
}
