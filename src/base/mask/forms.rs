//! The forms that programs give a value on its way into what they write.

use std::collections::BTreeSet;

use super::LEAST_BYTES;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A value and each of its lines: a key of many lines is often printed line by line.
pub fn parts(value: &str) -> impl Iterator<Item = &str> {
    value.lines().map(str::trim).chain([value, value.trim()]).filter(|text| text.trim().len() >= LEAST_BYTES)
}

/// Adds the forms of a value and of its lines.
pub fn of(value: &str, forms: &mut BTreeSet<Vec<u8>>) {
    for text in parts(value) {
        let bytes = text.as_bytes();
        forms.insert(bytes.to_vec());
        for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
            forms.insert(bytes.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect());
            for kept in KEPT {
                forms.insert(percent(bytes, digits, kept, false));
                forms.insert(percent(bytes, digits, kept, true));
            }
        }
        for alphabet in [STANDARD, URL_SAFE] {
            for before in 0..3 {
                forms.insert(base64(bytes, before, alphabet));
            }
        }
        for escapes in ESCAPES {
            let once = json(text, *escapes);
            // A text within a text, as logs in JSON repeat what came as JSON.
            forms.extend(std::str::from_utf8(&once).ok().map(|once| json(once, *escapes)));
            forms.insert(once);
        }
        // As a shell quotes it, and `set -x` shows it.
        forms.insert(text.replace('\'', "'\\''").into_bytes());
        forms.insert(text.replace('\'', "'\"'\"'").into_bytes());
        for entities in ENTITIES {
            forms.insert(markup(text, *entities));
        }
    }
}

/// Adds the forms that spell a value and its lines out, byte by byte.
pub fn spelt_out(value: &str, forms: &mut BTreeSet<Vec<u8>>) {
    for text in parts(value) {
        let bytes = text.as_bytes();
        for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
            for (before, between) in [("\\x", ""), ("\\u00", ""), ("%", ""), ("", ":"), ("", " "), ("", "-"), ("0x", ", "), ("0x", " ")] {
                forms.insert(spelt(bytes, digits, before, between));
            }
        }
    }
}

/// Each byte of a value by its two hexadecimal digits.
fn spelt(bytes: &[u8], digits: &[u8; 16], before: &str, between: &str) -> Vec<u8> {
    let each = |byte: &u8| format!("{before}{}{}", char::from(digits[usize::from(byte >> 4)]), char::from(digits[usize::from(byte & 15)]));
    bytes.iter().map(each).collect::<Vec<_>>().join(between).into_bytes()
}

/// Base 64 of a value before which so many bytes stand, modulo 3: the digits that hold nothing but bits of the value.
fn base64(bytes: &[u8], before: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    let first = (before * 8).div_ceil(6) * 6 - before * 8;
    let ends = bytes.len() * 8;
    (first..ends)
        .step_by(6)
        .filter(|at| at + 6 <= ends)
        .map(|at| alphabet[(at..at + 6).fold(0, |n, at| n << 1 | usize::from(bit(at)))])
        .collect()
}

/// What encoders for URLs leave as it is, beside letters and digits: RFC 3986, HTML forms, JavaScript's two, and a path.
const KEPT: &[&[u8]] = &[b"-._~", b"-._*", b"-_.!~*'()", b"-_.!~*'();/?:@&=+$,#", b"-._~/"];

fn percent(bytes: &[u8], digits: &[u8; 16], kept: &[u8], is_form: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' ' if is_form => out.push(b'+'),
            byte if byte.is_ascii_alphanumeric() || kept.contains(byte) => out.push(*byte),
            byte => out.extend([b'%', digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]),
        }
    }
    out
}

/// What an encoder for JSON escapes beside what it must.
#[derive(Clone, Copy)]
struct Escapes {
    non_ascii: bool,
    slash: bool,
    /// Letters of ASCII that are written by number though they need not be; a quotation mark among them has no backslash of its own.
    numbers: &'static str,
    /// Whether the digits of a number are capitals.
    is_upper: bool,
}

const LEAST: Escapes = Escapes { non_ascii: false, slash: false, numbers: "", is_upper: false };

/// JavaScript and Rust; Python; PHP; PHP told to leave text; Go; Gson for Java; `System.Text.Json` of .NET, and what is left of that where it
/// is told to leave text.
const ESCAPES: &[Escapes] = &[
    LEAST,
    Escapes { non_ascii: true, ..LEAST },
    Escapes { non_ascii: true, slash: true, ..LEAST },
    Escapes { slash: true, ..LEAST },
    Escapes { numbers: "<>&", ..LEAST },
    Escapes { numbers: "<>&='", ..LEAST },
    Escapes { non_ascii: true, numbers: "<>&'\"+`", is_upper: true, ..LEAST },
    Escapes { numbers: "<>&'\"+`", is_upper: true, ..LEAST },
];

