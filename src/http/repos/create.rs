//! Adding repositories that no forge tells of: by an address, or by a path on the appliance's host.
//!
//! Whoever may add one chooses what the appliance reads, and where it connects to. So a path, and an address that does not lead to the
//! public internet, are for administrators. What they add that the guard of outgoing requests would refuse is marked, and the mark opens
//! the guard for that repository's own host and port when it is fetched, and for nothing else. Others are told the same of a name that
//! leads into the appliance's network and of one that leads nowhere: which names there are in there is not theirs to ask.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{RepoView, repo_view};
use crate::app::App;
use crate::base::name::{InvalidName, RepoSlug};
use crate::domain::accounts::{self, Permission, Resource};
use crate::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use crate::engine::git::Source;
use crate::engine::git::layout::{Layout, Trust};
use crate::engine::outbound;
use crate::engine::store;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::Permit;
use crate::http::faults::Faults;
use crate::http::github;
use crate::http::parts::Parts;

/// A repository to be added.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepoBody {
    /// What to fetch: an http(s) address.
    pub url: Option<String>,
    /// What to fetch: a path on the appliance's host, for administrators, beneath `repos.local_roots`.
    pub path: Option<String>,
    /// A repository of GitHub, as `owner/name`, that the App is let at.
    pub github: Option<String>,
    /// What it is called here; made from the address unless said.
    pub name: Option<String>,
}

