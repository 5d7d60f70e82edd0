//! GitHub over REST: what the App can see there, and taking one of its repositories in.
//!
//! What the App can see is more than most people here may: an administrator sees all of it, and anybody else what they administer on
//! GitHub, which is asked there at that moment. What one sees one may add.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::extract::{Asked, Paging, Permit, Query};
use super::page::List;
use crate::app::App;
use crate::base::name::{InvalidName, RepoSlug};
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::domain::accounts::{self, Caller, Permission, RepoRole, Resource};
use crate::domain::github::{self, Client, Lane, people, sync};
use crate::domain::repos::{self, AsOf, BadgeKey, NewRepository, RepoSource};
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::repos::{RepoView, repo_view};

/// A repository on GitHub that the App can see.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GithubRepoView {
    /// GitHub's number for it.
    pub id: u64,
    /// Whose it is there.
    pub owner: String,
    /// What it is called there.
    pub name: String,
    /// What it is for, in its owner's words.
    pub description: Option<String>,
    /// Whether it is for some alone.
    pub private: bool,
    /// Whether it is closed to changes.
    pub archived: bool,
    /// Whether it was added here.
    pub added: bool,
}

/// Which of them.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct GithubReposQuery {
    /// A part of its name.
    pub q: Option<String>,
}

/// What may be asked of GitHub by this caller: all that the App can see.
fn permit_all(tx: &ReadTx, permit: &Permit) -> Result<(), ApiError> {
    permit.instance(tx)?;
    Ok(permit.caller.may(tx, Permission::RepoCreateLocal, Resource::Instance)?)
}

/// How many repositories are looked at for one page, where GitHub has to be asked of each who administers it.
const ASKED: usize = 30;

/// `GET /api/v1/github/repos`.
pub async fn list(
    State(app): State<App>,
    permit: Permit,
    Query(query): Query<GithubReposQuery>,
    Query(paging): Query<Paging>,
) -> Result<List<GithubRepoView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    List::of(offered(&app, permit, query.q.as_deref().unwrap_or(""), cursor, limit).await?, format)
}

/// Of the repositories that the App can see, a page of those that the caller may add and whose name has `q` in it.
pub async fn offered(app: &App, permit: Permit, q: &str, after: Option<Cursor>, limit: Limit) -> Result<Page<GithubRepoView>, ApiError> {
    let subject = app.read(move |tx, _| adds_as(tx, &permit)).await?;
    page(app, q.trim(), subject, after, limit).await
}

/// A page of what the App can see, by name: all of it, or what somebody administers there. Of that it may hold fewer than there would be
/// room for, and go on all the same.
async fn page(app: &App, q: &str, subject: Option<u64>, after: Option<Cursor>, limit: Limit) -> Result<Page<GithubRepoView>, ApiError> {
    let (handle, q) = (app.clone(), q.to_ascii_lowercase());
    app.blocking(move || {
        let mark = ListMark::of("github repositories").by(&q);
        let after = after.map(|after| after.unmarked(mark)).transpose()?;
        let client = handle.github()?;
        // Whoever opens the list sees what is; whoever searches in it, or reads on, goes by what was there a moment ago.
        let goes_on = !q.is_empty() || after.is_some();
        let seen = if goes_on { sync::seen_of_late(&client)? } else { sync::seen_just_now(&client)? };
        let looked_at = subject.map_or(limit.get(), |_| limit.get().min(ASKED));
        let name = |seen: &sync::Seen| seen.repo.full_name.to_ascii_lowercase();
        let is_after = |seen: &&sync::Seen| after.as_ref().is_none_or(|after| name(seen).as_bytes() > after.as_bytes());
        let mut rest: Vec<&sync::Seen> = seen.iter().filter(|seen| name(seen).contains(&q)).filter(is_after).take(looked_at + 1).collect();
        let next = if rest.len() > looked_at {
            rest.truncate(looked_at);
            rest.last().map(|last| Cursor::new(name(last)).marked(mark))
        } else {
            None
        };
        if let Some(subject) = subject {
            rest = administered(&client, rest, subject)?;
        }
        handle.read_now(|tx, _| {
            let items = rest.into_iter().map(|seen| view(tx, seen)).collect::<Result<Vec<_>, ApiError>>()?;
            Ok(Page { items, next })
        })
    })
    .await?
}

fn view(tx: &ReadTx, seen: &sync::Seen) -> Result<GithubRepoView, ApiError> {
    let repo = &seen.repo;
    let (owner, name) = repo.full_name.split_once('/').unwrap_or(("", &repo.full_name));
    Ok(GithubRepoView {
        id: repo.id,
        owner: owner.to_owned(),
        name: name.to_owned(),
        description: repo.description.clone().filter(|text| !text.is_empty()),
        private: repo.private,
        archived: repo.archived,
        added: repos::find_by_github(tx, repo.id)?.is_some(),
    })
}

/// Whether the caller may add whatever the App can see; if not, GitHub's number for them, who may add what they administer there.
fn adds_as(tx: &ReadTx, permit: &Permit) -> Result<Option<u64>, ApiError> {
    let Err(refusal) = permit_all(tx, permit) else { return Ok(None) };
    permit.instance(tx)?;
    subject_of(tx, &permit.caller)?.map_or(Err(refusal), |subject| Ok(Some(subject)))
}

/// GitHub's number for whoever asks, if they are somebody there.
pub fn subject_of(tx: &ReadTx, caller: &Caller) -> Result<Option<u64>, ApiError> {
    let Some(user) = caller.user() else { return Ok(None) };
    let identity = accounts::github_identity_of(tx, user.id)?.filter(|identity| identity.left.is_none());
    Ok(identity.map(|identity| identity.subject))
}

