//! Keys for SSH made anew, and what cannot be opened any more found: what `plumbline keys regenerate` and `regenerate-missing` do.
//!
//! All rows are gone through, some at a time; opening is done outside of any write.

use std::sync::Arc;

use super::App;
use super::repeat::Behalf;
use super::rewrap;
use crate::base::id::{RepoId, UserId};
use crate::domain::accounts::{self, SecondFactor};
use crate::domain::secrets::{self, Kept, NamedSecret, Purpose, SshKey, key};
use crate::engine::vault::Recipient;

/// How many rows are looked at between two writes.
const AT_A_TIME: usize = 50;

/// What was made anew, and what is left to be done by hand.
#[derive(Debug, Default)]
pub struct Regenerated {
    /// The vault's new key, if its key file was lost and is begun anew.
    pub vault_key: Option<Recipient>,
    /// The keys that have another pair now.
    pub anew: Vec<SshKey>,
    /// The keys that were given and cannot be opened.
    pub to_give: Vec<SshKey>,
    /// The secrets that cannot be opened: whose, and what they are called.
    pub to_set: Vec<(Option<RepoId>, String)>,
    /// The people whose codes cannot be checked any more.
    pub to_drop: Vec<UserId>,
    /// The secrets of the appliance's own that cannot be opened.
    pub to_renew: Vec<Purpose>,
}

/// Makes the keys anew that were made here; or, of what cannot be opened any more, the keys that were made here, and names the rest. A
/// key file that is lost is begun anew first.
pub async fn regenerate(app: &App, behalf: impl Into<Behalf>, is_missing_only: bool) -> Result<Regenerated, secrets::Error> {
    let behalf = behalf.into();
    let mut made = Regenerated::default();
    if is_missing_only {
        made.vault_key = rewrap::give_up_lost(app, behalf.clone()).await?;
    }
    keys(app, &behalf, is_missing_only, &mut made).await?;
    if is_missing_only {
        lost_secrets(app, &mut made).await?;
        lost_codes(app, &mut made).await?;
        lost_kept(app, &mut made).await?;
    }
    Ok(made)
}

async fn keys(app: &App, behalf: &Behalf, is_missing_only: bool, made: &mut Regenerated) -> Result<(), secrets::Error> {
    let mut after = None;
    loop {
        let keys = app.read(move |tx, _| secrets::all_keys(tx, after, AT_A_TIME)).await?;
        let Some(last) = keys.last() else { return Ok(()) };
        after = Some(last.id);
        let vault = Arc::clone(&app.vault);
        let (anew, to_give) = app
            .blocking(move || -> secrets::Result<_> {
                let (mut anew, mut to_give) = (Vec::new(), Vec::new());
                for one in keys {
                    let is_wanted = one.was_made_here && !is_missing_only;
                    if !is_wanted && !is_lost(secrets::open_key(&vault, &one))? {
                        continue;
                    }
                    if one.was_made_here {
                        anew.push((one.id, key::generate()));
                    } else {
                        to_give.push(one);
                    }
                }
                Ok((anew, to_give))
            })
            .await??;
        made.to_give.extend(to_give);
        let vault = Arc::clone(&app.vault);
        let written = app.write(behalf.clone(), move |tx, now| -> secrets::Result<Vec<SshKey>> {
            let mut keys = Vec::new();
            for (id, pair) in &anew {
                match secrets::replace_key(tx, &vault, *id, pair, now) {
                    Ok(key) => keys.push(key),
                    // It was removed meanwhile.
                    Err(secrets::Error::KeyNotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(keys)
        });
        made.anew.extend(written.await?);
    }
}

async fn lost_secrets(app: &App, made: &mut Regenerated) -> Result<(), secrets::Error> {
    let mut after = None;
    loop {
        let rows = app.read(move |tx, _| secrets::all_secrets(tx, after, AT_A_TIME)).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        let vault = Arc::clone(&app.vault);
        let lost = app.blocking(move || keep_lost(rows, |row: &NamedSecret| secrets::open(&vault, row))).await??;
        made.to_set.extend(lost.into_iter().map(|row| (row.scope.repo(), row.name.to_string())));
    }
}

async fn lost_codes(app: &App, made: &mut Regenerated) -> Result<(), secrets::Error> {
    let mut after = None;
    loop {
        let rows = app.read(move |tx, _| accounts::all_factors(tx, after, AT_A_TIME)).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.user);
        let vault = Arc::clone(&app.vault);
        let open = move |row: &SecondFactor| vault.open(&row.sealed, row.binding()).map_err(secrets::Error::from);
        let lost = app.blocking(move || keep_lost(rows, open)).await??;
        made.to_drop.extend(lost.into_iter().map(|row| row.user));
    }
}

async fn lost_kept(app: &App, made: &mut Regenerated) -> Result<(), secrets::Error> {
    let rows = app.read(|tx, _| Purpose::ALL.iter().filter_map(|purpose| secrets::kept(tx, *purpose).transpose()).collect()).await?;
    let vault = Arc::clone(&app.vault);
    let lost = app.blocking(move || keep_lost(rows, |row: &Kept| secrets::open_kept(&vault, row))).await??;
    made.to_renew.extend(lost.into_iter().map(|row| row.purpose));
    Ok(())
}

/// Those that cannot be opened any more.
fn keep_lost<T, O>(rows: Vec<T>, open: impl Fn(&T) -> secrets::Result<O>) -> secrets::Result<Vec<T>> {
    let mut lost = Vec::new();
    for row in rows {
        if is_lost(open(&row))? {
            lost.push(row);
        }
    }
    Ok(lost)
}

/// Whether what was opened is lost. That the vault cannot be used just now is an error, and says nothing of it.
fn is_lost<T>(opened: secrets::Result<T>) -> secrets::Result<bool> {
    match opened {
        Ok(_) => Ok(false),
        Err(error) if error.is_lost() => Ok(true),
        Err(error) => Err(error),
    }
}
