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
use crate::base::network;
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
        Event::SignedIn { user, by } => {
            Some((Action::SignedIn, About::User(*user), Changed::of("by", None::<&str>, Some(by)).into_iter().collect()))
        }
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
        Event::ResyncRequested { user } => plain(Action::ResyncRequested, user.map_or(About::Instance, About::User)),
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
        Event::RepositoryWithdrawn { repo, slug, why } => {
            let about = About::Named(SubjectKind::Repository, Some(repo.to_string()), slug.to_string());
            Some((Action::RepositoryWithdrawn, about, Changed::of("why", None::<&str>, Some(why)).into_iter().collect()))
        }
        Event::RepositoryReturned { repo } => plain(Action::RepositoryReturned, About::Repository(*repo)),
        Event::SyncRequested { repo } if !is_automatic => plain(Action::SyncRequested, About::Repository(*repo)),
        Event::CheckSetRequested { repo, sha, .. } if !is_automatic => plain(Action::ChecksRequested, About::Commit(*repo, *sha)),
        Event::CheckSetCanceled { repo, sha, .. } if !is_automatic => plain(Action::ChecksCanceled, About::Commit(*repo, *sha)),
        Event::ManifestApproved { repo, sha, by } => {
            let by = by.as_ref().map(|login| format!("{login} on GitHub"));
            let changes = Changed::of("by", None::<&str>, by).into_iter().collect();
            Some((Action::ManifestApproved, About::Commit(*repo, *sha), changes))
        }
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
        | Event::PollDue { .. }
        | Event::RolesDue { .. }
        | Event::PersonDue { .. }
        | Event::PeopleDue
        | Event::PullChanged { .. }
        | Event::PullClosed { .. }
        | Event::PullsDue { .. }
        | Event::CommentDue { .. }
        | Event::ReposListed { .. }
        | Event::HealingPaused { .. }
        | Event::ApprovalAsked { .. }
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
        SignInChange::GithubLinked => Action::GithubLinked,
        SignInChange::GithubUnlinked => Action::GithubUnlinked,
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
    let actor = match (&recorded.event, &recorded.actor) {
        // Until they had signed in they were nobody.
        (Event::SignedIn { user, .. }, Actor::Anonymous { address }) => who(tx, &Actor::User { user: *user, address: address.clone() })?,
        (_, actor) => who(tx, actor)?,
    };
    let changes = if changes.is_empty() { begun(tx, &recorded.event)? } else { changes };
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

/// What something that was made may do from the start.
fn begun(tx: &ReadTx, event: &Event) -> store::Result<Vec<Changed>> {
    let is_new = |field: &str, value: String| Changed::of(field, None::<String>, Some(value).filter(|value| !value.is_empty()));
    let mut changes = Vec::new();
    if let Event::UserCreated { user } = event
        && let Some(user) = tx.get::<User>(user)?
    {
        changes.push(is_new("role", user.role.to_string()));
    }
    if let Event::TokenCreated { token } = event
        && let Some(token) = tx.get::<Token>(token)?
    {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut slugs = Vec::new();
        for repo in &token.repos {
            slugs.push(tx.get::<Repository>(repo)?.map_or_else(|| repo.to_string(), |repo| repo.slug.to_string()));
        }
        changes.extend([
            is_new("kind", token.kind.to_string()),
            is_new("scopes", scopes.join(" ")),
            is_new("repositories", slugs.join(" ")),
        ]);
    }
    if let Event::LinkMade { link } = event
        && let Some(link) = tx.get::<Link>(link)?
    {
        changes.push(is_new(
            "for",
            match link.purpose {
                LinkPurpose::SignIn { .. } => "to sign in".to_owned(),
                LinkPurpose::SetPassword { .. } => "to set a password".to_owned(),
                LinkPurpose::Invitation { role, .. } => format!("to come as {role}"),
            },
        ));
    }
    Ok(changes.into_iter().flatten().collect())
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
        Actor::Workload { repository, run, address } => {
            Who { id: run.clone(), name: Some(repository.clone()), address: address.clone(), ..Who::of(ActorKind::Workload) }
        }
    })
}

/// A request that was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Who asked.
    pub actor: Actor,
    /// The login of the account that they tried to get into.
    pub wanted: Option<Box<str>>,
    /// The method and the route, as the table has it.
    pub route: String,
    /// The path that was asked for, without secrets.
    pub path: String,
    /// The code of the answer.
    pub code: &'static str,
}

