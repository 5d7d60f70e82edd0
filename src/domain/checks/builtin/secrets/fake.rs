//! What stands where a secret will stand: placeholders, templates, look-ups, examples everybody knows.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words that no real secret holds but by a chance of one in thousands.
const MARKS: [&str; 57] = [
    "example",
    "sample",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "changeit",
    "dummy",
    "fake",
    "your",
    "insert",
    "replace",
    "redacted",
    "xxxx",
    "****",
    "secret",
    "passw",
    "p@ss",
    "pa55w",
    "foobar",
    "foobaz",
    "lorem",
    "qwerty",
    "asdf",
    "deadbeef",
    "cafebabe",
    "0000",
    "todo",
    "test",
    "mock",
    "invalid",
    "default",
    "notreal",
    "not-real",
    "hunter2",
    "letmein",
    "horsebattery",
    "admin",
    "undefined",
    "${",
    "{{",
    "}}",
    "%(",
    "$(",
    "#{",
    "<%",
    "%s",
    "%d",
    "%v",
    "{}",
    "{0}",
    "process.env",
    "environ",
    "getenv",
    "env.",
    "env[",
    "...",
];

static FINDER: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(MARKS).expect("the words are few and short"));

/// The CRC-32 of keys that documentation shows and emulators accept, so that they need not stand here: two of Stripe's, those of the
/// emulators of Azure Storage and of Cosmos DB.
const PUBLIC: [u32; 4] = [0xcb9a_cba3, 0x859a_aa91, 0xb4cb_d586, 0x8770_7360];

/// So many characters in a row that count up or down are a row of keys on a keyboard.
const STEPS: usize = 6;
/// So many times the same character in a row are no secret.
const SAME: usize = 5;

/// Whether a text stands for a secret and is none.
pub fn is_fake(text: &[u8]) -> bool {
    let distinct = text.iter().collect::<std::collections::BTreeSet<_>>().len();
    FINDER.is_match(text)
        || matches!(text.first(), Some(b'<' | b'[' | b'$' | b'%' | b'{' | b'*'))
        || (text.len() >= 16 && distinct < 6)
        || counts(text)
        || repeats(text)
        || PUBLIC.contains(&crc32fast::hash(text))
}

/// Whether it counts up, down or on the spot somewhere.
fn counts(text: &[u8]) -> bool {
    let (mut up, mut down, mut same) = (1, 1, 1);
    for pair in text.windows(2) {
        let step = i16::from(pair[1].to_ascii_lowercase()) - i16::from(pair[0].to_ascii_lowercase());
        up = if step == 1 { up + 1 } else { 1 };
        down = if step == -1 { down + 1 } else { 1 };
        same = if step == 0 { same + 1 } else { 1 };
        if up >= STEPS || down >= STEPS || same >= SAME {
            return true;
        }
    }
    false
}

/// Whether it is a short text over and over.
fn repeats(text: &[u8]) -> bool {
    (1..=text.len() / 3).take(12).any(|period| text.iter().zip(&text[period..]).all(|(a, b)| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_in_the_place_of_a_secret_is_known() {
        for text in [
            "YOUR_API_KEY",
            "xxxxxxxxxxxxxxxx",
            "${DB_PASSWORD}",
            "{{ token }}",
            "<token>",
            "abcdefghijklmnop",
            "9876543210zy",
            "a1b2a1b2a1b2a1b2",
            "%(password)s",
            "S3cr3t-EXAMPLE",
            "changeme123!",
        ] {
            assert!(is_fake(text.as_bytes()), "{text}");
        }
        for text in ["q8Zt3LmN0vXc7RbY", "Xk9#mP2$vL7q", "9f86d081884c7d65"] {
            assert!(!is_fake(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_emulators_key_is_no_secret() {
        let key = ["Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6", "IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="].concat();
        assert!(is_fake(key.as_bytes()));
    }
}
