//! What of all that happens stands in the trail: one exhaustive match from fact to entry, and a bound for what was refused.
//!
//! Verbs know nothing of the trail. They record facts, and whatever `entry` makes of a fact is written in the same transaction, with
//! names looked up there: so a verb cannot forget it, and a new fact asks at compile time whether it belongs in. What the appliance does
//! by itself does not.
//!
//! A refusal is no fact of any verb, since nothing happened. It is recorded where it is answered (`http/trail.rs`), through
//! [`App::record_refusal`]: so many of one address, so many in all, and how many were left out stands in the next that is not.

#![warn(clippy::wildcard_enum_match_arm)]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::App;
use super::rates::{Pace, Rates};
use crate::base::event::{Actor, Changed, Event, Recorded, SignInChange};
use crate::base::id::{KeyId, LinkId, RepoId, SecretId, TokenId, UserId};
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;
use crate::base::work::Work;
use crate::domain::accounts::{Link, LinkPurpose, Token, User};
use crate::domain::audit::{self, Action, ActorKind, Deed, Outcome, Subject, SubjectKind, Who};
use crate::domain::repos::Repository;
use crate::domain::secrets::{NamedSecret, SshKey};
use crate::engine::store::{self, ReadTx, WriteTx};

/// How many refusals of one address, or of one caller, have entries of their own: so many at once, and one more each minute.
const PER_SOURCE: Pace = Pace { at_once: 20, each: Duration::from_secs(60) };
/// The same of all together: about 90,000 a month at most, whatever strangers do.
const IN_ALL: Pace = Pace { at_once: 300, each: Duration::from_secs(30) };

/// What the trail says of a fact; `None` if it stays out.
fn told(event: &Event, actor: &Actor) -> Option<(Action, About, Vec<Changed>)> {
    let is_automatic = *actor == Actor::System;
    let plain = |action, about| Some((action, about, Vec::new()));
    match event {
        Event::UserCreated { user } => plain(Action::UserCreated, About::User(*user)),
        Event::UserChanged { user, changes } => Some((Action::UserChanged, About::User(*user), changes.clone())),
        Event::UserDeleted { user, login } => {
            plain(Action::UserDeleted, About::Named(SubjectKind::User, Some(user.to_string()), login.clone()))
        }
        Event::SignInChanged { user, change } => plain(sign_in(*change), About::User(*user)),
        Event::LinkMade { link } => plain(Action::LinkMade, About::Link(*link)),
        Event::LinkRevoked { link } => plain(Action::LinkRevoked, About::Link(*link)),
        Event::SignedIn { user } => plain(Action::SignedIn, About::User(*user)),
        Event::SignedOut { user } => plain(Action::SignedOut, About::User(*user)),
        Event::TokenCreated { token } => plain(Action::TokenCreated, About::Token(*token)),
        Event::TokenRotated { token } => plain(Action::TokenRotated, About::Token(*token)),
        Event::TokenRevoked { token } => plain(Action::TokenRevoked, About::Token(*token)),
        Event::RepositoryAdded { repo } => plain(Action::RepositoryAdded, About::Repository(*repo)),
        Event::RepositoryChanged { repo, changes } => Some((Action::RepositoryChanged, About::Repository(*repo), changes.clone())),
        Event::MembersChanged { repo, changes } => Some((Action::MembersChanged, About::Repository(*repo), changes.clone())),
        Event::SecretSet { secret, .. } => plain(Action::SecretSet, About::Secret(*secret)),
        Event::SecretRemoved { repo, secret, name } => {
            plain(Action::SecretRemoved, About::Part(SubjectKind::Secret, secret.to_string(), name.clone(), *repo))
        }
        Event::KeyAdded { key, .. } => plain(Action::KeyAdded, About::Key(*key)),
        Event::KeyRemoved { repo, key, name } => {
            plain(Action::KeyRemoved, About::Part(SubjectKind::Key, key.to_string(), name.clone(), Some(*repo)))
        }
        Event::VaultRotated => plain(Action::VaultRotated, About::Instance),
        Event::BadgeKeyRotated { repo } => plain(Action::BadgeKeyRotated, About::Repository(*repo)),
        Event::RepositoryDeleted { repo, slug } => {
            plain(Action::RepositoryDeleted, About::Named(SubjectKind::Repository, Some(repo.to_string()), slug.to_string()))
        }
        Event::SettingsChanged { changes } => Some((Action::SettingsChanged, About::Instance, changes.clone())),
        Event::WorkRetried { work, was } => {
            plain(Action::WorkRetried, About::Named(SubjectKind::Work, Some(work.to_string()), work_name(was)))
        }
        Event::WorkDiscarded { work, was } => {
            plain(Action::WorkDiscarded, About::Named(SubjectKind::Work, Some(work.to_string()), work_name(was)))
        }
        Event::CommandEntered { line } => plain(Action::CommandEntered, About::Named(SubjectKind::Command, None, line.clone())),
        Event::GithubAppSet { slug, .. } => plain(Action::GithubAppSet, About::Named(SubjectKind::Instance, None, slug.clone())),
        Event::DeliveryReplayed { delivery } => {
            plain(Action::DeliveryReplayed, About::Named(SubjectKind::Delivery, Some(delivery.to_string()), delivery.to_string()))
        }
        Event::RepositoryWithdrawn { repo, slug } => {
            plain(Action::RepositoryWithdrawn, About::Named(SubjectKind::Repository, Some(repo.to_string()), slug.to_string()))
        }
        Event::RepositoryReturned { repo } => plain(Action::RepositoryReturned, About::Repository(*repo)),
        Event::SyncRequested { repo } if !is_automatic => plain(Action::SyncRequested, About::Repository(*repo)),
        Event::CheckSetRequested { repo, sha, .. } if !is_automatic => plain(Action::ChecksRequested, About::Commit(*repo, *sha)),
        Event::CheckSetCanceled { repo, sha, .. } if !is_automatic => plain(Action::ChecksCanceled, About::Commit(*repo, *sha)),
        Event::ManifestApproved { repo, sha } => plain(Action::ManifestApproved, About::Commit(*repo, *sha)),
        // What the appliance does by itself.
        Event::SyncRequested { .. }
        | Event::CheckSetRequested { .. }
        | Event::CheckSetCanceled { .. }
        | Event::BranchMoved { .. }
        | Event::BranchDeleted { .. }
        | Event::CheckSetStarted { .. }
        | Event::CheckSetCompleted { .. }
        | Event::CheckChanged { .. }
        | Event::CheckSetHeld { .. }
        | Event::IssuesChanged
        | Event::WorkDied { .. }
        | Event::Due { .. }
        | Event::SyncDue { .. }
        | Event::DeliveryReceived { .. }
        | Event::StatusDue { .. }
        | Event::IndexRebuilt
        | Event::HeadReturned { .. } => None,
    }
}

