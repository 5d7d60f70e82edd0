//! Source text as tokens: words, numbers, strings, comments and marks of any common language, by one reader and a [table](language).
//!
//! It is no compiler's lexer and need not be. What has to be right is where strings and comments begin and end, since all else is told
//! apart by bytes. So the table says that for each [`Language`], and a few [manners](language::Manner) say what a table cannot: Rust's
//! lifetimes, JavaScript's regular expressions, the `#` of a shell.
//!
//! Any bytes are text to it. Every byte that is not white space is in exactly one token, the time is linear in the length, and a quote
//! that is never closed costs the rest of its line at most: where a string may not go on past the line, it is a mark like any other.

pub mod language;

pub use language::Language;
use language::{Manner, Quote};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word,
    /// A number, with its unit or suffix.
    Number,
    /// A string, a character or a regular expression, with its quotes.
    Text,
    /// A comment, with what opens and closes it.
    Comment,
    /// One byte of anything else.
    Mark,
}

/// A piece of source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// The line of its first byte, counted from 1.
    pub line: u32,
}

/// Reads the tokens of a text, from the first to the last.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    language: &'static Language,
    content: &'a [u8],
    at: usize,
    line: u32,
    /// What stood before in a script, comments left out: it tells a division from a regular expression.
    before: Option<Token>,
    /// For each quote of the language, and for regular expressions: up to where none is closed.
    unclosed: [usize; MAX_QUOTES + 1],
    /// Of each byte whether a comment or a string of the language may begin with it: most marks begin neither.
    begins: [u8; 256],
}

/// A comment may begin with this byte.
const COMMENT: u8 = 1;
/// A string may.
const QUOTE: u8 = 2;

/// Of each byte what it is in any language.
static CLASSES: [u8; 256] = classes();
/// Part of a word.
const WORD: u8 = 1;
/// White space.
const SPACE: u8 = 2;

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80 {
            classes[byte as usize] = WORD;
        } else if byte.is_ascii_whitespace() {
            classes[byte as usize] = SPACE;
        }
        if byte == u8::MAX {
            return classes;
        }
        byte += 1;
    }
}

/// The most sorts of quotes in a language.
const MAX_QUOTES: usize = 6;
/// The longest delimiter of a raw string in C++, and the most `#` of one in Rust.
const MAX_DELIMITER: usize = 255;

/// Keywords of JavaScript after which a `/` begins a regular expression.
const BEFORE_REGEX: [&[u8]; 9] = [b"return", b"typeof", b"case", b"in", b"of", b"delete", b"void", b"throw", b"new"];

