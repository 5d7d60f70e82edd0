//! OpenSSH's form of a private key, put together from its numbers (OpenSSH, PROTOCOL.key; RFC 4251, 5): what is read from other forms is
//! written so, and read back by the one reader, which holds both halves against each other.

use ssh_key::PrivateKey;
use zeroize::Zeroizing;

use super::Unusable;

/// What such a key begins with.
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// What the private part's length is a multiple of.
const BLOCK: usize = 8;

/// Bytes being written.
#[derive(Default)]
struct Blob(Zeroizing<Vec<u8>>);

impl Blob {
    fn of(parts: &[&[u8]]) -> Blob {
        let mut blob = Blob::default();
        parts.iter().for_each(|part| blob.string(part));
        blob
    }

    fn number(&mut self, number: u32) {
        self.0.extend(number.to_be_bytes());
    }

    /// Bytes with their length before them. What is longer than a length can say was refused long before.
    fn string(&mut self, bytes: &[u8]) {
        self.number(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
    }
}

/// A number as the form has it: without zeros before it, but for one where it would be taken for a negative number.
fn positive(number: &[u8]) -> Zeroizing<Vec<u8>> {
    let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    let mut out = Zeroizing::new(Vec::with_capacity(digits.len() + 1));
    if digits.first().is_some_and(|byte| *byte >= 0x80) {
        out.push(0);
    }
    out.extend_from_slice(digits);
    out
}

/// The key of this seed and point.
pub(super) fn ed25519(seed: &[u8], public: &[u8]) -> Result<PrivateKey, Unusable> {
    let kind = b"ssh-ed25519";
    let both = Zeroizing::new([seed, public].concat());
    whole(&Blob::of(&[kind, public]), &Blob::of(&[kind, public, &both]))
}

/// The numbers of an RSA key.
pub(super) struct Rsa<'a> {
    pub modulus: &'a [u8],
    pub exponent: &'a [u8],
    pub private: &'a [u8],
    pub primes: [&'a [u8]; 2],
    pub coefficient: &'a [u8],
}

/// The key of these numbers.
pub(super) fn rsa(rsa: &Rsa<'_>) -> Result<PrivateKey, Unusable> {
    let kind = b"ssh-rsa";
    let [p, q] = rsa.primes.map(positive);
    let (n, e, d, iqmp) = (positive(rsa.modulus), positive(rsa.exponent), positive(rsa.private), positive(rsa.coefficient));
    whole(&Blob::of(&[kind, &e, &n]), &Blob::of(&[kind, &n, &e, &d, &iqmp, &p, &q]))
}

/// The key of this curve (`nistp256`), point and number; the number has the curve's full length.
pub(super) fn ecdsa(curve: &str, point: &[u8], number: &[u8]) -> Result<PrivateKey, Unusable> {
    let kind = format!("ecdsa-sha2-{curve}");
    let mut number = Zeroizing::new(number.to_vec());
    if number.first().is_some_and(|byte| *byte >= 0x80) {
        number.insert(0, 0);
    }
    let (kind, curve) = (kind.as_bytes(), curve.as_bytes());
    whole(&Blob::of(&[kind, curve, point]), &Blob::of(&[kind, curve, point, &number]))
}

fn whole(public: &Blob, private: &Blob) -> Result<PrivateKey, Unusable> {
    let mut inner = Blob::default();
    // Two equal numbers by which a wrong passphrase would be seen; there is none.
    inner.number(0);
    inner.number(0);
    inner.0.extend_from_slice(&private.0);
    inner.string(b"");
    let padding = inner.0.len().next_multiple_of(BLOCK) - inner.0.len();
    inner.0.extend((1..).take(padding));
    let mut blob = Blob(Zeroizing::new(MAGIC.to_vec()));
    [&b"none"[..], b"none", b""].iter().for_each(|part| blob.string(part));
    blob.number(1);
    blob.string(&public.0);
    blob.string(&inner.0);
    PrivateKey::from_bytes(&blob.0).map_err(|_| Unusable::NoKey)
}
