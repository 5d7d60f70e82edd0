//! The vault: what is stored of a secret is of no use to whoever has the store and not the key file.
//!
//! A value is sealed by a key of its own (ChaCha20-Poly1305), which is wrapped as an age file to the instance's key. What it is a value of,
//! and which of its values, is bound into the seal, so that no row can stand in for another, nor an older value for the present one under
//! a new number. The instance's key is in a `keyfile` outside of the store: a copy of the store, or a backup of it, opens nothing.
//!
//! Another key takes the place of the present one without a value being opened: of each, the wrapping alone is made anew
//! ([`Vault::rewrap`]). The steps are the caller's, and each may be the last before a crash: first the file has both keys
//! ([`Vault::add_key`]), then what is sealed is wrapped to the new one, and the old one goes last ([`Vault::retire`]), once it is written
//! down that nothing needs it.
//!
//! A key file that is missing, open to others, or of another instance is no reason to stop: what needs no secret goes on. Each use says
//! what is wrong, and looks again first, so that putting the file right is enough. One that is taken away from a running process takes
//! nothing from it: what is sealed is opened by what is in memory, and nothing is sealed until the file is there again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use age::x25519::Identity;
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::secret::Secret;

mod keyfile;

use keyfile::KeyFile;

/// The public half of a key of the vault, in age's own form (`age1…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Recipient(String);

impl Recipient {
    fn of(identity: &Identity) -> Recipient {
        Recipient(identity.to_public().to_string())
    }

    /// A text that names a key; it need not be one that is known here.
    pub fn named(text: impl Into<String>) -> Recipient {
        Recipient(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A value at rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// What its key is wrapped to.
    pub recipient: Recipient,
    /// Its key, as an age file.
    pub wrapped: Vec<u8>,
    /// What it was sealed with besides, used this once.
    pub nonce: [u8; aead::NONCE_LEN],
    /// The value, sealed.
    pub text: Vec<u8>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").field("recipient", &self.recipient.0).field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

/// What a value is of: bound into its seal, and not stored with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// What kind of thing.
    pub kind: &'static str,
    /// Which one.
    pub id: u128,
    /// Which of its values.
    pub version: u64,
}

impl Binding {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = b"plumbline vault 1\0".to_vec();
        // With its length before it, no kind can pass for another and a part of the id.
        bytes.extend((self.kind.len() as u64).to_be_bytes());
        bytes.extend(self.kind.as_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(self.version.to_be_bytes());
        bytes
    }
}

/// Why nothing can be sealed or opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The key file is gone.
    #[error(
        "the key file `{}` is not there, and without it no secret can be opened; put it back from a backup, or give it up for lost with `plumbline keys regenerate-missing`",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is there and cannot be read.
    #[error("the key file `{}` cannot be read ({why}); make it readable for whoever runs plumbline, and for nobody else", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: Arc<std::io::Error>,
    },
    /// Others may read it.
    #[error("the key file `{}` is open to others (its mode is {mode:04o}); close it with `chmod 600`, and rotate the keys if somebody may have read it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds something else than keys.
    #[error("the key file `{}` is damaged: {why}; put it back from a backup", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It has keys, and not the one that is needed.
    #[error("the key file `{}` is of another instance, or older than the store: it lacks the key {needed}; put the one in its place that belongs to this store", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is needed.
        needed: Recipient,
    },
    /// It cannot be written.
    #[error("the key file `{}` cannot be written ({why})", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// Why.
        why: Arc<std::io::Error>,
    },
    /// One value is sealed to a key that is not in the file any more.
    #[error("it is sealed to the key {needed}, which is not in the key file; set it anew")]
    KeyGone {
        /// What is needed.
        needed: Recipient,
    },
    /// What is stored is not what was sealed here.
    #[error("what is stored is not what was sealed for it: it was changed, or is another's; set it anew")]
    Altered,
}

impl Error {
    /// The sentence for those who do not administer the instance: without a path of the host's.
    pub fn public(&self) -> String {
        match self {
            Error::Missing { .. }
            | Error::Unreadable { .. }
            | Error::Open { .. }
            | Error::Malformed { .. }
            | Error::Foreign { .. }
            | Error::Unwritten { .. } => "the vault cannot be used; the server's log says why".to_owned(),
            Error::KeyGone { .. } | Error::Altered => self.to_string(),
        }
    }
}

/// A result of the vault.
pub type Result<T> = std::result::Result<T, Error>;

