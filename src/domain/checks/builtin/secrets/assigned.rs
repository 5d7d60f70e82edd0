//! Values that are assigned to a name such as `password` and look as if they were real.
//!
//! From the name on, a small reader follows what languages put between a name and its value: closing quotes, a type, an operator, a
//! string's prefix. What it cannot follow is no value. It looks at one line, or at the next where a list of variables has name and value
//! in two.

use std::ops::Range;

use super::fake;
use super::format::Alphabet;
use super::name::{Promise, promise, words};
use super::place::Writing;
use super::randomness::{is_key, is_password};

/// The longest name.
const NAME: usize = 64;
/// The longest value.
const VALUE: usize = 512;
/// The longest type between a name and its value, or call around the value.
const BETWEEN: usize = 48;

/// A name and the value it is given.
#[derive(Debug)]
pub struct Assigned {
    pub name: Range<usize>,
    pub value: Range<usize>,
    pub promise: Promise,
    pub words: Vec<String>,
}

/// The name around a keyword that was met at `hit`.
pub fn name_around(text: &[u8], hit: Range<usize>) -> Range<usize> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let before = text[..hit.start].iter().rev().take(NAME).take_while(|byte| is_name(**byte)).count();
    let after = text[hit.end..].iter().take(NAME).take_while(|byte| is_name(**byte)).count();
    let mut name = hit.start - before..hit.end + after;
    // Dashes and dots around a name are not of it.
    while name.start < hit.start && matches!(text[name.start], b'-' | b'.') {
        name.start += 1;
    }
    while name.end > hit.end && matches!(text[name.end - 1], b'-' | b'.') {
        name.end -= 1;
    }
    name
}

/// Reads what is assigned to the name, which stands in `line`.
pub fn read(text: &[u8], name: Range<usize>, line: Range<usize>, writing: Writing) -> Option<Assigned> {
    let words = words(&text[name.clone()]);
    let promise = promise(&words)?;
    let value = Reader { text, name: name.clone(), line, writing, at: name.end }.value(promise)?;
    Some(Assigned { name, value, promise, words })
}

impl Assigned {
    /// Whether the value looks like what the name promises, and real.
    pub fn is_real(&self, text: &[u8]) -> bool {
        let value = &text[self.value.clone()];
        if fake::is_fake(value) || is_sealed(value) || names_a_place(value) {
            return false;
        }
        match self.promise {
            Promise::Password => (8..=128).contains(&value.len()) && is_password(value),
            Promise::Key | Promise::Authorization if is_uuid(value) => self.words.iter().any(|word| word == "heroku"),
            Promise::Key | Promise::Authorization => value.len() >= 16 && is_key(value),
        }
    }

    /// Whether it is a secret key of AWS: forty characters of base 64.
    pub fn is_aws_secret(&self, text: &[u8]) -> bool {
        let value = &text[self.value.clone()];
        let has = |wanted: &str| self.words.iter().any(|word| word.contains(wanted));
        value.len() == 40 && value.iter().all(|byte| Alphabet::Base64.has(*byte)) && has("secret") && (has("aws") || has("access"))
    }

    /// Whether it is a bot's token of Discord: its id in base 64, a time, a signature.
    pub fn is_discord_token(&self, text: &[u8]) -> bool {
        let mut parts = text[self.value.clone()].split(|byte| *byte == b'.');
        let mut part = |least, most| {
            parts.next().is_some_and(|part| (least..=most).contains(&part.len()) && part.iter().all(|byte| Alphabet::Url.has(*byte)))
        };
        matches!(text[self.value.start], b'M' | b'N' | b'O') && part(23, 28) && part(6, 7) && part(27, 40) && parts.next().is_none()
    }
}

struct Reader<'a> {
    text: &'a [u8],
    name: Range<usize>,
    line: Range<usize>,
    writing: Writing,
    at: usize,
}

