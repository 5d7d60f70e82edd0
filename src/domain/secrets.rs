//! Secrets by name, and keys for SSH: values that go in and never come out but to what needs them.
//!
//! A secret is the instance's or a repository's, and where both have one of a name, the repository's is meant: the narrower wins. Names are
//! those of variables, the same in any case of their letters. A value is sealed by the [`vault`] before it is stored,
//! bound to its row and its number, which is raised with each value; whoever lists secrets is told that number, when and by whom it was
//! set, and what used it last.
//!
//! A [`key`] for SSH is a repository's: made here, or given and freed of its passphrase once. Its public half is for everybody who may
//! list it.
//!
//! What the values are sealed to is written here as well (`rotate`), since it is the store that knows which keys of the vault
//! are still needed.

use std::collections::BTreeMap;

use crate::base::event::{Actor, Event};
use crate::base::id::{Id as _, KeyId, RepoId, SecretId, UserId};
use crate::base::mask;
use crate::base::name::InvalidName;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::secret::Secret;
use crate::base::text::thousands;
use crate::base::time::Timestamp;
use crate::domain::accounts::Token;
use crate::domain::repos::Repository;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};
use crate::engine::vault::{self, Vault};

mod kept;
pub mod key;
mod name;
mod record;
mod rotate;

pub use kept::{Kept, Purpose, keep, kept, let_go, open_kept};
pub use key::{KeyPair, Unusable};
pub use name::{Availability, NameState, SecretName};
pub use record::{KeyState, NamedSecret, Scope, SshKey, Use, VaultKey};
pub use rotate::{Stale, What, forget_retired, keys, present, retire_unused, rewrapped, rotate, seal, sealed_to, stale};

/// The fewest characters of a value, without blanks around it: a shorter one could not be kept out of logs.
pub const LEAST_CHARS: usize = mask::LEAST_BYTES;
/// The most bytes of a value.
pub const MOST_BYTES: usize = 64 << 10;
/// The most secrets of the instance, or of one repository.
pub const MOST_SECRETS: usize = 200;
/// The most keys of one repository.
pub const MOST_KEYS: usize = 50;
/// The most characters in the name of a key.
pub const KEY_NAME_CHARS: usize = 100;
/// How stale the instant of last use may be, so that using does not mean writing.
const USED_GRAIN: std::time::Duration = std::time::Duration::from_secs(60);

/// What can fail with secrets.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The vault can neither seal nor open.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// A text cannot be a name.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The value is too short.
    #[error("a value has at least {LEAST_CHARS} characters, without blanks around it: a shorter one could not be kept out of logs")]
    TooShort,
    /// The value is too long.
    #[error("a value has at most {} bytes", thousands(MOST_BYTES as u64))]
    TooLong,
    /// There are as many as there may be.
    #[error("there are {most} {what} here already, the most there may be; remove one first")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// There is no such secret.
    #[error("no secret `{name}` is set {}", match scope { Scope::Instance => "for the instance", Scope::Repository(_) => "for this repository" })]
    NotFound {
        /// Where.
        scope: Scope,
        /// What was looked for.
        name: String,
    },
    /// There is no such key.
    #[error("this repository has no key {key}")]
    KeyNotFound {
        /// What was looked for.
        key: KeyId,
    },
    /// The repository has this key.
    #[error("this repository has the key {fingerprint} already")]
    KeyTaken {
        /// Its fingerprint.
        fingerprint: String,
    },
    /// What was given is no key that could be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl Error {
    /// Whether what was to be opened can never be, by any key that is here: it is to be set anew. Everything else may be put right.
    pub fn is_lost(&self) -> bool {
        matches!(self, Error::Vault(vault::Error::KeyGone { .. } | vault::Error::Altered))
    }
}

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

/// A secret as a plan names it: which one, and which of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretRef {
    /// Which.
    pub id: SecretId,
    /// Which of its values.
    pub version: u64,
}