/// What a fact is about, before its name is looked up.
enum About {
    User(UserId),
    Token(TokenId),
    /// Whom a link is for: the link itself is gone soon.
    Link(LinkId),
    Repository(RepoId),
    Secret(SecretId),
    Key(KeyId),
    /// What belongs to a repository or to the instance, and is gone.
    Part(SubjectKind, String, String, Option<RepoId>),
    Commit(RepoId, CommitSha),
    Named(SubjectKind, Option<String>, String),
    Instance,
}

fn sign_in(change: SignInChange) -> Action {
    match change {
        SignInChange::PasswordSet => Action::PasswordSet,
        SignInChange::TotpSet => Action::TotpSet,
        SignInChange::TotpRemoved => Action::TotpRemoved,
    }
}

fn work_name(work: &Work) -> String {
    match work.repo() {
        Some(repo) => format!("{} of {repo}", work.name()),
        None => work.name().to_owned(),
    }
}

/// Writes down what a fact means for the trail, in the transaction that recorded it.
pub(super) fn follow(tx: &mut WriteTx, recorded: &Recorded, now: Timestamp) -> store::Result<()> {
    let Some(deed) = entry(tx, recorded)? else { return Ok(()) };
    audit::record(tx, deed, now).map(drop)
}

/// The entry of a fact, with the names that things have at this moment.
fn entry(tx: &ReadTx, recorded: &Recorded) -> store::Result<Option<Deed>> {
    let Some((action, about, changes)) = told(&recorded.event, &recorded.actor) else { return Ok(None) };
    let actor = who(tx, &recorded.actor)?;
    Ok(Some(Deed { actor, action, subject: Some(subject(tx, about)?), outcome: Outcome::Done, changes, unrecorded: 0 }))
}

fn subject(tx: &ReadTx, about: About) -> store::Result<Subject> {
    let of = |kind, id: String, name| Subject { kind, id: Some(id), name };
    let slug = |repo: &RepoId| Ok::<_, store::Error>(tx.get::<Repository>(repo)?.map(|repo| repo.slug.to_string()));
    let part = |kind, id, name: String, repo: Option<RepoId>| {
        let owner = repo.map(|repo| Ok::<_, store::Error>(slug(&repo)?.unwrap_or_else(|| repo.to_string()))).transpose()?;
        Ok::<_, store::Error>(of(kind, id, Some(owner.map_or(name.clone(), |owner| format!("{name} of {owner}")))))
    };
    Ok(match about {
        About::User(user) => of(SubjectKind::User, user.to_string(), login(tx, user)?),
        About::Link(link) => match tx.get::<Link>(&link)?.map(|link| link.purpose) {
            Some(LinkPurpose::SignIn { user } | LinkPurpose::SetPassword { user }) => {
                of(SubjectKind::User, user.to_string(), login(tx, user)?)
            }
            Some(LinkPurpose::Invitation { note, .. }) => of(SubjectKind::Link, link.to_string(), Some(note)),
            None => of(SubjectKind::Link, link.to_string(), None),
        },
        About::Token(token) => of(SubjectKind::Token, token.to_string(), tx.get::<Token>(&token)?.map(|token| token.name)),
        About::Repository(repo) => of(SubjectKind::Repository, repo.to_string(), slug(&repo)?),
        About::Secret(secret) => match tx.get::<NamedSecret>(&secret)? {
            Some(row) => part(SubjectKind::Secret, secret.to_string(), row.name.to_string(), row.scope.repo())?,
            None => of(SubjectKind::Secret, secret.to_string(), None),
        },
        About::Key(key) => match tx.get::<SshKey>(&key)? {
            Some(row) => part(SubjectKind::Key, key.to_string(), row.name, Some(row.repo))?,
            None => of(SubjectKind::Key, key.to_string(), None),
        },
        About::Part(kind, id, name, repo) => part(kind, id, name, repo)?,
        About::Commit(repo, sha) => of(SubjectKind::Commit, sha.to_string(), slug(&repo)?),
        About::Named(kind, id, name) => Subject { kind, id, name: Some(name) },
        About::Instance => Subject { kind: SubjectKind::Instance, id: None, name: None },
    })
}