fn json(text: &str, escapes: Escapes) -> Vec<u8> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let mut number = |c: char| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&if escapes.is_upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
            }
        };
        match c {
            c if escapes.numbers.contains(c) => number(c),
            c if !c.is_ascii() && escapes.non_ascii => number(c),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '/' if escapes.slash => out.push_str("\\/"),
            c if c < ' ' => number(c),
            c => out.push(c),
        }
    }
    out.into_bytes()
}

/// How an encoder for XML or HTML writes what it does not leave as it is. `&` and `<` are always written by name or number.
#[derive(Clone, Copy)]
struct Entities {
    /// Whether what has a name is written by it.
    named: bool,
    gt: bool,
    quot: Option<Number>,
    apos: Option<Apos>,
    /// How what is not ASCII is written, if not as it is.
    non_ascii: Option<Number>,
    rest: Rest,
}

/// A letter by its number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    /// Not by number: it has a name.
    Name,
    Decimal,
    Lower,
    Upper,
}

#[derive(Clone, Copy)]
enum Apos {
    Name,
    Decimal,
    /// With a zero before, as PHP does.
    Padded,
    Hexadecimal,
}

/// What is done to all other letters of ASCII.
#[derive(Clone, Copy)]
enum Rest {
    Left,
    /// All but letters and digits are numbers.
    Words(Number),
    All(Number),
}

const PLAIN: Entities = Entities { named: true, gt: true, quot: Some(Number::Name), apos: None, non_ascii: None, rest: Rest::Left };
const NUMBERS: Entities = Entities { named: false, ..PLAIN };

/// What must be; Python's `ElementTree` in texts and attributes, to ASCII or not; Java's and Rust's writers; Go; Python's `html`; PHP; what
/// encodes all that is no word, or all of it as mail addresses are hidden.
const ENTITIES: &[Entities] = &[
    Entities { gt: false, quot: None, ..PLAIN },
    Entities { gt: false, ..PLAIN },
    Entities { quot: None, ..PLAIN },
    PLAIN,
    Entities { non_ascii: Some(Number::Decimal), ..PLAIN },
    Entities { quot: None, non_ascii: Some(Number::Decimal), ..PLAIN },
    Entities { apos: Some(Apos::Name), ..PLAIN },
    Entities { apos: Some(Apos::Name), non_ascii: Some(Number::Decimal), ..PLAIN },
    Entities { apos: Some(Apos::Name), non_ascii: Some(Number::Upper), ..PLAIN },
    Entities { quot: Some(Number::Decimal), apos: Some(Apos::Decimal), ..PLAIN },
    Entities { apos: Some(Apos::Decimal), ..PLAIN },
    Entities { apos: Some(Apos::Hexadecimal), ..PLAIN },
    Entities { apos: Some(Apos::Padded), ..PLAIN },
    Entities { non_ascii: Some(Number::Decimal), rest: Rest::Words(Number::Decimal), ..NUMBERS },
    Entities { non_ascii: Some(Number::Lower), rest: Rest::Words(Number::Lower), ..NUMBERS },
    Entities { non_ascii: Some(Number::Upper), rest: Rest::Words(Number::Upper), ..NUMBERS },
    Entities { non_ascii: Some(Number::Decimal), rest: Rest::All(Number::Decimal), ..NUMBERS },
];

