//! Small rules about text that every floor shares.

use std::borrow::Cow;

/// Cuts `text` to at most `max` bytes at a character boundary and marks the cut with an ellipsis.
pub fn clip(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let mut end = max.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// The characters of a text, each as how many bytes it takes. What is not UTF-8 counts as the replacement characters that it would
/// become: columns are counted this way everywhere.
pub fn char_lengths(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    text.utf8_chunks().flat_map(|chunk| {
        let invalid = Some(chunk.invalid().len()).filter(|length| *length > 0);
        chunk.valid().chars().map(char::len_utf8).chain(invalid)
    })
}

/// A count with its noun: `1 issue`, `1,204 issues`.
pub fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// A number with a comma between each three digits.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A duration as people read it: `4.2 s`, `3 min 12 s`, `85 ms`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// A span that somebody chose, as people say it: `a minute`, `90 seconds`, `2 hours`.
pub fn span(span: std::time::Duration) -> String {
    const UNITS: [(u64, &str, &str); 4] = [(86_400, "a", "day"), (3_600, "an", "hour"), (60, "a", "minute"), (1, "a", "second")];
    let secs = span.as_secs();
    let whole = UNITS.iter().find(|(unit, ..)| secs > 0 && secs.is_multiple_of(*unit));
    match whole {
        Some((unit, article, noun)) if secs == *unit => format!("{article} {noun}"),
        Some((unit, _, noun)) => count(secs / unit, noun),
        None => duration(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// A size as people read it: `512 B`, `3.4 KiB`, `1.0 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// How many single-character edits turn `a` into `b` (Levenshtein); for "did you mean".
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The candidate that `input` most likely meant, if any is near enough to be worth saying.
pub fn nearest<'a>(input: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(input, candidate), candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= candidate.len().max(3) / 3)
        .map(|(_, candidate)| candidate)
}

/// The text with a capital at its beginning.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Whether a character would do something else than show itself: command a terminal, or turn the direction of what follows.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks of direction.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // What has no width or ends a line.
            | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A hostile character by its number: `\x1b`, `\u{202e}`.
pub fn written_out(c: char) -> String {
    if c.is_ascii() { format!("\\x{:02x}", u32::from(c)) } else { format!("\\u{{{:x}}}", u32::from(c)) }
}

/// A text on one line, in which nothing is hostile any more: for terminals, which may be shown what others wrote.
pub fn quiet(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            c if is_hostile(c) => out.push_str(&written_out(c)),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_falls_between_characters_and_is_marked() {
        assert_eq!(clip("straße", 6), "str…");
        assert_eq!(clip("short", 5), "short");
    }

    #[test]
    fn counts_carry_their_noun() {
        assert_eq!([count(0, "issue"), count(1, "issue"), count(1_204_000, "issue")], ["0 issues", "1 issue", "1,204,000 issues"]);
    }

    #[test]
    fn durations_and_sizes_read_naturally() {
        assert_eq!([duration(85), duration(4_249), duration(192_000), duration(7_260_000)], ["85 ms", "4.2 s", "3 min 12 s", "2 h 1 min"]);
        assert_eq!([bytes(512), bytes(3_500), bytes(1 << 30)], ["512 B", "3.4 KiB", "1.0 GiB"]);
    }

    #[test]
    fn a_chosen_span_is_said_in_its_largest_whole_unit() {
        let said = |secs| span(std::time::Duration::from_secs(secs));
        assert_eq!([1, 45, 60, 90, 300].map(said), ["a second", "45 seconds", "a minute", "90 seconds", "5 minutes"]);
        assert_eq!([3_600, 7_200, 86_400, 0].map(said), ["an hour", "2 hours", "a day", "0 ms"]);
    }

    #[test]
    fn a_slip_of_the_hand_finds_the_word_that_was_meant() {
        assert_eq!(nearest("checkz", ["checks", "coverage"]), Some("checks"));
        assert_eq!(nearest("zebra", ["checks", "coverage"]), None);
    }

    #[test]
    fn a_hostile_text_is_written_out_on_one_line() {
        assert_eq!(quiet("a\u{1b}[31m\u{202e}b\r\nc\u{9b}2J é 日本"), "a\\x1b[31m\\u{202e}b\\x0d c\\u{9b}2J é 日本");
    }
}
