//! People, their sessions and links, their roles in repositories: as they are stored.

use serde::{Deserialize, Serialize};

use super::identity::Source;
use super::role::{InstanceRole, RepoRole};
use super::session::SessionLimits;
use super::token::Hashed;
use crate::base::id::{Id, LinkId, RepoId, SessionId, UserId};
use crate::base::name::InvalidName;
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, Record};
use crate::engine::vault::{Binding, Sealed};
use crate::words;

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
    /// Where their account comes from.
    pub sources: Vec<Source>,
    /// Where their picture is.
    pub avatar_url: Option<String>,
    /// Since when they are held back: they are said to have left those whom GitHub lets in, and GitHub was not asked since. Their tokens
    /// are not good until then; and who has come by GitHub alone does not sign in.
    pub held_at: Option<Timestamp>,
}

impl User {
    /// Whether they may not sign in now.
    pub fn is_kept_out(&self) -> bool {
        self.disabled_at.is_some() || self.held_at.is_some() && !self.sources.contains(&Source::Local)
    }

    /// Whether tokens of theirs are good for nothing now.
    pub fn are_tokens_held(&self) -> bool {
        self.disabled_at.is_some() || self.held_at.is_some()
    }
}

impl Record for User {
    const TABLE: &'static str = "users";
    const VERSION: u16 = 1;
    type Key = UserId;

    fn key(&self) -> UserId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_LOGIN, &ADMINS]
    }
}

/// Users by login, in lower case.
pub(super) const BY_LOGIN: Index<User, String> = Index::on("by_login", |user| user.login.to_lowercase());

/// Those who run the instance and are not shut out.
pub(super) const ADMINS: Index<User, UserId> =
    Index::some("admins", |user| (user.role == InstanceRole::Admin && user.disabled_at.is_none()).then_some(user.id));

/// What the trail calls those who are no people.
const RESERVED: [&str; 4] = ["host", "system", "anonymous", "somebody"];

/// Takes a login: 1 to 39 letters, digits, `-`, `_`, `.`, beginning with a letter or digit.
pub fn parse_login(input: &str) -> Result<String, InvalidName> {
    let good = (1..=39).contains(&input.len())
        && input.starts_with(|c: char| c.is_ascii_alphanumeric())
        && input.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && input.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !RESERVED.contains(&input.to_lowercase().as_str());
    if good {
        return Ok(input.to_owned());
    }
    Err(InvalidName {
        input: crate::base::text::clip(input, 80).into_owned(),
        what: "login",
        why: "it has 1 to 39 letters, digits, `-`, `_` and `.`, begins and ends with a letter or digit, and is none of `host`, `system`, `anonymous`, `somebody`",
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
    /// What the browser is, in a few words.
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
    pub fn is_good(&self, limits: SessionLimits, now: Timestamp) -> bool {
        now < self.expires_at && now.since(self.last_seen_at) < limits.idle && now.since(self.created_at) < limits.lifetime
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

/// What a one-time link is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkPurpose {
    /// It signs somebody in.
    SignIn {
        /// Whom.
        user: UserId,
    },
    /// It lets somebody set a new password.
    SetPassword {
        /// Whose.
        user: UserId,
    },
    /// It gives somebody an account.
    Invitation {
        /// What they will be on the instance.
        role: InstanceRole,
        /// Whom it is for, in the words of whoever made it.
        note: String,
    },
}

impl LinkPurpose {
    /// The person it is about, if they have an account.
    pub fn user(&self) -> Option<UserId> {
        match self {
            LinkPurpose::SignIn { user } | LinkPurpose::SetPassword { user } => Some(*user),
            LinkPurpose::Invitation { .. } => None,
        }
    }
}

/// A one-time link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// The hash of what it carries.
    pub secret: Hashed,
    /// Who made it; `None` for the host.
    pub made_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub spent_at: Option<Timestamp>,
    /// When it was called back.
    pub revoked_at: Option<Timestamp>,
}

impl Record for Link {
    const TABLE: &'static str = "links";
    const VERSION: u16 = 1;
    type Key = LinkId;

    fn key(&self) -> LinkId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_LINK_SECRET, &LINKS_BY_END, &LINKS_BY_USER, &OPEN_LINKS_BY_USER, &INVITATIONS]
    }
}

