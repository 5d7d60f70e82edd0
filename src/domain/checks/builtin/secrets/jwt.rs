//! JSON Web Tokens: three parts in base 64, of which the first two can be read by anybody.

use std::ops::Range;

use serde_json::Value;

use super::format::{Alphabet, is_boundary_before};

/// The longest part that is read.
const PART: usize = 4 << 10;

/// The token whose first part begins at `begin`, if it lets somebody in: it is signed, and neither a known example nor meant to be public.
pub fn judge(text: &[u8], begin: usize) -> Option<Range<usize>> {
    if !is_boundary_before(text, begin) {
        return None;
    }
    let part = |at: usize| {
        let length = text.get(at..)?.iter().take(PART).take_while(|byte| Alphabet::Url.has(**byte)).count();
        (length > 0).then_some(at..at + length)
    };
    let next = |end: usize| (text.get(end) == Some(&b'.')).then_some(end + 1);
    let header = part(begin)?;
    let payload = part(next(header.end)?)?;
    let signature = part(next(payload.end)?)?;
    let header: Value = serde_json::from_slice(&decode(&text[header])?).ok()?;
    let algorithm = header.get("alg")?.as_str()?;
    let claims: Value = serde_json::from_slice(&decode(&text[payload])?).ok()?;
    let is_real = !algorithm.eq_ignore_ascii_case("none") && signature.len() >= 40 && claims.is_object() && !is_example(&claims);
    is_real.then_some(begin..signature.end)
}

/// Whether claims are those of documentation, or of a key that browsers are handed.
fn is_example(claims: &Value) -> bool {
    let says = |claim: &str, wanted: &[&str]| {
        let said = claims.get(claim).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        wanted.iter().any(|wanted| said.contains(wanted))
    };
    says("sub", &["1234567890", "example", "test"])
        || says("name", &["john doe", "jane doe", "test"])
        || says("iss", &["example", "test", "supabase-demo"])
        || says("email", &["example.", "test@"])
        || says("role", &["anon"])
        || claims.get("iat").and_then(Value::as_u64) == Some(1_516_239_022)
        || claims.as_object().is_some_and(serde_json::Map::is_empty)
}

/// The bytes of a text in base 64, with either alphabet and without padding.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.iter().filter(|byte| **byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_read_with_either_alphabet() {
        assert_eq!(decode(b"aGVsbG8_").as_deref(), Some(&b"hello?"[..]));
        assert_eq!(decode(b"aGVsbG8/").as_deref(), Some(&b"hello?"[..]));
        assert_eq!(decode(b"aGk=").as_deref(), Some(&b"hi"[..]));
        assert_eq!(decode(b"a b"), None);
    }
}
