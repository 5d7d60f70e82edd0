//! The forms of private keys that OpenSSL writes: PKCS#1 for RSA (RFC 8017, A.1.2), SEC 1 for elliptic curves (RFC 5915), and PKCS#8 for
//! both and for Ed25519 (RFC 5958, RFC 8410). Each is a few numbers in DER.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair};
use ssh_key::PrivateKey;
use zeroize::Zeroizing;

use super::{Unusable, blob};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const BYTES: u8 = 0x04;
const NAME: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const FIRST: u8 = 0xa0;
const SECOND: u8 = 0xa1;

/// Reads a key in one of these forms.
pub(super) fn read(text: &str) -> Result<PrivateKey, Unusable> {
    let mut lines = text.lines().map(str::trim);
    let label = lines.next().and_then(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")).ok_or(Unusable::NoKey)?;
    if label.starts_with("ENCRYPTED ") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(Unusable::OtherPassphrase);
    }
    let end = format!("-----END {label}-----");
    let mut digits = Zeroizing::new(String::new());
    loop {
        match lines.next().ok_or(Unusable::NoKey)? {
            line if line == end => break,
            line => digits.push_str(line),
        }
    }
    // As much as is read has room from the beginning: bytes that had to move would be left behind.
    let mut der = Zeroizing::new(Vec::with_capacity(digits.len()));
    STANDARD.decode_vec(digits.as_bytes(), &mut der).map_err(|_| Unusable::NoKey)?;
    let read = match label {
        "RSA PRIVATE KEY" => pkcs1(&der),
        "EC PRIVATE KEY" => sec1(&der, None),
        "PRIVATE KEY" => pkcs8(&der),
        "DSA PRIVATE KEY" => return Err(Unusable::Kind { why: "no server takes DSA any more" }),
        _ => None,
    };
    read.unwrap_or(Err(Unusable::NoKey))
}

/// What is left to read.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, which is to be of this kind.
    fn take(&mut self, kind: u8) -> Option<&'a [u8]> {
        let [found, first, rest @ ..] = self.0 else { return None };
        if *found != kind {
            return None;
        }
        let (length, rest) = match *first {
            short @ ..=0x7f => (usize::from(short), rest),
            // A key has less than what three bytes can say.
            long @ 0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    fn enter(&mut self, kind: u8) -> Option<Der<'a>> {
        self.take(kind).map(Der)
    }
}

/// `None` is that it is not in this form.
type Read = Option<Result<PrivateKey, Unusable>>;

fn pkcs1(der: &[u8]) -> Read {
    let mut key = Der(der).enter(SEQUENCE)?;
    // Two primes alone.
    key.take(INTEGER).filter(|version| *version == [0])?;
    let mut number = || key.take(INTEGER);
    let (modulus, exponent, private) = (number()?, number()?, number()?);
    let primes = [number()?, number()?];
    number()?;
    number()?;
    let coefficient = number()?;
    Some(blob::rsa(&blob::Rsa { modulus, exponent, private, primes, coefficient }))
}

fn sec1(der: &[u8], curve: Option<&[u8]>) -> Read {
    let mut key = Der(der).enter(SEQUENCE)?;
    key.take(INTEGER).filter(|version| *version == [1])?;
    let number = key.take(BYTES)?;
    let curve = match (key.enter(FIRST), curve) {
        (Some(mut named), _) => named.take(NAME)?,
        (None, curve) => curve?,
    };
    let (name, algorithm) = match curve {
        P256 => ("nistp256", &ECDSA_P256_SHA256_ASN1_SIGNING),
        P384 => ("nistp384", &ECDSA_P384_SHA384_ASN1_SIGNING),
        _ => return Some(Err(Unusable::Kind { why: "in this form, the curve has to be P-256 or P-384" })),
    };
    let Some(mut public) = key.enter(SECOND) else {
        return Some(Err(Unusable::Kind { why: "it lacks its public half" }));
    };
    // The first byte says how many bits of the last are none: there are none of these.
    let point = public.take(BITS)?.strip_prefix(&[0])?;
    let is_pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, number, point, &SystemRandom::new()).is_ok();
    Some(if is_pair { blob::ecdsa(name, point, number) } else { Err(Unusable::Mismatched) })
}

fn pkcs8(der: &[u8]) -> Read {
    let mut key = Der(der).enter(SEQUENCE)?;
    key.take(INTEGER)?;
    let mut algorithm = key.enter(SEQUENCE)?;
    let kind = algorithm.take(NAME)?;
    let inner = key.take(BYTES)?;
    match kind {
        RSA => pkcs1(inner),
        ELLIPTIC => sec1(inner, algorithm.take(NAME)),
        ED25519 => Some(super::ed25519(Der(inner).take(BYTES)?.try_into().ok()?)),
        _ => Some(Err(Unusable::Kind { why: "it is of a kind that is not known" })),
    }
}