/// Links by the hash of their secret.
pub(super) const BY_LINK_SECRET: Index<Link, Hashed> = Index::on("by_secret", |link| link.secret);
/// Links by the instant they end.
pub(super) const LINKS_BY_END: Index<Link, Timestamp> = Index::on("by_end", |link| link.expires_at);
/// Links about somebody who has an account.
pub(super) const LINKS_BY_USER: Index<Link, UserId> = Index::some("by_user", |link| link.purpose.user());
/// Those of them that were neither used nor called back.
pub(super) const OPEN_LINKS_BY_USER: Index<Link, UserId> = Index::some("open_by_user", |link| {
    let is_open = link.spent_at.is_none() && link.revoked_at.is_none();
    link.purpose.user().filter(|_| is_open)
});
/// Links that give somebody an account.
pub(super) const INVITATIONS: Index<Link, LinkId> =
    Index::some("invitations", |link| matches!(link.purpose, LinkPurpose::Invitation { .. }).then_some(link.id));

/// A browser that somebody has signed in with before: whoever guesses their password elsewhere does not slow it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    /// The hash of what its cookie carries.
    pub secret: Hashed,
    /// Who signed in with it.
    pub user: UserId,
    /// When they last did.
    pub signed_in_at: Timestamp,
}

impl Record for Browser {
    const TABLE: &'static str = "browsers";
    const VERSION: u16 = 1;
    type Key = Hashed;

    fn key(&self) -> Hashed {
        self.secret
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BROWSERS_BY_USER, &BROWSERS_BY_USE]
    }
}

/// Browsers by whoever signed in with them, longest unused first.
pub(super) const BROWSERS_BY_USER: Index<Browser, (UserId, Timestamp)> =
    Index::on("by_user", |browser| (browser.user, browser.signed_in_at));
/// Browsers, longest unused first.
pub(super) const BROWSERS_BY_USE: Index<Browser, Timestamp> = Index::on("by_use", |browser| browser.signed_in_at);

/// The codes that somebody shows beside their password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// Whose.
    pub user: UserId,
    /// The secret of the codes.
    pub sealed: Sealed,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// In which session; nobody else sees its secret.
    pub begun_in: Option<SessionId>,
    /// When a first code showed that the app has the secret; `None` asks for no codes yet.
    pub confirmed_at: Option<Timestamp>,
    /// The step of the last code that was taken: none is taken twice.
    pub last_step: u64,
    /// The hashes of the recovery codes that are left.
    pub recovery: Vec<Hashed>,
}

impl Record for SecondFactor {
    const TABLE: &'static str = "second_factors";
    const VERSION: u16 = 1;
    type Key = UserId;

    fn key(&self) -> UserId {
        self.user
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&FACTORS_BY_RECIPIENT]
    }
}

impl SecondFactor {
    /// What its secret is bound to.
    pub fn binding(&self) -> Binding {
        SecondFactor::binding_of(self.user, self.begun_at)
    }

    /// What the secret of a set-up is bound to that begins at this moment.
    pub fn binding_of(user: UserId, begun_at: Timestamp) -> Binding {
        Binding { kind: "second_factor", id: user.as_u128(), version: begun_at.as_millis().unsigned_abs() }
    }
}

/// Second factors by what they are sealed to.
pub(super) const FACTORS_BY_RECIPIENT: Index<SecondFactor, String> =
    Index::on("by_recipient", |factor| factor.sealed.recipient.as_str().to_owned());

words! {
    /// Who says which role somebody has.
    pub enum MembershipSource: "source of a role" {
        /// It was given here.
        Local = "local",
        /// GitHub does.
        Github = "github",
    }
}

/// A person's role in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The repository.
    pub repo: RepoId,
    /// The person.
    pub user: UserId,
    /// The role.
    pub role: RepoRole,
    /// Who says so.
    pub source: MembershipSource,
}

impl Record for Membership {
    const TABLE: &'static str = "memberships";
    const VERSION: u16 = 1;
    type Key = (RepoId, UserId);

    fn key(&self) -> (RepoId, UserId) {
        (self.repo, self.user)
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&MEMBERSHIPS_BY_USER]
    }
}

/// Memberships by person.
pub(super) const MEMBERSHIPS_BY_USER: Index<Membership, (UserId, RepoId)> =
    Index::on("by_user", |membership| (membership.user, membership.repo));
