//! Addresses that are known to be somebody's: by them, authors of commits are told to be people who have an account.
//!
//! Only what a provider has verified is believed, and nothing is decided by it: whoever writes a commit may name any address. An address
//! is one person's at a time, the one's who verified it last.

use serde::{Deserialize, Serialize};

use super::Result;
use super::identity::github_identity;
use super::record::User;
use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, ReadTx, Record, WriteTx};

/// The most addresses of one person.
const PER_USER: usize = 50;
/// The longest address: what a mail server takes (RFC 5321, 4.5.3.1.3).
const LONGEST: usize = 254;
/// What the addresses end in that GitHub makes for those who show none of their own.
const NO_REPLY: &str = "@users.noreply.github.com";

/// An address that is a person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The address, in lower case.
    pub address: String,
    /// Whose it is.
    pub user: UserId,
    /// When it was last said to be.
    pub verified_at: Timestamp,
}

impl Record for Email {
    const TABLE: &'static str = "emails";
    const VERSION: u16 = 1;
    type Key = String;

    fn key(&self) -> String {
        self.address.clone()
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&EMAILS_BY_USER]
    }
}

/// Addresses by person.
pub(super) const EMAILS_BY_USER: Index<Email, UserId> = Index::on("by_user", |email| email.user);

/// Makes these the addresses of a person, and no others.
pub(super) fn set_emails(tx: &mut WriteTx, user: UserId, addresses: &[String], now: Timestamp) -> Result<()> {
    let mut kept: Vec<String> = addresses.iter().filter_map(|address| address_of(address)).collect();
    kept.sort_unstable();
    kept.dedup();
    kept.truncate(PER_USER);
    for before in tx.find(&EMAILS_BY_USER.exactly(&user), PER_USER)? {
        if kept.binary_search(&before.address).is_err() {
            tx.remove::<Email>(&before.address)?;
        }
    }
    for address in kept {
        if tx.get::<Email>(&address)?.is_none_or(|known| known.user != user) {
            tx.put(&Email { address, user, verified_at: now })?;
        }
    }
    Ok(())
}

/// The addresses of a person.
pub fn emails_of(tx: &ReadTx, user: UserId) -> Result<Vec<String>> {
    Ok(tx.find(&EMAILS_BY_USER.exactly(&user), PER_USER)?.into_iter().map(|email| email.address).collect())
}

/// Whose an address is.
pub fn user_of_email(tx: &ReadTx, address: &str) -> Result<Option<User>> {
    let Some(address) = address_of(address) else { return Ok(None) };
    if let Some(email) = tx.get::<Email>(&address)? {
        return Ok(tx.get::<User>(&email.user)?);
    }
    // `12345+login@…`: the number is the account's. Without one, whoever has that name today may have another tomorrow.
    let number = address.strip_suffix(NO_REPLY).and_then(|local| local.split_once('+')).and_then(|(number, _)| number.parse().ok());
    match number {
        Some(subject) => match github_identity(tx, subject)? {
            Some(identity) => Ok(tx.get::<User>(&identity.user)?),
            None => Ok(None),
        },
        None => Ok(None),
    }
}

fn address_of(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let is_one = address.len() <= LONGEST && address.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
    (is_one && !address.chars().any(|c| c.is_control() || c.is_whitespace())).then_some(address)
}