/// The thing with the key.
#[derive(Debug)]
pub struct Vault {
    file: Option<KeyFile>,
    state: Mutex<State>,
}

/// What is known of the keys.
struct State {
    /// The key that values are sealed to, as the store has it; `None` as long as nothing was ever sealed.
    present: Option<Recipient>,
    ring: Result<Vec<Arc<Key>>>,
}

struct Key {
    recipient: Recipient,
    identity: Identity,
}

impl Key {
    fn of(identity: Identity) -> Arc<Key> {
        Arc::new(Key { recipient: Recipient::of(&identity), identity })
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.ring.as_ref().map(|keys| keys.iter().map(|key| key.recipient.as_str()).collect::<Vec<_>>());
        f.debug_struct("State").field("present", &self.present).field("ring", &known).finish()
    }
}

impl Vault {
    /// A vault whose key is nowhere but in memory, and gone with it.
    pub fn fleeting() -> Vault {
        let state = State { present: None, ring: Ok(vec![Key::of(Identity::generate())]) };
        Vault { file: None, state: Mutex::new(state) }
    }

    /// The vault whose keys are in this file, for a store whose values are sealed to `present`. Where nothing was ever sealed and there is
    /// no file, one is made. What is wrong with the file is told by [`Vault::fault`], and by each use.
    pub fn at(path: PathBuf, present: Option<Recipient>) -> Vault {
        let file = KeyFile::at(path);
        let ring = load(&file, present.as_ref());
        Vault { file: Some(file), state: Mutex::new(State { present, ring }) }
    }

    /// How many keys a file has, for whoever wants to know whether it is as it should be. Makes none.
    pub fn count_keys(path: PathBuf) -> Result<usize> {
        Ok(KeyFile::at(path).read()?.len())
    }

    /// What is wrong with the key file as it is now, whatever of it is in memory.
    pub fn fault(&self) -> Option<Error> {
        self.fresh(&mut self.state()).err()
    }

    /// The newest key of the file, which values are sealed to where the store names none.
    pub fn newest(&self) -> Result<Recipient> {
        Ok(self.keys()?.last().expect("a key file without a key is refused").recipient.clone())
    }

    /// Takes note of which key values are sealed to from now on. The file has it; should the note come to nothing, that does no harm.
    pub fn note_present(&self, recipient: &Recipient) {
        self.state().present = Some(recipient.clone());
    }

