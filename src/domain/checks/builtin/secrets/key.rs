//! Private keys: PEM in all its forms, OpenSSH, PGP, `PuTTY`.
//!
//! A header alone is no key: code that reads and writes keys is full of headers. What follows has to be long enough to be one, and to
//! begin as keys begin. Newlines may be real ones, escapes in a string, or the ends of strings that are put together.

use std::ops::Range;

use super::format::Alphabet;

/// The longest key that is read, in bytes.
const MOST: usize = 32 << 10;
/// The fewest characters of base 64 that are a key: an Ed25519 key has so many.
const LEAST: usize = 60;
/// Shorter runs of base 64 than this are words between the lines.
const RUN: usize = 16;

/// What a key of `PuTTY` begins with.
pub const PUTTY: &str = "PuTTY-User-Key-File-";

/// A private key.
#[derive(Debug)]
pub struct Key {
    pub place: Range<usize>,
    /// What sort, in words.
    pub what: &'static str,
    /// Whether it takes a passphrase to use it.
    pub is_encrypted: bool,
}

/// What stands between the dashes, and what it is called.
const LABELS: [(&str, &str); 9] = [
    ("PRIVATE KEY", "a private key"),
    ("RSA PRIVATE KEY", "an RSA private key"),
    ("EC PRIVATE KEY", "an elliptic curve private key"),
    ("DSA PRIVATE KEY", "a DSA private key"),
    ("OPENSSH PRIVATE KEY", "an OpenSSH private key"),
    ("ENCRYPTED PRIVATE KEY", "a private key"),
    ("PGP PRIVATE KEY BLOCK", "a PGP private key"),
    ("SSH2 ENCRYPTED PRIVATE KEY", "an SSH private key"),
    ("PRIVATE RSA KEY", "an RSA private key"),
];

/// The key whose `BEGIN` ends at `at`.
pub fn pem(text: &[u8], begin: usize, at: usize) -> Option<Key> {
    let label_length = text[at..].iter().take(40).take_while(|byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'2')).count();
    let label = &text[at..at + label_length];
    let (label, what) = LABELS.iter().find(|(name, _)| name.as_bytes() == label)?;
    let dashes = at + label_length;
    let body_start = text[dashes..].starts_with(b"-----").then_some(dashes + 5)?;
    let region = &text[body_start..text.len().min(body_start + MOST)];
    let end = memchr::memmem::find(region, b"-----").unwrap_or(region.len());
    let body = &region[..end];
    let is_legacy_encrypted = memchr::memmem::find(&body[..body.len().min(200)], b"ENCRYPTED").is_some();
    let runs = runs(body);
    let first = &body[runs.first.clone()?];
    let is_pgp = label.starts_with("PGP");
    let starts_right =
        is_pgp || is_legacy_encrypted || first.starts_with(b"M") || first.starts_with(b"b3BlbnNzaC1rZXk") || label.starts_with("SSH2");
    if runs.letters < LEAST || !starts_right || is_elided(body) {
        return None;
    }
    let is_openssh_locked = first.starts_with(b"b3BlbnNzaC1rZXk") && !first.starts_with(b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU");
    let is_encrypted = is_legacy_encrypted || label.contains("ENCRYPTED") || is_openssh_locked;
    let closing = region[end..]
        .strip_prefix(b"-----END ")
        .map_or(0, |rest| 9 + rest.iter().take(40).take_while(|byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'2')).count() + 5);
    let place = if closing > 0 { begin..(body_start + end + closing).min(text.len()) } else { begin..body_start + runs.end };
    Some(Key { place, what, is_encrypted })
}

/// The key of `PuTTY` whose header begins at `begin`.
pub fn putty(text: &[u8], begin: usize) -> Option<Key> {
    let region = &text[begin..text.len().min(begin + MOST)];
    // Up to the next header, so that no byte is looked at twice.
    let region = &region[..memchr::memmem::find(&region[1..], PUTTY.as_bytes()).map_or(region.len(), |next| next + 1)];
    let lines = memchr::memmem::find(region, b"Private-Lines:")?;
    let end = memchr::memmem::find(&region[lines..], b"Private-MAC:").map_or(region.len(), |mac| lines + mac);
    let body = &region[lines..end];
    let is_encrypted = memchr::memmem::find(&region[..lines], b"Encryption: none").is_none();
    let is_key = runs(body).letters >= 32 && !is_elided(body);
    let end = begin + region[..end].trim_ascii_end().len();
    is_key.then_some(Key { place: begin..end, what: "a PuTTY private key", is_encrypted })
}

struct Runs {
    /// The first long run.
    first: Option<Range<usize>>,
    /// How many characters there are in long runs.
    letters: usize,
    /// Where the last of them ends.
    end: usize,
}

/// The runs of base 64 in a body, escapes and quotes between them left out.
fn runs(body: &[u8]) -> Runs {
    let mut runs = Runs { first: None, letters: 0, end: 0 };
    let mut at = 0;
    while at < body.len() {
        // The letter of an escape is not of the run that it precedes.
        if body[at] == b'\\' {
            at += 1 + usize::from(body.get(at + 1).is_some_and(|byte| matches!(byte, b'n' | b'r' | b't')));
            continue;
        }
        let length = body[at..].iter().take_while(|byte| Alphabet::Base64.has(**byte)).count();
        if length >= RUN || runs.first.is_some() && length > 0 {
            runs.first.get_or_insert(at..at + length);
            runs.letters += length;
            runs.end = at + length;
        }
        at += length.max(1);
    }
    runs
}

/// Whether something was left out on purpose.
fn is_elided(body: &[u8]) -> bool {
    let marks: [&[u8]; 9] = [b"...", b"\xe2\x80\xa6", b"***", b"xxxxxx", b"XXXXXX", b"${", b"{{", b"EXAMPLE", b"REDACTED"];
    marks.iter().any(|mark| memchr::memmem::find(body, mark).is_some())
}
