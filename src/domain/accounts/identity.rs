//! Who somebody is elsewhere: an account at a provider, and the person here whose it is.
//!
//! An account there is known by its number, which is its for good; its name there may change, and be somebody else's later. So nobody
//! gets an account here because a name is the same: who comes for the first time is given a free login, unless a browser that is signed
//! in asks to link the two.
//!
//! An account that came by a provider stands on what the provider says: when its person leaves there, it is closed, however else they
//! could sign in, and opened again when they come back. One that was made here and linked loses what came of the link: sessions, tokens
//! and mirrored roles.

use serde::{Deserialize, Serialize};

use super::record::{self, User};
use super::role::InstanceRole;
use super::session::{self, NewSession};
use super::{Error, Result, Session, email, roster, user};
use crate::base::event::{Changed, Event, SignInChange, WayIn};
use crate::base::id::UserId;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, ReadTx, Record, Scan, WriteTx};
use crate::words;

words! {
    /// Who says who somebody is.
    pub enum Provider: "provider" {
        /// GitHub, or the Enterprise Server that is configured in its place.
        Github = "github",
    }
}

words! {
    /// Where an account comes from.
    pub enum Source: "source of an account" {
        /// It was made here.
        Local = "local",
        /// It came by GitHub, or is linked to an account there.
        Github = "github",
    }
}

/// The longest login that is made.
const LOGIN_BYTES: usize = 39;
/// How many logins are tried that are like the one somebody has elsewhere.
const LOGINS_TRIED: u32 = 100;
/// The most of a name that is kept.
const NAME_BYTES: usize = 100;
/// The longest address of a picture that is kept.
const AVATAR_BYTES: usize = 500;

/// The most organizations of one account that are known.
const PLACES: usize = 200;

/// An account elsewhere, and whose it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Who says so.
    pub provider: Provider,
    /// The account's number there.
    pub subject: u64,
    /// The person.
    pub user: UserId,
    /// What the account was called when it was last seen.
    pub login: String,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When somebody last signed in by it.
    pub seen_at: Timestamp,
    /// What became of it when its person left those who are let in.
    pub left: Option<Left>,
    /// The organizations it was last seen in, in lower case and in order; none where that was never looked at.
    pub places: Vec<String>,
}

/// Somebody left those who are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// When that was noticed.
    pub at: Timestamp,
    /// Whether their account was closed for it, and is opened again when they come back.
    pub has_closed: bool,
}

impl Record for Identity {
    const TABLE: &'static str = "identities";
    const VERSION: u16 = 1;
    type Key = (u8, u64);

    fn key(&self) -> (u8, u64) {
        (self.provider as u8, self.subject)
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&IDENTITIES_BY_USER]
    }
}

/// Identities by person.
pub(super) const IDENTITIES_BY_USER: Index<Identity, UserId> = Index::on("by_user", |identity| identity.user);

/// What a provider says of whoever signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The account's number.
    pub subject: u64,
    /// What it is called.
    pub login: String,
    /// What its person is called.
    pub name: Option<String>,
    /// Their picture.
    pub avatar_url: Option<String>,
    /// Addresses of theirs that the provider has verified; `None` if it does not tell.
    pub emails: Option<Vec<String>>,
}

/// The identity of an account on GitHub.
pub fn github_identity(tx: &ReadTx, subject: u64) -> Result<Option<Identity>> {
    Ok(tx.get::<Identity>(&(Provider::Github as u8, subject))?)
}

/// The account on GitHub that is a person's.
pub fn github_identity_of(tx: &ReadTx, user: UserId) -> Result<Option<Identity>> {
    Ok(tx.first(&IDENTITIES_BY_USER.exactly(&user))?)
}

/// All accounts elsewhere that are somebody's.
pub fn list_identities(tx: &ReadTx, after: Option<&Cursor>, limit: Limit) -> Result<Page<Identity>> {
    Ok(tx.page(&Scan::<Identity>::all().after(after), limit)?)
}

