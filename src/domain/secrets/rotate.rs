//! Which keys of the vault are needed: what values are sealed to, and how one key takes the place of another.
//!
//! A new key is written into the key file first, and then named here as the present one; from then on every value is sealed to it. What is
//! sealed to earlier keys is wrapped anew, some at a time, while all goes on; a value that is set meanwhile is none of these any more. A key
//! that nothing is sealed to is written down as retired, then leaves the file, then is forgotten here. Whatever ends the process between
//! two of these steps, every value can be opened by a key that is in the file, and the work is in the queue until the last was taken.

use std::collections::BTreeSet;

use super::Result;
use super::kept::{KEPT_BY_RECIPIENT, Kept, Purpose};
use super::record::{KEYS_BY_RECIPIENT, KeyState, NamedSecret, SECRETS_BY_RECIPIENT, SshKey, VaultKey};
use crate::base::event::Event;
use crate::base::id::{KeyId, SecretId, UserId};
use crate::base::time::Timestamp;
use crate::domain::accounts;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};
use crate::engine::vault::{Binding, Recipient, Sealed, Vault};

/// The most keys of the vault that are looked at: one is added with each rotation, and mostly there is one.
const MOST_VAULT_KEYS: usize = 1_000;

/// Something that is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A secret.
    Secret(SecretId),
    /// A key for SSH.
    Key(KeyId),
    /// What a person's codes are made of.
    Factor(UserId),
    /// A secret of the appliance's own.
    Kept(Purpose),
}

/// Something that is sealed to another key than the present one.
#[derive(Debug, Clone)]
pub struct Stale {
    /// What.
    pub what: What,
    /// Which of its values.
    pub version: u64,
    /// The value.
    pub sealed: Sealed,
}

/// The keys of the vault that are known here.
pub fn keys(tx: &ReadTx) -> store::Result<Vec<VaultKey>> {
    tx.find(&Scan::<VaultKey>::all(), MOST_VAULT_KEYS)
}

/// The key that values are sealed to; `None` as long as nothing was ever sealed.
pub fn present(tx: &ReadTx) -> store::Result<Option<Recipient>> {
    Ok(keys(tx)?.into_iter().find(|key| key.state == KeyState::Present).map(|key| key.recipient))
}

/// The key to seal to: the present one, or, where there was never one, the newest that the key file has.
pub(super) fn sealing_key(tx: &mut WriteTx, vault: &Vault, now: Timestamp) -> Result<Recipient> {
    if let Some(present) = present(tx)? {
        return Ok(present);
    }
    let recipient = vault.newest()?;
    tx.put(&VaultKey { recipient: recipient.clone(), state: KeyState::Present, known_since: now })?;
    // Should this be undone, the file has it all the same.
    vault.note_present(&recipient);
    Ok(recipient)
}

/// Seals a value of another capability to the present key.
pub fn seal(tx: &mut WriteTx, vault: &Vault, of: Binding, value: &[u8], now: Timestamp) -> Result<Sealed> {
    let to = sealing_key(tx, vault, now)?;
    Ok(vault.seal(&to, of, value)?)
}

/// Names another key as the present one, to the vault as well. It is in the key file already.
pub fn rotate(tx: &mut WriteTx, vault: &Vault, to: &Recipient, now: Timestamp) -> Result<()> {
    for key in keys(tx)?.into_iter().filter(|key| key.state == KeyState::Present && key.recipient != *to) {
        tx.put(&VaultKey { state: KeyState::Retiring, ..key })?;
    }
    tx.put(&VaultKey { recipient: to.clone(), state: KeyState::Present, known_since: now })?;
    vault.note_present(to);
    tx.record(Event::VaultRotated, now)?;
    Ok(())
}

