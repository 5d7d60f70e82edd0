//! Who is there, and who may do what.
//!
//! A [`User`] is a person. A [`Session`] is a browser that is signed in as one, a [`Token`] a program that acts as one or for itself.
//! Whoever makes a request is a [`Caller`], and one function decides what a caller may do: [`Caller::may`]. It denies unless a rule
//! allows, and tells apart what must stay hidden (404) from what is seen but not allowed (403).
//!
//! Secrets of all kinds are made outside of transactions, handed over once, and kept as hashes: a stolen store signs nobody in. The one
//! that must be read again, that of somebody's codes, is kept sealed.
//!
//! A run of a forge's automation needs neither: it shows a token of the forge, which is believed for what it says of the repository
//! ([`workload`]).
//!
//! The ways in are a one-time link (`accounts/link.rs`), a password (`signin.rs`), beside which a code may be asked for (`factor.rs`), and
//! GitHub, which says who somebody is (`identity.rs`), by which addresses their commits are known (`email.rs`) and which roles they have in
//! its repositories (`roster.rs`).
//! People come by invitation or are given an account, and go without taking anything along (`user.rs`).

use std::time::Duration;

use crate::base::event::Event;
use crate::base::id::{LinkId, RepoId, SessionId, TokenId, UserId};
use crate::base::name::InvalidName;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::text;
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};

mod caller;
mod common;
mod device;
mod email;
mod factor;
mod identity;
mod link;
mod member;
mod password;
mod record;
mod role;
mod roster;
mod session;
mod signin;
mod token;
pub mod totp;
mod user;
pub mod workload;

pub use caller::{Caller, Permission, Refusal, Resource, is_by_admin, recognise};
pub use email::{Email, emails_of, user_of_email};
pub use factor::{
    Shown, all_factors, begin_factor, confirm_factor, drop_factor, factor_of, factors_sealed_to, recovery_codes_left, remove_factor,
    rewrap_factor,
};
pub use identity::{
    Identity, Left, Profile, Provider, Source, github_identity, github_identity_of, hold_back, leave_github, link_github, list_identities,
    release, revoke_github_authorization, see_github, sign_in_by_github, unlink_github,
};
pub use link::{
    INVITATION_LIFETIME, LINK_LIFETIME, LINK_REMEMBERED, LinkFault, Opens, accept_invitation, find_link, invite, list_invitations,
    open_link, open_reset, parse_note, reset_password, revoke_invitation, spend_link,
};
pub use member::{Member, count_members, grant, list_members, remove_member, revoke_all, role_of, set_member};
pub use password::{LEAST_CHARS, MOST_BYTES, Password, PasswordFault, PasswordHash, PasswordRow};
pub use record::{Browser, Link, LinkPurpose, Membership, MembershipSource, SecondFactor, Session, User, parse_login};
pub use role::{InstanceRole, RepoRole, Scope};
pub use roster::{
    PEOPLE_PER_REPO, Roster, mirror_repo, people_changed, person_changed, request_resync, request_user_sync, roles_changed, roster,
};
pub use session::{
    BROWSER_KNOWN, Cookie, NewSession, SESSIONS_PER_USER, SessionLimits, caller_of_session, end_session, is_known_browser,
    list_all_sessions, list_sessions, sign_out, sign_out_all, sign_out_own,
};
pub use signin::{Proof, sign_in};
pub use token::{Hashed, Maker, Plain, Previous, TOKENS_PER_USER, Token, TokenKind};
pub use user::{
    UserChange, change_password, change_user, create_user, delete_user, erase_user, find_user, get_user, has_passwords, is_fresh,
    is_shut_out, list_users, password_of, set_password,
};

