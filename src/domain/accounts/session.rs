//! Sessions: browsers that are signed in.
//!
//! A session is opaque: its cookie carries random bytes, of which the hash is kept. It begins with bytes of its own at each sign-in, so
//! nobody can put one into another's browser beforehand. It ends when it was not used for a while, when it is old, when its person signs
//! it out, is disabled or gone, or when its cookie turns up in another browser.

use std::time::Duration;

use super::record::{self, Browser, Session, User};
use super::token::Hashed;
use super::{Caller, Error, Result, device, is_stale};
use crate::base::event::{Event, WayIn};
use crate::base::id::{SessionId, UserId};
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::engine::store::{ReadTx, Scan, WriteTx};

/// The most sessions of one person; the one that was longest unseen makes room.
pub const SESSIONS_PER_USER: usize = 50;
/// The most browsers that are known for one person.
const BROWSERS_PER_USER: usize = 20;
/// How long a browser is known after it was last signed in with.
pub const BROWSER_KNOWN: Duration = Duration::from_secs(180 * 24 * 3_600);

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without being used.
    pub idle: Duration,
    /// At all.
    pub lifetime: Duration,
}

/// The browser that signs in.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The hash of what the session's cookie will carry.
    pub secret: Hashed,
    /// The hash of what the browser will be known by.
    pub browser: Option<Hashed>,
    /// The session that it had until now, which this one replaces.
    pub replaces: Option<SessionId>,
    /// What the browser calls itself.
    pub agent: String,
    /// Where it is.
    pub address: Option<String>,
    /// How long sessions live.
    pub limits: SessionLimits,
}

/// Signs somebody in: they have shown what it takes.
pub(super) fn begin(tx: &mut WriteTx, mut user: User, new: &NewSession, by: WayIn, now: Timestamp) -> Result<Session> {
    if let Some(before) = new.replaces {
        tx.remove::<Session>(&before)?;
    }
    let mut others = tx.find(&record::SESSIONS_BY_USER.prefix(user.id), SESSIONS_PER_USER)?;
    if others.len() >= SESSIONS_PER_USER {
        others.sort_by_key(|session| session.last_seen_at);
        tx.remove::<Session>(&others[0].id)?;
    }
    if let Some(secret) = new.browser {
        remember(tx, user.id, secret, now)?;
    }
    user.last_seen_at = Some(now);
    tx.put(&user)?;
    let session = Session {
        id: tx.new_id(now),
        user: user.id,
        secret: new.secret,
        device: device::describe(&new.agent),
        address: new.address.clone(),
        created_at: now,
        last_seen_at: now,
        expires_at: now + new.limits.lifetime,
    };
    tx.put(&session)?;
    tx.record(Event::SignedIn { user: user.id, by }, now)?;
    Ok(session)
}

fn remember(tx: &mut WriteTx, user: UserId, secret: Hashed, now: Timestamp) -> Result<()> {
    let known = tx.find(&record::BROWSERS_BY_USER.prefix(user), BROWSERS_PER_USER)?;
    if known.len() >= BROWSERS_PER_USER && known.iter().all(|browser| browser.secret != secret) {
        tx.remove::<Browser>(&known[0].secret)?;
    }
    Ok(tx.put(&Browser { secret, user, signed_in_at: now })?)
}

/// Whether somebody has signed in with the browser of this secret before.
pub fn is_known_browser(tx: &ReadTx, user: UserId, secret: Hashed, now: Timestamp) -> Result<bool> {
    Ok(tx.get::<Browser>(&secret)?.is_some_and(|browser| browser.user == user && now.since(browser.signed_in_at) < BROWSER_KNOWN))
}

/// Ends a session.
pub fn sign_out(tx: &mut WriteTx, session: SessionId, now: Timestamp) -> Result<()> {
    if let Some(found) = tx.get::<Session>(&session)? {
        tx.remove::<Session>(&session)?;
        tx.record(Event::SignedOut { user: found.user }, now)?;
    }
    Ok(())
}

/// Ends a session of this user's own.
pub fn sign_out_own(tx: &mut WriteTx, user: Option<UserId>, session: SessionId, now: Timestamp) -> Result<()> {
    let own = tx.get::<Session>(&session)?.filter(|found| Some(found.user) == user);
    if own.is_none() {
        return Err(Error::SessionNotFound { session });
    }
    sign_out(tx, session, now)
}

