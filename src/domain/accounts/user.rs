//! People: who has an account, what they are on the instance, and what becomes of what is theirs when they go.
//!
//! Access ends at once: whoever is disabled or deleted is nobody with the next request, since every caller is looked up anew. Nothing
//! that they made goes with them. Their repositories stay, and where nobody else has a role in one, the administrators of the instance
//! look after it, who may do so anyway; tokens of the instance that they made are the instance's.
//!
//! One administrator stays: whatever would leave the instance without any is refused.

use super::email::{EMAILS_BY_USER, Email};
use super::identity::{self, IDENTITIES_BY_USER, Identity, Source};
use super::password::{PasswordHash, PasswordRow};
use super::record::{self, Browser, Link, Membership, SecondFactor, Session, User};
use super::role::InstanceRole;
use super::{Error, Result, Token, link, session, token};
use crate::base::event::{Changed, Event, SignInChange};
use crate::base::id::UserId;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::engine::store::{ReadTx, Scan, WriteTx};

/// Gives a person an account.
pub fn create_user(tx: &mut WriteTx, login: &str, role: InstanceRole, now: Timestamp) -> Result<User> {
    let login = record::parse_login(login)?;
    if tx.first(&record::BY_LOGIN.exactly(&login.to_lowercase()))?.is_some() {
        return Err(Error::LoginTaken { login });
    }
    let user = User {
        id: tx.new_id(now),
        name: login.clone(),
        login,
        role,
        disabled_at: None,
        created_at: now,
        last_seen_at: None,
        sources: vec![Source::Local],
        avatar_url: None,
        held_at: None,
    };
    tx.put(&user)?;
    tx.record(Event::UserCreated { user: user.id }, now)?;
    Ok(user)
}

/// The user with this login, in any case.
pub fn find_user(tx: &ReadTx, login: &str) -> Result<User> {
    tx.first(&record::BY_LOGIN.exactly(&login.to_lowercase()))?
        .ok_or_else(|| Error::UserNotFound { login: crate::base::text::clip(login, 80).into_owned() })
}

/// The user with this id.
pub fn get_user(tx: &ReadTx, id: UserId) -> Result<User> {
    tx.get::<User>(&id)?.ok_or_else(|| Error::UserNotFound { login: id.to_string() })
}

/// The most users that one page of a search looks at: who is rare is found over several pages, each soon.
const LOOKED_AT: usize = 5_000;

/// Users in the order they came, whose login or name has `q` in it.
pub fn list_users(tx: &ReadTx, q: &str, after: Option<&Cursor>, limit: Limit) -> Result<Page<User>> {
    let q = q.to_lowercase();
    let (mut items, mut cursor, mut looked_at) = (Vec::new(), after.cloned(), 0);
    loop {
        let page = tx.page(&Scan::<User>::all().after(cursor.as_ref()), limit)?;
        looked_at += page.items.len();
        let (mut next, total) = (page.next, page.items.len());
        for (n, user) in page.items.into_iter().enumerate() {
            if user.login.to_lowercase().contains(&q) || user.name.to_lowercase().contains(&q) {
                items.push(user);
            }
            if items.len() == limit.get() {
                // What follows on this page begins the next.
                if n + 1 < total {
                    next = items.last().map(place);
                }
                return Ok(Page { items, next });
            }
        }
        cursor = next;
        if cursor.is_none() || looked_at >= LOOKED_AT {
            return Ok(Page { items, next: cursor });
        }
    }
}

fn place(user: &User) -> Cursor {
    use crate::engine::store::key::RowKey;

    Cursor::new(user.id.to_key())
}

/// Whether nobody has an account yet.
pub fn is_fresh(tx: &ReadTx) -> Result<bool> {
    Ok(tx.first(&Scan::<User>::all())?.is_none())
}

/// Refuses to take the last administrator away.
fn keep_one_admin(tx: &ReadTx, user: &User) -> Result<()> {
    let is_admin = user.role == InstanceRole::Admin && user.disabled_at.is_none();
    if is_admin && tx.find(&record::ADMINS.all(), 2)?.len() < 2 {
        return Err(Error::LastAdmin { login: user.login.clone() });
    }
    Ok(())
}

/// What is to be changed of a person; `None` leaves a thing as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserChange {
    /// What they are on the instance.
    pub role: Option<InstanceRole>,
    /// Whether their access is taken away.
    pub is_disabled: Option<bool>,
}

