//! The key to a repository's badges.
//!
//! A README is read where nobody is signed in, so the key is a part of the image's address there: whoever reads the README has it. That
//! is why it is kept as it is, to be shown again, where the secrets of tokens are kept as hashes; and why it opens badges and nothing
//! else. Rotating it closes the badges that carry the old one.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// The key to a repository's badges. `Debug` prints `[redacted]`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadgeKey([u8; 16]);

impl BadgeKey {
    /// Makes a key.
    pub fn random() -> BadgeKey {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives randomness");
        BadgeKey(bytes)
    }

    /// The key of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> BadgeKey {
        BadgeKey(bytes)
    }

    /// The key as it stands in an address: 32 hexadecimal digits. The call is the place a reviewer looks at.
    pub fn expose(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether this text is the key. How long it takes does not tell how much of it is right.
    pub fn is(&self, text: &str) -> bool {
        self.expose().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl std::fmt::Debug for BadgeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_itself_alone_and_does_not_print_itself() {
        let key = BadgeKey::random();
        let text = key.expose();
        assert_eq!(text.len(), 32);
        assert!(key.is(&text));
        assert!(!key.is("") && !key.is(&text[1..]) && !key.is(&text.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")));
        assert!(!BadgeKey::random().is(&text));
        assert_eq!(format!("{key:?}"), "[redacted]");
    }
}