/// How many refusals have had entries of late. Those of people and tokens that are known have room of their own: strangers cannot use it
/// up, however many addresses they have.
#[derive(Debug)]
pub struct Refusals(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    of_source: Rates,
    of_strangers: Rates,
    of_known: Rates,
    unrecorded: u64,
}

impl Default for Refusals {
    fn default() -> Refusals {
        Refusals(Mutex::new(Counted {
            of_source: Rates::new(PER_SOURCE),
            of_strangers: Rates::new(IN_ALL),
            of_known: Rates::new(IN_ALL),
            unrecorded: 0,
        }))
    }
}

impl Refusals {
    /// Whether one of this source is to have an entry, and how many had none since the last; counts it otherwise.
    fn admit(&self, source: &Source, now: Timestamp) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { of_source, of_strangers, of_known, .. } = &mut *counted;
        let (name, in_all) = match source {
            Source::Stranger(name) => (name, of_strangers),
            Source::Known(name) => (name, of_known),
        };
        if of_source.take(name, 1, now).is_err() || in_all.take("", 1, now).is_err() {
            counted.unrecorded += 1;
            return None;
        }
        Some(std::mem::take(&mut counted.unrecorded))
    }

    /// That those could not be told of after all.
    fn put_back(&self, unrecorded: u64) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.unrecorded = counted.unrecorded.saturating_add(unrecorded);
    }
}

/// What refusals are counted under.
#[derive(Debug)]
enum Source {
    /// A household of addresses.
    Stranger(String),
    /// A person, a token, the host.
    Known(String),
}

impl Source {
    fn of(actor: &Actor) -> Source {
        match actor {
            Actor::Anonymous { address } => {
                let address = address.as_deref().and_then(|address| address.parse().ok());
                Source::Stranger(address.map_or_else(String::new, |address| network::neighbourhood(address).to_string()))
            }
            Actor::User { user, .. } => Source::Known(user.to_string()),
            Actor::Token { token, .. } => Source::Known(token.to_string()),
            Actor::Workload { repository, .. } => Source::Known(repository.clone()),
            Actor::System | Actor::Host => Source::Known("host".to_owned()),
        }
    }
}

impl App {
    /// Writes down that a request was refused, in a transaction of its own; unless there were too many of late.
    pub async fn record_refusal(&self, refused: Refused) {
        let source = Source::of(&refused.actor);
        let Some(unrecorded) = self.refusals.admit(&source, self.clock.now()) else { return };
        let written = self.write(&Actor::System, move |tx, now| {
            let Refused { actor, wanted, route, path, code } = refused.clone();
            let who = who(tx, &actor)?;
            let deed = Deed {
                actor: Who { name: who.name.clone().or(wanted.map(String::from)), ..who },
                action: Action::Request,
                subject: Some(Subject { kind: SubjectKind::Route, id: Some(route), name: Some(path) }),
                outcome: Outcome::Refused { code: code.to_owned() },
                changes: Vec::new(),
                unrecorded,
            };
            audit::record(tx, deed, now).map(drop)
        });
        if let Err(error) = written.await {
            self.refusals.put_back(unrecorded.saturating_add(1));
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
        let stranger = |address: &str| Source::of(&Actor::Anonymous { address: Some(address.to_owned()) });
        let kept = (0..10_000).filter(|n| refusals.admit(&stranger(&format!("2001:db8:1:2::{n:x}")), now).is_some()).count();
        assert_eq!(kept, 20, "a household is one");
        // However many addresses they have.
        let told: Vec<u64> = (0..1_000).filter_map(|n| refusals.admit(&stranger(&format!("10.0.{}.{}", n / 200, n % 200)), now)).collect();
        assert_eq!((told.len(), told.iter().sum()), (280, 10_000 - 20));
        let later = now + Duration::from_secs(60);
        assert_eq!(refusals.admit(&stranger("2001:db8:1:2::"), later), Some(1_000 - 280));
        assert_eq!(refusals.admit(&stranger("2001:db8:1:2::"), later), None);
        assert_eq!(refusals.admit(&stranger("192.0.2.8"), later), Some(1));
    }

    #[test]
    fn whoever_is_known_is_told_of_though_strangers_are_refused_without_end() {
        let refusals = Refusals::default();
        let now = Timestamp::from_seconds(1_000);
        for n in 0..1_000 {
            refusals.admit(&Source::Stranger(format!("10.0.0.{n}")), now);
        }
        assert_eq!(refusals.admit(&Source::Known("usr_1".to_owned()), now), Some(700));
    }
}
