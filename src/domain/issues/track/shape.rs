//! The shape of a message: what remains of it when the particulars are masked.
//!
//! A tool says `line too long (93 > 88)` today and `line too long (95 > 88)` tomorrow, and it is the same issue. So numbers become `#`,
//! what stands in quotation marks becomes `'…'`, and runs of white space become one space. Words stay, and so do digits within words
//! (`E501`, `utf8`): they name things. A shape is for comparison alone; it is not shown to anyone.

/// At most so many bytes of a message are looked at; what follows does not change its shape.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// Opening quotation marks, each with the mark that closes it.
const QUOTES: [(char, char); 6] = [('\'', '\''), ('"', '"'), ('`', '`'), ('‘', '’'), ('“', '”'), ('«', '»')];

/// The message with its numbers and quoted parts masked.
pub fn shape(message: &str) -> String {
    let end = (0..=message.len().min(MESSAGE_BYTES_MAX)).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    let mut rest = &message[..end];
    let mut out = String::with_capacity(rest.len());
    let mut in_word = false;
    // A kind of quotation mark that was once not closed will not be closed further on: without this a message of nothing but quotation
    // marks costs its length squared.
    let mut unclosed = [false; QUOTES.len()];
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        if c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else if c.is_ascii_digit() && !in_word {
            taken = number(rest);
            out.push('#');
        } else if let Some(kind) = QUOTES.iter().position(|(open, _)| *open == c).filter(|kind| !in_word && !unclosed[*kind]) {
            match quoted(rest, QUOTES[kind]) {
                Some(length) => {
                    taken = length;
                    out.push_str("'…'");
                }
                None => {
                    unclosed[kind] = true;
                    out.push(c);
                }
            }
        } else {
            out.push(c);
        }
        in_word = rest[..taken].ends_with(is_word);
        rest = &rest[taken..];
    }
    out.truncate(out.trim_end().len());
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the number that `text` begins with, its unit and what joins its groups included: `0x1f`, `1,204`, `1.2.3`, `80ms`.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let joins = |at: usize| matches!(bytes[at], b'.' | b',' | b':') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    (1..bytes.len()).find(|at| !(bytes[*at].is_ascii_alphanumeric() || bytes[*at] == b'_' || joins(*at))).unwrap_or(bytes.len())
}

/// The length of the quotation that `text` begins with. A closing mark is not followed by a letter, so that the apostrophe of
/// `'don't'` closes nothing.
fn quoted(text: &str, (open, close): (char, char)) -> Option<usize> {
    let inside = open.len_utf8();
    text[inside..].match_indices(close).map(|(at, _)| inside + at + close.len_utf8()).find(|end| !text[*end..].starts_with(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_quoted_names_do_not_tell_messages_apart() {
        for (one, other) in [
            ("line too long (93 > 88)", "line too long (1,204 > 88)"),
            ("`foo` is never used", "`a_longer_name` is never used"),
            ("unused variable 'x1'", "unused variable \"y\""),
            ("takes 80ms at 0x1f, since 1.2.3", "takes 9ms at 0xffee, since 10.0.21"),
            ("imported but unused:  “os”", "imported but unused: “sys.path”"),
            ("can't find 'x'", "can't find 'y'"),
            ("two\n  lines", "two lines "),
        ] {
            assert_eq!(shape(one), shape(other), "{one}");
        }
    }

    #[test]
    fn words_tell_messages_apart() {
        for (one, other) in [
            ("`x` is never used", "`x` is never read"),
            ("don't do this, it's bad", "don't do that, it's bad"),
            ("see E501", "see E502"),
            ("unsafe in utf8", "unsafe in utf16"),
            ("a 'b' c", "a b c"),
        ] {
            assert_ne!(shape(one), shape(other), "{one}");
        }
    }

    #[test]
    fn a_shape_is_plain() {
        assert_eq!(shape("  `foo` has 12 lines (more than 10)."), " '…' has # lines (more than #).");
        assert_eq!(shape("it's 'don't' and an open 'quote"), "it's '…' and an open 'quote");
        assert_eq!(shape(""), "");
    }

    #[test]
    fn a_message_of_quotation_marks_alone_costs_no_more_than_another() {
        let hostile: String = "'a ".repeat(400_000);
        assert!(shape(&hostile).len() <= MESSAGE_BYTES_MAX);
        assert_eq!(shape(&"«".repeat(3_000)), "«".repeat(MESSAGE_BYTES_MAX / 2));
    }
}
