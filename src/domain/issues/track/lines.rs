//! The lines of a file as matching sees them: by content, white space disregarded.
//!
//! A [`LineIndex`] reads a file once. For each line it keeps a [`Mark`]: 64 bits of the line's bytes without ASCII white space, so that
//! indenting a line and turning its ending between LF and CRLF change nothing. A [`Block`] is a line's mark with those of the five lines
//! on either side. Bytes are taken as they are: nothing is decoded, so a file in any encoding has exact marks.
//!
//! Lines end at LF alone, as they do for git: their numbers are those of a diff. Marks are not cryptographic. Who forges a collision in
//! a repository of their own makes one of its issues look like another, which they can do as well by moving the code.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::super::conceal::Veil;
use crate::base::text::clip;

/// So many lines of a file have marks; a finding further down is matched by its line and message alone. Bounds an index at 12 MB.
pub const LINES_MAX: usize = 1_000_000;

/// So many bytes of a line, white space apart, count towards its mark: lines that differ further on are equal.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// So many bytes a line's excerpt has at most.
pub const EXCERPT_BYTES_MAX: usize = 240;

/// How many lines on either side belong to a line's block.
pub const AROUND: usize = 5;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// 64 bits that stand for a text in comparisons: FNV-1a, its bits mixed at the end. The same in every version, since marks are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark(NonZeroU64);

impl Mark {
    /// The mark of these bytes.
    pub fn of(bytes: &[u8]) -> Mark {
        Mark::of_each(bytes.iter().copied())
    }

    /// The mark of a line: of its bytes without ASCII white space.
    pub fn of_line(line: &[u8]) -> Mark {
        // Vertical tab is white space to editors and compilers, though not to `is_ascii_whitespace`.
        Mark::of_each(line.iter().copied().filter(|byte| !(byte.is_ascii_whitespace() || *byte == 0x0b)).take(LINE_BYTES_MAX))
    }

    /// Whether it is the mark of a line that has nothing but white space.
    pub fn is_blank(self) -> bool {
        self == Mark::of(b"")
    }

    fn of_each(bytes: impl Iterator<Item = u8>) -> Mark {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Mark(NonZeroU64::new(hash ^ (hash >> 33)).unwrap_or(NonZeroU64::MIN))
    }

    /// Its bits.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

/// A line with those around it, in order; `None` lies outside the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Block([Option<Mark>; 2 * AROUND + 1]);

impl Block {
    /// The mark of all its lines together.
    pub fn mark(&self) -> Mark {
        Mark::of_each(self.0.iter().flat_map(|line| line.map_or(0, Mark::get).to_le_bytes()))
    }

    /// How many lines around and including the middle one are equal in both without a gap; none if the middle ones differ.
    pub fn common_run(&self, other: &Block) -> CommonRun {
        let mut run = CommonRun::default();
        let mut add = |at: usize| match (self.0[at], other.0[at]) {
            (Some(one), Some(two)) if one == two => {
                run.lines += 1;
                run.written += u32::from(!one.is_blank());
                true
            }
            _ => false,
        };
        if add(AROUND) {
            let _above = (0..AROUND).rev().all(&mut add);
            let _below = (AROUND + 1..self.0.len()).all(&mut add);
        }
        run
    }
}

/// What two blocks share around their middle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommonRun {
    /// How many lines.
    pub lines: u32,
    /// How many of them are not blank.
    pub written: u32,
}

/// A file's lines by number, read once.
#[derive(Debug)]
pub struct LineIndex<'a> {
    content: &'a [u8],
    /// Where each line begins, and after the last where it ends.
    starts: Vec<u32>,
    marks: Vec<Mark>,
}

impl<'a> LineIndex<'a> {
    /// Reads a file's content, its first [`LINES_MAX`] lines within the first 4 GiB. A byte order mark is not part of the first line.
    pub fn of(content: &'a [u8]) -> LineIndex<'a> {
        let content = content.strip_prefix(BOM).unwrap_or(content);
        let mut index = LineIndex { content, starts: vec![0], marks: Vec::new() };
        let mut start = 0;
        while start < content.len() && index.marks.len() < LINES_MAX {
            let length = memchr::memchr(b'\n', &content[start..]).map_or(content.len() - start, |at| at + 1);
            let Ok(end) = u32::try_from(start + length) else { break };
            index.marks.push(Mark::of_line(&content[start..start + length]));
            index.starts.push(end);
            start += length;
        }
        index
    }

    /// How many lines are indexed.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether the file has no line.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The mark of a line, which counts from 1.
    pub fn mark(&self, line: u32) -> Option<Mark> {
        self.marks.get(row(line)?).copied()
    }

    /// A line with those around it.
    pub fn block(&self, line: u32) -> Option<Block> {
        let middle = row(line).filter(|row| *row < self.marks.len())?;
        Some(Block(std::array::from_fn(|at| (middle + at).checked_sub(AROUND).and_then(|row| self.marks.get(row)).copied())))
    }

    /// A line's bytes, its ending included.
    pub fn bytes(&self, line: u32) -> Option<&'a [u8]> {
        let row = row(line)?;
        let (start, end) = (*self.starts.get(row)?, *self.starts.get(row + 1)?);
        Some(&self.content[start as usize..end as usize])
    }

