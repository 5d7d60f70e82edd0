//! The keys that an issuer publishes (RFC 7517), as far as they can verify a token.
//!
//! Keys of other kinds and for other uses are left out, and so is every key whose id another one has as well. What a token says of keys
//! itself (`jwk`, `jku`, `x5u`, `x5c`) is never looked at.

use std::collections::BTreeMap;

use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::Value;

use super::json::{Object, unbase64};
use super::shown::Algorithm;

/// The largest list of keys that is read.
pub const KEYS_BYTES: u64 = 256 << 10;
/// The most keys that are kept of a list.
const MOST_KEYS: usize = 64;
/// The longest id of a key.
pub(super) const KEY_ID_BYTES: usize = 256;

/// An issuer's keys by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Key>);

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// For RS256.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// For ES256: a point of the curve P-256, uncompressed.
    P256 { point: Vec<u8> },
}

impl Keys {
    /// Reads a list of keys; `None` if it is none, or has no key that can verify a token.
    pub fn read(bytes: &[u8]) -> Option<Keys> {
        let list = Object::read(bytes)?;
        let mut found: BTreeMap<String, Option<Key>> = BTreeMap::new();
        for key in list.get("keys")?.as_array()?.iter().take(MOST_KEYS) {
            let Some(id) = text(key, "kid").filter(|id| !id.is_empty() && id.len() <= KEY_ID_BYTES) else { continue };
            let is_double = found.contains_key(id);
            found.insert(id.to_owned(), if is_double { None } else { Key::read(key) });
        }
        let keys: BTreeMap<String, Key> = found.into_iter().filter_map(|(id, key)| Some((id, key?))).collect();
        (!keys.is_empty()).then_some(Keys(keys))
    }

    /// Whether there is a key by this id.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Key> {
        self.0.get(id)
    }
}

fn text<'a>(key: &'a Value, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Value::as_str)
}

impl Key {
    fn read(key: &Value) -> Option<Key> {
        let is_for_signatures = key.get("use").is_none_or(|used| used == "sig");
        let part = |name| unbase64(text(key, name)?);
        let (algorithm, read) = match text(key, "kty")? {
            "RSA" => {
                let without_zeros = |bytes: Vec<u8>| bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
                (Algorithm::Rs256, Key::Rsa { n: without_zeros(part("n")?), e: without_zeros(part("e")?) })
            }
            "EC" if text(key, "crv")? == "P-256" => {
                let (x, y) = (part("x")?, part("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                (Algorithm::Es256, Key::P256 { point: [&[4], &x[..], &y[..]].concat() })
            }
            _ => return None,
        };
        let is_for_this = key.get("alg").is_none_or(|meant| meant == algorithm.name());
        (is_for_signatures && is_for_this).then_some(read)
    }

    /// What it verifies.
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Key::Rsa { .. } => Algorithm::Rs256,
            Key::P256 { .. } => Algorithm::Es256,
        }
    }

    /// Whether it made this signature of this message. Of RSA, keys of fewer than 2048 bits make none.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Key::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
            Key::P256 { point } => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok(),
        }
    }
}
