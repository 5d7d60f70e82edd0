//! Passwords: what one may be, and what is kept of it.
//!
//! What is kept is an Argon2id hash with its parameters and a salt of its own. Hashing is slow on purpose, so nothing here is called
//! within a transaction: a verb is handed the [`PasswordHash`] that was made or matched before, and compares that with the row.
//!
//! What one may be follows NIST SP 800-63B and OWASP ASVS 6.2: long enough, not among those that everybody tries first, not the login;
//! no rule asks for kinds of characters. The common ones are told by what they are made of (`common.rs`), since lists of
//! whole passwords hold few as long as ours must be.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroize;

use super::common::{self, Common};
use crate::base::id::UserId;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::store::Record;

/// The fewest characters.
pub const LEAST_CHARS: usize = 12;
/// The most bytes: long enough for any sentence, short enough to be hashed for a stranger.
pub const MOST_BYTES: usize = 1_024;
/// Memory that a hash takes, in KiB, how often it passes over that, and in how many lanes: OWASP's least for Argon2id.
const COST: Cost = Cost { memory_kib: 19_456, passes: 2, lanes: 1 };

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// It is too short.
    #[error("a password has at least {LEAST_CHARS} characters; a sentence of four or five words is easy to remember")]
    TooShort,
    /// It is too long.
    #[error("a password has at most {MOST_BYTES} bytes")]
    TooLong,
    /// It holds something that no keyboard sends.
    #[error("a password has no control characters")]
    Control,
    /// It is or holds the login.
    #[error("a password does not hold the login")]
    HoldsLogin,
    /// Everybody tries it.
    #[error("this password is among the first that are tried: it is {0}; take words that nobody would guess together")]
    Common(Common),
}

/// A password that may be one.
#[derive(Debug, Clone)]
pub struct Password(Secret<String>);

impl Password {
    /// Takes a text as the new password of whoever signs in by `login`.
    pub fn new(mut text: String, login: &str) -> Result<Password, PasswordFault> {
        let judged = judge(&text, login);
        let password = Password(Secret::new(normal(&text)));
        text.zeroize();
        judged.map(|()| password)
    }

    /// Hashes it. Slow on purpose: never within a transaction, never on a thread that answers requests.
    pub fn hash(&self) -> PasswordHash {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).expect("the operating system gives randomness");
        PasswordHash { cost: COST, salt, hash: digest(COST, &salt, self.0.expose()) }
    }
}

/// The same text however it was typed: an `é` is one character or two.
fn normal(text: &str) -> String {
    text.nfc().collect()
}

fn judge(text: &str, login: &str) -> Result<(), PasswordFault> {
    if text.len() > MOST_BYTES {
        return Err(PasswordFault::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(PasswordFault::Control);
    }
    if text.chars().count() < LEAST_CHARS {
        return Err(PasswordFault::TooShort);
    }
    // A login of one or two letters stands in many a sentence.
    if login.len() >= 3 && text.to_lowercase().contains(&login.to_lowercase()) {
        return Err(PasswordFault::HoldsLogin);
    }
    common::judge(text).map_or(Ok(()), |common| Err(PasswordFault::Common(common)))
}

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    cost: Cost,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl PasswordHash {
    /// A hash that no password has, to be tried where there is no account: it takes as long as any.
    pub fn of_nobody() -> PasswordHash {
        PasswordHash { cost: COST, salt: [0; 16], hash: [0; 32] }
    }

    /// Whether this is the hash of `text`. As slow as making one. A text that is longer than any password is none, and is told at once:
    /// that says nothing of the account.
    pub fn is_of(&self, text: &str) -> bool {
        text.len() <= MOST_BYTES && bool::from(digest(self.cost, &self.salt, &normal(text)).ct_eq(&self.hash))
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[a password's hash]")
    }
}

fn digest(cost: Cost, salt: &[u8], text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(hash.len())).expect("the costs are ones that Argon2 takes");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), salt, &mut hash)
        .expect("password, salt and hash have lengths that Argon2 takes");
    hash
}

/// What a person's password is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordRow {
    /// Whose.
    pub user: UserId,
    /// The hash.
    pub hash: PasswordHash,
    /// When it was set.
    pub set_at: Timestamp,
}

impl Record for PasswordRow {
    const TABLE: &'static str = "passwords";
    const VERSION: u16 = 1;
    type Key = UserId;

    fn key(&self) -> UserId {
        self.user
    }
}

impl PasswordRow {
    /// A row of known bytes, for the frozen shapes of records.
    #[doc(hidden)]
    pub fn sample(user: UserId, set_at: Timestamp) -> PasswordRow {
        let cost = Cost { memory_kib: 300, passes: 4, lanes: 5 };
        PasswordRow { user, hash: PasswordHash { cost, salt: [6; 16], hash: [7; 32] }, set_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, login: &str) -> PasswordFault {
        Password::new(text.to_owned(), login).expect_err(text)
    }

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let password = Password::new("seven grey herons wade".to_owned(), "ada").unwrap();
        let (one, other) = (password.hash(), password.hash());
        assert_ne!(one, other, "each has a salt of its own");
        assert!(one.is_of("seven grey herons wade") && other.is_of("seven grey herons wade"));
        assert!(!one.is_of("seven grey herons wadE") && !one.is_of(""));
        assert!(!PasswordHash::of_nobody().is_of("") && !PasswordHash::of_nobody().is_of("seven grey herons wade"));
        assert!(!format!("{one:?} {password:?}").contains("heron"));
    }

    #[test]
    fn an_accent_is_the_same_however_it_was_typed() {
        let one = Password::new("caf\u{e9} by the old harbour".to_owned(), "ada").unwrap();
        assert!(one.hash().is_of("cafe\u{301} by the old harbour"));
    }

    #[test]
    fn length_is_counted_in_characters_below_and_in_bytes_above() {
        assert_eq!(refused("eleven char", "ada"), PasswordFault::TooShort);
        assert!(Password::new("zwölf Zeichn".to_owned(), "ada").is_ok());
        assert_eq!(refused(&"x4 Qu".repeat(205), "ada"), PasswordFault::TooLong);
        assert_eq!(refused("a tab\tis not typed", "ada"), PasswordFault::Control);
        assert!(!PasswordHash::of_nobody().is_of(&"x".repeat(MOST_BYTES + 1)));
    }

    #[test]
    fn a_password_does_not_hold_the_login() {
        assert_eq!(refused("my name is GRACE since birth", "grace"), PasswordFault::HoldsLogin);
        assert!(Password::new("a bold badger sings".to_owned(), "al").is_ok());
    }

    /// A vector of the reference implementation's own tests (`argon2id`, version 19, t=2, m=2^8, p=1).
    #[test]
    fn the_hash_is_argon2id_as_others_compute_it() {
        let hash = digest(Cost { memory_kib: 256, passes: 2, lanes: 1 }, b"somesalt", "password");
        let text: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
    }
}
