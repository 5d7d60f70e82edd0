//! Lines of a file as they are shown: made harmless, cut to the width, with the place in question underlined.
//!
//! What would command the terminal or show another text than there is gets [`written_out`], and so does each byte that is not UTF-8.
//! Columns count characters, as in findings: what is written out still counts as the one it is.

use std::io::{Result, Write};

use unicode_width::UnicodeWidthChar;

use super::style::{Ink, Style};
use crate::base::text::{is_hostile, written_out};
use crate::domain::issues::Span;
use crate::domain::issues::conceal::{Shown, Veil};

/// How many cells a tab reaches at most.
const TAB: usize = 4;
/// Marks a cut.
const CUT: &str = "…";

/// Bytes on one line, made harmless.
pub fn quiet_bytes(bytes: &[u8]) -> String {
    cells(bytes).map(|cell| if cell == "\t" { "\\x09".to_owned() } else { cell }).collect()
}

/// The characters of a line, each as it is shown; a tab stays one, since its width depends on its place.
fn cells(line: &[u8]) -> impl Iterator<Item = String> + '_ {
    line.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(|c| if is_hostile(c) && c != '\t' { written_out(c) } else { c.to_string() });
        let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        valid.chain(Some(invalid).filter(|invalid| !invalid.is_empty()))
    })
}

/// How many characters a line has.
fn length(line: &[u8]) -> u32 {
    let length = line.utf8_chunks().map(|chunk| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty())).sum::<usize>();
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn width_of(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// A file's content by lines.
pub struct Lines<'a> {
    content: &'a [u8],
    starts: Vec<usize>,
    veil: Veil,
}

impl<'a> Lines<'a> {
    /// The lines of a content, without what is concealed. A byte order mark is not part of the first.
    pub fn of(content: &'a [u8], veil: Veil) -> Lines<'a> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', content).map(|at| at + 1)).filter(|start| *start < content.len());
        Lines { content, starts: starts.collect(), veil }
    }

    /// A line, from 1, without its ending.
    fn line(&self, number: u32) -> Option<&'a [u8]> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = *self.starts.get(at)?;
        let line = &self.content[start..self.starts.get(at + 1).copied().unwrap_or(self.content.len())];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Writes the first line of a span with those before and after it; nothing if there is no such line, or it must not be shown.
    pub fn write(&self, out: &mut dyn Write, span: Span, style: &Style, ink: Ink) -> Result<()> {
        let number = span.line_start;
        if self.line(number).and_then(|line| self.veil.line(number, line)).is_none() {
            return Ok(());
        }
        let gutter = (number + 1).to_string().len();
        let width = style.width.saturating_sub(gutter + 6).max(20);
        for at in number.saturating_sub(1)..=number.saturating_add(1) {
            let Some(line) = self.line(at).and_then(|line| self.veil.line(at, line)) else { continue };
            let span = if at == number { placed(span, &line) } else { span };
            let first = if at == number { span.column_start.unwrap_or(1) } else { 1 };
            let window = Window::of(&line.text, first, width);
            let head = style.ink(Ink::Faint, &format!("  {at:>gutter$} │"));
            let text = if at == number { window.text.clone() } else { style.ink(Ink::Faint, &window.text) };
            writeln!(out, "{}", format!("{head} {text}").trim_end())?;
            if at == number {
                let head = style.ink(Ink::Faint, &format!("  {:>gutter$} │", ""));
                let (before, marked) = window.underline(span);
                writeln!(out, "{head} {:before$}{}", "", style.ink(ink, &"^".repeat(marked)))?;
            }
        }
        Ok(())
    }
}

/// A span where its characters stand in what is shown of its first line.
fn placed(span: Span, line: &Shown<'_>) -> Span {
    let end = span.column_end.filter(|_| span.line_end == span.line_start);
    let moved = span.column_start.map(|start| line.columns(start, end.unwrap_or(start).max(start)));
    Span { column_start: moved.map(|(start, _)| start), column_end: end.and(moved.map(|(_, end)| end)), ..span }
}

/// As much of a line as fits.
struct Window {
    text: String,
    /// The column of the first character in it.
    first: u32,
    /// Where each character begins, in cells, and after the last where it ends.
    edges: Vec<usize>,
    /// How many cells of blanks it begins with.
    indent: usize,
}