/// How stale the instant of last use may be, so that reading does not mean writing.
pub const SEEN_GRAIN: Duration = Duration::from_secs(60);
/// How long an old secret counts beside a new one, at most.
pub const OVERLAP_HOURS: u64 = 7 * 24;

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
    #[error("this link {fault}; ask an administrator for a new one, or make one on the server with `plumbline user link LOGIN`")]
    LinkUseless {
        /// Why not.
        fault: LinkFault,
    },
    /// There is no such invitation.
    #[error("no invitation {id} is known")]
    InvitationNotFound {
        /// What was looked for.
        id: LinkId,
    },
    /// What is said of whom an invitation is for cannot be said.
    #[error(transparent)]
    InvalidNote(InvalidName),
    /// Whoever tries to sign in has not shown what it takes. What was wrong is not told.
    #[error("the login, the password or the code is not right")]
    SignInRefused,
    /// The password is right, and a code is asked for.
    #[error("this account asks for a code as well: send the six digits of the authenticator, or a recovery code, as `totp`")]
    CodeMissing,
    /// The code is not one of now, or was taken before.
    #[error("this is not a code of now, or it was used already; wait for the next one, or use a recovery code")]
    CodeWrong,
    /// The password that was to show who asks is not theirs.
    #[error("this is not your present password")]
    PasswordWrong,
    /// A token is to be for more repositories than one can name.
    #[error("a token names at most 1,000 repositories; leave them out for all that its owner may see")]
    TooManyRepositories,
    /// A text cannot be a password.
    #[error(transparent)]
    PasswordRefused(#[from] PasswordFault),
    /// There is a second factor already.
    #[error("codes are asked for already; remove the authenticator first")]
    FactorThere,
    /// There is no second factor.
    #[error("no codes are asked for")]
    FactorMissing,
    /// Nobody would be left to run the instance.
    #[error("`{login}` is the last administrator; make somebody else one first")]
    LastAdmin {
        /// Who.
        login: String,
    },
    /// The person has no role in the repository.
    #[error("`{login}` has no role in this repository")]
    MemberNotFound {
        /// Who.
        login: String,
    },
    /// The token has ended.
    #[error("the token `{name}` has ended; make a new one")]
    TokenEnded {
        /// What people call it.
        name: String,
    },
    /// The old secret of a token would count for too long.
    #[error("{hours} hours are too long; the old secret may count for at most {OVERLAP_HOURS}")]
    OverlapTooLong {
        /// For how long it would.
        hours: u64,
    },
    /// The person has too many tokens.
    #[error("you have {TOKENS_PER_USER} tokens, and no more are kept; revoke one that is not used")]
    TooManyTokens,
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
    /// The account was closed.
    #[error("this account is closed; whoever runs the server can open it again")]
    UserDisabled,
    /// An account elsewhere is another person's.
    #[error("the account `{login}` on GitHub is linked to somebody else here; sign in through it, or unlink it there first")]
    IdentityTaken {
        /// What it is called there.
        login: String,
    },
    /// There is another account elsewhere already.
    #[error("the account `{login}` on GitHub is linked already; unlink it first")]
    IdentityThere {
        /// What it is called there.
        login: String,
    },
    /// There is no account elsewhere.
    #[error("no account on GitHub is linked")]
    IdentityMissing,
    /// The account stands on the one elsewhere.
    #[error("this account came by GitHub and stands on it; it cannot be without")]
    IdentityNeeded,
    /// Nothing would be left to sign in by.
    #[error("nothing would be left to sign in by; set a password first")]
    LastWayIn,
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

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

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
        let bad = Scope::ALL.iter().filter(|scope| self.scopes.contains(scope) && !self.kind.allows(**scope));
        let mut faults: Vec<Error> = bad.map(|scope| Error::ScopeNotAllowed { kind: self.kind, scope: *scope }).collect();
        if self.repos.len() > TOKEN_REPOS {
            faults.push(Error::TooManyRepositories);
        }
        if self.kind == TokenKind::Upload && self.repos.len() != 1 {
            faults.push(Error::RepositoryMissing);
        }
        if self.kind == TokenKind::Personal && self.user.is_none() {
            faults.push(Error::UserMissing);
        }
        faults
    }
}

/// The most repositories that a token may be for by name.
const TOKEN_REPOS: usize = 1_000;

/// The most characters in the name of a token.
const TOKEN_NAME: usize = 100;

