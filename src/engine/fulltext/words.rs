//! What a word is: a run of letters, digits and `_`, folded to lower case, found whole or by its parts.
//!
//! The parts of a run are cut at `_`, before a capital (`fooBar`, `HTTPServer`) and between letters and digits (`utf8`). They stand at
//! the position of the whole, so that a phrase is a row of runs, each named whole or by any of its parts: `"bar baz"` finds `fooBar baz`.
//!
//! One function serves the index and whoever asks it, so the two cannot disagree about what a word is. There is no stemming and no list
//! of words to leave out: this text is code.

use std::ops::Range;

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// The characters of a run that count: what a run has beyond them is not looked at.
pub const WORD_MAX_CHARS: usize = 100;

/// The words of a text, each with the number of the run it came from. Its memory is used again from text to text.
#[derive(Debug, Clone, Default)]
pub struct Words {
    letters: String,
    words: Vec<(usize, Range<usize>)>,
}

impl Words {
    /// The words of `text`: each run whole, then its parts where they differ from it.
    pub fn of(text: &str) -> Words {
        let mut words = Words::default();
        words.read(text);
        words
    }

    /// Each word and the number of its run, in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.words.iter().map(|(run, range)| (*run, &self.letters[range.clone()]))
    }

    /// The words of `text` take the place of those that were here.
    fn read(&mut self, text: &str) {
        self.letters.clear();
        self.words.clear();
        for (number, run) in runs(text).enumerate() {
            let first = self.words.len();
            self.push(number, first, run);
            for part in parts(run) {
                self.push(number, first, part);
            }
        }
    }

    /// Adds a word unless the run that began at `first` has it already.
    fn push(&mut self, number: usize, first: usize, word: &str) {
        let start = self.letters.len();
        self.letters.extend(word.chars().flat_map(folded));
        let range = start..self.letters.len();
        let known = |(_, earlier): &(usize, Range<usize>)| self.letters[earlier.clone()] == self.letters[range.clone()];
        if range.is_empty() || self.words[first..].iter().any(known) {
            self.letters.truncate(start);
        } else {
            self.words.push((number, range));
        }
    }
}

/// The runs of `text`, whole and folded: what a query that holds this text looks for, one after the other.
pub fn wholes(text: &str) -> Vec<String> {
    runs(text).map(|run| run.chars().flat_map(folded).collect()).filter(|word: &String| !word.is_empty()).collect()
}

/// A keyword without regard to case.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Lower case, character by character. What a capital leaves behind besides letters (the dot of `İ`) is dropped, so that a word that is
/// read again stays the same.
fn folded(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().filter(|c| is_word(*c))
}

fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|run| !run.is_empty()).map(|run| match run.char_indices().nth(WORD_MAX_CHARS) {
        Some((end, _)) => &run[..end],
        None => run,
    })
}

/// The parts of a run.
fn parts(run: &str) -> impl Iterator<Item = &str> {
    run.split('_').flat_map(|piece| {
        let mut rest = piece;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (part, after) = rest.split_at(first_part(rest));
            rest = after;
            Some(part)
        })
    })
}

/// Where the first part of a run without `_` ends.
fn first_part(run: &str) -> usize {
    let mut chars = run.char_indices().peekable();
    let mut before: Option<char> = None;
    while let Some((at, c)) = chars.next() {
        if let Some(before) = before {
            let after_is_small = chars.peek().is_some_and(|(_, after)| after.is_lowercase());
            let new_hump = c.is_uppercase() && (!before.is_uppercase() || after_is_small);
            if new_hump || before.is_numeric() != c.is_numeric() {
                return at;
            }
        }
        before = Some(c);
    }
    run.len()
}

/// Words as tantivy takes them.
#[derive(Clone, Default)]
pub(super) struct WordTokenizer {
    words: Words,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.words.read(text);
        WordStream { words: &self.words, next: 0, token: Token::default() }
    }
}

/// The words of one text.
pub(super) struct WordStream<'a> {
    words: &'a Words,
    next: usize,
    token: Token,
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((run, range)) = self.words.words.get(self.next) else { return false };
        self.next += 1;
        self.token.position = *run;
        self.token.text.clear();
        self.token.text.push_str(&self.words.letters[range.clone()]);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// A keyword as tantivy takes it: one token, without regard to case.
#[derive(Clone, Default)]
pub(super) struct FoldTokenizer;

impl Tokenizer for FoldTokenizer {
    type TokenStream<'a> = FoldStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> FoldStream {
        FoldStream { token: Token { position: 0, text: fold(text), ..Token::default() }, is_read: false }
    }
}

/// One token.
pub(super) struct FoldStream {
    token: Token,
    is_read: bool,
}

impl TokenStream for FoldStream {
    fn advance(&mut self) -> bool {
        !std::mem::replace(&mut self.is_read, true)
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(usize, String)> {
        Words::of(text).iter().map(|(run, word)| (run, word.to_owned())).collect()
    }

    fn at_zero<const N: usize>(words: [&str; N]) -> Vec<(usize, String)> {
        words.into_iter().map(|word| (0, word.to_owned())).collect()
    }

    #[test]
    fn a_run_is_found_whole_and_by_its_parts() {
        assert_eq!(words("fooBar"), at_zero(["foobar", "foo", "bar"]));
        assert_eq!(words("foo_bar"), at_zero(["foo_bar", "foo", "bar"]));
        assert_eq!(words("HTTPServer2"), at_zero(["httpserver2", "http", "server", "2"]));
        assert_eq!(words("__init__"), at_zero(["__init__", "init"]));
        assert_eq!(words("utf8"), at_zero(["utf8", "utf", "8"]));
        assert_eq!(words("plain"), at_zero(["plain"]));
        assert_eq!(words("GroßeÄpfel"), at_zero(["großeäpfel", "große", "äpfel"]));
        assert_eq!(words("tick_tick"), at_zero(["tick_tick", "tick"]));
    }

    #[test]
    fn parts_share_the_position_of_their_run() {
        let numbered: Vec<(usize, String)> = words("fooBar, baz");
        assert_eq!(numbered, [(0, "foobar"), (0, "foo"), (0, "bar"), (1, "baz")].map(|(run, word)| (run, word.to_owned())));
    }

    #[test]
    fn a_word_that_is_read_again_stays_the_same() {
        for text in ["İstanbul", "ΣΊΣΥΦΟΣ", "ﬁx", "ǅ", "K", "x²", "Ⅷ"] {
            let once = wholes(text);
            assert_eq!(wholes(&once.join(" ")), once, "{text}");
        }
    }

    #[test]
    fn a_run_without_end_is_cut() {
        let word = wholes(&"é".repeat(1_000)).remove(0);
        assert_eq!(word.chars().count(), WORD_MAX_CHARS);
    }
}
