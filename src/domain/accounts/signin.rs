//! Signing in with a password.
//!
//! What is slow or touches files (hashing, opening the sealed secret of codes) was done before; here, in one transaction, it is decided
//! whether what was matched is still what counts, and the session begins. Whatever was wrong, the answer is the same: a stranger learns
//! neither who has an account nor whether it was the password or the code.

use super::password::PasswordHash;
use super::record::{Session, User};
use super::session::{self, NewSession};
use super::{Error, Result, Shown, factor, user};
use crate::base::event::WayIn;
use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::engine::store::WriteTx;

/// What somebody who signs in has shown.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Whom the login names; `None` if nobody who may sign in.
    pub user: Option<UserId>,
    /// The hash that the password was found to have; `None` if it was wrong.
    pub password: Option<PasswordHash>,
    /// What was shown beside it.
    pub shown: Shown,
}

/// Signs somebody in.
pub fn sign_in(tx: &mut WriteTx, proof: &Proof, new: &NewSession, now: Timestamp) -> Result<Session> {
    let (Some(id), Some(matched)) = (proof.user, &proof.password) else { return Err(Error::SignInRefused) };
    // It may have been changed while it was hashed.
    let is_current = user::password_of(tx, id)?.as_ref() == Some(matched);
    let person = tx.get::<User>(&id)?.filter(|user| !user.is_kept_out() && is_current).ok_or(Error::SignInRefused)?;
    match factor::take(tx, id, proof.shown) {
        Err(Error::CodeWrong) => return Err(Error::SignInRefused),
        taken => taken?,
    }
    let way = if matches!(proof.shown, Shown::Recovery(_)) { WayIn::RecoveryCode } else { WayIn::Password };
    session::begin(tx, person, new, way, now)
}
