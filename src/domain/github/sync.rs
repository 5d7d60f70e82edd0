//! What the App can see on GitHub: its installations and their repositories.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::client::{As, Client, Lane};
use super::{Error, Result};
use crate::base::name::RepoSlug;
use crate::base::time::Timestamp;

/// The most of a page that GitHub gives.
const PER_PAGE: usize = 100;

/// An installation of the App: an organization, or a person, that lets it in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installation {
    /// GitHub's number for it.
    pub id: u64,
    /// Whose it is.
    pub account: Account,
    /// When it was suspended, if it is.
    #[serde(default)]
    pub suspended_at: Option<String>,
    /// What it lets the App do, where that is said.
    #[serde(default)]
    pub permissions: Option<std::collections::BTreeMap<String, String>>,
}

/// Somebody on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// What they are called.
    pub login: String,
}

/// A repository on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Remote {
    /// GitHub's number for it, the same through renames and transfers.
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is for some alone. An answer that does not say so is none: it would show to everybody what is not theirs.
    pub private: bool,
    /// Whether it is closed to changes.
    #[serde(default)]
    pub archived: bool,
    /// When what is said of it was last changed.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// When somebody last pushed to it.
    #[serde(default)]
    pub pushed_at: Option<Timestamp>,
}

/// A repository on GitHub, and the installation through which it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The installation.
    pub installation: u64,
    /// The repository.
    pub repo: Remote,
}

/// The installations of the App.
pub fn installations(client: &Client<'_>) -> Result<Vec<Installation>> {
    client.list(As::App, Lane::Syncs, &format!("/app/installations?per_page={PER_PAGE}"), None)
}

/// How long what the App can see is gone by while somebody searches in it, and where it is opened.
const STILL_SEEN: Duration = Duration::from_secs(60);
const JUST_SEEN: Duration = Duration::from_secs(10);

/// The same as [`repositories`], as it was a minute ago at most: what a search in it is held against, letter by letter.
pub fn seen_of_late(client: &Client<'_>) -> Result<Arc<Vec<Seen>>> {
    client.seen(STILL_SEEN, || repositories(client))
}

/// The same, as it was ten seconds ago at most.
pub fn seen_just_now(client: &Client<'_>) -> Result<Arc<Vec<Seen>>> {
    client.seen(JUST_SEEN, || repositories(client))
}

/// All that the App can see, by name. An installation that was suspended shows nothing; where every other refuses, why is the answer.
pub fn repositories(client: &Client<'_>) -> Result<Vec<Seen>> {
    let (mut all, mut refused, mut answered) = (Vec::new(), None, false);
    for installation in installations(client)?.into_iter().filter(|one| one.suspended_at.is_none()) {
        let id = installation.id;
        let repos = match of_installation(client, id) {
            Ok(repos) => repos,
            // It was suspended or removed in this moment: the others are seen all the same.
            Err(error @ Error::Refused { .. }) => {
                tracing::warn!("the repositories of the installation {id} cannot be seen: {error}");
                refused = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        answered = true;
        all.extend(repos.into_iter().map(|repo| Seen { installation: id, repo }));
    }
    if let Some(error) = refused.filter(|_| !answered) {
        return Err(error);
    }
    all.sort_by_cached_key(|seen| seen.repo.full_name.to_ascii_lowercase());
    Ok(all)
}

/// What an installation shows.
pub fn of_installation(client: &Client<'_>, id: u64) -> Result<Vec<Remote>> {
    client.list(As::Installation(id), Lane::Syncs, &format!("/installation/repositories?per_page={PER_PAGE}"), Some("repositories"))
}

/// A repository by its name; `None` where there is none, or the App is not let at it.
pub fn repository(client: &Client<'_>, slug: &RepoSlug) -> Result<Option<Seen>> {
    let missing = |error| match error {
        Error::Refused { status: 404, .. } => Ok(None),
        other => Err(other),
    };
    let path = format!("/repos/{slug}/installation");
    let installation = match client.get::<Named>(As::App, Lane::Syncs, &path) {
        Ok(installation) => installation.id,
        Err(error) => return missing(error),
    };
    match client.get::<Remote>(As::Installation(installation), Lane::Syncs, &format!("/repos/{slug}")) {
        Ok(repo) => Ok(Some(Seen { installation, repo })),
        Err(error) => missing(error),
    }
}

/// A repository by GitHub's number, which stays through renames and transfers, while its name may be another's by now; `None` where there is
/// none, or the installation is not let at it.
pub fn by_number(client: &Client<'_>, installation: u64, id: u64) -> Result<Option<Remote>> {
    match client.get::<Remote>(As::Installation(installation), Lane::Statuses, &format!("/repositories/{id}")) {
        Ok(repo) if repo.id == id => Ok(Some(repo)),
        Ok(_) | Err(Error::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What has a number.
#[derive(Deserialize)]
struct Named {
    id: u64,
}
