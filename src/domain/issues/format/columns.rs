//! Where in a file: what tools write of lines and columns, held against the file.
//!
//! A column is a count of something: bytes, UTF-16 units or characters, from 0 or from 1, its end within or behind what is meant. A span
//! counts characters from 1, both ends included, so the line itself is looked at; where it is not at hand or too long, the columns are left
//! out, since a wrong one is worse than none.

use std::cell::OnceCell;

use super::json::Node;
use crate::domain::issues::finding::Span;
use crate::words;

/// The longest line, other than one of ASCII alone, whose columns are counted.
const MAX_COUNTED: usize = 16 << 10;

words! {
    /// What a column counts.
    pub enum Unit: "unit of columns" {
        /// Characters: code points.
        Characters = "characters",
        /// Units of UTF-16, as JavaScript, Java and C# count.
        Utf16 = "utf16",
        /// Bytes of UTF-8.
        Bytes = "bytes",
        /// Nobody knows, or not always the same: columns are taken where all agree, which is in lines of ASCII and before their first tab,
        /// which some count as one and some as up to eight.
        Unknown = "unknown",
    }
}

/// How a format, or a tool, writes columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// What they count.
    pub unit: Unit,
    /// The number of the first.
    pub first: u32,
    /// Whether the end lies behind the last that is meant.
    pub end_is_behind: bool,
}

impl Columns {
    /// Characters from 1, the last one included: what is meant where nothing is said.
    pub const PLAIN: Columns = Columns { unit: Unit::Characters, first: 1, end_is_behind: false };

    /// The same of a format in which everybody counts as they like.
    pub const UNKNOWN: Columns = Columns { unit: Unit::Unknown, ..Columns::PLAIN };
}

/// A place as it is written, its lines in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The first and the last line, from 1.
    lines: (u32, u32),
    /// The first and the last column.
    columns: (Option<u32>, Option<u32>),
    /// How those are written.
    by: Columns,
}

impl Region {
    /// Reads a place. `None` is the whole file: no line, or line 0, which many tools write for it. An error is a sentence without its
    /// subject. Columns that cannot be are left out.
    pub fn read(lines: [&Node; 2], columns: [&Node; 2], by: Columns) -> Result<Option<Region>, String> {
        let numbers = [lines[0].number(), lines[1].number()];
        let [start, end] = numbers;
        let column = |node: &Node| node.number().ok().flatten();
        Region::of([start?, end?], [column(columns[0]), column(columns[1])], by)
    }

    /// The same of numbers.
    pub fn of(lines: [Option<i64>; 2], columns: [Option<i64>; 2], by: Columns) -> Result<Option<Region>, String> {
        let line = |line: i64| u32::try_from(line).map_err(|_| format!("is about line {line}, which no file has"));
        let (Some(start), end) = (lines[0].map(line).transpose()?.filter(|line| *line > 0), lines[1].map(line).transpose()?) else {
            return Ok(None);
        };
        let column = |column: Option<i64>| u32::try_from(column?.checked_sub(i64::from(by.first))?).ok()?.checked_add(1);
        let [column_start, column_end] = columns.map(column);
        let is_turned = end.is_some_and(|end| end < start);
        let end = end.unwrap_or(start).max(start);
        Ok(Some(Region { lines: (start, end), columns: (column_start, if is_turned { None } else { column_end }), by }))
    }

    /// The place in this file; `None` speaks of the whole file. An error is a sentence without its subject.
    pub fn settle(self, file: &Lines<'_>) -> Result<Option<Span>, String> {
        let (start, end) = self.lines;
        let last = file.count();
        if start > last {
            return match start {
                _ if start - 1 == last && last > 0 => Ok(Some(Span::line(last))),
                _ if start - 1 <= file.breaks() => Ok(None),
                _ => Err(format!("is about line {start}, and the file has {last}")),
            };
        }
        let end = end.min(last);
        let column_start = self.columns.0.and_then(|column| self.character(file.line(start), column));
        let mut column_end = None;
        if let (Some(column), true) = (self.columns.1, end == self.lines.1) {
            let line = file.line(end);
            // The end of an empty range is its start.
            let least = column_start.filter(|_| start == end).unwrap_or(1);
            column_end = if self.by.end_is_behind {
                self.character(line, column).and_then(|behind| behind.checked_sub(1)).map(|column| column.max(least))
            } else {
                self.character(line, column)
            };
            column_end = column_end.filter(|column| *column >= least);
        }
        // A range that ends before the first column of a line ends with the line before.
        if self.by.end_is_behind && end > start && self.columns.1 == Some(1) {
            return Ok(Some(Span { line_start: start, line_end: end - 1, column_start, column_end: None }));
        }
        Ok(Some(Span { line_start: start, line_end: end, column_start, column_end: column_end.filter(|_| column_start.is_some()) }))
    }

