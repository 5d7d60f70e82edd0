//! How text becomes part of a page.
//!
//! Everything a template shows passes through [`Escape`], which `.askama.toml` names for all of them. Beside HTML's five characters it
//! makes visible what would otherwise act unseen: control characters, and those that turn the direction of text around, by which a line
//! of code can read differently from what it does. What is markup already is an [`Html`], and only functions of this crate make one: no
//! template says `safe`, and a test keeps it so.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Safe};

/// Markup, made by a function that escaped what it was given.
pub type Html = Safe<String>;

/// Markup that is kept: a line of highlighted code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Markup(String);

impl Markup {
    /// The text as markup that shows it.
    pub fn escaped(text: &str) -> Markup {
        Markup(escape(text))
    }

    /// Markup whose maker escaped what it was given.
    pub(super) fn made(html: String) -> Markup {
        Markup(html)
    }

    /// As a template shows it.
    pub fn show(&self) -> Safe<&str> {
        Safe(&self.0)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The escaper of all pages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Escape;

impl Escaper for Escape {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            let Some(entity) = entity(c) else {
                if is_unseen(c) {
                    dest.write_str(&text[plain..at])?;
                    shown(&mut dest, c)?;
                    plain = at + c.len_utf8();
                }
                continue;
            };
            dest.write_str(&text[plain..at])?;
            dest.write_str(entity)?;
            plain = at + c.len_utf8();
        }
        dest.write_str(&text[plain..])
    }
}

/// The text as it may stand in an element or in a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    Escape.write_escaped_str(&mut out, text).expect("writing to a String succeeds");
    out
}

fn entity(c: char) -> Option<&'static str> {
    Some(match c {
        '<' => "&lt;",
        '>' => "&gt;",
        '&' => "&amp;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => return None,
    })
}

/// Whether a character acts without being seen: controls but line feed and tab, and everything that turns or joins the direction of
/// text. Zero-width joiners stay: scripts and emoji need them.
fn is_unseen(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        '\u{2028}' | '\u{2029}' => true,
        _ => c.is_control(),
    }
}

/// Control characters have pictures in Unicode; the others are called by their number.
fn shown(dest: &mut impl Write, c: char) -> fmt::Result {
    match u32::from(c) {
        low @ 0..0x20 => dest.write_char(char::from_u32(0x2400 + low).unwrap_or('\u{fffd}')),
        0x7f => dest.write_char('\u{2421}'),
        other => write!(dest, "⟨U+{other:04X}⟩"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(escape(r#"<a href="x" id='y'>&"#), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
        assert_eq!(escape("plain, naïve, 漢字\n\ttext"), "plain, naïve, 漢字\n\ttext");
    }

    #[test]
    fn what_acts_unseen_is_shown() {
        assert_eq!(escape("a\u{202e}b\u{0}c\u{1b}[2Jd\u{7f}\r"), "a⟨U+202E⟩b␀c␛[2Jd␡␍");
        assert_eq!(escape("\u{feff}x\u{85}"), "⟨U+FEFF⟩x⟨U+0085⟩");
    }
}
