//! People, their sessions and links, their roles in repositories: as they are stored.

use serde::{Deserialize, Serialize};

use super::role::{InstanceRole, RepoRole};
use super::token::Hashed;
use super::{SESSION_IDLE, SESSION_LIFETIME};
use crate::base::id::{LinkId, RepoId, SessionId, UserId};
use crate::base::name::InvalidName;
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, Record};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// What they sign in as; unique in any case.
    pub login: String,
    /// What they are called.
    pub name: String,
    /// What they may do on the instance.
    pub role: InstanceRole,
    /// When their access was taken away.
    pub disabled_at: Option<Timestamp>,
    /// When they came.
    pub created_at: Timestamp,
    /// When they were last seen, to the minute.
    pub last_seen_at: Option<Timestamp>,
}

impl Record for User {
    const TABLE: &'static str = "users";
    const VERSION: u16 = 1;
    type Key = UserId;

    fn key(&self) -> UserId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_LOGIN]
    }
}

/// Users by login, in lower case.
pub(super) const BY_LOGIN: Index<User, String> = Index::on("by_login", |user| user.login.to_lowercase());

/// Takes a login: 1 to 39 letters, digits, `-`, `_`, `.`, beginning with a letter or digit.
pub fn parse_login(input: &str) -> Result<String, InvalidName> {
    let good = (1..=39).contains(&input.len())
        && input.starts_with(|c: char| c.is_ascii_alphanumeric())
        && input.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if good {
        return Ok(input.to_owned());
    }
    Err(InvalidName {
        input: crate::base::text::clip(input, 80).into_owned(),
        what: "login",
        why: "it has 1 to 39 letters, digits, `-`, `_` and `.`, and begins with a letter or digit",
    })
}

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who is signed in.
    pub user: UserId,
    /// The hash of what its cookie carries.
    pub secret: Hashed,
    /// What the browser calls itself.
    pub device: String,
    /// Where it was when it signed in.
    pub address: Option<String>,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last seen, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it still counts.
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires_at && now.since(self.last_seen_at) < SESSION_IDLE && now.since(self.created_at) < SESSION_LIFETIME
    }
}

impl Record for Session {
    const TABLE: &'static str = "sessions";
    const VERSION: u16 = 1;
    type Key = SessionId;

    fn key(&self) -> SessionId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_SESSION_SECRET, &SESSIONS_BY_USER, &SESSIONS_BY_SEEN]
    }
}

/// Sessions by the hash of their secret.
pub(super) const BY_SESSION_SECRET: Index<Session, Hashed> = Index::on("by_secret", |session| session.secret);
/// Sessions by user.
pub(super) const SESSIONS_BY_USER: Index<Session, (UserId, Timestamp)> = Index::on("by_user", |session| (session.user, session.created_at));
/// Sessions, longest unseen first.
pub(super) const SESSIONS_BY_SEEN: Index<Session, Timestamp> = Index::on("by_seen", |session| session.last_seen_at);

/// A one-time way in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// Whom it signs in.
    pub user: UserId,
    /// The hash of what it carries.
    pub secret: Hashed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub spent_at: Option<Timestamp>,
}

impl Record for Link {
    const TABLE: &'static str = "links";
    const VERSION: u16 = 1;
    type Key = LinkId;

    fn key(&self) -> LinkId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_LINK_SECRET, &LINKS_BY_END]
    }
}

/// Links by the hash of their secret.
pub(super) const BY_LINK_SECRET: Index<Link, Hashed> = Index::on("by_secret", |link| link.secret);
/// Links by the instant they end.
pub(super) const LINKS_BY_END: Index<Link, Timestamp> = Index::on("by_end", |link| link.expires_at);

/// A person's role in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The repository.
    pub repo: RepoId,
    /// The person.
    pub user: UserId,
    /// The role.
    pub role: RepoRole,
}

impl Record for Membership {
    const TABLE: &'static str = "memberships";
    const VERSION: u16 = 1;
    type Key = (RepoId, UserId);

    fn key(&self) -> (RepoId, UserId) {
        (self.repo, self.user)
    }
}