/// The secrets that are known of some names.
#[derive(Debug, Clone, Default)]
pub struct Known(BTreeMap<String, SecretRef>);

impl Known {
    /// All of these names, as if there were one of each.
    pub fn supposed<'a>(names: impl IntoIterator<Item = &'a str>) -> Known {
        let nothing = SecretRef { id: SecretId::from_u128(0), version: 0 };
        Known(names.into_iter().map(|name| (name.to_ascii_lowercase(), nothing)).collect())
    }

    /// The one of a name, in any case.
    pub fn find(&self, name: &str) -> Option<SecretRef> {
        self.0.get(&name.to_ascii_lowercase()).copied()
    }
}

/// Sets a secret, anew if there is one of that name; says whether it is a new one.
pub fn set(
    tx: &mut WriteTx,
    vault: &Vault,
    scope: Scope,
    name: &SecretName,
    value: &Secret<String>,
    now: Timestamp,
) -> Result<(NamedSecret, bool)> {
    check_value(value)?;
    let before = find(tx, scope, name)?;
    if before.is_none() && tx.count(&record::BY_NAME.prefix(scope.repo()), MOST_SECRETS)? >= MOST_SECRETS {
        return Err(Error::TooMany { what: "secrets", most: MOST_SECRETS });
    }
    let to = rotate::sealing_key(tx, vault, now)?;
    let is_new = before.is_none();
    let (id, version, created_at) = match &before {
        Some(before) => (before.id, before.version + 1, before.created_at),
        None => (tx.new_id(now), 1, now),
    };
    let sealed = vault.seal(&to, record::binding_of_secret(id, version), value.expose().as_bytes())?;
    let secret = NamedSecret {
        id,
        scope,
        name: name.clone(),
        version,
        sealed,
        created_at,
        changed_at: now,
        changed_by: who(tx)?,
        last_used: before.and_then(|before| before.last_used),
    };
    tx.put(&secret)?;
    tx.record(Event::SecretSet { repo: scope.repo(), secret: id }, now)?;
    Ok((secret, is_new))
}

/// Removes a secret.
pub fn remove(tx: &mut WriteTx, scope: Scope, name: &SecretName, now: Timestamp) -> Result<()> {
    let secret = find(tx, scope, name)?.ok_or_else(|| Error::NotFound { scope, name: name.to_string() })?;
    tx.remove::<NamedSecret>(&secret.id)?;
    tx.record(Event::SecretRemoved { repo: scope.repo(), secret: secret.id, name: name.to_string() }, now)?;
    Ok(())
}

/// All secrets of a scope, by name. There are at most [`MOST_SECRETS`].
pub fn list(tx: &ReadTx, scope: Scope) -> Result<Vec<NamedSecret>> {
    Ok(tx.find(&record::BY_NAME.prefix(scope.repo()), MOST_SECRETS)?)
}

/// The secret of this very scope and name.
pub fn find(tx: &ReadTx, scope: Scope, name: &SecretName) -> Result<Option<NamedSecret>> {
    Ok(tx.first(&record::BY_NAME.exactly(&(scope.repo(), name.folded())))?)
}

/// The secret that is meant by a name in a repository: its own, else the instance's.
pub fn meant(tx: &ReadTx, repo: RepoId, name: &SecretName) -> Result<Option<NamedSecret>> {
    match find(tx, Scope::Repository(repo), name)? {
        Some(own) => Ok(Some(own)),
        None if has_those_of_instance(tx, repo)? => find(tx, Scope::Instance, name),
        None => Ok(None),
    }
}

/// Whether a repository is given the secrets of the instance.
fn has_those_of_instance(tx: &ReadTx, repo: RepoId) -> Result<bool> {
    Ok(tx.get::<Repository>(&repo)?.is_some_and(|repo| repo.has_instance_secrets))
}

