//! Handlers of pages: they read through the API's own functions and fill the page structs.

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};

use super::check::UNISOLATED;
use super::error::ErrorPage;
use super::frame::{Frame, Place, Viewer};
use super::signin::{Reason, SignInPage};
use crate::app::App;
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha};
use crate::base::page::Limit;
use crate::domain::accounts::{self, Caller};
use crate::domain::checks;
use crate::domain::repos::{self, Repository};
use crate::engine::store::ReadTx;
use crate::http;
use crate::http::auth::Lapsed;
use crate::http::code::Code;
use crate::http::error::{ApiError, Failed};
use crate::http::extract::Permit;
use crate::http::layers;

pub(super) mod abroad;
pub(super) mod account;
pub(super) mod adding;
pub(super) mod admin;
pub(super) mod assets;
pub(super) mod check;
pub(super) mod commit;
pub(super) mod compare;
pub(super) mod deliveries;
pub(super) mod docs;
pub(super) mod files;
pub(super) mod github;
pub(super) mod home;
pub(super) mod issues;
pub(super) mod manifest;
pub(super) mod people;
pub(super) mod plugins;
pub(super) mod pulls;
pub(super) mod repo;
pub(super) mod secrets;
pub(super) mod settings;
pub(super) mod signin;
mod token_form;

/// How many branches the menu lists.
const MENU_BRANCHES: Limit = Limit::MAX;
/// How many unfinished sets are counted.
pub(super) const RUNNING_COUNTED: usize = 200;

/// Everything that is served: the API and the pages.
pub fn router(app: &App) -> Router {
    let dressed = app.clone();
    http::router(app, super::routes::pages(), move |router| router.layer(middleware::from_fn_with_state(dressed.clone(), errors)))
}

/// When the request began.
#[derive(Debug, Clone, Copy)]
struct Began(Instant);

/// A browser is shown errors as pages.
async fn errors(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = request.extensions().get::<Began>().map_or_else(Instant::now, |began| began.0);
    request.extensions_mut().insert(Began(began));
    let wants_page =
        request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    let path = request.uri().path();
    let is_page = wants_page
        && (path == super::href::DOCS || !["/api/", "/badges/", "/livez", "/readyz"].iter().any(|start| path.starts_with(start)));
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let caller = request.extensions().get::<Caller>().cloned();
    let has_lapsed = request.extensions().get::<Lapsed>().is_some();
    let mut response = next.run(request).await;
    let failed = response.extensions().get::<Failed>().map(|failed| failed.0.code);
    let is_dressed = response.extensions().get::<layers::ErrorPage>().is_some();
    if is_page
        && !is_dressed
        && let Some(code) = failed
    {
        // Where that cannot be read, the page says that a link is the way in, which it always is.
        let is_door = code == Code::Unauthenticated && is_get;
        let has_passwords = is_door && app.read(|tx, _| accounts::has_passwords(tx)).await.unwrap_or_default();
        let by_github = is_door && http::accounts::github::is_open(&app).await.unwrap_or_default();
        let viewer = caller.as_ref().and_then(viewer_of);
        let render = move |error: &ApiError, request_id: &str| {
            let frame = Frame { viewer: viewer.clone(), running: 0, is_unisolated: false, now: app.clock.now(), started: began };
            let page = if error.code == Code::Unauthenticated && is_get {
                let reason = if has_lapsed { Reason::Ended } else { Reason::Needed };
                SignInPage { frame, reason, has_passwords, by_github, login: String::new(), fault: None }.render()
            } else {
                let (status, code) = (error.code.status().as_u16(), error.code.as_str().to_owned());
                ErrorPage { frame, status, code, message: error.message.to_string(), request_id: request_id.to_owned() }.render()
            };
            let html = page.unwrap_or_else(|failed| format!("this page cannot be shown: {failed}"));
            (error.code.status(), Html(html)).into_response()
        };
        response.extensions_mut().insert(layers::ErrorPage(Arc::new(render)));
    }
    response
}

