//! Sealing what must be read again: the one place where a vault is plugged in.
//!
//! What is sealed here is opened here and nowhere else, so whoever reads a store or its copy without the key has nothing. The key is a
//! file beside the store, readable by its owner alone, made when it is first needed. Each value is sealed for a purpose that is part of
//! what is authenticated: one that was moved to another row does not open.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ring::aead;
use zeroize::Zeroize;

use crate::base::secret::Secret;

/// How many bytes the key has.
const KEY_BYTES: usize = 32;

/// What can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key cannot be read or made.
    #[error("cannot read or make the key `{}`", path.display())]
    Key {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key is not one.
    #[error("the key `{}` does not have {KEY_BYTES} bytes; put a backup of the file in its place", path.display())]
    KeyDamaged {
        /// Where it is.
        path: PathBuf,
    },
    /// What was sealed does not open.
    #[error("what was sealed for {purpose} does not open with the key `{}`; it was sealed with another, or is damaged", path.display())]
    Closed {
        /// What it was sealed for.
        purpose: String,
        /// Where the key is.
        path: PathBuf,
    },
}

/// Seals and opens. Both may read a file and are not for threads that answer requests.
#[derive(Clone)]
pub struct Seal {
    path: PathBuf,
    cipher: Arc<Mutex<Option<Arc<aead::LessSafeKey>>>>,
}

impl Seal {
    /// A seal whose key is kept in this file.
    pub fn at(path: PathBuf) -> Seal {
        Seal { path, cipher: Arc::default() }
    }

    /// Seals a value for a purpose.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let cipher = self.cipher()?;
        let mut nonce = [0; aead::NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the operating system gives randomness");
        let mut sealed = plain.to_vec();
        cipher
            .seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::from(purpose.as_bytes()), &mut sealed)
            .expect("a value of this size can be sealed");
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for a purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
        let closed = || Error::Closed { purpose: purpose.to_owned(), path: self.path.clone() };
        let cipher = self.cipher()?;
        let (nonce, text) = sealed.split_first_chunk::<{ aead::NONCE_LEN }>().ok_or_else(closed)?;
        let mut text = text.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let open = cipher.open_in_place(nonce, aead::Aad::from(purpose.as_bytes()), &mut text).map_err(|_| closed())?;
        let plain = Secret::new(open.to_vec());
        text.zeroize();
        Ok(plain)
    }

    fn cipher(&self) -> Result<Arc<aead::LessSafeKey>, Error> {
        let mut held = self.cipher.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cipher) = &*held {
            return Ok(Arc::clone(cipher));
        }
        let mut key = self.read_or_make()?;
        let unbound = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, &key).expect("the key has the cipher's length");
        key.zeroize();
        let cipher = Arc::new(aead::LessSafeKey::new(unbound));
        *held = Some(Arc::clone(&cipher));
        Ok(cipher)
    }

    fn read_or_make(&self) -> Result<[u8; KEY_BYTES], Error> {
        let failed = |source| Error::Key { path: self.path.clone(), source };
        match std::fs::File::open(&self.path) {
            Ok(file) => {
                let mut bytes = Vec::new();
                file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
                let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice());
                bytes.zeroize();
                key.map_err(|_| Error::KeyDamaged { path: self.path.clone() })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.make().map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }

    /// Makes the key, on the disk before anything is sealed with it; under another name first, so that half a key is never read.
    fn make(&self) -> std::io::Result<[u8; KEY_BYTES]> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).expect("the operating system gives randomness");
        let part = self.path.with_extension("part");
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&part, &self.path)?;
        if let Some(parent) = self.path.parent() {
            std::fs::File::open(parent)?.sync_all()?;
        }
        Ok(key)
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_purpose_after_a_restart_and_in_no_other_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        let sealed = Seal::at(path.clone()).seal("codes of ada", b"plain").unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"plain"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Seal::at(path.clone());
        assert_eq!(again.open("codes of ada", &sealed).unwrap().expose(), b"plain");
        assert!(matches!(again.open("codes of eve", &sealed), Err(Error::Closed { .. })));
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(again.open("codes of ada", &bent).is_err(), "byte {at}");
        }
        assert!(again.open("codes of ada", &sealed[..5]).is_err());
        assert!(Seal::at(dir.path().join("b.key")).open("codes of ada", &sealed).is_err(), "another key");
        std::fs::write(&path, b"short").unwrap();
        assert!(matches!(Seal::at(path).open("codes of ada", &sealed), Err(Error::KeyDamaged { .. })));
    }
}