/// Signs in whoever GitHub says it is, who is one of those that are let in. Who was not here before is given an account.
pub fn sign_in_by_github(tx: &mut WriteTx, profile: &Profile, new: &NewSession, now: Timestamp) -> Result<Session> {
    let known = github_identity(tx, profile.subject)?;
    let is_new = known.is_none();
    let (identity, mut person) = match known {
        Some(identity) => {
            let person = user::get_user(tx, identity.user)?;
            (identity, person)
        }
        None => {
            let login = free_login(tx, profile)?;
            let mut person = user::create_user(tx, &login, InstanceRole::Member, now)?;
            person.sources = vec![Source::Github];
            (Identity::of(person.id, profile, now), person)
        }
    };
    let has_closed = identity.left.is_some_and(|left| left.has_closed);
    if person.disabled_at.is_some() {
        if !has_closed {
            return Err(Error::UserDisabled);
        }
        person.disabled_at = None;
        let changes = Changed::of("enabled", Some(false), Some(true)).into_iter().collect();
        tx.record(Event::UserChanged { user: person.id, changes }, now)?;
    }
    let was_away = identity.left.is_some();
    // Where they came back is looked at next time.
    let places = if was_away { Vec::new() } else { identity.places.clone() };
    let identity = Identity { login: shown(&profile.login), seen_at: now, left: None, places, ..identity };
    let person = take_over(tx, identity, person, profile, now)?;
    if is_new || was_away {
        roster::mirror_user(tx, person.id, profile.subject, now)?;
    }
    session::begin(tx, person, new, WayIn::Github, now)
}

/// Links an account on GitHub to a person who is signed in.
pub fn link_github(tx: &mut WriteTx, id: UserId, profile: &Profile, now: Timestamp) -> Result<()> {
    let mut person = user::get_user(tx, id)?;
    match (github_identity(tx, profile.subject)?, github_identity_of(tx, id)?) {
        (Some(other), _) if other.user != id => return Err(Error::IdentityTaken { login: shown(&profile.login) }),
        (None, Some(own)) => return Err(Error::IdentityThere { login: own.login }),
        _ => {}
    }
    if !person.sources.contains(&Source::Github) {
        person.sources.push(Source::Github);
    }
    take_over(tx, Identity::of(id, profile, now), person, profile, now)?;
    roster::mirror_user(tx, id, profile.subject, now)?;
    Ok(tx.record(Event::SignInChanged { user: id, change: SignInChange::GithubLinked }, now)?)
}

/// Takes the link to GitHub from a person, and with it the roles that came of it. One whose account came by GitHub, and one who could not
/// sign in otherwise, keeps it.
pub fn unlink_github(tx: &mut WriteTx, id: UserId, now: Timestamp) -> Result<()> {
    let mut person = user::get_user(tx, id)?;
    let identity = github_identity_of(tx, id)?.ok_or(Error::IdentityMissing)?;
    if !person.sources.contains(&Source::Local) {
        return Err(Error::IdentityNeeded);
    }
    if user::password_of(tx, id)?.is_none() {
        return Err(Error::LastWayIn);
    }
    if person.held_at.take().is_some() {
        // Whether they had left is not asked any more.
        user::revoke_tokens(tx, id, now)?;
    }
    tx.remove::<Identity>(&identity.key())?;
    roster::forget_user(tx, id, now)?;
    email::set_emails(tx, id, &[], now)?;
    person.sources.retain(|source| *source != Source::Github);
    person.avatar_url = None;
    tx.put(&person)?;
    Ok(tx.record(Event::SignInChanged { user: id, change: SignInChange::GithubUnlinked }, now)?)
}

/// Shuts out whoever is not among those any more that are let in: their sessions, tokens and mirrored roles end at once, and so does their
/// account if it came by GitHub. That it may be the last administrator's changes nothing: the host's owner makes another.
pub fn leave_github(tx: &mut WriteTx, subject: u64, now: Timestamp) -> Result<Option<User>> {
    let Some(mut identity) = github_identity(tx, subject)?.filter(|identity| identity.left.is_none()) else { return Ok(None) };
    let mut person = user::get_user(tx, identity.user)?;
    let has_closed = person.disabled_at.is_none() && !person.sources.contains(&Source::Local);
    identity.left = Some(Left { at: now, has_closed });
    tx.put(&identity)?;
    person.held_at = None;
    user::end_access(tx, person.id, now)?;
    roster::forget_user(tx, person.id, now)?;
    let mut changes = vec![Changed::of("github", Some("member"), Some("left"))];
    if has_closed {
        person.disabled_at = Some(now);
        changes.push(Changed::of("enabled", Some(true), Some(false)));
    }
    tx.put(&person)?;
    tx.record(Event::UserChanged { user: person.id, changes: changes.into_iter().flatten().collect() }, now)?;
    Ok(Some(person))
}

/// Signs out whoever told GitHub that it is to say nothing more of them to us.
pub fn revoke_github_authorization(tx: &mut WriteTx, subject: u64, now: Timestamp) -> Result<()> {
    if let Some(identity) = github_identity(tx, subject)? {
        session::sign_out_all(tx, identity.user, None, now)?;
    }
    Ok(())
}