fn login(tx: &ReadTx, user: UserId) -> store::Result<Option<String>> {
    Ok(tx.get::<User>(&user)?.map(|user| user.login))
}

/// Somebody, in words that hold when they are gone.
fn who(tx: &ReadTx, actor: &Actor) -> store::Result<Who> {
    Ok(match actor {
        Actor::System => Who::of(ActorKind::System),
        Actor::Host => Who::of(ActorKind::Host),
        Actor::Anonymous { address } => Who { address: address.clone(), ..Who::of(ActorKind::Anonymous) },
        Actor::User { user, address } => {
            Who { id: Some(user.to_string()), name: login(tx, *user)?, address: address.clone(), ..Who::of(ActorKind::User) }
        }
        Actor::Token { token, address } => {
            let found = tx.get::<Token>(token)?;
            let acts_as = found.as_ref().and_then(|token| token.user);
            Who {
                id: Some(token.to_string()),
                user: acts_as.map(|user| login(tx, user)).transpose()?.flatten(),
                name: found.map(|token| token.name),
                address: address.clone(),
                ..Who::of(ActorKind::Token)
            }
        }
    })
}

/// A request that was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Who asked.
    pub actor: Actor,
    /// The method and the route, as the table has it.
    pub route: String,
    /// The path that was asked for, without secrets.
    pub path: String,
    /// The code of the answer.
    pub code: &'static str,
}

/// How many refusals have had entries of late.
#[derive(Debug)]
pub struct Refusals(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    of_source: Rates,
    in_all: Rates,
    unrecorded: u64,
}

impl Default for Refusals {
    fn default() -> Refusals {
        Refusals(Mutex::new(Counted { of_source: Rates::new(PER_SOURCE), in_all: Rates::new(IN_ALL), unrecorded: 0 }))
    }
}

impl Refusals {
    /// Whether one of this source is to have an entry, and how many had none since the last; counts it otherwise.
    fn admit(&self, source: &str, now: Timestamp) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.of_source.take(source, 1, now).is_err() || counted.in_all.take("", 1, now).is_err() {
            counted.unrecorded += 1;
            return None;
        }
        Some(std::mem::take(&mut counted.unrecorded))
    }
}

impl App {
    /// Writes down that a request was refused, in a transaction of its own; unless there were too many of late.
    pub async fn record_refusal(&self, refused: Refused) {
        let source = match &refused.actor {
            Actor::Anonymous { address } => address.clone().unwrap_or_default(),
            Actor::User { user, .. } => user.to_string(),
            Actor::Token { token, .. } => token.to_string(),
            Actor::System | Actor::Host => "host".to_owned(),
        };
        let Some(unrecorded) = self.refusals.admit(&source, self.clock.now()) else { return };
        let written = self.write(&Actor::System, move |tx, now| {
            let Refused { actor, route, path, code } = refused.clone();
            let deed = Deed {
                actor: who(tx, &actor)?,
                action: Action::Request,
                subject: Some(Subject { kind: SubjectKind::Route, id: Some(route), name: Some(path) }),
                outcome: Outcome::Refused { code: code.to_owned() },
                changes: Vec::new(),
                unrecorded,
            };
            audit::record(tx, deed, now).map(drop)
        });
        if let Err(error) = written.await {
            tracing::warn!("a refusal could not be written down: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_fills_no_disk_and_what_is_left_out_is_counted() {
        let refusals = Refusals::default();
        let now = Timestamp::from_seconds(1_000);
        let kept = (0..10_000).filter(|_| refusals.admit("192.0.2.7", now).is_some()).count();
        assert_eq!(kept, 20);
        // However many addresses they have.
        let told: Vec<u64> = (0..1_000).filter_map(|n| refusals.admit(&format!("10.{n}"), now)).collect();
        assert_eq!((told.len(), told.iter().sum()), (280, 10_000 - 20));
        let later = now + Duration::from_secs(60);
        assert_eq!(refusals.admit("192.0.2.7", later), Some(1_000 - 280));
        assert_eq!(refusals.admit("192.0.2.7", later), None);
        assert_eq!(refusals.admit("192.0.2.8", later), Some(1));
    }
}