/// The present key, and some of what is sealed to others; nothing of what is named in `besides`.
pub fn stale(tx: &ReadTx, besides: &BTreeSet<What>, limit: usize) -> Result<Option<(Recipient, Vec<Stale>)>> {
    let keys = keys(tx)?;
    let Some(present) = keys.iter().find(|key| key.state == KeyState::Present) else { return Ok(None) };
    let mut some = Vec::new();
    for key in keys.iter().filter(|key| key.state == KeyState::Retiring) {
        let recipient = key.recipient.as_str().to_owned();
        let most = limit + besides.len();
        let secrets = tx.find(&SECRETS_BY_RECIPIENT.exactly(&recipient), most)?.into_iter();
        some.extend(secrets.map(|one| Stale { what: What::Secret(one.id), version: one.version, sealed: one.sealed }));
        let keys = tx.find(&KEYS_BY_RECIPIENT.exactly(&recipient), most)?.into_iter();
        some.extend(keys.map(|one| Stale { what: What::Key(one.id), version: one.version, sealed: one.sealed }));
        let factors = accounts::factors_sealed_to(tx, &key.recipient, most)?.into_iter();
        some.extend(factors.map(|one| Stale { what: What::Factor(one.user), version: one.binding().version, sealed: one.sealed }));
        let kept = tx.find(&KEPT_BY_RECIPIENT.exactly(&recipient), most)?.into_iter();
        some.extend(kept.map(|one| Stale { what: What::Kept(one.purpose), version: one.version, sealed: one.sealed }));
    }
    some.retain(|stale| !besides.contains(&stale.what));
    some.truncate(limit);
    Ok((!some.is_empty()).then(|| (present.recipient.clone(), some)))
}

/// Writes down that a value is wrapped anew; says whether it was still the one that it was wrapped for.
pub fn rewrapped(tx: &mut WriteTx, stale: &Stale, sealed: &Sealed) -> Result<bool> {
    let is_same = |version: u64, now: &Sealed| version == stale.version && *now == stale.sealed;
    match stale.what {
        What::Secret(id) => match tx.get::<NamedSecret>(&id)?.filter(|now| is_same(now.version, &now.sealed)) {
            Some(now) => tx.put(&NamedSecret { sealed: sealed.clone(), ..now })?,
            None => return Ok(false),
        },
        What::Key(id) => match tx.get::<SshKey>(&id)?.filter(|now| is_same(now.version, &now.sealed)) {
            Some(now) => tx.put(&SshKey { sealed: sealed.clone(), ..now })?,
            None => return Ok(false),
        },
        What::Factor(user) => return Ok(accounts::rewrap_factor(tx, user, &stale.sealed, sealed)?),
        What::Kept(purpose) => match super::kept::kept(tx, purpose)?.filter(|now| is_same(now.version, &now.sealed)) {
            Some(now) => tx.put(&Kept { sealed: sealed.clone(), ..now })?,
            None => return Ok(false),
        },
    }
    Ok(true)
}

/// How much is sealed to a key, counted up to `cap` of each kind.
pub fn sealed_to(tx: &ReadTx, key: &Recipient, cap: usize) -> Result<usize> {
    let factors = accounts::factors_sealed_to(tx, key, cap)?.len();
    let key = key.as_str().to_owned();
    let people = tx.count(&SECRETS_BY_RECIPIENT.exactly(&key), cap)? + tx.count(&KEYS_BY_RECIPIENT.exactly(&key), cap)?;
    Ok(factors + people + tx.count(&KEPT_BY_RECIPIENT.exactly(&key), cap)?)
}

/// Writes down of every earlier key that nothing is sealed to any more that it is retired; answers all that are.
pub fn retire_unused(tx: &mut WriteTx) -> Result<Vec<Recipient>> {
    let mut retired = Vec::new();
    for key in keys(tx)? {
        let is_over = match key.state {
            KeyState::Present => false,
            KeyState::Retiring => sealed_to(tx, &key.recipient, 1)? == 0,
            KeyState::Retired => true,
        };
        if is_over {
            retired.push(key.recipient.clone());
            tx.put(&VaultKey { state: KeyState::Retired, ..key })?;
        }
    }
    Ok(retired)
}

/// Forgets keys that are retired and have left the key file.
pub fn forget_retired(tx: &mut WriteTx, gone: &[Recipient]) -> Result<()> {
    for recipient in gone {
        let key = recipient.as_str().to_owned();
        if tx.get::<VaultKey>(&key)?.is_some_and(|key| key.state == KeyState::Retired) {
            tx.remove::<VaultKey>(&key)?;
        }
    }
    Ok(())
}
