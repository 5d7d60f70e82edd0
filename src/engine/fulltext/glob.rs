//! Patterns over whole texts, matched in time linear in the text whatever the pattern.
//!
//! In a path, `*` stands for anything within a directory, `**` for anything at all, `**/` for any number of directories, none included,
//! and a pattern that ends at `/` for everything beneath. In any other keyword `*` stands for anything. There is no escape and no other
//! sign: whoever looks for a star writes a star.
//!
//! What stands before the first star and after the last is compared as it is; the rest is a nondeterministic automaton of at most 128
//! states whose set of states is one integer.

/// The states that the part of a pattern between its first and its last star may have.
const STATES_MAX: usize = 128;

/// A pattern over a whole text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    prefix: Vec<u8>,
    /// What stands between prefix and suffix; `None` in a pattern without stars, where `prefix` is all.
    middle: Option<Middle>,
    suffix: Vec<u8>,
}

/// A pattern that is too long between its first and its last star.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pattern is too long between its first `*` and its last")]
pub struct TooLong;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Middle {
    Anything,
    WithinDirectory,
    Directories,
    States(Vec<State>),
}

/// What leads out of a state; the number of the next is one more, or as said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    /// This byte, to the next.
    Byte(u8),
    /// Any byte but `/` back here; nothing at all to the next.
    Star,
    /// Any byte back here; nothing at all to the next.
    DoubleStar,
    /// Nothing at all to the next, or past it.
    EnterDirectories,
    /// Any byte back here; `/` to the next as well.
    InDirectories,
}

impl Glob {
    /// A pattern over paths.
    pub fn path(pattern: &str) -> Result<Glob, TooLong> {
        let mut states = Vec::new();
        let mut rest = pattern.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let at_part = matches!(states.last(), None | Some(State::Byte(b'/') | State::InDirectories));
            let stars = rest.iter().take_while(|byte| **byte == b'*').count();
            rest = match stars {
                0 => {
                    states.push(State::Byte(*first));
                    after
                }
                1 => {
                    states.push(State::Star);
                    after
                }
                _ if at_part && rest.get(stars) == Some(&b'/') => {
                    states.extend([State::EnterDirectories, State::InDirectories]);
                    &rest[stars + 1..]
                }
                _ => {
                    states.push(State::DoubleStar);
                    &rest[stars..]
                }
            };
        }
        if pattern.ends_with('/') {
            states.push(State::DoubleStar);
        }
        Glob::of(states)
    }

    /// A pattern over keywords.
    pub fn keyword(pattern: &str) -> Result<Glob, TooLong> {
        let mut states: Vec<State> = pattern.bytes().map(|byte| if byte == b'*' { State::DoubleStar } else { State::Byte(byte) }).collect();
        states.dedup_by(|a, b| *a == State::DoubleStar && *b == State::DoubleStar);
        Glob::of(states)
    }

    /// The pattern of this text alone, whatever it holds.
    pub fn exactly(text: &str) -> Glob {
        Glob { prefix: text.as_bytes().to_vec(), middle: None, suffix: Vec::new() }
    }

    fn of(mut states: Vec<State>) -> Result<Glob, TooLong> {
        let is_wild = |state: &State| !matches!(state, State::Byte(_));
        let literal =
            |states: &[State]| states.iter().filter_map(|state| if let State::Byte(b) = state { Some(*b) } else { None }).collect();
        let Some(first) = states.iter().position(is_wild) else {
            return Ok(Glob { prefix: literal(&states), middle: None, suffix: Vec::new() });
        };
        let last = states.iter().rposition(is_wild).unwrap_or(first);
        let suffix = literal(&states.split_off(last + 1));
        let prefix = literal(&states[..first]);
        let middle = match &states[first..] {
            [State::DoubleStar] | [State::EnterDirectories, State::InDirectories, State::Star] => Middle::Anything,
            [State::Star] => Middle::WithinDirectory,
            [State::EnterDirectories, State::InDirectories] => Middle::Directories,
            // One bit is for having come through.
            other if other.len() < STATES_MAX => Middle::States(other.to_vec()),
            _ => return Err(TooLong),
        };
        Ok(Glob { prefix, middle: Some(middle), suffix })
    }

    /// The one text that it matches, if it has no star.
    pub fn literal(&self) -> Option<&[u8]> {
        self.middle.is_none().then_some(&self.prefix)
    }

    /// What every text that it matches begins with.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether it matches this text as a whole.
    pub fn matches(&self, text: &[u8]) -> bool {
        let Some(middle) = &self.middle else { return text == self.prefix };
        let Some(between) = text.strip_prefix(self.prefix.as_slice()).and_then(|rest| rest.strip_suffix(self.suffix.as_slice())) else {
            return false;
        };
        match middle {
            Middle::Anything => true,
            Middle::WithinDirectory => !between.contains(&b'/'),
            Middle::Directories => between.last().is_none_or(|byte| *byte == b'/'),
            Middle::States(states) => run(states, between),
        }
    }
}