impl Window {
    /// The part of a line around a column: from the line's start where that is near enough.
    fn of(line: &[u8], column: u32, width: usize) -> Window {
        let reach = u32::try_from(width).unwrap_or(u32::MAX);
        let near = reach / 4 * 3;
        // A place past the end is shown at the end.
        let column = if column <= near { column } else { column.min(length(line).saturating_add(1)) };
        let first = if column <= near { 1 } else { column - reach / 2 };
        let mut window = Window { text: String::new(), first, edges: Vec::new(), indent: 0 };
        let mut at = 0;
        if first > 1 {
            window.text.push_str(CUT);
            at = 1;
        }
        let mut is_blank = true;
        for cell in cells(line).skip(first.saturating_sub(1) as usize) {
            let cell = if cell == "\t" { " ".repeat(TAB - at % TAB) } else { cell };
            let cells = width_of(&cell);
            if at + cells > width {
                window.edges.push(at);
                window.text.push_str(CUT);
                return window;
            }
            is_blank &= cell.trim().is_empty();
            if is_blank {
                window.indent = at + cells;
            }
            window.edges.push(at);
            window.text.push_str(&cell);
            at += cells;
        }
        window.edges.push(at);
        window
    }

    /// Where the mark beneath the line begins and how long it is. Without columns it is the line, but for its indentation.
    fn underline(&self, span: Span) -> (usize, usize) {
        let edge = |column: u32| {
            let at = column.saturating_sub(self.first) as usize;
            self.edges.get(at).or(self.edges.last()).copied().unwrap_or(0)
        };
        let end = self.edges.last().copied().unwrap_or(0);
        let (from, to) = match span.column_start {
            None => (self.indent.min(end), end),
            Some(start) if span.line_end > span.line_start => (edge(start), end),
            Some(start) => (edge(start), edge(span.column_end.unwrap_or(start).max(start).saturating_add(1))),
        };
        (from, to.saturating_sub(from).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &[u8], span: Span, width: usize) -> String {
        let mut out = Vec::new();
        Lines::of(content, Veil::default()).write(&mut out, span, &Style { has_colour: false, width }, Ink::Bad).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn at(line: u32, from: u32, to: u32) -> Span {
        Span { column_start: Some(from), column_end: Some(to), ..Span::line(line) }
    }

    #[test]
    fn the_place_is_underlined_with_a_line_around_it() {
        insta::assert_snapshot!(shown(b"one\n\ttwo words\r\nthree\nfour\n", at(2, 6, 10), 80), @"
          1 │ one
          2 │     two words
            │         ^^^^^
          3 │ three
        ");
    }

    #[test]
    fn a_whole_line_is_underlined_from_its_first_word() {
        insta::assert_snapshot!(shown(b"    let x;", Span::line(1), 80), @"
          1 │     let x;
            │     ^^^^^^
        ");
    }

    #[test]
    fn wide_and_hostile_characters_move_the_mark_by_what_they_show() {
        insta::assert_snapshot!(shown("日本\u{1b}[31m\u{202e}x = 1".as_bytes(), at(1, 9, 9), 80), @r"
          1 │ 日本\x1b[31m\u{202e}x = 1
            │                     ^
        ");
        insta::assert_snapshot!(shown(b"\xff\xfe ab", at(1, 4, 4), 80), @r"
          1 │ \xff\xfe ab
            │          ^
        ");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_on_both_sides_of_the_place() {
        let line = "0123456789".repeat(100);
        insta::assert_snapshot!(shown(line.as_bytes(), at(1, 501, 503), 40), @"
          1 │ …45678901234567890123456789012345…
            │                  ^^^
        ");
    }

    #[test]
    fn a_place_past_the_end_is_marked_at_the_end_and_one_without_a_line_not_at_all() {
        insta::assert_snapshot!(shown(b"ab\n\n", at(1, 90, 95), 80), @"
          1 │ ab
            │   ^
          2 │
        ");
        assert_eq!(shown(b"ab\n", at(7, 1, 1), 80), "");
        assert_eq!(shown(b"ab\n", at(u32::MAX, u32::MAX, u32::MAX), 80), "");
        assert_eq!(shown(b"", at(1, 1, 1), 80), "");
    }
}