    /// A line as it is quoted beside an issue, without what is concealed.
    pub fn excerpt(&self, line: u32, veil: &Veil) -> Option<String> {
        veil.line(line, self.bytes(line)?).map(|shown| excerpt(&shown.text))
    }
}

fn row(line: u32) -> Option<usize> {
    line.checked_sub(1).map(|row| row as usize)
}

/// A line as it is quoted: trimmed, at most [`EXCERPT_BYTES_MAX`] bytes, what is not UTF-8 replaced, and so are control characters and
/// those that turn the direction of writing, which would make a quotation show other than what it says. A tab becomes a space.
pub fn excerpt(line: &[u8]) -> String {
    let line = line.trim_ascii();
    // No character gets shorter below, so this much is over the limit whenever the line is, and what the cut splits is clipped off.
    let head = &line[..line.len().min(EXCERPT_BYTES_MAX + 16)];
    let shown: String = String::from_utf8_lossy(head)
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect();
    clip(&shown, EXCERPT_BYTES_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(content: &[u8]) -> Vec<Mark> {
        let index = LineIndex::of(content);
        (1..=index.len() as u32).map(|line| index.mark(line).unwrap()).collect()
    }

    #[test]
    fn indentation_line_endings_and_a_byte_order_mark_do_not_change_a_line() {
        let plain = marks(b"fn a() {\n    b();\n}\n");
        assert_eq!(plain, marks(b"fn a() {\r\n\tb( );\r\n}"));
        assert_eq!(plain, marks(b"\xef\xbb\xbffn a() {\n\x0bb();\x0c\n}\n"));
        assert_ne!(plain, marks(b"fn a() {\n    c();\n}\n"));
    }

    #[test]
    fn lines_are_counted_as_git_counts_them() {
        for (content, lines) in [(&b""[..], 0), (b"\n", 1), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"a\rb\n", 1), (b"\n\n", 2)] {
            assert_eq!(LineIndex::of(content).len(), lines, "{content:?}");
        }
        let index = LineIndex::of(b"one\ntwo\r\nthree");
        assert_eq!([index.bytes(1), index.bytes(2), index.bytes(3)], [Some(&b"one\n"[..]), Some(b"two\r\n"), Some(b"three")]);
        assert_eq!((index.mark(0), index.mark(4), index.bytes(0), index.bytes(4)), (None, None, None, None));
        assert_eq!((index.block(0), index.block(4), index.block(u32::MAX)), (None, None, None));
    }

    #[test]
    fn bytes_that_are_no_utf_8_tell_lines_apart() {
        assert_ne!(marks(b"caf\xe9\n"), marks(b"caf\xe8\n"));
        assert_ne!(marks(b"a\0b\n"), marks(b"ab\n"));
    }

    #[test]
    fn a_huge_line_and_a_file_of_line_breaks_have_bounded_marks() {
        let mut long = vec![b'x'; LINE_BYTES_MAX];
        let mark = Mark::of_line(&long);
        long.extend_from_slice(b"what follows the limit");
        assert_eq!(Mark::of_line(&long), mark);
        long[LINE_BYTES_MAX - 1] = b'y';
        assert_ne!(Mark::of_line(&long), mark);
        assert_eq!(LineIndex::of(&vec![b'\n'; LINES_MAX + 10]).len(), LINES_MAX);
    }

    #[test]
    fn a_block_is_a_line_with_five_on_either_side() {
        let one = LineIndex::of(b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n");
        let two = LineIndex::of(b"x\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\ny\n");
        assert_eq!(one.block(7).unwrap().mark(), two.block(7).unwrap().mark());
        assert_ne!(one.block(6).unwrap().mark(), two.block(6).unwrap().mark());
        assert_ne!(one.block(8).unwrap().mark(), two.block(8).unwrap().mark());
        assert_eq!(one.block(6).unwrap().common_run(&two.block(6).unwrap()).lines, 10);
    }

    #[test]
    fn a_common_run_ends_at_the_first_difference_and_at_the_end_of_the_file() {
        let one = LineIndex::of(b"a\n\nb\nMIDDLE\nc\nd\n");
        let two = LineIndex::of(b"a\n\nb\nMIDDLE\nX\nd\n");
        assert_eq!(one.block(4).unwrap().common_run(&two.block(4).unwrap()), CommonRun { lines: 4, written: 3 });
        assert_eq!(one.block(5).unwrap().common_run(&two.block(5).unwrap()), CommonRun::default());
        assert_eq!(one.block(4).unwrap().common_run(&one.block(4).unwrap()), CommonRun { lines: 6, written: 5 });
    }

    #[test]
    fn an_excerpt_is_short_and_can_be_shown() {
        assert_eq!(excerpt(b"\t  let a =\t1;  \r\n"), "let a = 1;");
        assert_eq!(excerpt(b"caf\xe9\x1b[31m"), "caf\u{fffd}\u{fffd}[31m");
        assert_eq!(excerpt("if a\u{202e}b".as_bytes()), "if a\u{fffd}b");
        assert_eq!(excerpt(&[b'x'; EXCERPT_BYTES_MAX]), "x".repeat(EXCERPT_BYTES_MAX));
        for long in [vec![b'x'; 1 << 20], "é".repeat(1 << 20).into_bytes(), vec![0xff; 1 << 20], vec![0; 300]] {
            let shown = excerpt(&long);
            assert!(shown.len() <= EXCERPT_BYTES_MAX && shown.ends_with('…'), "{shown}");
        }
    }
}