fn markup(text: &str, entities: Entities) -> Vec<u8> {
    let mut out = String::with_capacity(text.len());
    let number = |c: char, number: Number| match number {
        Number::Name | Number::Decimal => format!("&#{};", u32::from(c)),
        Number::Lower => format!("&#x{:x};", u32::from(c)),
        Number::Upper => format!("&#x{:X};", u32::from(c)),
    };
    for c in text.chars() {
        let by_rest = match entities.rest {
            Rest::All(way) => Some(way),
            Rest::Words(way) if !c.is_ascii_alphanumeric() => Some(way),
            Rest::Words(_) | Rest::Left => None,
        };
        let written = match (c, entities) {
            (c, Entities { non_ascii: Some(way), .. }) if !c.is_ascii() => number(c, way),
            (c, Entities { named: false, .. }) if by_rest.is_some() => number(c, by_rest.unwrap_or(Number::Decimal)),
            ('&', Entities { named: true, .. }) => "&amp;".to_owned(),
            ('<', Entities { named: true, .. }) => "&lt;".to_owned(),
            ('>', Entities { named: true, gt: true, .. }) => "&gt;".to_owned(),
            ('"', Entities { named: true, quot: Some(Number::Name), .. }) => "&quot;".to_owned(),
            ('"', Entities { named: true, quot: Some(way), .. }) => number(c, way),
            ('\'', Entities { named: true, apos: Some(way), .. }) => match way {
                Apos::Name => "&apos;".to_owned(),
                Apos::Decimal => "&#39;".to_owned(),
                Apos::Padded => "&#039;".to_owned(),
                Apos::Hexadecimal => "&#x27;".to_owned(),
            },
            (c, _) => c.to_string(),
        };
        out.push_str(&written);
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(value: &str) -> BTreeSet<String> {
        let mut forms = BTreeSet::new();
        of(value, &mut forms);
        forms.into_iter().map(|form| String::from_utf8(form).unwrap()).collect()
    }

    #[test]
    fn a_plain_word_has_few_forms() {
        let decimal: String = "marigold".bytes().map(|byte| format!("&#{byte};")).collect();
        let expected = [&*decimal, "1hcmlnb2xk", "6D617269676F6C64", "6d617269676f6c64", "bWFyaWdvbG", "marigold", "tYXJpZ29sZ"];
        assert_eq!(forms("marigold").into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_special_to_an_encoding_is_written_as_its_encoders_do() {
        let forms = forms("a b/\"é<\\");
        for form in [
            "a%20b%2F%22%C3%A9%3C%5C",
            "a+b%2f%22%c3%a9%3c%5c",
            "a%20b/%22%C3%A9%3C%5C",
            r#"a b/\"é<\\"#,
            r#"a b/\"\u00e9<\\"#,
            r#"a b\/\"\u00e9<\\"#,
            r#"a b/\"é\u003c\\"#,
            r#"a b/\u0022\u00E9\u003C\\"#,
        ] {
            assert!(forms.contains(form), "{form}: {forms:?}");
        }
    }

    #[test]
    fn what_encoders_for_xml_and_html_make_of_a_value_is_one() {
        let forms = forms("a<b>&\"c'-é");
        for form in [
            "a&lt;b&gt;&amp;&quot;c'-é",
            "a&lt;b>&amp;\"c'-é",
            "a&lt;b&gt;&amp;&quot;c&apos;-é",
            "a&lt;b&gt;&amp;&#34;c&#39;-é",
            "a&lt;b&gt;&amp;&quot;c&#x27;-é",
            "a&lt;b&gt;&amp;&quot;c&#039;-é",
            "a&lt;b&gt;&amp;&quot;c'-&#233;",
            "a&lt;b&gt;&amp;&quot;c&apos;-&#xE9;",
            "a&#60;b&#62;&#38;&#34;c&#39;&#45;&#233;",
            "a&#x3c;b&#x3e;&#x26;&#x22;c&#x27;&#x2d;&#xe9;",
            "a&#x3C;b&#x3E;&#x26;&#x22;c&#x27;&#x2D;&#xE9;",
            "&#97;&#60;&#98;&#62;&#38;&#34;&#99;&#39;&#45;&#233;",
        ] {
            assert!(forms.contains(form), "{form}: {forms:?}");
        }
    }

    #[test]
    fn a_value_that_is_quoted_twice_or_spelt_out_is_one() {
        let mut all = BTreeSet::new();
        let value = "it's \"so\"";
        of(value, &mut all);
        spelt_out(value, &mut all);
        let forms: BTreeSet<String> = all.into_iter().map(|form| String::from_utf8(form).unwrap()).collect();
        for form in [
            r#"it'\''s "so""#,
            r#"it's \\\"so\\\""#,
            r"\x69\x74\x27\x73\x20\x22\x73\x6f\x22",
            "69:74:27:73:20:22:73:6f:22",
            "%69%74%27%73%20%22%73%6F%22",
            r"\u0069\u0074\u0027\u0073\u0020\u0022\u0073\u006f\u0022",
        ] {
            assert!(forms.contains(form), "{form}: {forms:?}");
        }
    }

    #[test]
    fn each_line_of_a_value_is_one() {
        let forms = forms("-- key --\r\n  second line\nshort\n");
        for form in ["-- key --", "second line", "-- key --\\r\\n  second line\\nshort"] {
            assert!(forms.contains(form), "{form}: {forms:?}");
        }
        assert!(!forms.contains("short"));
    }
}
