//! Who is there, and who may do what.
//!
//! A [`User`] is a person. A [`Session`] is a browser that is signed in as one, a [`Token`] a program that acts as one or for itself.
//! Whoever makes a request is a [`Caller`], and one function decides what a caller may do: [`Caller::may`]. It denies unless a rule
//! allows, and tells apart what must stay hidden (404) from what is seen but not allowed (403).
//!
//! Secrets of all kinds are made outside of transactions, handed over once, and kept as hashes: a stolen store signs nobody in.
//!
//! Passwords, invitations and roles given by hand are not here yet: the way in is a one-time link.

use std::time::Duration;

use crate::base::event::Event;
use crate::base::id::{RepoId, SessionId, TokenId, UserId};
use crate::base::name::InvalidName;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};

mod caller;
mod record;
mod role;
mod token;

pub use caller::{Caller, Permission, Refusal, Resource, recognise};
pub use record::{Link, Membership, Session, User, parse_login};
pub use role::{InstanceRole, RepoRole, Scope};
pub use token::{Hashed, Plain, Token, TokenKind};

/// How long a one-time link can be used.
pub const LINK_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How long it is remembered after its end that there was a link, so that whoever follows it is told what became of it.
pub const LINK_REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long a session lives without being used.
pub const SESSION_IDLE: Duration = Duration::from_secs(14 * 24 * 3_600);
/// How long a session lives at all.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(60 * 24 * 3_600);
/// How stale the instant of last use may be, so that reading does not mean writing.
pub const SEEN_GRAIN: Duration = Duration::from_secs(60);
/// How much of a browser's name a session keeps.
const DEVICE_BYTES: usize = 200;

/// What can fail with accounts.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The login does not have the form of one.
    #[error(transparent)]
    InvalidLogin(#[from] InvalidName),
    /// The login is taken.
    #[error("there is a user `{login}` already")]
    LoginTaken {
        /// The login.
        login: String,
    },
    /// There is no such user.
    #[error("no user `{login}` is known; `plumbline user list` names those who are")]
    UserNotFound {
        /// What was looked for.
        login: String,
    },
    /// There is no such token.
    #[error("no token `{token}` is known; `plumbline token list` names those that are")]
    TokenNotFound {
        /// What was looked for.
        token: String,
    },
    /// There is no such session, or it is another person's.
    #[error("no session {session} is yours")]
    SessionNotFound {
        /// What was looked for.
        session: SessionId,
    },
    /// The link cannot be used.
    #[error("this sign-in link {fault}; `plumbline user link LOGIN` on the server makes a new one")]
    LinkUseless {
        /// Why not.
        fault: LinkFault,
    },
    /// A scope is asked for that such a token cannot have.
    #[error("a {kind} token cannot have the scope `{scope}`")]
    ScopeNotAllowed {
        /// The kind of token.
        kind: TokenKind,
        /// The scope.
        scope: Scope,
    },
    /// A token of this kind is for certain repositories.
    #[error("an upload token is for one repository; name it")]
    RepositoryMissing,
    /// A personal token needs its person.
    #[error("a personal token belongs to a user; name one")]
    UserMissing,
    /// A token would have ended before it began.
    #[error("{end} is past; name an instant to come, or none for a token that does not end")]
    EndIsPast {
        /// When it would have ended.
        end: Timestamp,
    },
}

/// Why a one-time link cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// It was used.
    Spent,
    /// Its time is over.
    Expired,
    /// No such link was ever made, or it is long forgotten.
    Unknown,
}

impl std::fmt::Display for LinkFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            LinkFault::Spent => "was used already",
            LinkFault::Expired => "has expired",
            LinkFault::Unknown => "is not known here",
        })
    }
}

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