/// Takes the name of a token, without blanks around it.
pub fn parse_token_name(input: &str) -> std::result::Result<String, InvalidName> {
    let name = input.trim();
    if (1..=TOKEN_NAME).contains(&name.chars().count()) && !name.chars().any(text::is_hostile) {
        return Ok(name.to_owned());
    }
    let why = "it has 1 to 100 characters, and none that steers a terminal";
    Err(InvalidName { input: text::clip(input, 80).into_owned(), what: "name of a token", why })
}

/// Makes a token whose secret has the hash `secret`.
pub fn create_token(tx: &mut WriteTx, new: NewToken, secret: Hashed, now: Timestamp) -> Result<Token> {
    if let Some(fault) = new.faults().into_iter().next() {
        return Err(fault);
    }
    if let Some(user) = new.user.filter(|_| new.kind == TokenKind::Personal) {
        make_room(tx, user, now)?;
    }
    let token = Token {
        id: tx.new_id(now),
        kind: new.kind,
        name: new.name,
        secret,
        previous: None,
        scopes: new.scopes,
        user: new.user.filter(|_| new.kind == TokenKind::Personal),
        repos: new.repos,
        made_by: Maker::of(tx.actor()),
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    tx.put(&token)?;
    tx.record(Event::TokenCreated { token: token.id }, now)?;
    Ok(token)
}

/// Sees to it that a person may have one more token: one that has ended makes room.
fn make_room(tx: &mut WriteTx, user: UserId, now: Timestamp) -> Result<()> {
    let tokens = tx.find(&token::BY_USER.prefix(user), token::TOKENS_KEPT)?;
    let (good, ended): (Vec<&Token>, Vec<&Token>) = tokens.iter().partition(|token| token.is_good(now));
    if good.len() >= TOKENS_PER_USER {
        return Err(Error::TooManyTokens);
    }
    if tokens.len() >= token::TOKENS_KEPT
        && let Some(oldest) = ended.first()
    {
        tx.remove::<Token>(&oldest.id)?;
    }
    Ok(())
}

/// Gives a token another secret; the old one counts for a while longer, so that what uses it can be told the new one in between. Of two
/// rotations within that time, the second ends the first secret at once.
pub fn rotate_token(tx: &mut WriteTx, id: TokenId, secret: Hashed, overlap: Duration, now: Timestamp) -> Result<Token> {
    let mut token = get_token(tx, id)?;
    let hours = overlap.as_secs().div_ceil(3_600);
    if hours > OVERLAP_HOURS {
        return Err(Error::OverlapTooLong { hours });
    }
    if !token.is_good(now) {
        return Err(Error::TokenEnded { name: token.name });
    }
    token.previous = (!overlap.is_zero()).then(|| Previous { secret: token.secret, ends_at: now + overlap });
    token.secret = secret;
    tx.put(&token)?;
    tx.record(Event::TokenRotated { token: id }, now)?;
    Ok(token)
}

/// What the upload token of a repository is called that its settings show.
const UPLOAD_TOKEN: &str = "upload token";
/// How many upload tokens of a repository are looked at for it.
const UPLOAD_TOKENS: usize = 200;

/// Gives a repository another upload token; the one before ends at once. Those that were made by other names go on.
pub fn renew_upload_token(tx: &mut WriteTx, repo: RepoId, secret: Hashed, now: Timestamp) -> Result<Token> {
    for token in tx.find(&token::UPLOADS.exactly(&repo), UPLOAD_TOKENS)? {
        if token.name == UPLOAD_TOKEN && token.repos == [repo] {
            revoke_token(tx, token.id, now)?;
        }
    }
    let (kind, scopes, repos) = (TokenKind::Upload, vec![Scope::ReportsWrite], vec![repo]);
    create_token(tx, NewToken { kind, name: UPLOAD_TOKEN.to_owned(), scopes, user: None, repos, expires_at: None }, secret, now)
}

/// The token with this id.
pub fn get_token(tx: &ReadTx, id: TokenId) -> Result<Token> {
    tx.get::<Token>(&id)?.ok_or_else(|| Error::TokenNotFound { token: id.to_string() })
}

/// A user's own token with this id.
pub fn get_own_token(tx: &ReadTx, user: Option<UserId>, id: TokenId) -> Result<Token> {
    let own = tx.get::<Token>(&id)?.filter(|token| token.user.is_some() && token.user == user);
    own.ok_or_else(|| Error::TokenNotFound { token: id.to_string() })
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
    get_own_token(tx, user, id)?;
    revoke_token(tx, id, now)
}

/// Ends a token at once.
pub fn revoke_token(tx: &mut WriteTx, id: TokenId, now: Timestamp) -> Result<Token> {
    let mut token = get_token(tx, id)?;
    if token.revoked_at.is_none() {
        token.revoked_at = Some(now);
        token.previous = None;
        tx.put(&token)?;
        tx.record(Event::TokenRevoked { token: id }, now)?;
    }
    Ok(token)
}

/// Who a bearer token speaks for, and whether its last use is to be written down; `None` if it is not good.
pub fn caller_of_token(tx: &ReadTx, secret: Hashed, now: Timestamp) -> Result<Option<(Caller, bool)>> {
    let Some(token) = tx.first(&token::BY_SECRET.exactly(&secret))? else { return Ok(None) };
    let is_stale = is_stale(token.last_used_at, now);
    Ok(speaking_token(tx, token, secret, now)?.map(|caller| (caller, is_stale)))
}

/// A token that was shown and is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untaken {
    /// The token.
    pub id: TokenId,
    /// Whether it would be but for its person, who is held back.
    pub is_held: bool,
}