impl Reader<'_> {
    fn value(mut self, promise: Promise) -> Option<Range<usize>> {
        let is_quoted = self.closing_quote();
        let is_tag = self.before() == Some(b'<');
        let is_flag = self.text[self.line.start..self.name.start].ends_with(b"--");
        let has_space = self.spaces() > 0;
        match self.peek()? {
            b'>' if is_tag && self.writing == Writing::Markup => {
                self.at += 1;
                return self.until(|byte| byte == b'<');
            }
            b':' if self.starts_with(b"::") => return None,
            b':' => {
                self.at += if self.starts_with(b":=") { 2 } else { 1 };
                self.type_then_equals();
            }
            b'=' if self.starts_with(b"=~") => return None,
            b'=' => self.at += self.text[self.at..].iter().take(3).take_while(|byte| matches!(byte, b'=' | b'>')).count(),
            b'!' | b'?' | b'+' if self.text.get(self.at + 1) == Some(&b'=') => {
                self.at += self.text[self.at..].iter().take(3).skip(1).take_while(|byte| **byte == b'=').count() + 1;
            }
            b',' if is_quoted => {
                self.at += 1;
                self.named_value();
            }
            b'(' if !has_space => self.at += 1,
            b'\n' | b'\r' if self.writing == Writing::Line => self.next_line_value()?,
            b'"' | b'\'' | b'`' if has_space && (is_flag || self.is_macro()) => {}
            _ if has_space && (is_flag && self.writing == Writing::Shell || self.writing == Writing::Spaced) => {}
            _ if is_quoted && self.starts_with(b"value=") => self.at += 6,
            _ => self.type_before_equals()?,
        }
        self.spaces();
        if promise == Promise::Authorization {
            return self.credentials();
        }
        self.call_or_prefix();
        match self.peek()? {
            quote @ (b'"' | b'\'' | b'`') => self.quoted(quote),
            _ => self.bare(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn before(&self) -> Option<u8> {
        self.name.start.checked_sub(1).map(|at| self.text[at])
    }

    fn starts_with(&self, what: &[u8]) -> bool {
        self.text[self.at..].starts_with(what)
    }

    fn spaces(&mut self) -> usize {
        let spaces = self.text[self.at..].iter().take(VALUE).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.at += spaces;
        spaces
    }

    /// Steps over the quote that ends a quoted name, and over a bracket behind it.
    fn closing_quote(&mut self) -> bool {
        let Some(quote @ (b'"' | b'\'' | b'`')) = self.before() else { return false };
        let escapes = usize::from(self.peek() == Some(b'\\'));
        if self.text.get(self.at + escapes) != Some(&quote) {
            return false;
        }
        self.at += 1 + escapes;
        if self.peek() == Some(b']') {
            self.at += 1;
        }
        true
    }

    /// Whether the name is that of a macro of C.
    fn is_macro(&self) -> bool {
        self.text[self.line.start..self.name.start].trim_ascii().ends_with(b"define")
    }

    /// Steps over `: Type =`, if that is what follows a colon.
    fn type_then_equals(&mut self) {
        let rest = &self.text[self.at..self.line.end.max(self.at)];
        let is_type = |byte: &u8| byte.is_ascii_alphanumeric() || b"_<>&'?[]. |*:!".contains(byte);
        let length = rest.iter().take(BETWEEN).take_while(|byte| is_type(byte)).count();
        if self.writing == Writing::Quoted && rest.get(length) == Some(&b'=') && rest.get(length + 1) != Some(&b'=') {
            self.at += length + 1;
        }
    }

    /// Steps over a type behind the name, brackets of an array, and the operator.
    fn type_before_equals(&mut self) -> Option<()> {
        let rest = &self.text[self.at..self.line.end.max(self.at)];
        let length = rest.iter().take(BETWEEN / 2).take_while(|byte| byte.is_ascii_alphanumeric() || b"[]* ".contains(byte)).count();
        if self.writing != Writing::Quoted || length == 0 || rest.get(length) != Some(&b'=') || rest.get(length + 1) == Some(&b'=') {
            return None;
        }
        self.at += length + 1;
        Some(())
    }

    /// Steps over `"value":`, where a name and its value are two fields.
    fn named_value(&mut self) {
        self.spaces();
        for field in [&b"\"value\""[..], b"'value'", b"value"] {
            if self.starts_with(field) {
                let begin = self.at;
                self.at += field.len();
                self.spaces();
                if matches!(self.peek(), Some(b':' | b'=')) {
                    self.at += 1;
                    return;
                }
                self.at = begin;
            }
        }
    }

    /// Goes to the value of a variable whose name ends the line: `- name: TOKEN`, and `value:` on the next.
    fn next_line_value(&mut self) -> Option<()> {
        let names = self.text[self.line.start..self.name.start].trim_ascii_start();
        if !names.starts_with(b"- name:") && !names.starts_with(b"name:") {
            return None;
        }
        let begin = self.line.end + 1;
        let next = self.text.get(begin..)?;
        let spaces = next.iter().take(NAME).take_while(|byte| **byte == b' ').count();
        if !next[spaces..].starts_with(b"value:") {
            return None;
        }
        self.at = begin + spaces + 6;
        self.line =
            begin..memchr::memchr(b'\n', &next[..next.len().min(VALUE * 2)]).map_or(begin + next.len().min(VALUE * 2), |end| begin + end);
        Some(())
    }

    /// Steps over the prefix of a string, or the name of what it is handed to: `b"`, `String::from("`.
    fn call_or_prefix(&mut self) {
        let rest = &self.text[self.at..];
        let length = rest.iter().take(BETWEEN).take_while(|byte| byte.is_ascii_alphanumeric() || b"_:.&@$".contains(byte)).count();
        match rest.get(length..) {
            Some([b'"' | b'\'' | b'`', ..]) if length <= 2 => self.at += length,
            Some([b'(', b'"' | b'\'', ..]) if length > 0 => self.at += length + 1,
            _ => {}
        }
    }

    fn quoted(&self, quote: u8) -> Option<Range<usize>> {
        let begin = self.at + 1;
        let rest = self.text.get(begin..)?;
        let mut escaped = false;
        for (length, byte) in rest.iter().take(VALUE).enumerate() {
            match byte {
                b'\n' => return None,
                b'\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                byte if *byte == quote && !escaped => return self.checked(begin..begin + length),
                _ => escaped = false,
            }
        }
        None
    }

    fn bare(&self) -> Option<Range<usize>> {
        match self.writing {
            Writing::Line => {
                let value = self.until(|byte| matches!(byte, b'\n' | b'\r'))?;
                let mut text = &self.text[value.clone()];
                if let Some(comment) = memchr::memmem::find(text, b" #") {
                    text = &text[..comment];
                }
                let length = text.trim_ascii_end().len();
                self.checked(value.start..value.start + length)
            }
            Writing::Shell | Writing::Spaced => self.until(|byte| byte.is_ascii_whitespace() || b";&|\"'`)\\".contains(&byte)),
            // A part of a connection string.
            Writing::Quoted | Writing::Markup if self.text[self.line.start..self.name.start].trim_ascii_end().ends_with(b";") => {
                self.until(|byte| byte.is_ascii_whitespace() || b";\"'`<&".contains(&byte))
            }
            Writing::Quoted | Writing::Markup => None,
        }
    }

    /// What stands behind `Bearer` and its like.
    fn credentials(&mut self) -> Option<Range<usize>> {
        if matches!(self.peek(), Some(b'"' | b'\'' | b'`')) {
            self.at += 1;
        }
        let scheme = ["bearer ", "basic ", "token ", "apikey "].into_iter().find(|scheme| {
            self.text.get(self.at..self.at + scheme.len()).is_some_and(|text| text.eq_ignore_ascii_case(scheme.as_bytes()))
        })?;
        self.at += scheme.len();
        self.until(|byte| !Alphabet::Base64.has(byte) && !matches!(byte, b'-' | b'_' | b'.' | b'~'))
    }

    fn until(&self, ends: fn(u8) -> bool) -> Option<Range<usize>> {
        let length = self.text[self.at..].iter().take(VALUE + 1).take_while(|byte| !ends(**byte)).count();
        self.checked(self.at..self.at + length)
    }

    /// A value, if it is one word of printable ASCII of a length that is looked at.
    fn checked(&self, value: Range<usize>) -> Option<Range<usize>> {
        let text = &self.text[value.clone()];
        ((8..=VALUE).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)).then_some(value)
    }
}

/// Whether it is encrypted or hashed already, and says so.
fn is_sealed(value: &[u8]) -> bool {
    [
        &b"ENC["[..],
        b"ENCRYPTED[",
        b"ENC(",
        b"vault:",
        b"sha1-",
        b"sha256",
        b"sha384",
        b"sha512",
        b"md5:",
        b"pbkdf2",
        b"bcrypt",
        b"argon2",
        b"scrypt",
        b"AQICAH",
        b"AgA",
        b"gAAAAA",
    ]
    .iter()
    .any(|beginning| value.starts_with(beginning))
}

/// Whether it is a URL, a path, an address or a call rather than a secret.
fn names_a_place(value: &[u8]) -> bool {
    let is_path = || matches!(value[0], b'/' | b'~' | b'.') || value.starts_with(b"arn:") || value.starts_with(b"projects/");
    memchr::memmem::find(value, b"://").is_some()
        || memchr::memmem::find(value, b"()").is_some()
        || memchr::memmem::find(value, b"::").is_some()
        || is_path()
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}
