//! `file:line:column: message`, as compilers write since there are compilers, and what linters made of it.
//!
//! | of | looks like |
//! |---|---|
//! | gcc, clang, shellcheck | `a.c:1:2: warning: unused [-Wunused]` |
//! | mypy | `a.py:1:2:1:9: error: Incompatible types  [assignment]` |
//! | flake8, pylint, hadolint | `a.py:1:2: E501 line too long`, `a.py:1:2: C0114: Missing docstring` |
//! | yamllint, stylelint | `a.yml:1:2: [error] too many spaces (colons)`, `a.css:1:2: Invalid color (color) [error]` |
//! | `RuboCop`, for Emacs | `/work/a.rb:1:2: C: [Correctable] Style/Quotes: Prefer single quotes.` |
//! | markdownlint | `a.md:1:2 error MD018/no-missing-space-atx No space after hash` |
//!
//! Lines that are none of these are passed over: summaries, quotations, carets. So is a note that has no rule, which explains the line
//! before it. Which of several colons ends the path is decided by the tree. Bytes stay bytes until the path is found, so that a path in
//! another encoding is found as well. Columns count from 1, and nobody says what: characters, bytes, or places on a screen with tabs of eight.
//! So they are taken where all of these agree, unless the tool's entry in the catalogue knows better.

use super::columns::{Columns, Region};
use super::draft::{Draft, Drafts};
use super::paths::Written;
use super::word;
use crate::domain::issues::finding::Severity;

/// How many colons of a line may end its path.
const MAX_COLONS: usize = 6;
/// The most bytes of a line that are looked at.
const MAX_LINE: usize = 32 << 10;

/// Reads every line that is one.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) {
    for line in input.split(|byte| *byte == b'\n') {
        let line = &line[..line.len().min(MAX_LINE)];
        if let Some(located) = locate(line.trim_ascii(), drafts) {
            finding(&located, drafts);
        }
    }
}

/// A line with a place before its message.
struct Located<'a> {
    path: &'a [u8],
    lines: [Option<i64>; 2],
    columns: [Option<i64>; 2],
    rest: &'a [u8],
}

/// The path that is in the tree; else the first that looks like a path, to be told of.
fn locate<'a>(line: &'a [u8], drafts: &Drafts<'_>) -> Option<Located<'a>> {
    let is_end = |at: &usize| *at > 0 && line.get(at + 1).is_some_and(u8::is_ascii_digit);
    let colons = memchr::memchr_iter(b':', line).filter(is_end).take(MAX_COLONS);
    let mut first = None;
    for colon in colons {
        let Some((lines, columns, rest)) = place(&line[colon + 1..]) else { continue };
        let path = &line[..colon];
        // `hadolint:Dockerfile:1:` names the program first.
        let without_program = memchr::memchr(b':', path).map(|at| &path[at + 1..]);
        for path in std::iter::once(path).chain(without_program) {
            let written = Written { text: path, ..Written::default() };
            if drafts.resolve(written).is_ok() {
                return Some(Located { path, lines, columns, rest });
            }
        }
        let is_like_a_path = !path.contains(&b' ') && path.iter().any(|byte| matches!(byte, b'.' | b'/' | b'\\'));
        if first.is_none() && is_like_a_path && rest.starts_with(b":") {
            first = Some(Located { path, lines, columns, rest });
        }
    }
    first
}

/// Lines, columns and what follows.
type Place<'a> = ([Option<i64>; 2], [Option<i64>; 2], &'a [u8]);

/// The numbers behind the path: `1`, `1:2`, `1:2:3:4`, `1:2-4`, `1-3`, `1.2-3.4`.
fn place(text: &[u8]) -> Option<Place<'_>> {
    let (line, rest) = number(text)?;
    let after = |mark: u8, rest: &'_ [u8]| rest.strip_prefix(&[mark]).and_then(number).map(|(number, rest)| (number, rest.len()));
    let tail = |length: usize| &text[text.len() - length..];
    let mut lines = [Some(line), None];
    let mut columns = [None, None];
    let mut rest = rest;
    let mark = rest.first().copied().filter(|mark| matches!(mark, b':' | b'.')).unwrap_or(b':');
    if let Some((column, length)) = after(mark, rest) {
        columns[0] = Some(column);
        rest = tail(length);
        if let Some((end, length)) = after(b':', rest).filter(|_| mark == b':')
            && let Some((column, length)) = after(b':', tail(length))
        {
            (lines[1], columns[1], rest) = (Some(end), Some(column), tail(length));
        }
    }
    if let Some((end, length)) = after(b'-', rest) {
        rest = tail(length);
        match after(mark, rest).filter(|_| columns[0].is_some()) {
            Some((column, length)) => (lines[1], columns[1], rest) = (Some(end), Some(column), tail(length)),
            None if columns[0].is_some() => columns[1] = Some(end),
            None => lines[1] = Some(end),
        }
    }
    matches!(rest.first(), None | Some(b':' | b' ')).then_some((lines, columns, rest))
}

