//! What GitHub signs a delivery with: HMAC-SHA256 over the bytes of the body, under a secret that both sides know.
//!
//! It is verified over the bytes as they came, before anything reads them, and in a time that does not depend on how much of it is right.
//! Where no secret is known, nothing is signed: there is no such thing as a delivery that need not be.

use ring::hmac;

use crate::base::secret::Secret;

/// The header that carries it.
pub const HEADER: &str = "x-hub-signature-256";
/// What stands before its digits.
const SCHEME: &str = "sha256=";
/// How many bytes it has.
const BYTES: usize = 32;

/// A signature as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; BYTES]);

impl Signature {
    /// Reads `sha256=` and sixty-four hexadecimal digits; anything else is none.
    pub fn parse(header: &str) -> Option<Signature> {
        let digits = header.strip_prefix(SCHEME)?.as_bytes();
        if digits.len() != 2 * BYTES {
            return None;
        }
        let digit = |at: usize| char::from(digits[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; BYTES];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = digit(2 * at)? << 4 | digit(2 * at + 1)?;
        }
        Some(Signature(bytes))
    }

    /// Whether this is what one of the secrets makes of the body. Without a secret it is not.
    pub fn is_of(&self, body: &[u8], secrets: &[Secret<String>]) -> bool {
        let is_under = |secret: &Secret<String>| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            hmac::verify(&key, body, &self.0).is_ok()
        };
        // An empty secret is known to everybody.
        secrets.iter().filter(|secret| !secret.expose().is_empty()).any(is_under)
    }
}

/// The header's value for a body under a secret: for whoever sends deliveries to themselves.
pub fn sign(body: &[u8], secret: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
    tag.as_ref().iter().fold(SCHEME.to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's own documentation ("Validating webhook deliveries").
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secrets(texts: &[&str]) -> Vec<Secret<String>> {
        texts.iter().map(|text| Secret::new((*text).to_owned())).collect()
    }

    #[test]
    fn githubs_own_example_verifies_and_is_what_we_would_send() {
        let signature = Signature::parse(SIGNED).unwrap();
        assert!(signature.is_of(BODY, &secrets(&[SECRET])));
        assert_eq!(sign(BODY, SECRET), SIGNED);
    }

    #[test]
    fn either_of_two_secrets_is_good_while_they_are_exchanged_and_none_means_no() {
        let signature = Signature::parse(SIGNED).unwrap();
        assert!(signature.is_of(BODY, &secrets(&["new", SECRET])) && signature.is_of(BODY, &secrets(&[SECRET, "old"])));
        assert!(!signature.is_of(BODY, &secrets(&["new"])));
        assert!(!signature.is_of(BODY, &[]));
        let of_nothing = Signature::parse(&sign(BODY, "")).unwrap();
        assert!(!of_nothing.is_of(BODY, &secrets(&[""])));
    }

    #[test]
    fn a_signature_with_any_bit_turned_is_refused() {
        let Signature(good) = Signature::parse(SIGNED).unwrap();
        for bit in 0..8 * BYTES {
            let mut bytes = good;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!Signature(bytes).is_of(BODY, &secrets(&[SECRET])), "bit {bit}");
        }
    }

    #[test]
    fn what_has_not_the_form_of_one_is_none() {
        let digits = &SIGNED[SCHEME.len()..];
        for bad in [
            "",
            "sha256=",
            digits,
            &SIGNED[..SIGNED.len() - 1],
            &format!("{SIGNED}0"),
            &SIGNED.replace('7', "g"),
            &format!("sha1={digits}"),
        ] {
            assert_eq!(Signature::parse(bad), None, "{bad}");
        }
        assert_eq!(Signature::parse(&SIGNED.replace('c', "C")), Signature::parse(SIGNED));
    }
}
