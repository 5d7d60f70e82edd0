//! Showing code without the secrets in it.
//!
//! A finding that [conceals](super::standing::Occurrence::conceals) says: what I cover must not be shown. It has a line, and that line is
//! quoted wherever issues are: in the store, by search, on pages, on terminals, in tickets of others that copy what we answered. Whoever
//! quotes a line therefore takes it from a [`Veil`] over all that is concealed in the file, whichever finding the quotation is for: what
//! stands beside a secret is often spoken of as well.
//!
//! What is covered becomes a [`COVER`] of one length, so that nothing is told of how long it is. Of a secret of several lines the inner
//! ones are not shown at all. Where a place does not fit its line, the line has changed or whoever named it counts otherwise: then the
//! whole line is covered, since one character too many costs nothing.
//!
//! Source code itself is shown as it is, to those who may read the repository. What tracking keeps of a line are hashes of whole lines.

use std::borrow::Cow;

use super::finding::Span;
use crate::base::text::char_lengths;

/// What is shown in place of a secret.
pub const COVER: &str = "••••••••";
/// How many characters that are.
const COVER_CHARS: u32 = 8;
/// A line that is longer, in bytes, is covered wholly: its characters are not counted for each time it is quoted.
const COUNTED_BYTES: usize = 64 << 10;

/// What is not to be shown of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Veil {
    /// By where they begin.
    spans: Vec<Span>,
    /// For each, the last line of it and of those before.
    reach: Vec<u32>,
}

/// A line as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'a> {
    /// What it says, without its ending where something is covered.
    pub text: Cow<'a, [u8]>,
    /// The columns that are covered, ascending and apart.
    covered: Vec<(u32, u32)>,
}

impl Veil {
    /// A veil over these places.
    pub fn over(spans: impl IntoIterator<Item = Span>) -> Veil {
        let mut veil = Veil::default();
        veil.extend(spans);
        veil
    }

    /// Covers these places too.
    pub fn extend(&mut self, spans: impl IntoIterator<Item = Span>) {
        self.spans.extend(spans);
        self.spans.sort_unstable();
        let mut last = 0;
        let reach = self.spans.iter().map(|span| {
            last = span.line_end.max(last);
            last
        });
        self.reach = reach.collect();
    }

    /// The spans that a line lies in.
    fn at(&self, number: u32) -> impl Iterator<Item = &Span> {
        let begun = self.spans.partition_point(|span| span.line_start <= number);
        let near = self.spans[..begun].iter().zip(&self.reach[..begun]).rev().take_while(move |(_, reach)| **reach >= number);
        near.map(|(span, _)| span).filter(move |span| span.line_end >= number)
    }

    /// Whether a line holds something that is covered.
    pub fn touches(&self, number: u32) -> bool {
        self.at(number).next().is_some()
    }

    /// A line of the file as it may be shown, without its byte order mark; `None` if it lies within something that is covered.
    pub fn line<'a>(&self, number: u32, line: &'a [u8]) -> Option<Shown<'a>> {
        let mut places = Vec::new();
        for span in self.at(number) {
            if span.line_start < number && number < span.line_end {
                return None;
            }
            places.push(place_in(span, number));
        }
        if places.is_empty() { Some(Shown { text: Cow::Borrowed(line), covered: Vec::new() }) } else { Some(conceal(line, places)) }
    }
}

/// What a span covers of its first or last line: the first column, and the last unless all that follows is covered.
fn place_in(span: &Span, number: u32) -> (u32, Option<u32>) {
    let from = if number == span.line_start { span.column_start.unwrap_or(1) } else { 1 };
    // Without a beginning an end tells nothing.
    let has_start = number > span.line_start || span.column_start.is_some();
    (from, span.column_end.filter(|_| number == span.line_end && has_start))
}

/// The line with these places covered; a place that does not fit covers all of it.
fn conceal(line: &[u8], mut places: Vec<(u32, Option<u32>)>) -> Shown<'static> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let length = if line.len() > COUNTED_BYTES { 0 } else { u32::try_from(char_lengths(line).count()).unwrap_or(0) };
    let fits = |(from, to): &(u32, Option<u32>)| *from >= 1 && *from <= length && to.is_none_or(|to| *from <= to && to <= length);
    if !places.iter().all(fits) {
        return Shown { text: Cow::Borrowed(COVER.as_bytes()), covered: vec![(1, u32::MAX)] };
    }
    places.sort_unstable();
    let mut covered: Vec<(u32, u32)> = Vec::with_capacity(places.len());
    for (from, to) in places {
        let to = to.unwrap_or(u32::MAX);
        match covered.last_mut() {
            // Two that touch are one: that there are two is nobody's business either.
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => covered.push((from, to)),
        }
    }
    let mut text = Vec::with_capacity(line.len());
    let (mut byte, mut next) = (0, covered.iter().peekable());
    for (column, bytes) in (1_u32..).zip(char_lengths(line)) {
        while next.peek().is_some_and(|(_, to)| *to < column) {
            next.next();
        }
        match next.peek() {
            Some((from, _)) if *from == column => text.extend_from_slice(COVER.as_bytes()),
            Some((from, _)) if *from < column => {}
            _ => text.extend_from_slice(&line[byte..byte + bytes]),
        }
        byte += bytes;
    }
    Shown { text: Cow::Owned(text), covered }
}

