//! One-time links: to sign in, to set a password, to come for the first time.
//!
//! Whoever holds a link may do the one thing it is for, once, for a while; so each is short-lived, is kept as a hash, and can be called
//! back. Looking at one spends nothing: previews and mail scanners look.

use std::time::Duration;

use super::password::{PasswordHash, PasswordRow};
use super::record::{self, Link, LinkPurpose, Session, User};
use super::role::InstanceRole;
use super::session::{self, NewSession};
use super::token::Hashed;
use super::{Error, Result, user};
use crate::base::event::{Event, SignInChange, WayIn};
use crate::base::id::{LinkId, UserId};
use crate::base::name::InvalidName;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::engine::store::{ReadTx, WriteTx};

/// How long a link that signs in can be used, and one that sets a password.
pub const LINK_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How long an invitation can be used.
pub const INVITATION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long it is remembered after its end that there was a link, so that whoever follows it is told what became of it.
pub const LINK_REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3_600);
/// The most characters that are said of whom an invitation is for.
const NOTE_CHARS: usize = 100;

/// Why a one-time link cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// It was used.
    Spent,
    /// Its time is over.
    Expired,
    /// It was called back.
    Revoked,
    /// No such link was ever made, or it is long forgotten.
    Unknown,
}

impl std::fmt::Display for LinkFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            LinkFault::Spent => "was used already",
            LinkFault::Expired => "has expired",
            LinkFault::Revoked => "was called back",
            LinkFault::Unknown => "is not known here",
        })
    }
}

/// A link that can be used, and what it opens.
#[derive(Debug, Clone)]
pub enum Opens {
    /// It signs this person in.
    SignIn(User),
    /// It lets this person set a new password.
    SetPassword(User),
    /// It gives somebody an account with this role.
    Invitation(InstanceRole),
}

fn open(tx: &mut WriteTx, purpose: LinkPurpose, secret: Hashed, made_by: Option<UserId>, ends: Duration, now: Timestamp) -> Result<Link> {
    let link =
        Link { id: tx.new_id(now), purpose, secret, made_by, created_at: now, expires_at: now + ends, spent_at: None, revoked_at: None };
    tx.put(&link)?;
    tx.record(Event::LinkMade { link: link.id }, now)?;
    Ok(link)
}

/// Opens a one-time link that signs `user` in; `secret` is the hash of what the link carries.
pub fn open_link(tx: &mut WriteTx, user: UserId, secret: Hashed, now: Timestamp) -> Result<Link> {
    open(tx, LinkPurpose::SignIn { user }, secret, None, LINK_LIFETIME, now)
}

/// Opens a one-time link by which `user` sets a new password; those that were open for it before work no more.
pub fn open_reset(tx: &mut WriteTx, user: UserId, secret: Hashed, made_by: Option<UserId>, now: Timestamp) -> Result<Link> {
    user::get_user(tx, user)?;
    close_links(tx, user, now)?;
    open(tx, LinkPurpose::SetPassword { user }, secret, made_by, LINK_LIFETIME, now)
}

/// How many of a person's links are called back at a time.
const CLOSED_AT_A_TIME: usize = 200;

/// Calls back every link that somebody could use as this person.
pub(super) fn close_links(tx: &mut WriteTx, user: UserId, now: Timestamp) -> Result<()> {
    loop {
        // One that is called back leaves the index.
        let open = tx.find(&record::OPEN_LINKS_BY_USER.exactly(&user), CLOSED_AT_A_TIME)?;
        for link in &open {
            tx.put(&Link { revoked_at: Some(now), ..link.clone() })?;
        }
        if open.len() < CLOSED_AT_A_TIME {
            return Ok(());
        }
    }
}

/// Takes whom an invitation is for, in somebody's words; it may be nothing.
pub fn parse_note(input: &str) -> std::result::Result<String, InvalidName> {
    let note = input.trim();
    if note.chars().count() <= NOTE_CHARS && !note.chars().any(|c| c.is_control() || crate::base::text::is_hostile(c)) {
        return Ok(note.to_owned());
    }
    let why = "it has at most 100 characters, and none that steers a terminal";
    Err(InvalidName { input: crate::base::text::clip(input, 80).into_owned(), what: "note", why })
}

/// Invites somebody: whoever uses the link chooses login and password.
pub fn invite(tx: &mut WriteTx, role: InstanceRole, note: &str, secret: Hashed, made_by: Option<UserId>, now: Timestamp) -> Result<Link> {
    let note = parse_note(note).map_err(Error::InvalidNote)?;
    open(tx, LinkPurpose::Invitation { role, note }, secret, made_by, INVITATION_LIFETIME, now)
}

/// All invitations that are remembered, latest first.
pub fn list_invitations(tx: &ReadTx, after: Option<&Cursor>, limit: Limit) -> Result<Page<Link>> {
    Ok(tx.page(&record::INVITATIONS.all().reversed().after(after), limit)?)
}

