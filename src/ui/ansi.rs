//! Logs as programs write them for a terminal: the sixteen colours and bold become classes, and every other command is dropped.
//!
//! A log is written by whoever wrote the repository. So nothing in it can hide what stands there: no text is concealed, turned around or
//! written over, a line that a carriage return would replace stays as a line of its own, and of a command that is broken only its escape
//! character goes. What is left is escaped like all text. The module `ansi.js` does the same with a log that grows; a test in a browser
//! holds the two against each other.

use std::fmt::Write as _;

use askama::filters::Safe;

use super::escape::{Html, escape};

/// The longest parameters of a command.
const MAX_PARAMETERS: usize = 64;
/// The longest text within a command, such as a title or an address.
const MAX_STRING: usize = 2_048;
/// The most characters between an escape and its last.
const MAX_BETWEEN: usize = 4;
const ESCAPE: char = '\u{1b}';

/// How text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    /// One of the sixteen.
    colour: Option<u8>,
    is_bold: bool,
}

impl Look {
    /// Its classes; empty for plain text.
    fn classes(self) -> String {
        match (self.colour, self.is_bold) {
            (None, false) => String::new(),
            (None, true) => "ab".to_owned(),
            (Some(colour), false) => format!("a{colour}"),
            (Some(colour), true) => format!("a{colour} ab"),
        }
    }

    /// The look after a command with these parameters. What is not a colour of the sixteen or bold changes nothing.
    fn after(mut self, parameters: &str) -> Look {
        let mut numbers = parameters.split(';').map(|number| if number.is_empty() { Some(0) } else { number.parse::<u16>().ok() });
        while let Some(number) = numbers.next() {
            match number {
                Some(0) => self = Look::default(),
                Some(1) => self.is_bold = true,
                Some(22) => self.is_bold = false,
                Some(colour @ 30..=37) => self.colour = u8::try_from(colour - 30).ok(),
                Some(39) => self.colour = None,
                Some(colour @ 90..=97) => self.colour = u8::try_from(colour - 82).ok(),
                Some(which @ (38 | 48)) => match numbers.next().flatten() {
                    Some(5) => {
                        if let Some(colour @ 0..=15) = numbers.next().flatten()
                            && which == 38
                        {
                            self.colour = u8::try_from(colour).ok();
                        }
                    }
                    Some(2) => drop(numbers.nth(2)),
                    _ => {}
                },
                _ => {}
            }
        }
        self
    }
}

/// A log as markup.
pub fn paint(text: &str) -> Html {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut run = String::new();
    let (mut look, mut rest) = (Look::default(), text);
    while let Some(at) = rest.find([ESCAPE, '\r']) {
        run.push_str(&rest[..at]);
        let is_return = rest[at..].starts_with('\r');
        rest = &rest[at + 1..];
        if is_return {
            if !rest.starts_with('\n') {
                run.push('\n');
            }
            continue;
        }
        let (length, parameters) = command(rest);
        if let Some(parameters) = parameters {
            let next = look.after(parameters);
            if next != look {
                flush(&mut out, &mut run, look);
                look = next;
            }
        }
        rest = &rest[length..];
    }
    run.push_str(rest);
    flush(&mut out, &mut run, look);
    Safe(out)
}

