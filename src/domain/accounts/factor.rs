//! The second factor: codes beside the password, each taken once.
//!
//! A set-up is begun with a secret that is shown, and counts once a first code shows that an app has it: whoever closes the page halfway
//! is not shut out. With it come recovery codes, each good once, for when the phone is gone. The secret is stored sealed; verbs here are
//! handed what was opened and matched outside of the transaction, and decide whether it may still be used.

use super::record::{FACTORS_BY_RECIPIENT, SecondFactor};
use super::token::Hashed;
use super::{Error, Result, user};
use crate::base::event::{Event, SignInChange};
use crate::base::id::{SessionId, UserId};
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};
use crate::engine::vault::{Recipient, Sealed};

/// What somebody showed beside their password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// A text that is neither a code of now nor of the form of a recovery code.
    Rubbish,
    /// The code of this step.
    Code(u64),
    /// A recovery code with this hash.
    Recovery(Hashed),
}

/// A person's second factor, be it one that is not confirmed yet.
pub fn factor_of(tx: &ReadTx, user: UserId) -> Result<Option<SecondFactor>> {
    Ok(tx.get::<SecondFactor>(&user)?)
}

/// Whether a person is asked for codes.
fn has_factor(tx: &ReadTx, user: UserId) -> Result<bool> {
    Ok(factor_of(tx, user)?.is_some_and(|factor| factor.confirmed_at.is_some()))
}

/// Begins a set-up with a secret that is sealed for this moment; one that was begun before and not confirmed is forgotten.
pub fn begin_factor(tx: &mut WriteTx, user: UserId, session: Option<SessionId>, sealed: Sealed, now: Timestamp) -> Result<()> {
    user::get_user(tx, user)?;
    if has_factor(tx, user)? {
        return Err(Error::FactorThere);
    }
    Ok(tx.put(&SecondFactor { user, sealed, begun_at: now, begun_in: session, confirmed_at: None, last_step: 0, recovery: Vec::new() })?)
}

/// Ends a set-up with the first code; `begun_at` says which set-up the code was matched with.
pub fn confirm_factor(tx: &mut WriteTx, user: UserId, begun_at: Timestamp, step: u64, recovery: &[Hashed], now: Timestamp) -> Result<()> {
    let mut factor = factor_of(tx, user)?.ok_or(Error::FactorMissing)?;
    if factor.confirmed_at.is_some() {
        return Err(Error::FactorThere);
    }
    if factor.begun_at != begun_at {
        return Err(Error::CodeWrong);
    }
    factor.confirmed_at = Some(now);
    factor.last_step = step;
    factor.recovery = recovery.to_vec();
    tx.put(&factor)?;
    Ok(tx.record(Event::SignInChanged { user, change: SignInChange::TotpSet }, now)?)
}

/// Takes what was shown, if it is right and was not taken before. Without a second factor everything is.
pub(super) fn take(tx: &mut WriteTx, user: UserId, shown: Shown) -> Result<()> {
    let Some(mut factor) = factor_of(tx, user)?.filter(|factor| factor.confirmed_at.is_some()) else { return Ok(()) };
    match shown {
        Shown::Nothing => return Err(Error::CodeMissing),
        Shown::Rubbish => return Err(Error::CodeWrong),
        Shown::Code(step) if step > factor.last_step => factor.last_step = step,
        Shown::Code(_) => return Err(Error::CodeWrong),
        Shown::Recovery(hash) => {
            let place = factor.recovery.iter().position(|left| *left == hash).ok_or(Error::CodeWrong)?;
            factor.recovery.remove(place);
        }
    }
    Ok(tx.put(&factor)?)
}

/// Asks for no codes any more; whoever asks for that shows one.
pub fn remove_factor(tx: &mut WriteTx, user: UserId, shown: Shown, now: Timestamp) -> Result<()> {
    if factor_of(tx, user)?.is_none() {
        return Err(Error::FactorMissing);
    }
    take(tx, user, shown)?;
    drop_factor(tx, user, now)
}

/// How many recovery codes somebody has left who is asked for codes.
pub fn recovery_codes_left(tx: &ReadTx, user: UserId) -> Result<Option<usize>> {
    Ok(factor_of(tx, user)?.filter(|factor| factor.confirmed_at.is_some()).map(|factor| factor.recovery.len()))
}

/// Takes a person's second factor away, for whoever lost phone and recovery codes: an administrator's verb.
pub fn drop_factor(tx: &mut WriteTx, user: UserId, now: Timestamp) -> Result<()> {
    user::get_user(tx, user)?;
    if tx.remove::<SecondFactor>(&user)? {
        tx.record(Event::SignInChanged { user, change: SignInChange::TotpRemoved }, now)?;
    }
    Ok(())
}

/// Second factors that are sealed to a key of the vault, at most `limit`.
pub fn factors_sealed_to(tx: &ReadTx, key: &Recipient, limit: usize) -> store::Result<Vec<SecondFactor>> {
    tx.find(&FACTORS_BY_RECIPIENT.exactly(&key.as_str().to_owned()), limit)
}

/// Writes down that the secret of a set-up is wrapped anew; says whether it was still the one that it was wrapped for.
pub fn rewrap_factor(tx: &mut WriteTx, user: UserId, before: &Sealed, sealed: &Sealed) -> store::Result<bool> {
    let Some(factor) = tx.get::<SecondFactor>(&user)?.filter(|factor| factor.sealed == *before) else { return Ok(false) };
    tx.put(&SecondFactor { sealed: sealed.clone(), ..factor })?;
    Ok(true)
}

/// Everybody's second factors, at most `limit` of those after one person's.
pub fn all_factors(tx: &ReadTx, after: Option<UserId>, limit: usize) -> store::Result<Vec<SecondFactor>> {
    let scan = after.map_or_else(Scan::<SecondFactor>::all, |last| Scan::<SecondFactor>::from_key(&last));
    let mut factors = tx.find(&scan, limit + 1)?;
    factors.retain(|factor| Some(factor.user) != after);
    factors.truncate(limit);
    Ok(factors)
}