/// Signs somebody out of whom GitHub says that they left an organization, and holds them back until [it was asked](release). Whoever is
/// known to be let in by others alone is not concerned.
pub fn hold_back(tx: &mut WriteTx, subject: u64, place: &str, now: Timestamp) -> Result<()> {
    let Some(identity) = github_identity(tx, subject)?.filter(|identity| identity.left.is_none()) else { return Ok(()) };
    if !identity.places.is_empty() && !identity.places.contains(&place.to_lowercase()) {
        return Ok(());
    }
    session::sign_out_all(tx, identity.user, None, now)?;
    let person = user::get_user(tx, identity.user)?;
    held(tx, person, Some(now), now)
}

/// Holds somebody back no longer, unless they have been held back anew since it was looked: `held_at` is since when they were.
pub fn release(tx: &mut WriteTx, id: UserId, held_at: Timestamp, now: Timestamp) -> Result<()> {
    let person = user::get_user(tx, id)?;
    if person.held_at == Some(held_at) { held(tx, person, None, now) } else { Ok(()) }
}

fn held(tx: &mut WriteTx, person: User, since: Option<Timestamp>, now: Timestamp) -> Result<()> {
    let changes = Changed::of("held_back", Some(person.held_at.is_some()), Some(since.is_some())).into_iter().collect::<Vec<_>>();
    let user = person.id;
    tx.put(&User { held_at: since, ..person })?;
    if !changes.is_empty() {
        tx.record(Event::UserChanged { user, changes }, now)?;
    }
    Ok(())
}

/// Writes down in which organizations an account on GitHub was seen and, where that was asked, what it is called now.
pub fn see_github(tx: &mut WriteTx, subject: u64, login: Option<&str>, places: &[String]) -> Result<()> {
    let Some(before) = github_identity(tx, subject)? else { return Ok(()) };
    let mut places: Vec<String> = places.iter().take(PLACES).cloned().collect();
    places.sort_unstable();
    places.dedup();
    let login = login.map_or_else(|| before.login.clone(), shown);
    if before.login != login || before.places != places {
        tx.put(&Identity { login, places, ..before })?;
    }
    Ok(())
}

/// An administrator decided on somebody's access: who comes back to GitHub's organizations changes nothing about it any more.
pub(super) fn settle(tx: &mut WriteTx, user: UserId) -> Result<()> {
    if let Some(identity) = github_identity_of(tx, user)?
        && let Some(left) = identity.left.filter(|left| left.has_closed)
    {
        tx.put(&Identity { left: Some(Left { has_closed: false, ..left }), ..identity })?;
    }
    Ok(())
}

impl Identity {
    fn of(user: UserId, profile: &Profile, now: Timestamp) -> Identity {
        let (provider, subject, login) = (Provider::Github, profile.subject, shown(&profile.login));
        Identity { provider, subject, user, login, linked_at: now, seen_at: now, left: None, places: Vec::new() }
    }
}

fn shown(login: &str) -> String {
    clip(login, NAME_BYTES).into_owned()
}

/// Writes down what GitHub says of a person.
fn take_over(tx: &mut WriteTx, identity: Identity, mut person: User, profile: &Profile, now: Timestamp) -> Result<User> {
    tx.put(&identity)?;
    // GitHub has just said who they are, and that they are let in.
    person.held_at = None;
    person.avatar_url = profile.avatar_url.clone().filter(|url| is_picture(url));
    // What somebody who was here before is called is theirs to say.
    if !person.sources.contains(&Source::Local) {
        let name = profile.name.as_deref().map(str::trim).filter(|name| !name.is_empty() && !name.chars().any(char::is_control));
        person.name = clip(name.unwrap_or(&person.login), NAME_BYTES).into_owned();
    }
    tx.put(&person)?;
    if let Some(emails) = &profile.emails {
        email::set_emails(tx, person.id, emails, now)?;
    }
    Ok(person)
}

fn is_picture(url: &str) -> bool {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web && url.len() <= AVATAR_BYTES && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'))
}

/// A login that nobody has, as like as can be to the one that somebody has on GitHub.
fn free_login(tx: &ReadTx, profile: &Profile) -> Result<String> {
    let by_number = || format!("github-{}", profile.subject);
    let like: String = profile.login.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    let like = like.trim_start_matches(['-', '_', '.']);
    let like = if like.is_empty() { by_number() } else { like.to_owned() };
    for n in 1..=LOGINS_TRIED {
        let end = if n == 1 { String::new() } else { format!("-{n}") };
        let login = format!("{}{end}", clip_ascii(&like, LOGIN_BYTES - end.len()).trim_end_matches(['-', '.']));
        if record::parse_login(&login).is_ok() && tx.first(&record::BY_LOGIN.exactly(&login.to_lowercase()))?.is_none() {
            return Ok(login);
        }
    }
    Ok(by_number())
}

fn clip_ascii(text: &str, most: usize) -> &str {
    text.get(..most.min(text.len())).unwrap_or(text)
}

#[cfg(test)]
mod tests;
