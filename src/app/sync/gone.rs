//! A repository whose number GitHub does not know through the installation that it came by: it was deleted, the App is not let at it any
//! more, or it is another's by now. A delivery tells of each; where that was lost, GitHub is asked.
//!
//! Nothing is hidden on one word. That it is seen through no installation, and that its own does not list it, are two more; and all of it
//! is looked at twice, a while apart.

use std::time::Duration;

use super::Trouble;
use crate::app::App;
use crate::app::runner::Failure;
use crate::base::event::Actor;
use crate::base::time::Timestamp;
use crate::domain::github::client::Client;
use crate::domain::github::sync::{self, Remote};
use crate::domain::hooks;
use crate::domain::repos::{self, AsOf, Repository, Withdrawal};
use crate::engine::queue::Verdict;

/// How long after the first look the second is.
const AGAIN: Duration = Duration::from_secs(60);

/// What became of it.
enum Place {
    /// It is seen through this installation.
    Elsewhere(u64, Remote),
    /// It is seen nowhere.
    Nowhere(Withdrawal),
    /// That cannot be told.
    Unknown,
}

/// Follows it, and says why it cannot be fetched by what is known of it.
pub(super) fn follow(app: &App, client: &Client<'_>, repo: &Repository, (id, installation): (u64, u64)) -> Trouble {
    let seen_at = app.hub.their_now();
    let place = match place(client, id, installation) {
        Ok(place) => place,
        Err(error) => return Trouble::of_github(app, &error),
    };
    match place {
        Place::Elsewhere(through, found) => match super::called(app, repo, &found, through) {
            Ok(slug) => {
                let message = format!("`{slug}` is seen through another installation by now, and is fetched through that");
                Trouble::new("GitHub does not let the appliance at it", Failure { message, verdict: Verdict::Retry })
            }
            Err(trouble) => trouble,
        },
        Place::Nowhere(why) if is_known(repo) => match hide(app, repo, why, seen_at) {
            Ok(()) => not_let_in(repo, Verdict::GiveUp),
            Err(error) => Trouble::new("the appliance could not read its own data", error.into()),
        },
        Place::Nowhere(_) => not_let_in(repo, Verdict::RetryAfter(AGAIN)),
        Place::Unknown => not_let_in(repo, Verdict::GiveUp),
    }
}

/// Whether the last look found the same.
fn is_known(repo: &Repository) -> bool {
    repo.sync_error.as_ref().is_some_and(|error| error.message == missing(repo))
}

/// Where a number is seen.
fn place(client: &Client<'_>, id: u64, installation: u64) -> crate::domain::github::Result<Place> {
    let all = sync::installations(client)?;
    for other in all.iter().filter(|other| other.id != installation) {
        // What it has it does not show.
        if other.suspended_at.is_some() {
            return Ok(Place::Unknown);
        }
        if let Some(found) = sync::by_number(client, other.id, id)? {
            return Ok(Place::Elsewhere(other.id, found));
        }
    }
    if all.iter().all(|one| one.id != installation) {
        return Ok(Place::Nowhere(Withdrawal::InstallationRemoved));
    }
    let is_listed = sync::of_installation(client, installation)?.iter().any(|shown| shown.id == id);
    Ok(if is_listed { Place::Unknown } else { Place::Nowhere(Withdrawal::AccessRemoved) })
}

/// Hides a repository, as the delivery would have that tells of it.
fn hide(app: &App, repo: &Repository, why: Withdrawal, seen_at: Timestamp) -> hooks::Result<()> {
    let (id, as_of) = (repo.id, AsOf::looked_at(seen_at));
    app.write_now(&Actor::System, move |tx, now| -> hooks::Result<()> {
        match repos::get(tx, id) {
            Ok(repo) => hooks::github::hide(tx, &repo, why, as_of, now).map(drop),
            Err(repos::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })?;
    tracing::warn!(repo.slug = %repo.slug, "{} is hidden: GitHub shows it to the appliance no more", repo.slug);
    Ok(())
}

/// GitHub answers a number that it has not, or does not let us at, as one that is not there.
fn missing(repo: &Repository) -> String {
    format!(
        "GitHub lets the App at no repository of the number that `{}` has; it was deleted, or its owner lets the App in no more",
        repo.slug
    )
}

fn not_let_in(repo: &Repository, verdict: Verdict) -> Trouble {
    Trouble::new("GitHub does not let the appliance at it", Failure { message: missing(repo), verdict })
}