    /// The place, where the file's lines are not at hand: lines alone.
    pub fn unseen(self) -> Span {
        Span { line_start: self.lines.0, line_end: self.lines.1, column_start: None, column_end: None }
    }

    /// The character, from 1, at a column of a line; the one behind the last is there as well.
    fn character(self, line: Line<'_>, column: u32) -> Option<u32> {
        let units = column.checked_sub(1)? as usize;
        let width = |c: char| match self.by.unit {
            Unit::Characters | Unit::Unknown => 1,
            Unit::Utf16 => c.len_utf16(),
            Unit::Bytes => c.len_utf8(),
        };
        if line.is_ascii {
            let before = line.bytes.get(..units)?;
            return (self.by.unit != Unit::Unknown || !before.contains(&b'\t')).then_some(column);
        }
        if line.bytes.len() > MAX_COUNTED || self.by.unit == Unit::Unknown {
            return None;
        }
        let text = String::from_utf8_lossy(line.bytes);
        let (mut passed, mut characters) = (0, 0);
        for c in text.chars() {
            if passed >= units {
                break;
            }
            passed += width(c);
            characters += 1;
        }
        (passed >= units).then_some(characters + 1)
    }
}

/// A line without its ending.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    bytes: &'a [u8],
    is_ascii: bool,
}

/// A file's lines, found once.
#[derive(Debug)]
pub struct Lines<'a> {
    content: &'a [u8],
    /// Where each line begins.
    starts: Vec<u32>,
    is_ascii: bool,
    /// Counted once, if it is asked for: a document may ask for every finding.
    breaks: OnceCell<u32>,
}

impl<'a> Lines<'a> {
    /// Finds the lines of a file of at most 4 GiB. A byte order mark is not part of the first line.
    pub fn of(content: &'a [u8]) -> Lines<'a> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let begins = std::iter::once(0).chain(memchr::memchr_iter(b'\n', content).map(|newline| newline + 1));
        let starts = begins.filter(|start| *start < content.len()).filter_map(|start| u32::try_from(start).ok()).collect();
        Lines { content, starts, is_ascii: content.is_ascii(), breaks: OnceCell::new() }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    /// How many lines those see who end one at a carriage return or a form feed as well.
    fn breaks(&self) -> u32 {
        *self.breaks.get_or_init(|| {
            let breaks = self.content.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | 0x0b | 0x0c)).count();
            u32::try_from(breaks + 1).unwrap_or(u32::MAX)
        })
    }

    fn line(&self, line: u32) -> Line<'a> {
        let row = line.saturating_sub(1) as usize;
        let start = self.starts.get(row).map_or(self.content.len(), |start| *start as usize);
        let end = self.starts.get(row + 1).map_or(self.content.len(), |start| *start as usize);
        let bytes = self.content[start..end].trim_suffix_newline();
        Line { bytes, is_ascii: self.is_ascii || bytes.len() <= MAX_COUNTED && bytes.is_ascii() }
    }
}

/// Takes the ending off a line.
trait Ending {
    fn trim_suffix_newline(&self) -> &Self;
}

