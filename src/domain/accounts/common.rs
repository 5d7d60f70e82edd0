//! Passwords that everybody tries first, told by what they are made of.
//!
//! Lists of leaked passwords say what people do when twelve characters are asked for: they take one of a few words and lengthen it. They
//! write it twice, put a year or `123` behind it, spell it with digits, walk along the keyboard, or hold a key down. Those habits are
//! few, so they are told as such: of a password we take what is left without digits and signs around it, read look-alikes as letters, and
//! ask whether words of `data/common-passwords.txt` make up all of it.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::words;

words! {
    /// What makes a password common.
    pub enum Common: "habit" {
        /// Words of the list, and nothing that would make them rare.
        Words = "made of words that stand in many",
        /// A few characters again and again.
        Repeated = "the same few characters again and again",
        /// A walk along the keyboard, the alphabet or the digits.
        Row = "a row of the keyboard, the alphabet or the digits",
        /// Hardly anything but digits.
        Digits = "hardly more than digits",
    }
}

/// The words, one a line, lower case; lines that begin with `#` say what they are for.
const LIST: &str = include_str!("../../../data/common-passwords.txt");
/// The most words that a password may be made of and still be common: a sentence is more.
const WORDS: usize = 3;
/// Rows in which neighbors follow each other, forwards or backwards.
const ROWS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "!@#$%^&*()",
];
/// The longest unit that is told when it is repeated.
const UNIT: usize = 4;
/// Fewer characters than these beside the digits, and what stands between them in dates and numbers, are none.
const LETTERS: usize = 4;

static LISTED: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| LIST.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect());

/// What makes a text a common password; `None` if nothing does.
pub fn judge(text: &str) -> Option<Common> {
    let lower: Vec<char> = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    if is_repeated(&lower) {
        return Some(Common::Repeated);
    }
    if is_row(&lower) {
        return Some(Common::Row);
    }
    if is_of_words(&lower) {
        return Some(Common::Words);
    }
    let is_of_numbers = |c: &char| c.is_ascii_digit() || "-./:,+".contains(*c);
    (lower.iter().filter(|c| !is_of_numbers(c)).count() < LETTERS).then_some(Common::Digits)
}

/// Whether a unit of up to four characters fills all of it, the last of them cut anywhere; or it has fewer than four characters that differ.
fn is_repeated(text: &[char]) -> bool {
    let distinct: HashSet<char> = text.iter().copied().collect();
    distinct.len() < 4 || (1..=UNIT).any(|unit| (unit..text.len()).all(|at| text[at] == text[at - unit]))
}

/// Whether nearly every character follows the one before it in some row, forwards, backwards or held down.
fn is_row(text: &[char]) -> bool {
    let follows = |pair: &[char]| {
        pair[0] == pair[1]
            || ROWS.iter().any(|row| {
                let row: Vec<char> = row.chars().collect();
                row.windows(2).any(|next| next == pair || next[0] == pair[1] && next[1] == pair[0])
            })
    };
    let steps = text.windows(2).filter(|pair| follows(pair)).count();
    // A word may hold a step or two by chance; a walk is broken where it turns.
    steps * 5 >= text.len().saturating_sub(1) * 4
}

/// Whether up to three words of the list make up what is left without what is put around and between words.
fn is_of_words(text: &[char]) -> bool {
    let is_letter = |c: &char| c.is_alphabetic();
    let plain: String = text.iter().filter(|c| is_letter(c)).collect();
    // What stands at the ends is a year or a mark of exclamation; between letters a digit looks like one.
    let (first, last) = (text.iter().position(is_letter), text.iter().rposition(is_letter));
    let looks: String = match (first, last) {
        (Some(first), Some(last)) => text[first..=last].iter().filter_map(|c| look(*c)).collect(),
        _ => String::new(),
    };
    let whole: String = text.iter().filter_map(|c| look(*c)).collect();
    let start: String = match last {
        Some(last) => text[..=last].iter().filter_map(|c| look(*c)).collect(),
        None => String::new(),
    };
    [plain, looks, start, whole].iter().any(|letters| letters.len() >= LETTERS && is_made_of(letters, WORDS))
}

/// The letter that a character stands for in a word that is spelled with others; nothing for what only separates.
fn look(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        c if c.is_alphabetic() => c,
        _ => return None,
    })
}

/// Whether at most `most` words of the list make up the letters.
fn is_made_of(letters: &str, most: usize) -> bool {
    if letters.is_empty() {
        return true;
    }
    most > 0
        && letters
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .any(|end| LISTED.contains(&letters[..end]) && is_made_of(&letters[end..], most - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_lengthen_is_told() {
        for text in [
            "password1234",
            "Password2026!",
            "P@ssw0rd2026",
            "passwordpassword",
            "iloveyou12345",
            "administrator",
            "Administrator1",
            "admin-admin-admin",
            "qwertypassword",
            "welcome to summer 2026",
            "letmein-letmein",
            "plumbline2026",
            "plumblineadmin",
            "123password123",
            "superman-batman",
        ] {
            assert_eq!(judge(text), Some(Common::Words), "{text}");
        }
        for text in ["aaaaaaaaaaaa", "abcabcabcabc", "121212121212", "passpasspass", "xyz xyz xyz xyz"] {
            assert_eq!(judge(text), Some(Common::Repeated), "{text}");
        }
        for text in [
            "123456789012",
            "qwertyuiop[]",
            "abcdefghijkl",
            "qwertyuiopasdf",
            "1q2w3e4r5t6y",
            "1qaz2wsx3edc",
            "zyxwvutsrqpo",
            "098765432109",
        ] {
            assert_eq!(judge(text), Some(Common::Row), "{text}");
        }
        for text in ["314159265358x", "2026-01-31-2027-12", "4915112345678"] {
            assert_eq!(judge(text), Some(Common::Digits), "{text}");
        }
    }

    #[test]
    fn what_nobody_guesses_is_not() {
        for text in [
            "correct horse battery staple",
            "seven grey herons wade",
            "Xk4-9vQ!mz2LpT",
            "my password is a river of ink",
            "Überm Dorf kreisen Störche",
            "東京の空は今日も青いですねえと",
            "kR7vP2xQ9mL4",
        ] {
            assert_eq!(judge(text), None, "{text}");
        }
    }

    #[test]
    fn the_list_is_of_lower_case_words_each_once() {
        let words: Vec<&str> = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert!(words.len() > 300, "{}", words.len());
        assert_eq!(words.len(), LISTED.len(), "a word stands twice");
        for word in words {
            assert!(word.len() >= 2 && word.chars().all(char::is_lowercase), "{word}");
        }
    }
}