impl<'a> Lexer<'a> {
    /// A reader of this text.
    pub fn new(language: &'static Language, content: &'a [u8]) -> Lexer<'a> {
        let mut begins = [0; 256];
        for opening in language.lines.iter().copied().chain(language.blocks.iter().map(|block| block.open)) {
            begins[usize::from(opening[0])] |= COMMENT;
        }
        for quote in language.quotes {
            begins[usize::from(quote.open[0])] |= QUOTE;
        }
        Lexer { language, content, at: 0, line: 1, before: None, unclosed: [0; MAX_QUOTES + 1], begins }
    }

    /// The next token.
    #[inline]
    pub fn token(&mut self) -> Option<Token> {
        self.skip_space();
        let first = *self.content.get(self.at)?;
        let (start, line) = (self.at, self.line);
        let kind = self.read(first);
        let token = Token { kind, start, end: self.at, line };
        if matches!(kind, Kind::Text | Kind::Comment) {
            self.line += newlines(&self.content[start..self.at]);
        }
        // Nothing else asks for it.
        if self.language.manner == Manner::Script && kind != Kind::Comment {
            self.before = Some(token);
        }
        Some(token)
    }

    fn rest(&self) -> &'a [u8] {
        &self.content[self.at..]
    }

    fn begins(&self, with: &[u8]) -> bool {
        // Nearly all end at the first byte.
        self.content.get(self.at) == with.first() && self.rest().starts_with(with)
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.content.get(self.at).filter(|byte| CLASSES[usize::from(**byte)] == SPACE) {
            self.line += u32::from(*byte == b'\n');
            self.at += 1;
        }
    }

    /// Moves behind the token that begins here.
    fn read(&mut self, first: u8) -> Kind {
        if first.is_ascii_digit() {
            self.number();
            return Kind::Number;
        }
        if is_word(first) {
            return self.word();
        }
        let begins = self.begins[usize::from(first)];
        if begins & COMMENT != 0 && self.comment() {
            return Kind::Comment;
        }
        if begins & QUOTE != 0 && self.quoted() || self.language.manner == Manner::Script && first == b'/' && self.regex() {
            return Kind::Text;
        }
        // In Lisp a backslash makes a character of whatever follows, be it a quote.
        let escapes = first == b'\\' && self.language.manner == Manner::Lisp;
        self.at += if escapes && self.content.get(self.at + 1).is_some_and(|byte| !byte.is_ascii_whitespace()) { 2 } else { 1 };
        Kind::Mark
    }

    fn word(&mut self) -> Kind {
        let start = self.at;
        self.at += word_length(self.rest());
        let is_raw = match (self.language.manner, &self.content[start..self.at]) {
            (Manner::Rust, b"r" | b"br" | b"cr") => self.raw_rust(),
            (Manner::Cpp, b"R" | b"LR" | b"uR" | b"UR" | b"u8R") => self.raw_cpp(),
            _ => false,
        };
        if is_raw { Kind::Text } else { Kind::Word }
    }

    fn number(&mut self) {
        let rest = self.rest();
        let joins = |at: usize| rest[at] == b'.' && rest.get(at + 1).is_some_and(u8::is_ascii_digit);
        self.at += (1..rest.len()).find(|at| !is_word(rest[*at]) && !joins(*at)).unwrap_or(rest.len());
    }

    /// Moves behind a comment, if one begins here.
    fn comment(&mut self) -> bool {
        for block in self.language.blocks {
            if self.begins(block.open) && (!block.at_line_start || self.is_at_line_start()) {
                self.at += block.open.len();
                self.block(block);
                return true;
            }
        }
        let Some(opening) = self.language.lines.iter().find(|opening| self.begins(opening)) else { return false };
        let before = self.at.checked_sub(1).map(|at| self.content[at]);
        let is_one = match self.language.manner {
            Manner::Shell => before.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b'(' | b'&' | b'|')),
            Manner::Tex => before != Some(b'\\'),
            // An attribute.
            Manner::Php => *opening != b"#" || self.content.get(self.at + 1) != Some(&b'['),
            _ => true,
        };
        if is_one {
            self.at += memchr::memchr(b'\n', self.rest()).unwrap_or(self.rest().len());
        }
        is_one
    }

    fn is_at_line_start(&self) -> bool {
        self.at == 0 || self.content[self.at - 1] == b'\n'
    }

    /// Moves behind the end of a block comment; an open one goes on to the end of the text.
    fn block(&mut self, block: &language::Block) {
        let mut depth = 1_usize;
        let (close, open) = (block.close[0], block.open[0]);
        while depth > 0 {
            let Some(next) = memchr::memchr2(close, open, self.rest()) else {
                self.at = self.content.len();
                return;
            };
            self.at += next;
            if self.begins(block.close) && (!block.at_line_start || self.is_at_line_start()) {
                self.at += block.close.len();
                depth -= 1;
            } else if block.nests && self.begins(block.open) {
                self.at += block.open.len();
                depth += 1;
            } else {
                self.at += 1;
            }
        }
    }

    /// Moves behind a string, if one begins here and ends.
    fn quoted(&mut self) -> bool {
        let quotes = self.language.quotes;
        let Some((kind, quote)) = quotes.iter().enumerate().find(|(_, quote)| self.begins(quote.open)) else { return false };
        if self.language.has_lifetimes && quote.open == b"'" {
            return self.character();
        }
        if quote.interpolates {
            self.template();
            return true;
        }
        self.closed(kind, quote)
    }

    fn closed(&mut self, kind: usize, quote: &Quote) -> bool {
        if self.at < self.unclosed[kind] {
            return false;
        }
        let mut at = self.at + quote.open.len();
        while let Some(byte) = self.content.get(at) {
            match byte {
                b'\\' if quote.escapes => at += 2,
                b'\n' if !quote.spans_lines => break,
                byte if *byte == quote.close[0] && self.content[at..].starts_with(quote.close) => {
                    self.at = at + quote.close.len();
                    return true;
                }
                _ => at += 1,
            }
        }
        let end = at.min(self.content.len());
        if quote.spans_lines {
            self.at = end;
            return true;
        }
        // Else a line of quotes and backslashes would be read anew from each.
        self.unclosed[kind] = end;
        false
    }

    /// A character between single quotes where a single quote alone has a meaning too.
    fn character(&mut self) -> bool {
        let rest = self.rest();
        let end = match rest.get(1) {
            // The longest is `'\u{10FFFF}'`.
            Some(b'\\') => (3..rest.len().min(13)).find(|at| rest[*at] == b'\''),
            Some(b'\'' | b'\n') | None => None,
            Some(first) => {
                let width = match first {
                    0xf0.. => 4,
                    0xe0.. => 3,
                    0xc0.. => 2,
                    _ => 1,
                };
                (rest.get(1 + width) == Some(&b'\'')).then_some(1 + width)
            }
        };
        self.at += end.map_or(0, |end| end + 1);
        end.is_some()
    }

    /// `r"…"` and `r#"…"#`, after the `r`.
    fn raw_rust(&mut self) -> bool {
        let rest = self.rest();
        let hashes = rest.iter().take(MAX_DELIMITER).take_while(|byte| **byte == b'#').count();
        if rest.get(hashes) != Some(&b'"') {
            return false;
        }
        let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
        self.raw(hashes + 1, &close);
        true
    }

    /// `R"delimiter(…)delimiter"`, after the `R`.
    fn raw_cpp(&mut self) -> bool {
        let Some(rest) = self.rest().strip_prefix(b"\"") else { return false };
        let Some(bracket) = rest.iter().take(MAX_DELIMITER).position(|byte| *byte == b'(') else { return false };
        let close: Vec<u8> = [b")", &rest[..bracket], b"\""].concat();
        self.raw(1 + bracket + 1, &close);
        true
    }

    fn raw(&mut self, open: usize, close: &[u8]) {
        let body = &self.rest()[open..];
        self.at += open + memchr::memmem::find(body, close).map_or(body.len(), |end| end + close.len());
    }

    /// A template, in whose `${…}` there is code, in which there may be templates.
    fn template(&mut self) {
        // How many braces are open in the code of each level.
        let mut levels: Vec<u32> = Vec::new();
        let mut is_code = false;
        self.at += 1;
        while let Some(byte) = self.content.get(self.at) {
            match byte {
                b'\\' => self.at += 1,
                b'`' if is_code => is_code = false,
                b'`' if levels.is_empty() => {
                    self.at += 1;
                    return;
                }
                b'`' => is_code = true,
                b'$' if !is_code && self.content.get(self.at + 1) == Some(&b'{') => {
                    self.at += 1;
                    levels.push(0);
                    is_code = true;
                }
                b'{' if is_code => levels.iter_mut().last().into_iter().for_each(|open| *open = open.saturating_add(1)),
                b'}' if is_code => match levels.last_mut() {
                    Some(open) if *open > 0 => *open -= 1,
                    _ => {
                        levels.pop();
                        is_code = false;
                    }
                },
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.content.len();
    }

    /// Moves behind a regular expression of JavaScript, if the `/` here begins one.
    fn regex(&mut self) -> bool {
        let divides = self.before.is_some_and(|before| {
            let text = &self.content[before.start..before.end];
            match before.kind {
                Kind::Word => !BEFORE_REGEX.contains(&text),
                Kind::Number | Kind::Text => true,
                Kind::Mark => matches!(text, b")" | b"]" | b"}"),
                Kind::Comment => false,
            }
        });
        if divides || self.at < self.unclosed[MAX_QUOTES] {
            return false;
        }
        let (mut at, mut in_class) = (self.at + 1, false);
        while let Some(byte) = self.content.get(at).filter(|byte| **byte != b'\n') {
            match byte {
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    let flags = self.content[at + 1..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
                    self.at = at + 1 + flags;
                    return true;
                }
                _ => {}
            }
            at += 1;
        }
        self.unclosed[MAX_QUOTES] = at.min(self.content.len());
        false
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.token()
    }
}

/// How many lines end within these bytes.
pub fn newlines(bytes: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(u32::MAX)
}

/// How many bytes at the beginning are a word's, asked of eight at a time: most words end within the first, and where they do is anybody's
/// guess.
fn word_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = text[at..].first_chunk::<8>() {
        let others = !words_of(u64::from_le_bytes(*eight)) & HIGH;
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + text[at..].iter().position(|byte| !is_word(*byte)).unwrap_or(text.len() - at)
}

/// The highest bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Of eight bytes the highest bit of each that is part of a word: all else is added so that it tells whether the byte is at least
/// something.
fn words_of(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = bytes & !HIGH;
    let letters = low | (ONES * 0x20);
    let from = |bytes: u64, least: u8| bytes + ONES * u64::from(0x80 - least);
    let between = |bytes: u64, least: u8, beyond: u8| from(bytes, least) & !from(bytes, beyond);
    between(letters, b'a', b'z' + 1) | between(low, b'0', b'9' + 1) | between(low, b'_', b'_' + 1) | between(low, b'$', b'$' + 1) | bytes
}

fn is_word(byte: u8) -> bool {
    CLASSES[usize::from(byte)] == WORD
}

#[cfg(test)]
mod tests;