fn number(text: &[u8]) -> Option<(i64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    std::str::from_utf8(digits).ok()?.parse().ok().map(|number| (number, rest))
}

fn finding(located: &Located<'_>, drafts: &mut Drafts<'_>) {
    let text = String::from_utf8_lossy(located.rest);
    let said = Said::of(text.trim_start_matches(':').trim());
    if said.rule.is_none() && said.is_note {
        return;
    }
    let by = drafts.ground.columns.unwrap_or(Columns::UNKNOWN);
    let region = Region::of(located.lines, located.columns, by);
    drafts.add_at(
        region,
        Draft {
            rule: said.rule.unwrap_or(match said.severity {
                Some(Severity::Major | Severity::Critical | Severity::Blocker) => "error",
                _ => "warning",
            }),
            message: said.message,
            path: Written { text: located.path, ..Written::default() },
            severity: said.severity,
            ..Draft::default()
        },
    );
}

/// A message, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said<'a> {
    severity: Option<Severity>,
    rule: Option<&'a str>,
    message: &'a str,
    is_note: bool,
}

impl<'a> Said<'a> {
    fn of(text: &'a str) -> Said<'a> {
        let mut said = Said { message: text, ..Said::default() };
        said.take_severity();
        said.take_rule();
        said.take_severity();
        for mark in ["[Correctable] ", "[Corrected] ", "[*] "] {
            said.message = said.message.strip_prefix(mark).unwrap_or(said.message);
        }
        if said.rule.is_none() {
            said.take_rule();
        }
        said.take_end();
        said.message = said.message.trim();
        said
    }

    /// Takes a severity off the beginning: `error:`, `[error]`, `C:`, or a word before a rule.
    fn take_severity(&mut self) {
        if self.severity.is_some() {
            return;
        }
        let bracketed = self.message.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let colon = || self.message.split_once(':').filter(|(word, _)| word.len() <= 12);
        let spaced = || self.message.split_once(' ').filter(|(_, rest)| code(rest).is_some());
        let Some((word, rest)) = bracketed.filter(|(word, _)| word::severity(word).is_some()).or_else(colon).or_else(spaced) else {
            return;
        };
        let severity = match word {
            "C" | "R" | "I" => Some(Severity::Info),
            "W" => Some(Severity::Minor),
            "E" => Some(Severity::Major),
            "F" => Some(Severity::Blocker),
            word => word::severity(word),
        };
        if severity.is_some() {
            self.severity = severity;
            self.is_note = word == "note";
            self.message = rest.trim_start();
        }
    }

    /// Takes a rule off the beginning: a code, or a name with a slash and a colon.
    fn take_rule(&mut self) {
        let named = || {
            let (name, rest) = self.message.split_once(": ")?;
            let is_name =
                name.len() <= 100 && name.contains('/') && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-'));
            is_name.then_some((name, rest))
        };
        let Some((rule, rest)) = code(self.message).or_else(named) else { return };
        self.rule = Some(rule);
        self.message = rest.trim_start();
        // Pylint's codes begin with their severity.
        if self.severity.is_none() && rule.len() == 5 && rule[1..].bytes().all(|byte| byte.is_ascii_digit()) {
            self.severity = match rule.as_bytes()[0] {
                b'C' | b'R' | b'I' => Some(Severity::Info),
                b'W' => Some(Severity::Minor),
                b'E' => Some(Severity::Major),
                b'F' => Some(Severity::Blocker),
                _ => None,
            };
        }
    }

    /// Takes severity and rule off the end: `[rule]`, `(rule)`, `(rule) [error]`.
    fn take_end(&mut self) {
        for _ in 0..2 {
            let text = self.message.trim_end();
            let (mark, open) = match text.as_bytes().last() {
                Some(b']') => (']', '['),
                Some(b')') => (')', '('),
                _ => return,
            };
            let Some((before, word)) = text.strip_suffix(mark).and_then(|text| text.rsplit_once(open)) else { return };
            if !is_name(word) || before.trim().is_empty() {
                return;
            }
            if let (Some(severity), None) = (word::severity(word), self.severity) {
                self.severity = Some(severity);
            } else if self.rule.is_none() && (mark == ']' || self.severity.is_some() || word.contains(['-', '/', '_'])) {
                self.rule = Some(word.strip_prefix("-Werror=").unwrap_or(word));
            } else {
                return;
            }
            self.message = before.trim_end();
        }
    }
}

/// A code at the beginning, such as `E501`, `C0114:` or `MD018/no-missing-space-atx`, whose alias is left out.
fn code(text: &str) -> Option<(&str, &str)> {
    let (token, rest) = text.split_once(' ')?;
    let code = token.trim_end_matches(':').split('/').next()?;
    let letters = code.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = code.len() - letters;
    ((1..=8).contains(&letters) && (2..=5).contains(&digits) && code[letters..].bytes().all(|byte| byte.is_ascii_digit()))
        .then_some((code, rest))
}

fn is_name(word: &str) -> bool {
    (1..=100).contains(&word.len())
        && word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | ':' | '@' | '=' | '+'))
}

#[cfg(test)]
mod tests;