/// Whether somebody administers a repository on GitHub at this moment.
fn administers(client: &Client<'_>, seen: &sync::Seen, slug: &RepoSlug, subject: u64) -> github::Result<bool> {
    let Some(who) = people::somebody(client, seen.installation, subject)? else { return Ok(false) };
    Ok(people::role_in(client, seen.installation, Lane::Statuses, slug, &who)? == Some(RepoRole::Admin))
}

/// How many of them are asked about at a time: GitHub answers one in a tenth of a second, and somebody waits for all.
const AT_A_TIME: usize = 4;

/// Those of the repositories that somebody administers on GitHub at this moment.
fn administered<'a>(client: &Client<'_>, seen: Vec<&'a sync::Seen>, subject: u64) -> github::Result<Vec<&'a sync::Seen>> {
    let mut known = HashMap::new();
    for seen in &seen {
        if let Entry::Vacant(room) = known.entry(seen.installation) {
            room.insert(people::somebody(client, seen.installation, subject)?);
        }
    }
    let is_theirs = |seen: &sync::Seen| -> github::Result<bool> {
        let (Some(Some(who)), Ok(slug)) = (known.get(&seen.installation), seen.repo.full_name.parse::<RepoSlug>()) else {
            return Ok(false);
        };
        match people::role_in(client, seen.installation, Lane::Syncs, &slug, who) {
            Ok(role) => Ok(role == Some(RepoRole::Admin)),
            Err(github::Error::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    };
    let of_some = |some: &[&'a sync::Seen]| -> github::Result<Vec<&'a sync::Seen>> {
        let judged = some.iter().map(|seen| Ok(is_theirs(seen)?.then_some(*seen)));
        judged.filter_map(Result::transpose).collect()
    };
    let parts = seen.chunks(seen.len().div_ceil(AT_A_TIME).max(1));
    std::thread::scope(|scope| {
        let asked: Vec<_> = parts.map(|some| scope.spawn(move || of_some(some))).collect();
        let heard = asked.into_iter().map(|asked| asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        Ok(heard.collect::<github::Result<Vec<_>>>()?.concat())
    })
}

/// Takes in the repository of this name on GitHub. One that the caller may not administer is to them like one that is not there.
pub async fn add(app: &App, permit: Permit, name: &str) -> Result<RepoView, ApiError> {
    let misnamed = |error: InvalidName| ApiError::field(Code::InvalidBody, "github", error);
    let slug: RepoSlug = name.trim().parse().map_err(misnamed)?;
    let asks = permit.clone();
    let subject = app.read(move |tx, _| adds_as(tx, &asks)).await?;
    let (handle, asked) = (app.clone(), slug.clone());
    let look = move || -> github::Result<_> {
        let client = handle.github()?;
        let Some(seen) = sync::repository(&client, &asked)? else { return Ok(None) };
        let may = subject.map_or(Ok(true), |subject| administers(&client, &seen, &asked, subject))?;
        Ok(may.then_some(seen))
    };
    let seen = app.blocking(look).await??;
    let unseen = || match subject {
        None => format!("the App sees no repository `{slug}` on GitHub; look at its name, and let the App in at its owner's"),
        Some(_) => format!("the App sees no repository `{slug}` on GitHub that you administer there; look at its name, and at your role"),
    };
    let seen = seen.ok_or_else(|| ApiError::field(Code::SourceRefused, "github", unseen()))?;
    // As GitHub writes it.
    let slug: RepoSlug = seen.repo.full_name.parse().map_err(misnamed)?;
    if slug.owner() == RepoSlug::LOCAL_OWNER {
        return Err(ApiError::field(Code::SourceRefused, "github", "the owner `local` is the appliance's own"));
    }
    let (url, seen_at) = (app.github_url().await?, app.hub.their_now());
    let (actor, badge_key) = (permit.actor(), BadgeKey::random());
    app.write(&actor, move |tx, now| -> Result<RepoView, ApiError> {
        adds_as(tx, &permit)?;
        let owner = permit.caller.user().map(|user| user.id);
        let source = RepoSource::GitHub { id: seen.repo.id, installation: seen.installation };
        let remote = format!("{url}/{slug}");
        let new = NewRepository { slug: slug.clone(), source, remote, is_trusted: false, badge_key: badge_key.clone(), owner };
        let repo = repos::add(tx, new, now)?;
        repos::admit(tx, seen.repo.id, Some(seen.installation), AsOf::looked_at(seen_at), now)?;
        let sync::Remote { description, private, archived, .. } = &seen.repo;
        let repo = repos::mirror(tx, repo.id, description.as_deref(), *private, *archived)?;
        accounts::roles_changed(tx, repo.id, now)?;
        repo_view(tx, &permit.caller, repo)
    })
    .await
}

impl From<github::Error> for ApiError {
    fn from(error: github::Error) -> ApiError {
        let message = error.to_string();
        match error {
            github::Error::Store(error) => error.into(),
            github::Error::Secrets(error) => error.into(),
            github::Error::NotSetUp => ApiError::new(Code::GithubNotSetUp, message),
            // Paths of the host's are nobody's but its own.
            github::Error::FileUnreadable { .. } | github::Error::FileUnusable { .. } => {
                ApiError { cause: Some(message), ..ApiError::of(Code::GithubUnavailable) }
            }
            github::Error::Busy
            | github::Error::BadKey { .. }
            | github::Error::Outbound(_)
            | github::Error::RateLimited { .. }
            | github::Error::Away { .. }
            | github::Error::Refused { .. }
            | github::Error::Failed { .. }
            | github::Error::Unreadable { .. }
            | github::Error::Elsewhere => ApiError::new(Code::GithubUnavailable, message),
        }
    }
}