/// Everybody's sessions, oldest first.
pub fn list_all_sessions(tx: &ReadTx, after: Option<&Cursor>, limit: Limit) -> Result<Page<Session>> {
    Ok(tx.page(&Scan::<Session>::all().after(after), limit)?)
}

/// Ends anybody's session.
pub fn end_session(tx: &mut WriteTx, session: SessionId, now: Timestamp) -> Result<()> {
    if !tx.has::<Session>(&session)? {
        return Err(Error::SessionNotFound { session });
    }
    sign_out(tx, session, now)
}

/// Ends all sessions of a user but one; answers how many.
pub fn sign_out_all(tx: &mut WriteTx, user: UserId, keep: Option<SessionId>, now: Timestamp) -> Result<usize> {
    let ended = tx.find(&record::SESSIONS_BY_USER.prefix(user), SESSIONS_PER_USER)?;
    let ended: Vec<Session> = ended.into_iter().filter(|session| Some(session.id) != keep).collect();
    for session in &ended {
        tx.remove::<Session>(&session.id)?;
    }
    if !ended.is_empty() {
        tx.record(Event::SignedOut { user }, now)?;
    }
    Ok(ended.len())
}

/// Makes every browser of a user one that is not known.
pub(super) fn forget_browsers(tx: &mut WriteTx, user: UserId) -> Result<()> {
    tx.remove_all(&record::BROWSERS_BY_USER.prefix(user), BROWSERS_PER_USER)?;
    Ok(())
}

/// The sessions of a user, oldest first.
pub fn list_sessions(tx: &ReadTx, user: UserId, after: Option<&Cursor>, limit: Limit) -> Result<Page<Session>> {
    Ok(tx.page(&record::SESSIONS_BY_USER.prefix(user).after(after), limit)?)
}

/// Who a session's cookie speaks for, and whether its last use is to be written down. A cookie that another browser sends than the one
/// that it was given to speaks for nobody.
pub fn caller_of_session(tx: &ReadTx, secret: Hashed, agent: &str, limits: SessionLimits, now: Timestamp) -> Result<Cookie> {
    let Some(session) = tx.first(&record::BY_SESSION_SECRET.exactly(&secret))? else { return Ok(Cookie::Void) };
    let is_stale = is_stale(Some(session.last_seen_at), now);
    let (id, begun) = (session.id, session.device.clone());
    Ok(match speaking(tx, session, limits, now)? {
        Some(_) if !device::is_same(&begun, agent) => Cookie::Carried(id),
        Some(caller) => Cookie::Good(Box::new(caller), is_stale),
        None => Cookie::Void,
    })
}

/// What a session's cookie is worth.
#[derive(Debug, Clone)]
pub enum Cookie {
    /// It speaks for somebody; and whether its last use is to be written down.
    Good(Box<Caller>, bool),
    /// It is of a session that was begun in another browser.
    Carried(SessionId),
    /// It means nothing (any more).
    Void,
}

/// The caller that a session makes, if it is good and its person is not shut out.
pub(super) fn speaking(tx: &ReadTx, session: Session, limits: SessionLimits, now: Timestamp) -> Result<Option<Caller>> {
    if !session.is_good(limits, now) {
        return Ok(None);
    }
    let user = tx.get::<User>(&session.user)?.filter(|user| !user.is_kept_out());
    Ok(user.map(|user| Caller::User { user, session }))
}

/// Forgets sessions that have ended and browsers that were not used for long, at most `limit` of each; answers how many.
pub(super) fn expire(tx: &mut WriteTx, limits: SessionLimits, limit: usize, now: Timestamp) -> Result<usize> {
    let mut gone = 0;
    for session in tx.find(&record::SESSIONS_BY_SEEN.all(), limit)?.into_iter().filter(|session| !session.is_good(limits, now)) {
        tx.remove::<Session>(&session.id)?;
        gone += 1;
    }
    for browser in tx.find(&record::BROWSERS_BY_USE.all(), limit)?.into_iter().filter(|one| now.since(one.signed_in_at) >= BROWSER_KNOWN) {
        tx.remove::<Browser>(&browser.secret)?;
        gone += 1;
    }
    Ok(gone)
}
