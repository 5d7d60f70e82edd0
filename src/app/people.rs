//! Keeping people as GitHub has them: who is let in, who has left, who has which role where.
//!
//! What GitHub says is read outside of any transaction, whole or not at all: an answer that breaks off changes nothing. Whoever seems to
//! have left is asked after once more by themselves before they are shut out, so that no list that came out short locks anybody out.
//!
//! All of it may be repeated. Nothing is done where this instance is no App.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::App;
use super::github::failure;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::{RepoId, UserId};
use crate::base::page::Limit;
use crate::base::time::Timestamp;
use crate::domain::accounts::{self, Identity, RepoRole};
use crate::domain::github::people::{self, Somebody};
use crate::domain::github::{self, Client, sync};
use crate::domain::repos::{self, RepoSource};
use crate::engine::queue;

/// What GitHub is asked about people. The App's client answers it; tests of the rules need none.
pub trait Directory {
    /// Who works in a repository, and in which role; `None` if GitHub does not show us the repository (any more).
    fn collaborators(&self, repo: RepoId) -> github::Result<Option<Vec<(u64, RepoRole)>>>;
    /// Everybody who is let in, by number, with the organizations they were seen in.
    fn let_in(&self) -> github::Result<BTreeMap<u64, BTreeSet<String>>>;
    /// Whether somebody is still let in.
    fn still_let_in(&self, subject: u64) -> github::Result<Standing>;
    /// Whether an organization could not be asked who is in it.
    fn is_unseen(&self, place: &str) -> bool;
    /// Whether all could be asked.
    fn sees_all(&self) -> bool;
}

/// How somebody stands with the organizations that could be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What they are called now; `None` if there is nobody any more.
    login: Option<String>,
    /// Those they are in.
    places: BTreeSet<String>,
}

/// What the App sees.
struct Seen<'a> {
    app: &'a App,
    client: Client<'a>,
    /// The installations, by the organization or person in lower case, of those that are let in.
    places: BTreeMap<String, u64>,
    /// Those that let people in and cannot be asked: the App is not there, is suspended there, or may not see who is.
    unseen: RefCell<BTreeSet<String>>,
}