impl Ending for [u8] {
    fn trim_suffix_newline(&self) -> &[u8] {
        let line = self.strip_suffix(b"\n").unwrap_or(self);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second line has characters of one, three and four bytes.
    const FILE: &str = "one\nab日本𝒳cd\nthree\n";

    /// Lines and columns, both ends.
    type Settled = (u32, u32, Option<u32>, Option<u32>);

    fn at(lines: (i64, i64), columns: (i64, i64), by: Columns) -> Result<Option<Settled>, String> {
        let region = Region::of([Some(lines.0), Some(lines.1)], [Some(columns.0), Some(columns.1)], by)?;
        let span = region.map(|region| region.settle(&Lines::of(FILE.as_bytes()))).transpose()?.flatten();
        Ok(span.map(|span| (span.line_start, span.line_end, span.column_start, span.column_end)))
    }

    const fn by(unit: Unit, first: u32, end_is_behind: bool) -> Columns {
        Columns { unit, first, end_is_behind }
    }

    #[test]
    fn columns_of_every_unit_become_the_same_characters() {
        // `cd`, the sixth and seventh characters.
        let ways = [
            ((6, 7), Columns::PLAIN),
            ((6, 8), by(Unit::Characters, 1, true)),
            ((7, 9), by(Unit::Utf16, 1, true)),
            ((6, 8), by(Unit::Utf16, 0, true)),
            ((13, 15), by(Unit::Bytes, 1, true)),
            ((12, 14), by(Unit::Bytes, 0, true)),
            ((13, 14), by(Unit::Bytes, 1, false)),
        ];
        for (columns, by) in ways {
            assert_eq!(at((2, 2), columns, by), Ok(Some((2, 2, Some(6), Some(7)))), "{columns:?} {by:?}");
        }
    }

    #[test]
    fn an_empty_range_and_one_that_is_turned_round_are_at_their_start() {
        assert_eq!(at((1, 1), (2, 2), by(Unit::Characters, 1, true)), Ok(Some((1, 1, Some(2), Some(2)))));
        assert_eq!(at((1, 1), (3, 1), Columns::PLAIN), Ok(Some((1, 1, Some(3), None))));
        assert_eq!(at((3, 1), (2, 2), Columns::PLAIN), Ok(Some((3, 3, Some(2), None))));
    }

    #[test]
    fn a_range_up_to_the_start_of_a_line_ends_with_the_line_before() {
        assert_eq!(at((1, 2), (1, 1), by(Unit::Bytes, 1, true)), Ok(Some((1, 1, Some(1), None))));
    }

    #[test]
    fn lines_that_are_not_there_are_dropped_or_brought_back() {
        assert_eq!(at((0, 0), (1, 1), Columns::PLAIN), Ok(None));
        assert_eq!(at((2, 900), (1, 1), Columns::PLAIN), Ok(Some((2, 3, Some(1), None))));
        assert_eq!(at((4, 4), (1, 1), Columns::PLAIN), Ok(Some((3, 3, None, None))), "where the next line would be");
        assert_eq!(at((6, 6), (1, 1), Columns::PLAIN), Err("is about line 6, and the file has 3".to_owned()));
        assert_eq!(at((-1, 1), (1, 1), Columns::PLAIN), Err("is about line -1, which no file has".to_owned()));
        assert_eq!(at((i64::MAX, 1), (1, 1), Columns::PLAIN), Err(format!("is about line {}, which no file has", i64::MAX)));
    }

    #[test]
    fn a_file_whose_lines_others_count_otherwise_is_spoken_of_as_a_whole() {
        let old_mac = Lines::of(b"a\rb\rc\rd\r");
        let region = Region::of([Some(3), None], [None, None], Columns::PLAIN).unwrap().unwrap();
        assert_eq!(region.settle(&old_mac), Ok(None));
    }

    #[test]
    fn columns_that_cannot_be_are_left_out() {
        let unknown = by(Unit::Unknown, 1, true);
        assert_eq!(at((2, 2), (1, 2), unknown), Ok(Some((2, 2, None, None))));
        assert_eq!(at((1, 1), (1, 3), unknown), Ok(Some((1, 1, Some(1), Some(2)))));
        let tab = Lines::of(b"if a:\n\treturn b\n");
        let placed = |column, by| Region::of([Some(2), None], [Some(column), None], by).unwrap().unwrap().settle(&tab).unwrap().unwrap();
        assert_eq!(placed(9, unknown).column_start, None, "the end of the line, or the first character behind a tab that counts as eight");
        assert_eq!(placed(1, unknown).column_start, Some(1), "nothing is before it");
        assert_eq!(placed(9, Columns::PLAIN).column_start, Some(9));
        for column in [-5, 0, 900, i64::from(u32::MAX), i64::MIN] {
            assert_eq!(at((2, 2), (column, column), Columns::PLAIN), Ok(Some((2, 2, None, None))), "{column}");
        }
        let long = format!("é{}", "x".repeat(MAX_COUNTED));
        let region = Region::of([Some(1), None], [Some(1), Some(2)], Columns::PLAIN).unwrap().unwrap();
        assert_eq!(region.settle(&Lines::of(long.as_bytes())), Ok(Some(Span::line(1))));
    }

    #[test]
    fn an_empty_file_has_no_line_and_is_meant_as_a_whole() {
        let region = Region::of([Some(1), None], [Some(1), None], Columns::PLAIN).unwrap().unwrap();
        assert_eq!(region.settle(&Lines::of(b"")), Ok(None));
    }
}