    /// Seals a value. It can be opened as what it is bound to, and as nothing else. The file must have the key at this moment: what is sealed
    /// to one that is in memory alone would be lost with the process.
    pub fn seal(&self, to: &Recipient, of: Binding, value: &[u8]) -> Result<Sealed> {
        let recipient = among(self.fresh(&mut self.state())?, to)?;
        let key = Zeroizing::new(random::<32>());
        let nonce = random();
        let mut text = Vec::with_capacity(value.len() + aead::MAX_TAG_LEN);
        text.extend_from_slice(value);
        cipher(&key)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(of.bytes()), &mut text)
            .expect("a value is far shorter than what one key may seal");
        Ok(Sealed { recipient: to.clone(), wrapped: wrap(&recipient, &key), nonce, text })
    }

    /// Opens a value as what it is bound to.
    pub fn open(&self, sealed: &Sealed, of: Binding) -> Result<Secret<Vec<u8>>> {
        let key = self.unwrap(sealed)?;
        let mut text = Zeroizing::new(sealed.text.clone());
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let plain = cipher(&key).open_in_place(nonce, Aad::from(of.bytes()), &mut text).map_err(|_| Error::Altered)?;
        Ok(Secret::new(plain.to_vec()))
    }

    /// The same value, its key wrapped to another of ours. The value itself is not opened.
    pub fn rewrap(&self, sealed: &Sealed, to: &Recipient) -> Result<Sealed> {
        let recipient = self.key(to)?;
        let key = self.unwrap(sealed)?;
        let wrapped = wrap(&recipient, &key);
        Ok(Sealed { recipient: to.clone(), wrapped, ..sealed.clone() })
    }

    /// Adds a key to the file, durably, beside those that are there. Nothing is sealed to it until somebody says so.
    pub fn add_key(&self) -> Result<Recipient> {
        let mut state = self.state();
        let ring = self.fresh(&mut state)?;
        let key = Key::of(Identity::generate());
        let recipient = key.recipient.clone();
        self.write(&mut state, ring.into_iter().chain([key]).collect())?;
        Ok(recipient)
    }

    /// Begins a file anew in the place of one that is lost or another's, which is kept beside it. The keys that can be read in that go along,
    /// and so do those that are in memory, since something may be sealed to them. What was sealed to keys that are gone stays sealed, and
    /// can be opened again should they be found and added to the file.
    pub fn replace_lost(&self) -> Result<Recipient> {
        let mut state = self.state();
        let mut keys = state.ring.clone().unwrap_or_default();
        if let Some(file) = &self.file {
            let read = file.read().unwrap_or_default().into_iter().map(Key::of);
            let unknown: Vec<_> = read.filter(|key| keys.iter().all(|known| known.recipient != key.recipient)).collect();
            keys.extend(unknown);
            file.put_aside()?;
        }
        let key = Key::of(Identity::generate());
        let recipient = key.recipient.clone();
        keys.push(key);
        self.write(&mut state, keys)?;
        Ok(recipient)
    }

    /// Takes keys out of the file. Whoever calls it has written down before that nothing is sealed to them.
    pub fn retire(&self, gone: &[Recipient]) -> Result<()> {
        self.keep(|key| !gone.contains(&key.recipient))
    }

    /// Takes all keys out of the file but these.
    pub fn keep_only(&self, named: &[Recipient]) -> Result<()> {
        self.keep(|key| named.contains(&key.recipient))
    }

    fn keep(&self, is_kept: impl Fn(&Key) -> bool) -> Result<()> {
        let mut state = self.state();
        let ring = self.fresh(&mut state)?;
        let kept: Vec<Arc<Key>> = ring.iter().filter(|key| is_kept(key)).cloned().collect();
        if kept.len() == ring.len() || kept.is_empty() {
            return Ok(());
        }
        self.write(&mut state, kept)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> Result<Vec<Arc<Key>>> {
        let mut state = self.state();
        if let (Err(_), Some(file)) = (&state.ring, &self.file) {
            state.ring = load(file, state.present.as_ref());
        }
        state.ring.clone()
    }

    /// The keys as the file has them now: before it is written over, since somebody may have added one by hand.
    fn fresh(&self, state: &mut State) -> Result<Vec<Arc<Key>>> {
        let Some(file) = &self.file else { return state.ring.clone() };
        // Where the file is not as it should be, what is known of it in memory still opens what it can.
        let ring = load(file, state.present.as_ref())?;
        state.ring = Ok(ring.clone());
        Ok(ring)
    }

    fn write(&self, state: &mut State, keys: Vec<Arc<Key>>) -> Result<()> {
        if let Some(file) = &self.file {
            file.write(keys.iter().map(|key| &key.identity))?;
        }
        state.ring = Ok(keys);
        Ok(())
    }

    fn key(&self, recipient: &Recipient) -> Result<Arc<Key>> {
        among(self.keys()?, recipient)
    }

    fn unwrap(&self, sealed: &Sealed) -> Result<Zeroizing<[u8; 32]>> {
        let key = self.key(&sealed.recipient)?;
        let plain = Zeroizing::new(age::decrypt(&key.identity, &sealed.wrapped).map_err(|_| Error::Altered)?);
        Ok(Zeroizing::new(plain.as_slice().try_into().map_err(|_| Error::Altered)?))
    }
}

fn among(keys: Vec<Arc<Key>>, recipient: &Recipient) -> Result<Arc<Key>> {
    keys.into_iter().find(|key| key.recipient == *recipient).ok_or_else(|| Error::KeyGone { needed: recipient.clone() })
}

/// The keys of a file, if it is as it should be and has the one that is needed. One is made where there was never one.
fn load(file: &KeyFile, present: Option<&Recipient>) -> Result<Vec<Arc<Key>>> {
    let keys: Vec<Arc<Key>> = match file.read() {
        Err(Error::Missing { .. }) if present.is_none() => {
            let made = Identity::generate();
            file.write([&made].into_iter())?;
            vec![Key::of(made)]
        }
        read => read?.into_iter().map(Key::of).collect(),
    };
    match present.filter(|present| !keys.iter().any(|key| key.recipient == **present)) {
        Some(needed) => Err(Error::Foreign { path: file.path().to_owned(), needed: needed.clone() }),
        None => Ok(keys),
    }
}

fn wrap(to: &Key, key: &[u8; 32]) -> Vec<u8> {
    age::encrypt(&to.identity.to_public(), key).expect("writing to memory does not fail")
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&aead::CHACHA20_POLY1305, key).expect("its keys have 32 bytes"))
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

#[cfg(test)]
mod tests;