/// The token that a text is or was of, where it is not taken.
pub fn untaken(tx: &ReadTx, secret: Hashed, now: Timestamp) -> Result<Option<Untaken>> {
    let Some(token) = tx.first(&token::BY_SECRET.exactly(&secret))? else { return Ok(None) };
    let person = token.user.map(|id| tx.get::<User>(&id)).transpose()?.flatten();
    let is_held = person.is_some_and(|person| person.held_at.is_some() && person.disabled_at.is_none());
    Ok(Some(Untaken { id: token.id, is_held: is_held && token.is_good(now) && token.is_known_by(secret, now) }))
}

/// The caller that a token makes by one of its secrets, if it is good and its person is neither shut out nor held back.
fn speaking_token(tx: &ReadTx, mut token: Token, secret: Hashed, now: Timestamp) -> Result<Option<Caller>> {
    if !token.is_good(now) || !token.is_known_by(secret, now) {
        return Ok(None);
    }
    // Whoever is looked up once more is looked up by what was shown.
    token.secret = secret;
    let user = match token.user {
        Some(id) => match tx.get::<User>(&id)?.filter(|user| !user.are_tokens_held()) {
            Some(user) => Some(user),
            // A person's tokens end with the person's access.
            None => return Ok(None),
        },
        None => None,
    };
    Ok(Some(Caller::Token { token, user }))
}

/// A caller who was recognised before, as they are now; `None` if they are shut out by now.
pub fn caller_again(tx: &ReadTx, caller: &Caller, limits: SessionLimits, now: Timestamp) -> Result<Option<Caller>> {
    match caller {
        Caller::Host | Caller::Anonymous => Ok(Some(caller.clone())),
        Caller::User { session, .. } => match tx.get::<Session>(&session.id)? {
            Some(session) => session::speaking(tx, session, limits, now),
            None => Ok(None),
        },
        Caller::Token { token: shown, .. } => match tx.get::<Token>(&shown.id)? {
            Some(token) => speaking_token(tx, token, shown.secret, now),
            None => Ok(None),
        },
        Caller::Workload { workload, .. } => Ok(workload.is_good(now).then(|| caller.clone())),
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
        // Of a workload there is no row: the log and the trail have what it did.
        Caller::Workload { .. } | Caller::Host | Caller::Anonymous => {}
    }
    Ok(())
}

/// Forgets links, sessions and browsers that are past their time, at most `limit` of each; answers how many.
pub fn expire(tx: &mut WriteTx, limits: SessionLimits, limit: usize, now: Timestamp) -> Result<usize> {
    Ok(link::expire(tx, limit, now)? + session::expire(tx, limits, limit, now)?)
}
