//! The keys of the vault, exchanged while all goes on: what is sealed to earlier ones is wrapped to the present one, some at a time.
//!
//! What cannot be unwrapped, since its key was lost or its row was changed, stays as it is and keeps its key from being retired; whoever
//! uses it is told, and it is tried again with the next exchange.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::App;
use super::repeat::Behalf;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::text::count;
use crate::domain::secrets::{self, What};
use crate::engine::queue::{self, Verdict};
use crate::engine::store;
use crate::engine::vault::{self, Recipient};

/// How many values are wrapped between two writes.
const AT_A_TIME: usize = 50;

/// Adds a key to the vault and names it as the present one; the work follows. Answers the key.
///
/// The file has the key before the store names it: a process that ends between the two leaves a key that nothing is sealed to, and the next
/// rotation takes that out. One rotation at a time, and whoever asked for it may go away: it is done whole.
pub async fn rotate(app: &App, behalf: impl Into<Behalf>) -> Result<Recipient, secrets::Error> {
    let (app, behalf) = (app.clone(), behalf.into());
    let turn = Arc::clone(&app.rotating).lock_owned().await;
    let whole = async move {
        let _turn = turn;
        let named: Vec<Recipient> = app.read(|tx, _| secrets::keys(tx)).await?.into_iter().map(|key| key.recipient).collect();
        let vault = Arc::clone(&app.vault);
        let key = app.blocking(move || {
            // Before anything was sealed, the file has a key that is not named yet.
            if !named.is_empty() {
                vault.keep_only(&named)?;
            }
            vault.add_key()
        });
        let key = key.await??;
        name_present(&app, behalf, key).await
    };
    tokio::spawn(whole).await.unwrap_or_else(|_| Err(secrets::Error::Store(store::Error::Stopped)))
}

/// Begins the key file anew where it is lost, damaged or another's; `None` if it is as it should be, or only cannot be read.
pub async fn give_up_lost(app: &App, behalf: impl Into<Behalf>) -> Result<Option<Recipient>, secrets::Error> {
    let vault = Arc::clone(&app.vault);
    let made = app.blocking(move || match vault.fault() {
        Some(vault::Error::Missing { .. } | vault::Error::Malformed { .. } | vault::Error::Foreign { .. }) => {
            vault.replace_lost().map(Some)
        }
        Some(other) => Err(other),
        None => Ok(None),
    });
    match made.await?? {
        Some(key) => name_present(app, behalf, key).await.map(Some),
        None => Ok(None),
    }
}

async fn name_present(app: &App, behalf: impl Into<Behalf>, key: Recipient) -> Result<Recipient, secrets::Error> {
    let (named, vault) = (key.clone(), Arc::clone(&app.vault));
    app.write(behalf, move |tx, now| secrets::rotate(tx, &vault, &named, now)).await?;
    Ok(key)
}

/// Performs `Work::Rewrap`. May be repeated from the start: what is wrapped to the present key is none of its business.
pub fn perform(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    let mut left = BTreeSet::new();
    while step(app, attempt, &mut left)? {
        if attempt.cancel.is_tripped() {
            return Err(Failure { message: "the process stopped while keys were exchanged".to_owned(), verdict: Verdict::Released });
        }
    }
    if !left.is_empty() {
        tracing::warn!("{} cannot be opened by any key of the vault, and is to be set anew", count(left.len() as u64, "secret or key"));
    }
    let claim = attempt.claim.clone();
    let gone = app.write_now(&Actor::System, move |tx, _| -> Result<_, Failure> {
        queue::check(tx, &claim)?;
        Ok(secrets::retire_unused(tx)?)
    })?;
    app.vault.retire(&gone)?;
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<_, Failure> {
        secrets::forget_retired(tx, &gone)?;
        Ok(queue::finish(tx, &claim, now)?)
    })
}

/// Wraps some values; says whether there were any.
fn step(app: &App, attempt: &Attempt, left: &mut BTreeSet<What>) -> Result<bool, Failure> {
    let known = &*left;
    let Some((to, some)) = app.read_now(|tx, _| secrets::stale(tx, known, AT_A_TIME))? else { return Ok(false) };
    let mut wrapped = Vec::new();
    for stale in some {
        match app.vault.rewrap(&stale.sealed, &to) {
            Ok(sealed) => wrapped.push((stale, sealed)),
            // Of the present key, that it is gone would be told by any of them.
            Err(vault::Error::KeyGone { needed }) if needed != to => drop(left.insert(stale.what)),
            Err(vault::Error::Altered) => drop(left.insert(stale.what)),
            Err(error) => return Err(error.into()),
        }
    }
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, _| -> Result<(), Failure> {
        queue::check(tx, &claim)?;
        for (stale, sealed) in &wrapped {
            secrets::rewrapped(tx, stale, sealed)?;
        }
        Ok(())
    })?;
    Ok(true)
}

impl From<vault::Error> for Failure {
    /// A key file that is not as it should be may be put right.
    fn from(error: vault::Error) -> Failure {
        Failure { message: error.to_string(), verdict: Verdict::Retry }
    }
}