/// What is known of these names in a repository.
pub fn known<'a>(tx: &ReadTx, repo: RepoId, names: impl IntoIterator<Item = &'a str>) -> Result<Known> {
    let mut known = Known::default();
    for name in names.into_iter().filter_map(|name| name.parse::<SecretName>().ok()) {
        if let Some(secret) = meant(tx, repo, &name)? {
            known.0.insert(name.folded(), SecretRef { id: secret.id, version: secret.version });
        }
    }
    Ok(known)
}

/// The secret that a plan named; `None` if it is gone.
pub fn get(tx: &ReadTx, id: SecretId) -> Result<Option<NamedSecret>> {
    Ok(tx.get::<NamedSecret>(&id)?)
}

/// What would become of a name in a scope, as somebody types it.
pub fn availability(tx: &ReadTx, scope: Scope, text: &str) -> Result<Availability> {
    let name: SecretName = match text.parse() {
        Ok(name) => name,
        Err(invalid) => return Ok(Availability::invalid(&invalid)),
    };
    let state = match scope {
        _ if find(tx, scope, &name)?.is_some() => NameState::Taken,
        Scope::Repository(repo) if has_those_of_instance(tx, repo)? && find(tx, Scope::Instance, &name)?.is_some() => NameState::Overrides,
        _ => NameState::Free,
    };
    Ok(Availability::of(state, scope))
}

/// Opens a secret.
pub fn open(vault: &Vault, secret: &NamedSecret) -> Result<Secret<String>> {
    text(&vault.open(&secret.sealed, secret.binding())?)
}

/// A value as the text it was when it was sealed.
fn text(value: &Secret<Vec<u8>>) -> Result<Secret<String>> {
    let text = std::str::from_utf8(value.expose()).map_err(|_| vault::Error::Altered)?;
    Ok(Secret::new(text.to_owned()))
}

/// Writes down that secrets were used.
pub fn mark_used(tx: &mut WriteTx, secrets: &[SecretId], by: &Use) -> Result<()> {
    for id in secrets {
        let Some(mut secret) = tx.get::<NamedSecret>(id)? else { continue };
        let is_known = secret
            .last_used
            .as_ref()
            .is_some_and(|last| (last.repo, last.sha, &last.check) == (by.repo, by.sha, &by.check) && by.at.since(last.at) < USED_GRAIN);
        if !is_known {
            secret.last_used = Some(by.clone());
            tx.put(&secret)?;
        }
    }
    Ok(())
}

/// Gives a repository a key.
pub fn add_key(tx: &mut WriteTx, vault: &Vault, repo: RepoId, name: &str, pair: &KeyPair, now: Timestamp) -> Result<SshKey> {
    let there = list_keys(tx, repo)?;
    if let Some(same) = there.iter().find(|key| key.fingerprint == pair.fingerprint) {
        return Err(Error::KeyTaken { fingerprint: same.fingerprint.clone() });
    }
    if there.len() >= MOST_KEYS {
        return Err(Error::TooMany { what: "keys", most: MOST_KEYS });
    }
    let id = tx.new_id(now);
    let key = sealed_key(tx, vault, SshKey::unsealed(id, repo, name, now), pair, now)?;
    tx.put(&key)?;
    tx.record(Event::KeyAdded { repo, key: id }, now)?;
    Ok(key)
}

/// Puts another pair in the place of one that was made here.
pub fn replace_key(tx: &mut WriteTx, vault: &Vault, id: KeyId, pair: &KeyPair, now: Timestamp) -> Result<SshKey> {
    let before = tx.get::<SshKey>(&id)?.ok_or(Error::KeyNotFound { key: id })?;
    let (repo, version) = (before.repo, before.version + 1);
    let key = sealed_key(tx, vault, SshKey { version, ..before }, pair, now)?;
    tx.put(&key)?;
    tx.record(Event::KeyAdded { repo, key: id }, now)?;
    Ok(key)
}