fn viewer_of(caller: &Caller) -> Option<Viewer> {
    caller.user().map(|user| Viewer { login: user.login.clone(), name: user.name.clone(), is_admin: caller.is_admin() })
}

/// What a page needs of the request, beside the permit.
pub(super) struct Asked {
    pub permit: Permit,
    began: Instant,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked, ApiError> {
        let began = parts.extensions.get::<Began>().map_or_else(Instant::now, |began| began.0);
        Ok(Asked { permit: Permit::from_request_parts(parts, state).await?, began })
    }
}

impl Asked {
    /// What stands around the page.
    pub async fn frame(&self, app: &App) -> Result<Frame, ApiError> {
        let caller = self.permit.caller.clone();
        let (running, now) = app.read(move |tx, now| -> Result<_, ApiError> { Ok((running(tx, &caller)?, now)) }).await?;
        let is_unisolated = app.sandboxes.was_unisolated();
        Ok(Frame { viewer: viewer_of(&self.permit.caller), running, is_unisolated, now, started: self.began })
    }
}

fn running(tx: &ReadTx, caller: &Caller) -> Result<u64, ApiError> {
    let mut running = 0;
    for set in checks::under_way(tx, RUNNING_COUNTED)? {
        running += u64::from(caller.role_in(tx, set.repo)?.is_some());
    }
    Ok(running)
}

/// A page, rendered.
pub(super) fn render(page: &impl Template) -> Result<Response, ApiError> {
    Ok(Html(page.render().map_err(ApiError::internal)?).into_response())
}

/// To the page that shows what came of a form.
pub(super) fn see(path: &str) -> Result<Response, ApiError> {
    let location = axum::http::HeaderValue::from_str(path).map_err(ApiError::internal)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// Where in a repository a page is.
pub(super) fn place(
    tx: &ReadTx,
    caller: &Caller,
    repo: &Repository,
    branch: Option<BranchName>,
    commit: Option<CommitSha>,
) -> Result<Place, ApiError> {
    let default = repo.default_branch.clone();
    let branches = repos::branches(tx, repo.id, None, MENU_BRANCHES)?.items.into_iter().map(|branch| branch.name);
    let branches = default.clone().into_iter().chain(branches.filter(|name| Some(name) != default.as_ref())).collect();
    let branch = match (branch, commit) {
        (Some(branch), _) => Some(branch),
        // A commit that heads a branch is looked at as that branch.
        (None, Some(sha)) => {
            let heads = repos::branches_at(tx, repo.id, sha)?;
            heads.iter().find(|name| Some(*name) == default.as_ref()).or(heads.first()).cloned()
        }
        (None, None) => default,
    };
    let files_at = match (commit, &branch) {
        (Some(sha), _) => Some(sha),
        (None, Some(name)) => match repos::branch(tx, repo, name) {
            Ok(branch) => Some(branch.head),
            Err(repos::Error::BranchNotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        },
        (None, None) => None,
    };
    let can = caller.can(tx, repo.id)?;
    let (has_settings, has_secrets) = (can.contains(&"settings"), can.contains(&"secrets_list"));
    let unisolated = match files_at {
        Some(sha) => unisolated(tx, repo.id, sha)?,
        None => Vec::new(),
    };
    Ok(Place {
        repo: repo.slug.clone(),
        branch,
        branches,
        commit,
        has_pulls: repo.source.github().is_some(),
        has_settings,
        has_secrets,
        files_at,
        unisolated,
    })
}

/// The checks at a commit whose processes nothing kept apart from the host.
fn unisolated(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Vec<String>, ApiError> {
    let checks = checks::look(tx, repo, sha)?.map(|set| set.checks).unwrap_or_default();
    let ran = checks.into_iter().filter(|check| check.execution.as_ref().is_some_and(|execution| execution.tier == UNISOLATED));
    Ok(ran.map(|check| check.name).collect())
}
