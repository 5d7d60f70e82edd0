//! Secrets, keys for SSH, and the keys of the vault, as they are stored.

use serde::{Deserialize, Serialize};

use super::name::SecretName;
use crate::base::id::{Id, KeyId, RepoId, SecretId, UserId};
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, Record};
use crate::engine::vault::{Binding, Recipient, Sealed};
use crate::words;

/// Whose a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// The instance's: for every repository that has none of that name.
    Instance,
    /// A repository's.
    Repository(RepoId),
}

impl Scope {
    /// The repository, if it is one's.
    pub fn repo(self) -> Option<RepoId> {
        match self {
            Scope::Instance => None,
            Scope::Repository(repo) => Some(repo),
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Instance => "instance",
            Scope::Repository(_) => "repository",
        }
    }
}

/// What used a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// In which repository.
    pub repo: RepoId,
    /// At which commit.
    pub sha: CommitSha,
    /// Which check.
    pub check: String,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedSecret {
    /// Its id, the same through its values.
    pub id: SecretId,
    /// Whose it is.
    pub scope: Scope,
    /// What it is called.
    pub name: SecretName,
    /// Which of its values it has, from 1 on.
    pub version: u64,
    /// Its value.
    pub sealed: Sealed,
    /// When there was one first.
    pub created_at: Timestamp,
    /// When it got its value.
    pub changed_at: Timestamp,
    /// Who gave it that; `None` where it was no person.
    pub changed_by: Option<UserId>,
    /// What used it last.
    pub last_used: Option<Use>,
}

impl NamedSecret {
    /// What its value is bound to.
    pub fn binding(&self) -> Binding {
        binding_of_secret(self.id, self.version)
    }
}

pub(super) fn binding_of_secret(id: SecretId, version: u64) -> Binding {
    Binding { kind: "secret", id: id.as_u128(), version }
}

impl Record for NamedSecret {
    const TABLE: &'static str = "secrets";
    const VERSION: u16 = 1;
    type Key = SecretId;

    fn key(&self) -> SecretId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_NAME, &SECRETS_BY_RECIPIENT]
    }
}

/// Secrets by whose they are, and by name in lower case.
pub(super) const BY_NAME: Index<NamedSecret, (Option<RepoId>, String)> =
    Index::on("by_name", |secret| (secret.scope.repo(), secret.name.folded()));
/// Secrets by what they are sealed to.
pub(super) const SECRETS_BY_RECIPIENT: Index<NamedSecret, String> =
    Index::on("by_recipient", |secret| secret.sealed.recipient.as_str().to_owned());

/// A key for SSH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshKey {
    /// Its id, the same through its pairs.
    pub id: KeyId,
    /// Whose it is.
    pub repo: RepoId,
    /// What it is called.
    pub name: String,
    /// Which of its pairs it has, from 1 on.
    pub version: u64,
    /// Its public half, a line as `authorized_keys` has it.
    pub public: String,
    /// The public half's fingerprint, `SHA256:…`.
    pub fingerprint: String,
    /// Whether it was made here, and so can be made anew.
    pub was_made_here: bool,
    /// Its private half, in OpenSSH's form and without a passphrase.
    pub sealed: Sealed,
    /// When there was one first.
    pub created_at: Timestamp,
    /// When it got its pair.
    pub changed_at: Timestamp,
    /// Who gave it that; `None` where it was no person.
    pub changed_by: Option<UserId>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

impl SshKey {
    /// What its private half is bound to.
    pub fn binding(&self) -> Binding {
        binding_of_key(self.id, self.version)
    }

    /// A key before it has a pair.
    pub(super) fn unsealed(id: KeyId, repo: RepoId, name: &str, now: Timestamp) -> SshKey {
        SshKey {
            id,
            repo,
            name: name.to_owned(),
            version: 1,
            public: String::new(),
            fingerprint: String::new(),
            was_made_here: false,
            sealed: Sealed { recipient: Recipient::named(""), wrapped: Vec::new(), nonce: [0; 12], text: Vec::new() },
            created_at: now,
            changed_at: now,
            changed_by: None,
            last_used_at: None,
        }
    }
}

pub(super) fn binding_of_key(id: KeyId, version: u64) -> Binding {
    Binding { kind: "ssh_key", id: id.as_u128(), version }
}

impl Record for SshKey {
    const TABLE: &'static str = "ssh_keys";
    const VERSION: u16 = 1;
    type Key = KeyId;

    fn key(&self) -> KeyId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&KEYS_BY_REPO, &KEYS_BY_RECIPIENT]
    }
}

/// Keys by repository, oldest first.
pub(super) const KEYS_BY_REPO: Index<SshKey, (RepoId, KeyId)> = Index::on("by_repo", |key| (key.repo, key.id));
/// Keys by what they are sealed to.
pub(super) const KEYS_BY_RECIPIENT: Index<SshKey, String> = Index::on("by_recipient", |key| key.sealed.recipient.as_str().to_owned());

words! {
    /// How far a key of the vault is.
    pub enum KeyState: "state of a key" {
        /// Values are sealed to it.
        Present = "present",
        /// Another one is present; something may still be sealed to it.
        Retiring = "retiring",
        /// Nothing is sealed to it; it may still be in the key file.
        Retired = "retired",
    }
}

/// A key of the vault, by its public half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultKey {
    /// Its public half.
    pub recipient: Recipient,
    /// How far it is.
    pub state: KeyState,
    /// Since when it is known here.
    pub known_since: Timestamp,
}

impl Record for VaultKey {
    const TABLE: &'static str = "vault_keys";
    const VERSION: u16 = 1;
    type Key = String;

    fn key(&self) -> String {
        self.recipient.as_str().to_owned()
    }
}