/// Changes what a person is. Disabling ends every session, token and link of theirs for good: one who is let in again signs in anew.
pub fn change_user(tx: &mut WriteTx, id: UserId, change: UserChange, now: Timestamp) -> Result<User> {
    let before = get_user(tx, id)?;
    let mut user = before.clone();
    user.role = change.role.unwrap_or(user.role);
    user.disabled_at = match change.is_disabled {
        Some(true) => user.disabled_at.or(Some(now)),
        Some(false) => None,
        None => user.disabled_at,
    };
    if change.is_disabled == Some(false) {
        user.held_at = None;
    }
    if user == before {
        return Ok(user);
    }
    if user.role != InstanceRole::Admin || user.disabled_at.is_some() {
        keep_one_admin(tx, &before)?;
    }
    tx.put(&user)?;
    if change.is_disabled.is_some() {
        identity::settle(tx, id)?;
    }
    if user.disabled_at.is_some() && before.disabled_at.is_none() {
        end_access(tx, id, now)?;
    }
    let is_enabled = |user: &User| Some(user.disabled_at.is_none());
    let is_held = |user: &User| Some(user.held_at.is_some());
    let changes = [
        Changed::of("role", Some(before.role), Some(user.role)),
        Changed::of("enabled", is_enabled(&before), is_enabled(&user)),
        Changed::of("held_back", is_held(&before), is_held(&user)),
    ];
    tx.record(Event::UserChanged { user: id, changes: changes.into_iter().flatten().collect() }, now)?;
    Ok(user)
}

/// Ends every way in that somebody has.
pub(super) fn end_access(tx: &mut WriteTx, user: UserId, now: Timestamp) -> Result<()> {
    session::sign_out_all(tx, user, None, now)?;
    session::forget_browsers(tx, user)?;
    link::close_links(tx, user, now)?;
    revoke_tokens(tx, user, now)
}

/// Ends the tokens that somebody has.
pub(super) fn revoke_tokens(tx: &mut WriteTx, user: UserId, now: Timestamp) -> Result<()> {
    for token in tx.find(&token::BY_USER.prefix(user), token::TOKENS_KEPT)? {
        super::revoke_token(tx, token.id, now)?;
    }
    Ok(())
}

/// Takes a person's account away: they are nobody from now on. What hangs on it is erased in the background.
pub fn delete_user(tx: &mut WriteTx, id: UserId, now: Timestamp) -> Result<()> {
    let user = get_user(tx, id)?;
    keep_one_admin(tx, &user)?;
    tx.remove::<User>(&id)?;
    Ok(tx.record(Event::UserDeleted { user: id, login: user.login }, now)?)
}

/// Erases rows of a deleted person, at most `limit`; answers how many, 0 once none are left.
pub fn erase_user(tx: &mut WriteTx, user: UserId, limit: usize) -> Result<usize> {
    let mut erased = usize::from(tx.remove::<PasswordRow>(&user)?) + usize::from(tx.remove::<SecondFactor>(&user)?);
    erased += tx.remove_all::<Session>(&record::SESSIONS_BY_USER.prefix(user), limit.saturating_sub(erased))?;
    erased += tx.remove_all::<Browser>(&record::BROWSERS_BY_USER.prefix(user), limit.saturating_sub(erased))?;
    erased += tx.remove_all::<Link>(&record::LINKS_BY_USER.exactly(&user), limit.saturating_sub(erased))?;
    erased += tx.remove_all::<Token>(&token::BY_USER.prefix(user), limit.saturating_sub(erased))?;
    erased += tx.remove_all::<Identity>(&IDENTITIES_BY_USER.exactly(&user), limit.saturating_sub(erased))?;
    erased += tx.remove_all::<Email>(&EMAILS_BY_USER.exactly(&user), limit.saturating_sub(erased))?;
    erased += tx.remove_all::<Membership>(&record::MEMBERSHIPS_BY_USER.prefix(user), limit.saturating_sub(erased))?;
    Ok(erased)
}

/// Sets a person's password in the place of the one that they have shown, if they had one: of two changes at a time, the second has shown
/// what is the password no more.
pub fn change_password(
    tx: &mut WriteTx,
    user: UserId,
    shown: Option<&PasswordHash>,
    hash: &PasswordHash,
    keep: crate::base::id::SessionId,
    now: Timestamp,
) -> Result<()> {
    if password_of(tx, user)?.as_ref() != shown {
        return Err(Error::PasswordWrong);
    }
    set_password(tx, user, hash, Some(keep), now)
}

/// Sets a person's password. Every other browser of theirs is signed out; `keep` is the session that asks.
pub fn set_password(
    tx: &mut WriteTx,
    user: UserId,
    hash: &PasswordHash,
    keep: Option<crate::base::id::SessionId>,
    now: Timestamp,
) -> Result<()> {
    get_user(tx, user)?;
    tx.put(&PasswordRow { user, hash: hash.clone(), set_at: now })?;
    link::close_links(tx, user, now)?;
    session::sign_out_all(tx, user, keep, now)?;
    session::forget_browsers(tx, user)?;
    Ok(tx.record(Event::SignInChanged { user, change: SignInChange::PasswordSet }, now)?)
}

/// Whether somebody has no access any more: their account is closed, or gone.
pub fn is_shut_out(tx: &ReadTx, user: UserId) -> Result<bool> {
    Ok(tx.get::<User>(&user)?.is_none_or(|user| user.disabled_at.is_some()))
}

/// The hash of a person's password, if they have one.
pub fn password_of(tx: &ReadTx, user: UserId) -> Result<Option<PasswordHash>> {
    Ok(tx.get::<PasswordRow>(&user)?.map(|row| row.hash))
}

/// Whether anybody has a password.
pub fn has_passwords(tx: &ReadTx) -> Result<bool> {
    Ok(tx.first(&Scan::<PasswordRow>::all())?.is_some())
}
