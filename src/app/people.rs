//! Keeping people as GitHub has them: who is let in, who has left, who has which role where.
//!
//! What GitHub says is read outside of any transaction, whole or not at all: an answer that breaks off changes nothing. Whoever seems to
//! have left is asked after once more by themselves before they are shut out, so that no list that came out short locks anybody out.
//!
//! All of it may be repeated. Nothing is done where this instance is no App.

use std::collections::{BTreeMap, BTreeSet};

use super::App;
use super::github::failure;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::{RepoId, UserId};
use crate::base::page::Limit;
use crate::domain::accounts::{self, Identity, RepoRole};
use crate::domain::github::people::{self, Somebody};
use crate::domain::github::{self, Client, sync};
use crate::domain::repos::{self, RepoSource};
use crate::engine::queue;

/// What GitHub is asked about people. The App's client answers it; tests of the rules need none.
pub trait Directory {
    /// Who works in a repository, and in which role; `None` if GitHub does not show us the repository (any more).
    fn collaborators(&self, repo: RepoId) -> github::Result<Option<Vec<(u64, RepoRole)>>>;
    /// Everybody who is let in, by number.
    fn let_in(&self) -> github::Result<BTreeSet<u64>>;
    /// What somebody is called now, if they are still let in.
    fn still_let_in(&self, subject: u64) -> github::Result<Option<String>>;
}

/// What the App sees.
struct Seen<'a> {
    app: &'a App,
    client: Client<'a>,
    /// The installations, by the organization or person in lower case, of those that are let in.
    places: BTreeMap<String, u64>,
}

impl<'a> Seen<'a> {
    fn new(app: &'a App) -> github::Result<Seen<'a>> {
        let client = app.github()?;
        let wanted = &app.config.github.orgs;
        let installations = sync::installations(&client)?.into_iter().filter(|one| one.suspended_at.is_none());
        let places = installations.map(|one| (one.account.login.to_lowercase(), one.id));
        let is_wanted = |login: &String| wanted.is_empty() || wanted.iter().any(|org| org.eq_ignore_ascii_case(login));
        let places: BTreeMap<String, u64> = places.filter(|(login, _)| is_wanted(login)).collect();
        // Of an organization that the App is not in nobody knows who has left; so nobody has.
        if places.is_empty() || wanted.iter().any(|org| !places.contains_key(&org.to_lowercase())) {
            return Err(github::Error::NotSetUp);
        }
        Ok(Seen { app, client, places })
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

    fn let_in(&self) -> github::Result<BTreeSet<u64>> {
        let mut all = BTreeSet::new();
        for (place, installation) in &self.places {
            all.extend(self.members(place, *installation)?.into_iter().map(|one| one.id));
            all.extend(self.outside(place, *installation)?.into_iter().map(|one| one.id));
        }
        Ok(all)
    }

    fn still_let_in(&self, subject: u64) -> github::Result<Option<String>> {
        for (place, installation) in &self.places {
            let Some(who) = people::somebody(&self.client, *installation, subject)? else { return Ok(None) };
            let is_in = who.login.eq_ignore_ascii_case(place)
                || people::is_member(&self.client, *installation, place, &who)?
                || self.outside(place, *installation)?.iter().any(|one| one.id == subject);
            if is_in {
                return Ok(Some(who.login));
            }
        }
        Ok(None)
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
        for identity in page.items.iter().filter(|identity| identity.left.is_none() && !let_in.contains(&identity.subject)) {
            look_at(app, directory, identity)?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Asks after one person, and shuts them out if they have left.
fn look_at(app: &App, directory: &dyn Directory, identity: &Identity) -> Result<(), Failure> {
    let subject = identity.subject;
    match directory.still_let_in(subject).map_err(|error| failure(app, &error))? {
        Some(login) => Ok(app.write_now(&Actor::System, move |tx, _| accounts::rename_github(tx, subject, &login))?),
        None => {
            let gone = app.write_now(&Actor::System, move |tx, now| accounts::leave_github(tx, subject, now))?;
            if let Some(user) = gone {
                tracing::info!(user.login = %user.login, "{} is in none of the organizations any more and was shut out", user.login);
            }
            Ok(())
        }
    }
}
