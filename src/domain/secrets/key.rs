//! Keys for SSH: made here, or given by somebody who has one.
//!
//! What is given may be in OpenSSH's form or in one of the PEM forms that `ssh-keygen` and OpenSSL write; what is kept is OpenSSH's form
//! without a passphrase, which the vault seals instead. The passphrase is needed once, to open what is given. A form whose passphrase cannot
//! be taken off here is refused with the command that does it.
//!
//! A key is hostile until it was read: how much work its passphrase costs is said by the key itself, and bounded here.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};

use crate::base::secret::Secret;
use crate::base::text::thousands;

mod blob;
mod pem;

/// The most bytes of a key that is given.
pub const MOST_KEY_BYTES: usize = 32 << 10;
/// The most bytes of a passphrase.
pub const MOST_PASSPHRASE_BYTES: usize = 1 << 10;
/// The most rounds that a passphrase may cost: `ssh-keygen` makes 24 unless told otherwise, and 100 is called a lot.
const MOST_ROUNDS: u32 = 400;
/// The fewest bits of an RSA key.
const LEAST_RSA_BITS: usize = 2_048;

/// Both halves of a key.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The private half in OpenSSH's form, without a passphrase.
    pub private: Secret<String>,
    /// The public half, a line as `authorized_keys` has it, without a comment.
    pub public: String,
    /// The public half's fingerprint, `SHA256:…`.
    pub fingerprint: String,
    /// Whether it was made here.
    pub was_made_here: bool,
}

/// Why what was given is no key that could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is none.
    #[error(
        "this is no private key that can be read here: paste the whole file, from its line BEGIN to its line END, in OpenSSH's form or PEM"
    )]
    NoKey,
    /// It is larger than a key.
    #[error("a private key has at most {} bytes", thousands(MOST_KEY_BYTES as u64))]
    TooLong,
    /// It is the public half.
    #[error("this is the public half of a key; the private half is wanted, the file without `.pub`")]
    Public,
    /// A passphrase is missing.
    #[error("this key has a passphrase; give it besides: it is used once and not kept")]
    PassphraseNeeded,
    /// The passphrase does not open it.
    #[error("this passphrase does not open the key")]
    PassphraseWrong,
    /// Its passphrase costs too much.
    #[error(
        "the passphrase of this key takes more than {MOST_ROUNDS} rounds to try; take it off with `ssh-keygen -p -f FILE -N ''` and give the key without"
    )]
    TooDear,
    /// Its passphrase cannot be taken off here.
    #[error("the passphrase of a key in this form cannot be taken off here; `ssh-keygen -p -f FILE` writes it in OpenSSH's form")]
    OtherPassphrase,
    /// Its kind is not one that is used.
    #[error("keys of this kind are not used here: {why}; `ssh-keygen -t ed25519` makes one that is")]
    Kind {
        /// Why not.
        why: &'static str,
    },
    /// Its halves do not belong together.
    #[error("the two halves of this key do not belong together")]
    Mismatched,
}

/// Makes a key of the kind ed25519.
pub fn generate() -> KeyPair {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).expect("the operating system gives randomness");
    let key = ed25519(&seed).expect("every seed makes a key");
    KeyPair { was_made_here: true, ..pair(&key).expect("a key that was made here can be written") }
}

/// Reads a key that is given, and takes its passphrase off. This may take a while.
pub fn parse(text: &Secret<String>, passphrase: Option<&Secret<String>>) -> Result<KeyPair, Unusable> {
    let text = text.expose().trim();
    if text.len() > MOST_KEY_BYTES {
        return Err(Unusable::TooLong);
    }
    if ["ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC", "-----BEGIN PUBLIC"].iter().any(|start| text.starts_with(start)) {
        return Err(Unusable::Public);
    }
    let key = if text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") { openssh(text, passphrase)? } else { pem::read(text)? };
    pair(&key)
}

/// A key in OpenSSH's own form.
fn openssh(text: &str, passphrase: Option<&Secret<String>>) -> Result<PrivateKey, Unusable> {
    // Whatever the lines end with; the form has one kind of end alone.
    let text = zeroize::Zeroizing::new(text.lines().map(str::trim).collect::<Vec<_>>().join("\n") + "\n");
    let key = PrivateKey::from_openssh(text.as_bytes()).map_err(|_| Unusable::NoKey)?;
    if !key.is_encrypted() {
        return Ok(key);
    }
    if matches!(key.kdf(), ssh_key::Kdf::Bcrypt { rounds, .. } if *rounds > MOST_ROUNDS) {
        return Err(Unusable::TooDear);
    }
    let passphrase = passphrase.filter(|text| !text.expose().is_empty()).ok_or(Unusable::PassphraseNeeded)?;
    if passphrase.expose().len() > MOST_PASSPHRASE_BYTES {
        return Err(Unusable::PassphraseWrong);
    }
    key.decrypt(passphrase.expose()).map_err(|_| Unusable::PassphraseWrong)
}

/// The key of this seed.
fn ed25519(seed: &[u8; 32]) -> Result<PrivateKey, Unusable> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Unusable::NoKey)?;
    blob::ed25519(seed, pair.public_key().as_ref())
}

/// What is kept of a key, if it is of a kind that is used.
fn pair(key: &PrivateKey) -> Result<KeyPair, Unusable> {
    match key.algorithm() {
        Algorithm::Ed25519 => {
            let halves = key.key_data().ed25519().ok_or(Unusable::NoKey)?;
            let seed = zeroize::Zeroizing::new(halves.private.to_bytes());
            Ed25519KeyPair::from_seed_and_public_key(seed.as_slice(), &halves.public.0).map_err(|_| Unusable::Mismatched)?;
        }
        Algorithm::Rsa { .. } => {
            let modulus = key.key_data().rsa().and_then(|halves| halves.public.n.as_positive_bytes()).ok_or(Unusable::NoKey)?;
            if modulus.len() * 8 < LEAST_RSA_BITS {
                return Err(Unusable::Kind { why: "an RSA key has at least 2,048 bits" });
            }
        }
        Algorithm::Ecdsa { .. } => {}
        Algorithm::Dsa => return Err(Unusable::Kind { why: "no server takes DSA any more" }),
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => {
            return Err(Unusable::Kind { why: "its private half is in a device that is not here" });
        }
        _ => return Err(Unusable::Kind { why: "it is of a kind that is not known" }),
    }
    let mut bare = key.public_key().clone();
    bare.set_comment("");
    let private = key.to_openssh(LineEnding::LF).map_err(|_| Unusable::NoKey)?;
    Ok(KeyPair {
        private: Secret::new(private.as_str().to_owned()),
        public: bare.to_openssh().map_err(|_| Unusable::NoKey)?.trim().to_owned(),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        was_made_here: false,
    })
}

#[cfg(test)]
mod tests;