/// Gives a person an account.
pub fn create_user(tx: &mut WriteTx, login: &str, role: InstanceRole, now: Timestamp) -> Result<User> {
    let login = record::parse_login(login)?;
    if tx.first(&record::BY_LOGIN.exactly(&login.to_lowercase()))?.is_some() {
        return Err(Error::LoginTaken { login });
    }
    let user = User { id: tx.new_id(now), name: login.clone(), login, role, disabled_at: None, created_at: now, last_seen_at: None };
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

/// All users, in the order they came.
pub fn list_users(tx: &ReadTx, after: Option<&Cursor>, limit: Limit) -> Result<Page<User>> {
    Ok(tx.page(&Scan::<User>::all().after(after), limit)?)
}

/// Whether nobody has an account yet.
pub fn is_fresh(tx: &ReadTx) -> Result<bool> {
    Ok(tx.first(&Scan::<User>::all())?.is_none())
}

/// Opens a one-time link that signs `user` in; `secret` is the hash of what the link carries.
pub fn open_link(tx: &mut WriteTx, user: UserId, secret: Hashed, now: Timestamp) -> Result<Link> {
    let link = Link { id: tx.new_id(now), user, secret, created_at: now, expires_at: now + LINK_LIFETIME, spent_at: None };
    tx.put(&link)?;
    tx.record(Event::LinkMade { link: link.id }, now)?;
    Ok(link)
}

/// A link that can be used, and the person it would sign in. Looking does not spend it.
pub fn find_link(tx: &ReadTx, secret: Hashed, now: Timestamp) -> Result<(Link, User)> {
    let useless = |fault| Err(Error::LinkUseless { fault });
    let Some(link) = tx.first(&record::BY_LINK_SECRET.exactly(&secret))? else { return useless(LinkFault::Unknown) };
    if link.spent_at.is_some() {
        return useless(LinkFault::Spent);
    }
    let user = tx.get::<User>(&link.user)?.filter(|user| user.disabled_at.is_none());
    match user {
        Some(user) if now < link.expires_at => Ok((link, user)),
        // Of somebody who is shut out, a link is of no more use than one whose time is over.
        _ => useless(LinkFault::Expired),
    }
}

/// Spends a link: it works no more, and the browser that spent it has a session under the hash `session_secret`.
pub fn spend_link(
    tx: &mut WriteTx,
    secret: Hashed,
    session_secret: Hashed,
    device: &str,
    address: Option<String>,
    now: Timestamp,
) -> Result<Session> {
    let (mut link, mut user) = find_link(tx, secret, now)?;
    link.spent_at = Some(now);
    tx.put(&link)?;
    user.last_seen_at = Some(now);
    tx.put(&user)?;
    let session = Session {
        id: tx.new_id(now),
        user: user.id,
        secret: session_secret,
        device: crate::base::text::clip(device, DEVICE_BYTES).into_owned(),
        address,
        created_at: now,
        last_seen_at: now,
        expires_at: now + SESSION_LIFETIME,
    };
    tx.put(&session)?;
    tx.record(Event::SignedIn { user: user.id }, now)?;
    Ok(session)
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

/// The sessions of a user, oldest first.
pub fn list_sessions(tx: &ReadTx, user: UserId, after: Option<&Cursor>, limit: Limit) -> Result<Page<Session>> {
    Ok(tx.page(&record::SESSIONS_BY_USER.prefix(user).after(after), limit)?)
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its kind.
    pub kind: TokenKind,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The person it acts as; for a personal token alone.
    pub user: Option<UserId>,
    /// The repositories it is for; empty is all that its owner may see.
    pub repos: Vec<RepoId>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    /// All that keeps it from being made.
    pub fn faults(&self) -> Vec<Error> {
        let bad = self.scopes.iter().filter(|scope| !self.kind.allows(**scope));
        let mut faults: Vec<Error> = bad.map(|scope| Error::ScopeNotAllowed { kind: self.kind, scope: *scope }).collect();
        if self.kind == TokenKind::Upload && self.repos.len() != 1 {
            faults.push(Error::RepositoryMissing);
        }
        if self.kind == TokenKind::Personal && self.user.is_none() {
            faults.push(Error::UserMissing);
        }
        faults
    }
}

/// The most characters in the name of a token.
const TOKEN_NAME: usize = 100;

/// Takes the name of a token, without blanks around it.
pub fn parse_token_name(input: &str) -> std::result::Result<String, InvalidName> {
    let name = input.trim();
    if (1..=TOKEN_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    let why = "it has 1 to 100 characters, and none that steers a terminal";
    Err(InvalidName { input: crate::base::text::clip(input, 80).into_owned(), what: "name of a token", why })
}

/// Makes a token whose secret has the hash `secret`.
pub fn create_token(tx: &mut WriteTx, new: NewToken, secret: Hashed, now: Timestamp) -> Result<Token> {
    if let Some(fault) = new.faults().into_iter().next() {
        return Err(fault);
    }
    let token = Token {
        id: tx.new_id(now),
        kind: new.kind,
        name: new.name,
        secret,
        scopes: new.scopes,
        user: new.user.filter(|_| new.kind == TokenKind::Personal),
        repos: new.repos,
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    tx.put(&token)?;
    tx.record(Event::TokenCreated { token: token.id }, now)?;
    Ok(token)
}

/// All tokens, oldest first.
pub fn list_tokens(tx: &ReadTx, after: Option<&Cursor>, limit: Limit) -> Result<Page<Token>> {
    Ok(tx.page(&Scan::<Token>::all().after(after), limit)?)
}

/// A user's own tokens, oldest first.
pub fn list_tokens_of(tx: &ReadTx, user: UserId, after: Option<&Cursor>, limit: Limit) -> Result<Page<Token>> {
    Ok(tx.page(&token::BY_USER.prefix(user).after(after), limit)?)
}

/// Ends a token of this user's own.
pub fn revoke_own_token(tx: &mut WriteTx, user: Option<UserId>, id: TokenId, now: Timestamp) -> Result<Token> {
    let own = tx.get::<Token>(&id)?.filter(|token| token.user.is_some() && token.user == user);
    if own.is_none() {
        return Err(Error::TokenNotFound { token: id.to_string() });
    }
    revoke_token(tx, id, now)
}

/// Ends a token at once.
pub fn revoke_token(tx: &mut WriteTx, id: TokenId, now: Timestamp) -> Result<Token> {
    let mut token = tx.get::<Token>(&id)?.ok_or_else(|| Error::TokenNotFound { token: id.to_string() })?;
    if token.revoked_at.is_none() {
        token.revoked_at = Some(now);
        tx.put(&token)?;
        tx.record(Event::TokenRevoked { token: id }, now)?;
    }
    Ok(token)
}

/// Who a bearer token speaks for; anonymous if it is not good.
pub fn caller_of_token(tx: &ReadTx, secret: Hashed, now: Timestamp) -> Result<Option<(Caller, bool)>> {
    let Some(token) = tx.first(&token::BY_SECRET.exactly(&secret))? else { return Ok(None) };
    let is_stale = is_stale(token.last_used_at, now);
    Ok(speaking_token(tx, token, now)?.map(|caller| (caller, is_stale)))
}

/// The caller that a token makes, if it is good and its person is not shut out.
fn speaking_token(tx: &ReadTx, token: Token, now: Timestamp) -> Result<Option<Caller>> {
    if !token.is_good(now) {
        return Ok(None);
    }
    let user = match token.user {
        Some(id) => match tx.get::<User>(&id)?.filter(|user| user.disabled_at.is_none()) {
            Some(user) => Some(user),
            // A person's tokens end with the person's access.
            None => return Ok(None),
        },
        None => None,
    };
    Ok(Some(Caller::Token { token, user }))
}

/// Who a session's cookie speaks for, and whether its last use is to be written down.
pub fn caller_of_session(tx: &ReadTx, secret: Hashed, now: Timestamp) -> Result<Option<(Caller, bool)>> {
    let Some(session) = tx.first(&record::BY_SESSION_SECRET.exactly(&secret))? else { return Ok(None) };
    let is_stale = is_stale(Some(session.last_seen_at), now);
    Ok(speaking_session(tx, session, now)?.map(|caller| (caller, is_stale)))
}

/// The caller that a session makes, if it is good and its person is not shut out.
fn speaking_session(tx: &ReadTx, session: Session, now: Timestamp) -> Result<Option<Caller>> {
    if !session.is_good(now) {
        return Ok(None);
    }
    let user = tx.get::<User>(&session.user)?.filter(|user| user.disabled_at.is_none());
    Ok(user.map(|user| Caller::User { user, session }))
}

/// A caller who was recognised before, as they are now; `None` if they are shut out by now.
pub fn caller_again(tx: &ReadTx, caller: &Caller, now: Timestamp) -> Result<Option<Caller>> {
    match caller {
        Caller::Host | Caller::Anonymous => Ok(Some(caller.clone())),
        Caller::User { session, .. } => match tx.get::<Session>(&session.id)? {
            Some(session) => speaking_session(tx, session, now),
            None => Ok(None),
        },
        Caller::Token { token, .. } => match tx.get::<Token>(&token.id)? {
            Some(token) => speaking_token(tx, token, now),
            None => Ok(None),
        },
    }
}

fn is_stale(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.since(last) >= SEEN_GRAIN)
}

/// Writes down that a caller was seen.
pub fn mark_seen(tx: &mut WriteTx, caller: &Caller, now: Timestamp) -> Result<()> {
    match caller {
        Caller::User { session, user } => {
            if let Some(mut session) = tx.get::<Session>(&session.id)? {
                session.last_seen_at = now;
                tx.put(&session)?;
            }
            if let Some(mut user) = tx.get::<User>(&user.id)? {
                user.last_seen_at = Some(now);
                tx.put(&user)?;
            }
        }
        Caller::Token { token, .. } => {
            if let Some(mut token) = tx.get::<Token>(&token.id)? {
                token.last_used_at = Some(now);
                tx.put(&token)?;
            }
        }
        Caller::Host | Caller::Anonymous => {}
    }
    Ok(())
}

/// Gives a user a role in a repository.
pub fn grant(tx: &mut WriteTx, repo: RepoId, user: UserId, role: RepoRole) -> store::Result<()> {
    tx.put(&Membership { repo, user, role })
}

/// How many people have a role of their own in a repository, counted up to ten thousand.
pub fn count_members(tx: &ReadTx, repo: RepoId) -> Result<usize> {
    Ok(tx.count(&Scan::<Membership>::prefix(repo), 10_000)?)
}

/// Takes every role in a repository away, at most `limit` at a time; answers how many.
pub fn revoke_all(tx: &mut WriteTx, repo: RepoId, limit: usize) -> store::Result<usize> {
    tx.remove_all(&Scan::<Membership>::prefix(repo), limit)
}

/// Forgets links and sessions that have ended, at most `limit` of each; answers how many.
pub fn expire(tx: &mut WriteTx, limit: usize, now: Timestamp) -> Result<usize> {
    let mut gone = 0;
    for link in tx.find(&record::LINKS_BY_END.all(), limit)?.into_iter().filter(|link| link.expires_at + LINK_REMEMBERED <= now) {
        tx.remove::<Link>(&link.id)?;
        gone += 1;
    }
    for session in tx.find(&record::SESSIONS_BY_SEEN.all(), limit)?.into_iter().filter(|session| !session.is_good(now)) {
        tx.remove::<Session>(&session.id)?;
        gone += 1;
    }
    Ok(gone)
}