impl Shown<'_> {
    /// Where the characters between two columns of the line stand in what is shown; what is covered stands where its cover does.
    pub fn columns(&self, from: u32, to: u32) -> (u32, u32) {
        let place = |column: u32, is_end: bool| {
            let mut shift = 0_i64;
            for (first, last) in self.covered.iter().filter(|(first, _)| *first <= column) {
                let start = i64::from(*first) + shift;
                if column <= *last {
                    return start + if is_end { i64::from(COVER_CHARS) - 1 } else { 0 };
                }
                shift += i64::from(COVER_CHARS) - (i64::from(*last) - i64::from(*first) + 1);
            }
            i64::from(column) + shift
        };
        let column = |place: i64| u32::try_from(place.max(1)).unwrap_or(u32::MAX);
        (column(place(from, false)), column(place(to, true)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(lines: (u32, u32), columns: (Option<u32>, Option<u32>)) -> Span {
        Span { line_start: lines.0, line_end: lines.1, column_start: columns.0, column_end: columns.1 }
    }

    fn on(line: u32, from: u32, to: u32) -> Span {
        span((line, line), (Some(from), Some(to)))
    }

    fn shown(spans: &[Span], number: u32, line: &[u8]) -> Option<String> {
        Veil::over(spans.iter().copied()).line(number, line).map(|shown| String::from_utf8_lossy(&shown.text).into_owned())
    }

    #[test]
    fn what_a_span_covers_is_replaced_whatever_its_length() {
        assert_eq!(COVER.chars().count(), COVER_CHARS as usize);
        assert_eq!(shown(&[on(1, 5, 7)], 1, b"key=abc;\r\n").unwrap(), format!("key={COVER};"));
        assert_eq!(shown(&[on(1, 5, 9)], 1, b"key=abcde;\n").unwrap(), format!("key={COVER};"));
        assert_eq!(shown(&[on(1, 5, 9)], 2, b"key=abcde;\n").unwrap(), "key=abcde;\n");
        assert_eq!(shown(&[on(1, 3, 4)], 1, "\u{e9}=\u{65e5}\u{672c}!".as_bytes()).unwrap(), format!("é={COVER}!"));
        assert_eq!(shown(&[on(1, 3, 4)], 1, b"\xe9=ab!").unwrap(), format!("\u{fffd}={COVER}!"));
    }

    #[test]
    fn several_in_a_line_are_covered_each_and_as_one_where_they_touch() {
        assert_eq!(shown(&[on(1, 7, 9), on(1, 1, 3)], 1, b"abc = def;").unwrap(), format!("{COVER} = {COVER};"));
        assert_eq!(shown(&[on(1, 1, 3), on(1, 2, 5), on(1, 6, 6)], 1, b"abcdefg").unwrap(), format!("{COVER}g"));
    }

    #[test]
    fn of_several_lines_the_inner_ones_are_not_shown() {
        let key = [span((2, 5), (Some(4), Some(2)))];
        assert_eq!(shown(&key, 1, b"one").unwrap(), "one");
        assert_eq!(shown(&key, 2, b"k: begin").unwrap(), format!("k: {COVER}"));
        assert_eq!((shown(&key, 3, b"body"), shown(&key, 4, b"body")), (None, None));
        assert_eq!(shown(&key, 5, b"--, rest").unwrap(), format!("{COVER}, rest"));
        assert_eq!(shown(&key, 6, b"six").unwrap(), "six");
    }

    #[test]
    fn without_columns_or_with_some_that_do_not_fit_the_line_is_covered_wholly() {
        let line = b"a = secret";
        for bad in [
            Span::line(1),
            span((1, 1), (None, Some(4))),
            on(1, 5, 11),
            on(1, 11, 12),
            on(1, 0, 3),
            on(1, 7, 6),
            span((1, 2), (Some(11), Some(1))),
        ] {
            assert_eq!(shown(&[bad], 1, line).unwrap(), COVER, "{bad:?}");
        }
        let long = vec![b'x'; COUNTED_BYTES + 1];
        assert_eq!(shown(&[on(1, 5, 11)], 1, &long).unwrap(), COVER);
        assert_eq!(shown(&[Span::line(1)], 1, b"").unwrap(), COVER);
    }

    #[test]
    fn columns_follow_what_is_shown() {
        let veil = Veil::over([on(1, 3, 4), on(1, 6, 20)]);
        let shown = veil.line(1, b"ab12c123456789012345de").unwrap();
        assert_eq!(String::from_utf8_lossy(&shown.text), format!("ab{COVER}c{COVER}de"));
        assert_eq!(shown.columns(1, 2), (1, 2));
        assert_eq!(shown.columns(3, 4), (3, 10));
        assert_eq!(shown.columns(4, 4), (3, 10));
        assert_eq!(shown.columns(5, 5), (11, 11));
        assert_eq!(shown.columns(6, 20), (12, 19));
        assert_eq!(shown.columns(21, 22), (20, 21));
    }

    proptest! {
        #[test]
        fn whatever_the_places_nothing_of_them_is_shown(
            before in "[a-z\u{e9}\u{65e5}]{0,9}", secret in "[A-Z]{1,9}", after in "[a-z\u{e9}]{0,9}", others in prop::collection::vec((0u32..30, 0u32..30), 0..4),
        ) {
            let line = format!("{before}{secret}{after}");
            let from = u32::try_from(before.chars().count()).unwrap() + 1;
            let own = on(1, from, from + u32::try_from(secret.len()).unwrap() - 1);
            let shown = shown(&[vec![own], others.iter().map(|(from, to)| on(1, *from, *to)).collect()].concat(), 1, line.as_bytes()).unwrap();
            prop_assert!(!shown.contains(|c: char| c.is_ascii_uppercase()), "{}", shown);
            prop_assert!(shown.contains(COVER));
        }
    }
}