/// Calls an invitation back.
pub fn revoke_invitation(tx: &mut WriteTx, id: LinkId, now: Timestamp) -> Result<Link> {
    let link = tx.get::<Link>(&id)?.filter(|link| matches!(link.purpose, LinkPurpose::Invitation { .. }));
    let mut link = link.ok_or(Error::InvitationNotFound { id })?;
    if link.spent_at.is_none() && link.revoked_at.is_none() {
        link.revoked_at = Some(now);
        tx.put(&link)?;
        tx.record(Event::LinkRevoked { link: id }, now)?;
    }
    Ok(link)
}

/// A link that can be used, and what it opens. Looking does not spend it.
pub fn find_link(tx: &ReadTx, secret: Hashed, now: Timestamp) -> Result<(Link, Opens)> {
    let useless = |fault| Err(Error::LinkUseless { fault });
    let Some(link) = tx.first(&record::BY_LINK_SECRET.exactly(&secret))? else { return useless(LinkFault::Unknown) };
    if link.spent_at.is_some() {
        return useless(LinkFault::Spent);
    }
    if link.revoked_at.is_some() {
        return useless(LinkFault::Revoked);
    }
    if now >= link.expires_at {
        return useless(LinkFault::Expired);
    }
    // What an administrator makes for others is worth as much as they are: it ends with their access, and with their being one.
    if let Some(maker) = link.made_by
        && !tx.get::<User>(&maker)?.is_some_and(|maker| maker.disabled_at.is_none() && maker.role == InstanceRole::Admin)
    {
        return useless(LinkFault::Revoked);
    }
    let user = match link.purpose.user() {
        Some(user) => tx.get::<User>(&user)?.filter(|user| !user.is_kept_out()),
        None => None,
    };
    match (&link.purpose, user) {
        (LinkPurpose::SignIn { .. }, Some(user)) => Ok((link, Opens::SignIn(user))),
        (LinkPurpose::SetPassword { .. }, Some(user)) => Ok((link, Opens::SetPassword(user))),
        (LinkPurpose::Invitation { role, .. }, _) => {
            let role = *role;
            Ok((link, Opens::Invitation(role)))
        }
        // Of somebody who is shut out, a link is of no more use than one whose time is over.
        (LinkPurpose::SignIn { .. } | LinkPurpose::SetPassword { .. }, None) => useless(LinkFault::Expired),
    }
}

fn spend(tx: &mut WriteTx, mut link: Link, now: Timestamp) -> Result<()> {
    link.spent_at = Some(now);
    Ok(tx.put(&link)?)
}

/// Spends a link that signs in: it works no more, and the browser that spent it has a session.
pub fn spend_link(tx: &mut WriteTx, secret: Hashed, new: &NewSession, now: Timestamp) -> Result<Session> {
    let (link, Opens::SignIn(user)) = find_link(tx, secret, now)? else {
        return Err(Error::LinkUseless { fault: LinkFault::Unknown });
    };
    spend(tx, link, now)?;
    session::begin(tx, user, new, WayIn::Link, now)
}

/// Spends a link that sets a password. Whoever was signed in as this person is so no more: the reason may be that it was not them.
pub fn reset_password(tx: &mut WriteTx, secret: Hashed, hash: &PasswordHash, now: Timestamp) -> Result<User> {
    let (link, Opens::SetPassword(user)) = find_link(tx, secret, now)? else {
        return Err(Error::LinkUseless { fault: LinkFault::Unknown });
    };
    spend(tx, link, now)?;
    close_links(tx, user.id, now)?;
    tx.put(&PasswordRow { user: user.id, hash: hash.clone(), set_at: now })?;
    session::sign_out_all(tx, user.id, None, now)?;
    session::forget_browsers(tx, user.id)?;
    tx.record(Event::SignInChanged { user: user.id, change: SignInChange::PasswordSet }, now)?;
    Ok(user)
}

/// Spends an invitation: somebody has an account, and the browser that spent it has a session.
pub fn accept_invitation(
    tx: &mut WriteTx,
    secret: Hashed,
    login: &str,
    hash: &PasswordHash,
    new: &NewSession,
    now: Timestamp,
) -> Result<Session> {
    let (link, Opens::Invitation(role)) = find_link(tx, secret, now)? else {
        return Err(Error::LinkUseless { fault: LinkFault::Unknown });
    };
    let user = user::create_user(tx, login, role, now)?;
    spend(tx, link, now)?;
    tx.put(&PasswordRow { user: user.id, hash: hash.clone(), set_at: now })?;
    session::begin(tx, user, new, WayIn::Link, now)
}

/// Forgets links that ended long ago, at most `limit`; answers how many.
pub(super) fn expire(tx: &mut WriteTx, limit: usize, now: Timestamp) -> Result<usize> {
    let mut gone = 0;
    for link in tx.find(&record::LINKS_BY_END.all(), limit)?.into_iter().filter(|link| link.expires_at + LINK_REMEMBERED <= now) {
        tx.remove::<Link>(&link.id)?;
        gone += 1;
    }
    Ok(gone)
}