/// Runs the automaton over the text.
fn run(states: &[State], text: &[u8]) -> bool {
    let mut active = enter(states, 0, 0);
    for byte in text {
        let mut next = 0;
        let mut left = active & !(1 << states.len());
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            match states[at] {
                State::Byte(expected) if expected == *byte => next = enter(states, next, at + 1),
                State::Star if *byte != b'/' => next = enter(states, next, at),
                State::DoubleStar => next = enter(states, next, at),
                State::InDirectories => {
                    next |= 1 << at;
                    if *byte == b'/' {
                        next = enter(states, next, at + 1);
                    }
                }
                State::Byte(_) | State::Star | State::EnterDirectories => {}
            }
        }
        if next == 0 {
            return false;
        }
        active = next;
    }
    active & (1 << states.len()) != 0
}

/// Adds state `at` to a set, and what can be reached from it by nothing at all.
fn enter(states: &[State], mut set: u128, mut at: usize) -> u128 {
    loop {
        set |= 1 << at;
        match states.get(at) {
            Some(State::Star | State::DoubleStar) => at += 1,
            Some(State::EnterDirectories) => {
                set |= 1 << (at + 1);
                at += 2;
            }
            _ => return set,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(pattern: &str, text: &str) -> bool {
        Glob::path(pattern).unwrap().matches(text.as_bytes())
    }

    #[test]
    fn one_star_stays_within_a_directory_and_two_do_not() {
        assert!(path("src/*.rs", "src/main.rs"));
        assert!(!path("src/*.rs", "src/a/main.rs"));
        assert!(!path("*.rs", "src/main.rs"));
        assert!(path("src/**.rs", "src/a/main.rs"));
        assert!(path("src/*/b/*.rs", "src/a/b/c.rs"));
        assert!(!path("src/*/b/*.rs", "src/a/a/b/c.rs"));
    }

    #[test]
    fn two_stars_and_a_slash_are_any_number_of_directories() {
        for text in ["main.rs", "a/main.rs", "a/b/main.rs"] {
            assert!(path("**/main.rs", text), "{text}");
        }
        assert!(!path("**/main.rs", "a/xmain.rs"));
        assert!(path("src/**/*_test.rs", "src/x_test.rs"));
        assert!(path("src/**/t/*.rs", "src/a/b/t/x.rs"));
        assert!(!path("src/**/t/*.rs", "src/a/bt/x.rs"));
    }

    #[test]
    fn a_slash_at_the_end_is_all_that_lies_beneath() {
        assert!(path("src/", "src/a/b.rs"));
        assert!(!path("src/", "src"));
        assert!(!path("src/", "lib/src/a.rs"));
        assert!(path("packages/*/src/", "packages/x/src/a/b.ts"));
    }

    #[test]
    fn a_pattern_without_a_star_is_the_text_itself() {
        assert!(path("src/main.rs", "src/main.rs"));
        assert!(!path("src/main.rs", "src/main.rs2"));
        assert_eq!(Glob::path("a/b").unwrap().literal(), Some(&b"a/b"[..]));
    }

    #[test]
    fn beginning_and_end_do_not_overlap() {
        assert!(!path("ab*ba", "aba"));
        assert!(path("ab*ba", "abba"));
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = format!("{}b", "a*".repeat(60));
        assert!(!path(&pattern, &"a".repeat(100_000)));
        assert_eq!(Glob::path(&"a*".repeat(200)), Err(TooLong));
    }

    /// What a glob means, tried every way: for short texts only.
    fn naive(pattern: &[u8], text: &[u8], at_part: bool) -> bool {
        let any = |after: &[u8], allowed: &dyn Fn(&[u8]) -> bool, at: bool| {
            (0..=text.len()).any(|n| allowed(&text[..n]) && naive(after, &text[n..], at))
        };
        let stars = pattern.iter().take_while(|byte| **byte == b'*').count();
        match (stars, pattern.first()) {
            (0, None) => text.is_empty(),
            (0, Some(byte)) => text.first() == Some(byte) && naive(&pattern[1..], &text[1..], *byte == b'/'),
            (1, _) => any(&pattern[1..], &|taken| !taken.contains(&b'/'), false),
            (n, _) if at_part && pattern.get(n) == Some(&b'/') => {
                any(&pattern[n + 1..], &|taken| taken.last().is_none_or(|byte| *byte == b'/'), true)
            }
            (n, _) => any(&pattern[n..], &|_| true, false),
        }
    }

    proptest! {
        #[test]
        fn a_glob_means_what_trying_every_way_means(pattern in "[ab/*]{0,9}", text in "[ab/]{0,9}") {
            let whole = if pattern.ends_with('/') { format!("{pattern}**") } else { pattern.clone() };
            // A slash before added stars would make them directories: beneath is anything.
            prop_assert_eq!(path(&pattern, &text), naive(whole.as_bytes(), text.as_bytes(), true), "{} {}", pattern, text);
        }
    }
}