/// `POST /api/v1/repos`.
pub async fn create(State(app): State<App>, permit: Permit, parts: Parts<NewRepoBody>) -> Result<(StatusCode, Json<RepoView>), ApiError> {
    let body = match &parts.whole {
        Ok(body) => body.clone(),
        Err(error) => return Err(besides(error.clone(), &parts)),
    };
    let view = add(&app, permit, body).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// What is wrong with a body that cannot be read, and with what can be read of it.
fn besides(error: ApiError, parts: &Parts<NewRepoBody>) -> ApiError {
    let body = NewRepoBody { url: parts.field("url"), path: parts.field("path"), github: parts.field("github"), name: parts.field("name") };
    let mut faults = Faults::default();
    faults.note(error.clone());
    let is_read = |field: &str, read: &Option<String>| read.is_some() == parts.has(field);
    if is_read("url", &body.url) && is_read("path", &body.path) {
        faults.take(source_in(&body));
    }
    faults.take(name_in(&body));
    faults.none_or_error().err().unwrap_or(error)
}

/// What a body asks to be fetched.
fn source_in(body: &NewRepoBody) -> Result<Source, ApiError> {
    let (field, given) = match (&body.url, &body.path) {
        (Some(url), None) => ("url", url),
        (None, Some(path)) => ("path", path),
        _ => return Err(ApiError::field(Code::InvalidBody, "url", "give either `url`, `path` or `github`")),
    };
    given.parse().map_err(|error| ApiError::field(Code::SourceRefused, field, error))
}

/// The name that a body gives, which is taken as it is or refused.
fn name_in(body: &NewRepoBody) -> Result<Option<RepoSlug>, ApiError> {
    body.name.as_deref().map(|name| RepoSlug::new(RepoSlug::LOCAL_OWNER, name).map_err(misnamed)).transpose()
}

fn misnamed(error: InvalidName) -> ApiError {
    ApiError::field(Code::InvalidBody, "name", error)
}

/// Adds a repository that somebody asks for.
pub async fn add(app: &App, permit: Permit, body: NewRepoBody) -> Result<RepoView, ApiError> {
    if let NewRepoBody { github: Some(name), .. } = &body {
        if body.url.is_some() || body.path.is_some() || body.name.is_some() {
            return Err(ApiError::field(
                Code::InvalidBody,
                "github",
                "give `github` alone: a repository of GitHub is called as it is there",
            ));
        }
        return github::add(app, permit, name).await;
    }
    let mut faults = Faults::default();
    let refused = |faults: Faults| faults.none_or_error().and(Err(ApiError::of(Code::InvalidBody)));
    let (source, slug) = (faults.take(source_in(&body)), faults.take(name_in(&body)));
    let Some(source) = source else { return refused(faults) };
    // Said before anything of the host's files or of its network is: who may not add those learns nothing of them.
    may_add(app, &permit, matches!(source, Source::Path(_))).await?;
    let leads = leads(app, &source).await?;
    if leads != Leads::Out {
        may_add(app, &permit, true).await?;
    }
    let is_trusted = leads == Leads::Within;
    let (kind, remote) = match &source {
        Source::Path(path) => (RepoSource::Local, faults.take(local_path(app, path)).map(|path| path.display().to_string())),
        Source::Http(url) => (RepoSource::Git, Some(url.clone())),
    };
    let (Some(slug), Some(remote)) = (slug, remote) else { return refused(faults) };
    let slug = match slug {
        Some(slug) => slug,
        None => RepoSlug::local(&name_of(&remote)).map_err(misnamed)?,
    };
    let (actor, badge_key) = (permit.actor(), BadgeKey::random());
    app.write(&actor, move |tx, now| -> Result<RepoView, ApiError> {
        permit.instance(tx)?;
        let owner = permit.caller.user().map(|user| user.id);
        let (slug, remote, badge_key) = (slug.clone(), remote.clone(), badge_key.clone());
        let repo = repos::add(tx, NewRepository { slug, source: kind, remote, is_trusted, badge_key, owner }, now)?;
        repo_view(tx, &permit.caller, repo)
    })
    .await
}

/// Decides whether the caller may add a repository at all, and one that is within reach of the appliance alone.
async fn may_add(app: &App, permit: &Permit, is_within: bool) -> Result<(), ApiError> {
    let asks = permit.clone();
    app.read(move |tx, _| -> Result<(), ApiError> {
        asks.instance(tx)?;
        match asks.caller.may(tx, Permission::RepoCreateLocal, Resource::Instance) {
            Err(accounts::Error::Refused(_)) if is_within => Err(ApiError::new(
                Code::Forbidden,
                "a path on the server's machine, or an address that does not lead to the public internet, is added by an administrator of the instance",
            )),
            Err(accounts::Error::Refused(_)) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// Where a source leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leads {
    /// Where the guard lets requests go; or it is a path, and no request is made.
    Out,
    /// Where the guard lets none go.
    Within,
    /// Nowhere now, as far as can be told: it is judged when it is fetched.
    Nowhere,
}

async fn leads(app: &App, source: &Source) -> Result<Leads, store::Error> {
    let Source::Http(url) = source.clone() else { return Ok(Leads::Out) };
    let handle = app.clone();
    app.blocking(move || match handle.outbound.judge(&url) {
        Ok(()) => Leads::Out,
        Err(outbound::Error::Refused { .. }) => Leads::Within,
        Err(_) => Leads::Nowhere,
    })
    .await
}

/// Whether a source lies where the guard lets no request go.
pub async fn is_guarded(app: &App, source: &Source) -> Result<bool, store::Error> {
    Ok(leads(app, source).await? == Leads::Within)
}

/// What a repository is called after its path or address.
pub fn name_of(remote: &str) -> String {
    let last = remote.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or(remote);
    last.strip_suffix(".git").filter(|name| !name.is_empty()).unwrap_or(last).to_owned()
}

/// A path that may be added: a folder beneath a root that the administrator named, and apart from our own data.
fn local_path(app: &App, path: &Path) -> Result<PathBuf, ApiError> {
    let refuse = |why: String| ApiError::field(Code::SourceRefused, "path", why);
    let shown = path.display();
    let real = path.canonicalize().map_err(|error| {
        refuse(match error.kind() {
            std::io::ErrorKind::PermissionDenied => format!("the server may not look at `{shown}`; let its user read it"),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                format!("there is no folder `{shown}` on the server's machine; give its whole path, such as `/srv/git/app`")
            }
            _ => format!("`{shown}` cannot be opened on the server's machine"),
        })
    })?;
    if !real.is_dir() {
        return Err(refuse(format!("`{shown}` is not a folder; give the one that holds `.git`, or a bare repository")));
    }
    let data = app.config.data_dir.canonicalize().unwrap_or_else(|_| app.config.data_dir.clone());
    // Its `.git` may be elsewhere: what counts is where the objects are. What is no repository is told when it is fetched.
    let layout = Layout::at(&real, Trust::Anybody).ok();
    let parts = layout.iter().flat_map(|layout| [layout.git_dir.clone(), layout.objects()]).filter_map(|part| part.canonicalize().ok());
    if data.starts_with(&real) || std::iter::once(real.clone()).chain(parts).any(|part| part.starts_with(&data)) {
        return Err(refuse("that is the appliance's own data, or holds it".to_owned()));
    }
    let roots: Vec<PathBuf> = app.local_roots().into_iter().filter_map(|root| root.canonicalize().ok()).collect();
    if !roots.iter().any(|root| real.starts_with(root)) {
        return Err(refuse(format!(
            "`{}` is not beneath a folder of `repos.local_roots`; add its folder there and start again",
            real.display()
        )));
    }
    Ok(real)
}
