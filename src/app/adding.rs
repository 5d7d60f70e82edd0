//! Adding the repositories that the App was let at, where this is to be done by itself (`add_repos` and `add_repos_of` of the configuration
//! or the settings).
//!
//! A delivery says which. What they are called, and whether the App is let at them still, GitHub is asked at that moment: deliveries come
//! in any order. What somebody deleted here comes back only if GitHub lists it anew.

use std::collections::HashSet;

use super::App;
use super::deliveries;
use super::github::failure;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::DeliveryId;
use crate::base::name::RepoSlug;
use crate::base::time::Timestamp;
use crate::domain::github;
use crate::domain::github::payload;
use crate::domain::github::sync::{self, Remote};
use crate::domain::repos::{self, AsOf, BadgeKey, NewRepository, RepoSource};
use crate::domain::{accounts, hooks, settings};
use crate::engine::queue;
use crate::engine::store::WriteTx;

/// How many repositories one transaction adds.
const REPOS_PER_WRITE: usize = 50;

/// Performs `Work::AddListed`. May be repeated: what is here already is passed over.
pub fn perform(app: &App, attempt: &Attempt, id: DeliveryId) -> Result<(), Failure> {
    let settings = app.read_now(|tx, _| settings::load(tx))?;
    let Some((installation, listed)) = listed(app, id)? else { return attempt.done(app) };
    let client = match app.github() {
        Err(github::Error::NotSetUp) => return attempt.done(app),
        other => other.map_err(|error| failure(app, &error))?,
    };
    let seen_at = app.hub.their_now();
    let shown = match sync::of_installation(&client, installation) {
        // The installation is gone again, and what it showed with it.
        Err(github::Error::Refused { status: 404, .. }) => return attempt.done(app),
        other => other.map_err(|error| failure(app, &error))?,
    };
    let is_taken = |repo: &Remote| app.config.adds_of(&settings, deliveries::owner(&repo.full_name));
    let shown: Vec<Remote> = shown.into_iter().filter(|repo| listed.contains(&repo.id) && is_taken(repo)).collect();
    let url = client.identity().url.clone();
    for some in shown.chunks(REPOS_PER_WRITE) {
        let (claim, some, url) = (attempt.claim.clone(), some.to_vec(), url.clone());
        app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
            queue::check(tx, &claim)?;
            some.iter().try_for_each(|repo| add(tx, repo, (installation, seen_at), &url, now))
        })?;
    }
    attempt.done(app)
}

/// Through which installation a delivery lists which repositories, by their numbers; nothing if it is not kept any more.
fn listed(app: &App, id: DeliveryId) -> Result<Option<(u64, HashSet<u64>)>, Failure> {
    let delivery = match app.read_now(|tx, _| hooks::get(tx, id)) {
        Err(hooks::Error::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    // It was read before, and can be again.
    let Ok(payload) = payload::parse(&delivery.event, &deliveries::read(app, id)?) else { return Ok(None) };
    let numbers = deliveries::listed(&payload).into_iter().map(|(id, _)| id).collect();
    Ok(payload.common.installation.map(|installation| (installation.id, numbers)))
}

fn add(tx: &mut WriteTx, seen: &Remote, (installation, seen_at): (u64, Timestamp), url: &str, now: Timestamp) -> Result<(), Failure> {
    let Ok(slug) = seen.full_name.parse::<RepoSlug>() else {
        tracing::warn!("`{}` is not added: it is not a name that a repository may have here", seen.full_name);
        return Ok(());
    };
    if slug.owner() == RepoSlug::LOCAL_OWNER || repos::find_by_github(tx, seen.id)?.is_some() {
        return Ok(());
    }
    let source = RepoSource::GitHub { id: seen.id, installation };
    let remote = format!("{url}/{slug}");
    let new = NewRepository { slug: slug.clone(), source, remote, is_trusted: false, badge_key: BadgeKey::random(), owner: None };
    let repo = match repos::add(tx, new, now) {
        Ok(repo) => repo,
        Err(error @ repos::Error::SlugTaken { .. }) => {
            tracing::warn!(repo.slug = %slug, "{slug} is not added: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    repos::admit(tx, seen.id, Some(installation), AsOf::looked_at(seen_at), now)?;
    repos::mirror(tx, repo.id, seen.description.as_deref(), seen.private, seen.archived)?;
    accounts::roles_changed(tx, repo.id, now)?;
    tracing::info!(repo.slug = %slug, "{slug} was added: the App is let at it");
    Ok(())
}
