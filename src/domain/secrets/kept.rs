//! Secrets of the appliance's own: each for one purpose, set by whoever sets that up, and named by nobody.
//!
//! They are sealed as people's secrets are, bound to their purpose and number, and go along when the vault's keys are exchanged. No
//! manifest can name one and no list shows one.

use serde::{Deserialize, Serialize};

use super::rotate::sealing_key;
use super::{Result, text};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, ReadTx, Record, WriteTx};
use crate::engine::vault::{Binding, Sealed, Vault};
use crate::words;

words! {
    /// What a secret of the appliance's own is for.
    pub enum Purpose: "purpose of a secret" {
        /// The private key of the App on GitHub (PEM).
        GithubPrivateKey = "github_private_key",
        /// What GitHub signs deliveries with.
        GithubWebhookSecret = "github_webhook_secret",
        /// What GitHub signed them with before; taken as well for a while.
        GithubWebhookSecretBefore = "github_webhook_secret_before",
        /// What GitHub is told to sign them with; taken as well.
        GithubWebhookSecretNext = "github_webhook_secret_next",
        /// What shows GitHub that it is us who sign somebody in.
        GithubClientSecret = "github_client_secret",
    }
}

/// A secret of the appliance's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is for.
    pub purpose: Purpose,
    /// Which of its values it has, from 1 on.
    pub version: u64,
    /// Its value.
    pub sealed: Sealed,
    /// When it got its value.
    pub changed_at: Timestamp,
}

impl Kept {
    /// What its value is bound to.
    pub fn binding(&self) -> Binding {
        Binding { kind: self.purpose.as_str(), id: 0, version: self.version }
    }
}

impl Record for Kept {
    const TABLE: &'static str = "kept_secrets";
    const VERSION: u16 = 1;
    type Key = String;

    fn key(&self) -> String {
        self.purpose.as_str().to_owned()
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&KEPT_BY_RECIPIENT]
    }
}

/// The appliance's own secrets by what they are sealed to.
pub(super) const KEPT_BY_RECIPIENT: Index<Kept, String> = Index::on("by_recipient", |kept| kept.sealed.recipient.as_str().to_owned());

/// Sets a secret of the appliance's own, anew if there is one.
pub fn keep(tx: &mut WriteTx, vault: &Vault, purpose: Purpose, value: &Secret<String>, now: Timestamp) -> Result<()> {
    let version = kept(tx, purpose)?.map_or(1, |before| before.version + 1);
    let to = sealing_key(tx, vault, now)?;
    let binding = Binding { kind: purpose.as_str(), id: 0, version };
    let sealed = vault.seal(&to, binding, value.expose().as_bytes())?;
    Ok(tx.put(&Kept { purpose, version, sealed, changed_at: now })?)
}

/// The secret of a purpose, if it is set.
pub fn kept(tx: &ReadTx, purpose: Purpose) -> Result<Option<Kept>> {
    Ok(tx.get::<Kept>(&purpose.as_str().to_owned())?)
}

/// Removes the secret of a purpose, if it is set.
pub fn let_go(tx: &mut WriteTx, purpose: Purpose) -> Result<()> {
    tx.remove::<Kept>(&purpose.as_str().to_owned())?;
    Ok(())
}

/// Opens a secret of the appliance's own.
pub fn open_kept(vault: &Vault, kept: &Kept) -> Result<Secret<String>> {
    text(&vault.open(&kept.sealed, kept.binding())?)
}