impl<'a> Seen<'a> {
    fn new(app: &'a App) -> github::Result<Seen<'a>> {
        let client = app.github()?;
        let wanted = &app.config.github.orgs;
        let is_wanted = |login: &String| wanted.is_empty() || wanted.iter().any(|org| org.eq_ignore_ascii_case(login));
        let (mut places, mut unseen): (BTreeMap<String, u64>, BTreeSet<String>) = Default::default();
        for one in sync::installations(&client)? {
            let login = one.account.login.to_lowercase();
            match one.suspended_at {
                _ if !is_wanted(&login) => {}
                None => drop(places.insert(login, one.id)),
                Some(_) => drop(unseen.insert(login)),
            }
        }
        unseen.extend(wanted.iter().map(|org| org.to_lowercase()));
        unseen.retain(|login| !places.contains_key(login));
        if places.is_empty() {
            return Err(github::Error::NotSetUp);
        }
        Ok(Seen { app, client, places, unseen: RefCell::new(unseen) })
    }

    /// What an organization says; `None` if it says nothing to us.
    fn heard<T>(&self, place: &str, answer: github::Result<T>) -> github::Result<Option<T>> {
        match answer {
            Err(error @ github::Error::Refused { .. }) => {
                tracing::warn!("GitHub does not say who is in `{place}`: {error}");
                self.unseen.borrow_mut().insert(place.to_owned());
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// Whether somebody is in an organization, or works there.
    fn is_in(&self, place: &str, installation: u64, who: &Somebody) -> github::Result<bool> {
        Ok(who.login.eq_ignore_ascii_case(place)
            || people::is_member(&self.client, installation, place, who)?
            || self.outside(place, installation)?.iter().any(|one| one.id == who.id))
    }

    /// The members of an organization; where the App was put by a person, that person.
    fn members(&self, place: &str, installation: u64) -> github::Result<Vec<Somebody>> {
        match people::members(&self.client, installation, place) {
            Err(github::Error::Refused { status: 404, .. }) => Ok(people::named(&self.client, installation, place)?.into_iter().collect()),
            other => other,
        }
    }

    fn outside(&self, place: &str, installation: u64) -> github::Result<Vec<Somebody>> {
        if !self.app.config.github.outside_collaborators {
            return Ok(Vec::new());
        }
        match people::outside_collaborators(&self.client, installation, place) {
            Err(github::Error::Refused { status: 404, .. }) => Ok(Vec::new()),
            other => other,
        }
    }
}

impl Directory for Seen<'_> {
    fn collaborators(&self, repo: RepoId) -> github::Result<Option<Vec<(u64, RepoRole)>>> {
        collaborators(self.app, &self.client, repo)
    }

    fn let_in(&self) -> github::Result<BTreeMap<u64, BTreeSet<String>>> {
        let mut all: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for (place, installation) in &self.places {
            let people = self.members(place, *installation).and_then(|members| Ok([members, self.outside(place, *installation)?].concat()));
            for one in self.heard(place, people)?.into_iter().flatten() {
                all.entry(one.id).or_default().insert(place.clone());
            }
        }
        Ok(all)
    }

    fn still_let_in(&self, subject: u64) -> github::Result<Standing> {
        let mut standing = Standing { login: None, places: BTreeSet::new() };
        for (place, installation) in &self.places {
            let is_in = people::somebody(&self.client, *installation, subject).and_then(|who| {
                let Some(who) = who else { return Ok(None) };
                Ok(Some((self.is_in(place, *installation, &who)?, who.login)))
            });
            match self.heard(place, is_in)? {
                // There is nobody of this number any more, here or elsewhere.
                Some(None) => return Ok(Standing { login: None, places: BTreeSet::new() }),
                Some(Some((is_in, login))) => {
                    standing.login = Some(login);
                    standing.places.extend(is_in.then(|| place.clone()));
                }
                None => {}
            }
        }
        Ok(standing)
    }

    fn is_unseen(&self, place: &str) -> bool {
        self.unseen.borrow().contains(place)
    }

    fn sees_all(&self) -> bool {
        self.unseen.borrow().is_empty()
    }
}

fn collaborators(app: &App, client: &Client<'_>, repo: RepoId) -> github::Result<Option<Vec<(u64, RepoRole)>>> {
    let found = app.read_now(|tx, _| tx.get::<repos::Repository>(&repo))?;
    let Some((slug, RepoSource::GitHub { installation, .. })) = found.map(|repo| (repo.slug, repo.source)) else { return Ok(None) };
    match people::collaborators(client, installation, &slug) {
        Ok(people) => Ok(Some(people)),
        // What is not shown to us any more is for whoever keeps repositories current to remove.
        Err(github::Error::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes over the roles of one repository. Performs `Work::MirrorRoles`.
pub fn mirror_roles(app: &App, attempt: &Attempt, repo: RepoId) -> Result<(), Failure> {
    let client = match app.github() {
        Err(github::Error::NotSetUp) => return attempt.done(app),
        other => other.map_err(|error| failure(app, &error))?,
    };
    let Some(people) = collaborators(app, &client, repo).map_err(|error| failure(app, &error))? else { return attempt.done(app) };
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        queue::finish(tx, &claim, now)?;
        // It may have been deleted meanwhile, and its members with it.
        if tx.has::<repos::Repository>(&repo)? {
            accounts::mirror_repo(tx, repo, people.clone(), now)?;
        }
        Ok(())
    })
}

/// Looks at everybody: shuts out who has left, and has the roles of every repository taken over. Performs `Work::SyncPeople`.
pub fn sync_people(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    if let Some(seen) = open(app)? {
        shut_out_who_left(app, &seen)?;
    }
    let mut after = None;
    loop {
        let from = after.clone();
        after = app.write_now(&Actor::System, move |tx, now| -> Result<_, Failure> {
            let page = repos::list(tx, from.as_ref(), Limit::MAX)?;
            for repo in page.items.iter().filter(|repo| repo.source.github().is_some()) {
                accounts::roles_changed(tx, repo.id, now)?;
            }
            Ok(page.next)
        })?;
        if after.is_none() {
            return attempt.done(app);
        }
    }
}

/// Looks at one person. Performs `Work::SyncPerson`.
pub fn sync_person(app: &App, attempt: &Attempt, user: UserId) -> Result<(), Failure> {
    let identity = app.read_now(move |tx, _| accounts::github_identity_of(tx, user))?;
    if let (Some(identity), Some(seen)) = (identity, open(app)?) {
        look_at(app, &seen, &identity)?;
    }
    attempt.done(app)
}

/// The directory; `None` where there is nothing that could be asked.
fn open(app: &App) -> Result<Option<Seen<'_>>, Failure> {
    match Seen::new(app) {
        Ok(seen) => Ok(Some(seen)),
        Err(github::Error::NotSetUp) => Ok(None),
        Err(error) => Err(failure(app, &error)),
    }
}

fn shut_out_who_left(app: &App, directory: &dyn Directory) -> Result<(), Failure> {
    let let_in = directory.let_in().map_err(|error| failure(app, &error))?;
    let mut after = None;
    loop {
        let from = after.clone();
        let page = app.read_now(move |tx, _| accounts::list_identities(tx, from.as_ref(), Limit::MAX))?;
        for identity in page.items.iter().filter(|identity| identity.left.is_none()) {
            match let_in.get(&identity.subject) {
                Some(places) if held_at(app, identity)?.is_none() => see(app, directory, identity, None, places)?,
                // Whoever is held back may be so since that was listed.
                Some(_) | None => look_at(app, directory, identity)?,
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Asks after one person, and shuts them out if they have left. An organization that could not be asked shuts nobody out: whoever was last
/// seen there stays as they are, and so does whoever was never seen anywhere.
fn look_at(app: &App, directory: &dyn Directory, identity: &Identity) -> Result<(), Failure> {
    let (subject, user, held_at) = (identity.subject, identity.user, held_at(app, identity)?);
    let Standing { login, places } = directory.still_let_in(subject).map_err(|error| failure(app, &error))?;
    if !places.is_empty() {
        see(app, directory, identity, login.as_deref(), &places)?;
        if let Some(held_at) = held_at {
            app.write_now(&Actor::System, move |tx, now| accounts::release(tx, user, held_at, now))?;
        }
        return Ok(());
    }
    let may_be_elsewhere =
        if identity.places.is_empty() { !directory.sees_all() } else { identity.places.iter().any(|place| directory.is_unseen(place)) };
    if may_be_elsewhere {
        tracing::info!("whether `{}` is still let in cannot be told: an organization cannot be asked", identity.login);
        return Ok(());
    }
    let gone = app.write_now(&Actor::System, move |tx, now| accounts::leave_github(tx, subject, now))?;
    if let Some(user) = gone {
        tracing::info!(user.login = %user.login, "{} is in none of the organizations any more and was shut out", user.login);
    }
    Ok(())
}

/// Since when somebody is held back, if they are.
fn held_at(app: &App, identity: &Identity) -> Result<Option<Timestamp>, Failure> {
    let id = identity.user;
    Ok(app.read_now(move |tx, _| tx.get::<accounts::User>(&id))?.and_then(|user| user.held_at))
}

/// Writes down where somebody was seen. What was known of organizations that cannot be asked stays.
fn see(app: &App, directory: &dyn Directory, identity: &Identity, login: Option<&str>, places: &BTreeSet<String>) -> Result<(), Failure> {
    let mut places = places.clone();
    places.extend(identity.places.iter().filter(|place| directory.is_unseen(place)).cloned());
    if login.is_none_or(|login| login == identity.login) && places.iter().eq(&identity.places) {
        return Ok(());
    }
    let (subject, login, places) = (identity.subject, login.map(str::to_owned), places.into_iter().collect::<Vec<_>>());
    Ok(app.write_now(&Actor::System, move |tx, _| accounts::see_github(tx, subject, login.as_deref(), &places))?)
}