/// Writes a run of text that looks the same.
fn flush(out: &mut String, run: &mut String, look: Look) {
    let text = escape(run);
    run.clear();
    let classes = look.classes();
    if classes.is_empty() || text.is_empty() {
        out.push_str(&text);
    } else {
        write!(out, r#"<span class="{classes}">{text}</span>"#).expect("writing to a String succeeds");
    }
}

/// How many bytes behind an escape belong to its command, and the parameters if it says how text looks. A command that is broken has none.
fn command(rest: &str) -> (usize, Option<&str>) {
    let mut chars = rest.char_indices();
    match chars.next().map(|(_, first)| first) {
        Some('[') => {
            let parameters = rest[1..].bytes().take(MAX_PARAMETERS).take_while(|byte| (0x20..0x40).contains(byte)).count();
            match rest.as_bytes().get(1 + parameters) {
                Some(b'm') => (parameters + 2, Some(&rest[1..=parameters])),
                Some(0x40..=0x7e) => (parameters + 2, None),
                _ => (0, None),
            }
        }
        Some(']' | 'P' | '^' | '_' | 'X') => {
            for (at, c) in chars.take(MAX_STRING + 1) {
                match c {
                    '\u{7}' | '\u{9c}' => return (at + c.len_utf8(), None),
                    ESCAPE if rest[at..].starts_with("\u{1b}\\") => return (at + 2, None),
                    ESCAPE | '\n' => break,
                    _ => {}
                }
            }
            (0, None)
        }
        Some(' '..='~') => {
            let between = rest.bytes().take(MAX_BETWEEN).take_while(|byte| (0x20..0x30).contains(byte)).count();
            match rest.as_bytes().get(between) {
                Some(0x30..=0x7e) => (between + 1, None),
                _ => (0, None),
            }
        }
        _ => (0, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_colours_and_bold_become_classes() {
        assert_eq!(paint("a \u{1b}[31mred\u{1b}[0m b").0, r#"a <span class="a1">red</span> b"#);
        assert_eq!(paint("\u{1b}[1;92mok\u{1b}[22m so\u{1b}[39m.").0, r#"<span class="a10 ab">ok</span><span class="a10"> so</span>."#);
        assert_eq!(paint("\u{1b}[38;5;9mx\u{1b}[m\u{1b}[1my").0, r#"<span class="a9">x</span><span class="ab">y</span>"#);
    }

    #[test]
    fn what_is_neither_is_dropped_with_its_numbers() {
        for dropped in ["\u{1b}[4m", "\u{1b}[8m", "\u{1b}[7m", "\u{1b}[41m", "\u{1b}[38;2;1;31;1m", "\u{1b}[48;5;1m", "\u{1b}[38;5;200m"] {
            assert_eq!(paint(&format!("{dropped}x")).0, "x", "{dropped:?}");
        }
        let dropped =
            ["\u{1b}[2J", "\u{1b}[1;1H", "\u{1b}[?25l", "\u{1b}c", "\u{1b}(B", "\u{1b}]0;title\u{7}", "\u{1b}]8;;http://x\u{1b}\\"];
        for dropped in dropped.iter().chain(&["\u{1b}P1$r\u{1b}\\", "\u{1b}_x\u{9c}"]) {
            assert_eq!(paint(&format!("a{dropped}b")).0, "ab", "{dropped:?}");
        }
    }

    #[test]
    fn markup_in_a_log_is_text_wherever_it_stands() {
        assert_eq!(paint("\u{1b}[31m<script>\u{1b}[0m\"&'").0, r#"<span class="a1">&lt;script&gt;</span>&quot;&amp;&#39;"#);
        assert_eq!(paint("\u{1b}[31é\"><b>m").0, "[31é&quot;&gt;&lt;b&gt;m");
        assert_eq!(paint("\u{1b}[31\"><m").0, "", "what a terminal takes as one command is dropped as one");
        assert_eq!(paint("<\u{1b}[31mscript>").0, r#"&lt;<span class="a1">script&gt;</span>"#);
        assert_eq!(paint("a\u{202e}b\u{0}\u{9b}2J").0, "a⟨U+202E⟩b␀⟨U+009B⟩2J");
    }

    #[test]
    fn a_broken_command_hides_nothing_behind_it() {
        assert_eq!(paint("\u{1b}]0;all that follows\nis shown").0, "]0;all that follows\nis shown");
        assert_eq!(paint(&format!("\u{1b}]{}\u{7}", "x".repeat(MAX_STRING + 1))).0.len(), MAX_STRING + 5);
        assert_eq!(paint(&format!("\u{1b}[{}m", "1".repeat(MAX_PARAMETERS + 1))).0.len(), MAX_PARAMETERS + 3);
        for broken in ["\u{1b}", "\u{1b}[", "\u{1b}[1", "\u{1b}]", "\u{1b}\u{1b}", "\u{1b}(", "\u{1b}é"] {
            assert_eq!(paint(broken).0, broken.replace('\u{1b}', ""), "{broken:?}");
        }
        assert_eq!(paint("\u{1b}[99999999999;31mx").0, r#"<span class="a1">x</span>"#);
    }

    #[test]
    fn a_line_that_is_written_over_stays() {
        assert_eq!(paint("one\r\ntwo\rthree\r").0, "one\ntwo\nthree\n");
    }

    #[test]
    fn many_commands_without_text_leave_nothing() {
        assert_eq!(paint(&"\u{1b}[31m\u{1b}[1m\u{1b}[0m".repeat(10_000)).0, "");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_every_span_that_opens_is_closed(text in "(\u{1b}(\\[[0-9;:]{0,4}[mJ]?|[\\]PX(]|\u{1b})?|[a<\"\u{7}\r\n\u{9c}é]){0,40}") {
            let html = paint(&text).0;
            proptest::prop_assert_eq!(html.matches("<span class=\"").count(), html.matches("</span>").count());
            let inside = html.replace("</span>", "").split("<span class=\"").map(|part| part.split_once("\">").map_or(part, |(_, text)| text).to_owned()).collect::<String>();
            let is_shown = !inside.contains(['<', '\u{1b}', '\r']);
            proptest::prop_assert!(is_shown, "{inside}");
        }
    }
}