fn sealed_key(tx: &mut WriteTx, vault: &Vault, key: SshKey, pair: &KeyPair, now: Timestamp) -> Result<SshKey> {
    let to = rotate::sealing_key(tx, vault, now)?;
    Ok(SshKey {
        public: pair.public.clone(),
        fingerprint: pair.fingerprint.clone(),
        was_made_here: pair.was_made_here,
        sealed: vault.seal(&to, record::binding_of_key(key.id, key.version), pair.private.expose().as_bytes())?,
        changed_at: now,
        changed_by: who(tx)?,
        ..key
    })
}

/// Removes a key of a repository.
pub fn remove_key(tx: &mut WriteTx, repo: RepoId, id: KeyId, now: Timestamp) -> Result<()> {
    let key = tx.get::<SshKey>(&id)?.filter(|key| key.repo == repo).ok_or(Error::KeyNotFound { key: id })?;
    tx.remove::<SshKey>(&id)?;
    tx.record(Event::KeyRemoved { repo, key: id, name: key.name }, now)?;
    Ok(())
}

/// The keys of a repository, oldest first. There are at most [`MOST_KEYS`].
pub fn list_keys(tx: &ReadTx, repo: RepoId) -> Result<Vec<SshKey>> {
    Ok(tx.find(&record::KEYS_BY_REPO.prefix(repo), MOST_KEYS)?)
}

/// The keys of a repository in pages, oldest first.
pub fn page_of_keys(tx: &ReadTx, repo: RepoId, after: Option<&Cursor>, limit: Limit) -> Result<Page<SshKey>> {
    Ok(tx.page(&record::KEYS_BY_REPO.prefix(repo).after(after), limit)?)
}

/// Keys of all repositories, at most `limit` of those after one of them.
pub fn all_keys(tx: &ReadTx, after: Option<KeyId>, limit: usize) -> Result<Vec<SshKey>> {
    let scan = match after {
        Some(last) => Scan::<SshKey>::from_key(&last),
        None => Scan::<SshKey>::all(),
    };
    let mut keys = tx.find(&scan, limit + 1)?;
    keys.retain(|key| Some(key.id) != after);
    keys.truncate(limit);
    Ok(keys)
}

/// Secrets of all scopes, at most `limit` of those after one of them.
pub fn all_secrets(tx: &ReadTx, after: Option<SecretId>, limit: usize) -> Result<Vec<NamedSecret>> {
    let scan = match after {
        Some(last) => Scan::<NamedSecret>::from_key(&last),
        None => Scan::<NamedSecret>::all(),
    };
    let mut secrets = tx.find(&scan, limit + 1)?;
    secrets.retain(|secret| Some(secret.id) != after);
    secrets.truncate(limit);
    Ok(secrets)
}

/// Opens a key: its private half, in OpenSSH's form.
pub fn open_key(vault: &Vault, key: &SshKey) -> Result<Secret<String>> {
    text(&vault.open(&key.sealed, key.binding())?)
}

/// Erases the secrets and keys of a deleted repository, at most `limit` rows; answers how many.
pub fn erase(tx: &mut WriteTx, repo: RepoId, limit: usize) -> Result<usize> {
    let erased = tx.remove_all(&record::BY_NAME.prefix(Some(repo)), limit)?;
    Ok(erased + tx.remove_all(&record::KEYS_BY_REPO.prefix(repo), limit.saturating_sub(erased))?)
}

/// Whether a value is one that is kept.
pub fn check_value(value: &Secret<String>) -> Result<()> {
    let value = value.expose();
    match value.trim().chars().take(LEAST_CHARS).count() {
        _ if value.len() > MOST_BYTES => Err(Error::TooLong),
        LEAST_CHARS => Ok(()),
        _ => Err(Error::TooShort),
    }
}

/// The person who acts, in a browser or by a token of theirs.
fn who(tx: &WriteTx) -> store::Result<Option<UserId>> {
    Ok(match tx.actor() {
        Actor::User { user, .. } => Some(*user),
        Actor::Token { token, .. } => tx.get::<Token>(token)?.and_then(|token| token.user),
        Actor::System | Actor::Host | Actor::Anonymous { .. } | Actor::Workload { .. } => None,
    })
}

#[cfg(test)]
mod tests;
