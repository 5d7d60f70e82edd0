//! Time-based one-time codes (RFC 6238) and the recovery codes beside them: pure rules.
//!
//! A code is six digits of an HMAC-SHA-1 over the number of the half minute, under a secret that an app on somebody's phone holds as
//! well. SHA-1 is what those apps know; nothing that is wrong with it as a hash bears on it here. A code of the half minute before or
//! after is taken too, for clocks that are a little off; that each is taken once is decided where the last one is kept
//! (`factor.rs`).

use ring::hmac;
use subtle::ConstantTimeEq;

use super::token::Hashed;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;

/// How many bytes a secret has: as many as the hash (RFC 4226, 4).
pub const SECRET_BYTES: usize = 20;
/// How long a code is shown.
const STEP_SECONDS: u64 = 30;
/// Six digits.
const MODULUS: u32 = 1_000_000;
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;
/// How many letters a recovery code has: of 32 kinds, 80 bits.
const RECOVERY_LETTERS: usize = 16;
/// Crockford's letters in lower case: none that is taken for another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The secret that codes are made of.
#[derive(Debug, Clone)]
pub struct TotpSecret(Secret<Vec<u8>>);

impl TotpSecret {
    /// A new one.
    pub fn random() -> TotpSecret {
        TotpSecret(Secret::new(random::<SECRET_BYTES>().to_vec()))
    }

    /// The one of these bytes, once they were opened.
    pub fn new(bytes: Vec<u8>) -> TotpSecret {
        TotpSecret(Secret::new(bytes))
    }

    /// The bytes, to be sealed.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The secret as people type it into an app: base 32 (RFC 4648), without padding.
    pub fn base32(&self) -> String {
        const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let (mut text, mut bits, mut held) = (String::new(), 0_u32, 0);
        for byte in self.0.expose() {
            bits = bits << 8 | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                text.push(char::from(DIGITS[(bits >> held) as usize & 31]));
            }
        }
        if held > 0 {
            text.push(char::from(DIGITS[(bits << (5 - held)) as usize & 31]));
        }
        text
    }

    /// The address that an app reads off a picture: the instance's host, and who it is there. Neither holds what would need escaping but
    /// the colon of a port.
    pub fn uri(&self, host: &str, login: &str) -> String {
        let host = host.replace(':', "%3A");
        format!("otpauth://totp/Plumbline%20{host}:{login}?secret={}&issuer=Plumbline%20{host}", self.base32())
    }

    /// The code of a step.
    fn code(&self, step: u64) -> u32 {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.expose());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[tag.len() - 1] & 15);
        let word = u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]);
        (word & 0x7fff_ffff) % MODULUS
    }

    /// The step whose code this is, if it is one of now, of just before or of just after. All three are looked at, whichever it is.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let present = step_at(now);
        let mut found = None;
        for step in [present.saturating_sub(1), present, present + 1] {
            if bool::from(format!("{:06}", self.code(step)).as_bytes().ct_eq(digits.as_bytes())) {
                found = Some(step);
            }
        }
        found
    }

    /// The code of an instant, as an app would show it.
    pub fn code_at(&self, now: Timestamp) -> String {
        format!("{:06}", self.code(step_at(now)))
    }
}

fn step_at(now: Timestamp) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(0) / 1_000 / STEP_SECONDS
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A code that stands in for the app, once.
#[derive(Debug, Clone)]
pub struct RecoveryCode(Secret<String>);

impl RecoveryCode {
    /// Ten new ones.
    pub fn ten() -> Vec<RecoveryCode> {
        let one = || {
            let letters = random::<RECOVERY_LETTERS>().map(|byte| char::from(LETTERS[usize::from(byte & 31)]));
            let groups: Vec<String> = letters.chunks(4).map(|four| four.iter().collect()).collect();
            RecoveryCode(Secret::new(groups.join("-")))
        };
        (0..RECOVERY_CODES).map(|_| one()).collect()
    }

    /// The text, to be shown once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is kept of it: with 80 random bits there is nothing to guess, so no slow hash is needed.
    pub fn hashed(&self) -> Hashed {
        hash_of_recovery(self.0.expose()).expect("a code that was made has the form of one")
    }
}

/// The hash of a text if it has the form of a recovery code, however it was typed.
pub fn hash_of_recovery(text: &str) -> Option<Hashed> {
    let letters: String =
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(RECOVERY_LETTERS + 1).map(|c| c.to_ascii_lowercase()).collect();
    let is_good = letters.len() == RECOVERY_LETTERS && letters.bytes().all(|byte| LETTERS.contains(&byte));
    is_good.then(|| Hashed::of(&format!("recovery code {letters}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    /// RFC 6238, appendix B, whose eight digits end in these six.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = TotpSecret::new(b"12345678901234567890".to_vec());
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            assert_eq!(secret.code_at(at(seconds)), code);
            assert_eq!(secret.step_of(code, at(seconds)), Some(seconds as u64 / 30));
        }
    }

    #[test]
    fn a_code_is_good_for_one_step_to_each_side() {
        let secret = TotpSecret::random();
        let code = secret.code_at(at(3_000));
        let near = [2_969, 2_970, 3_000, 3_059, 3_060].map(|seconds| secret.step_of(&code, at(seconds)).is_some());
        assert_eq!(near, [false, true, true, true, false]);
        for bad in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
            assert_eq!(secret.step_of(bad, at(3_000)), None, "{bad}");
        }
        assert_eq!(secret.step_of(&format!("{} {}", &code[..3], &code[3..]), at(3_000)), Some(100));
    }

    /// RFC 4648, section 10, without the padding.
    #[test]
    fn the_secret_is_written_in_base_32() {
        for (bytes, text) in
            [("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(TotpSecret::new(bytes.into()).base32(), text);
        }
        let uri = TotpSecret::new(b"foobar".to_vec()).uri("localhost:7867", "ada");
        assert_eq!(uri, "otpauth://totp/Plumbline%20localhost%3A7867:ada?secret=MZXW6YTBOI&issuer=Plumbline%20localhost%3A7867");
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_typed() {
        let codes = RecoveryCode::ten();
        assert_eq!(codes.len(), 10);
        let text = codes[0].expose();
        assert_eq!(text.len(), 19, "{text}");
        assert_eq!(hash_of_recovery(&text.to_uppercase().replace('-', " ")), Some(codes[0].hashed()));
        assert_ne!(codes[0].hashed(), codes[1].hashed());
        for bad in ["", "123456", &text[1..], &format!("{text}0"), &text.replace(&text[..1], "u")] {
            assert_eq!(hash_of_recovery(bad), None, "{bad}");
        }
    }
}
