//! Adding a repository: what the App can see on GitHub, and the form for all else.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, render, see};
use crate::app::App;
use crate::base::name::RepoSlug;
use crate::base::page::Limit;
use crate::domain::accounts::{Permission, Resource};
use crate::domain::{github, repos};
use crate::engine::store::ReadTx;
use crate::http::error::ApiError;
use crate::http::extract::{Form, Paging, Permit, Query};
use crate::http::repos::RepoView;
use crate::http::repos::create::NewRepoBody;
use crate::http::{self, code::Code};
use crate::ui::adding::{AddForm, AddPage, Offer, OnGithub, place};
use crate::ui::{href, words};

/// Which part of the list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Part {
    q: String,
    cursor: Option<String>,
    added: Option<String>,
}

/// What a form sends: what was entered, or what was chosen and from which part of the list.
#[derive(Debug, Deserialize)]
pub struct Entered {
    repo: String,
    q: Option<String>,
    cursor: Option<String>,
}

/// What somebody may add.
#[derive(Debug, Clone, Copy)]
pub(super) struct MayAdd {
    takes_paths: bool,
    is_set_up: bool,
    is_on_github: bool,
    signs_in_there: bool,
}

impl MayAdd {
    /// What the caller may add, if anything.
    pub(super) fn of(tx: &ReadTx, permit: &Permit, configured: &github::Configured) -> Result<Option<MayAdd>, ApiError> {
        let may = |permission| permit.caller.may(tx, permission, Resource::Instance).is_ok();
        if !may(Permission::RepoCreate) {
            return Ok(None);
        }
        let is_on_github = http::github::subject_of(tx, &permit.caller)?.is_some();
        let is_set_up = github::identity(tx, configured)?.is_some();
        let signs_in_there = github::oauth::has_door(tx, configured)?;
        Ok(Some(MayAdd { takes_paths: may(Permission::RepoCreateLocal), is_set_up, is_on_github, signs_in_there }))
    }

    /// The form for it.
    pub(super) fn form(self) -> AddForm {
        let takes_github = self.is_set_up && (self.is_on_github || self.takes_paths);
        let may_set_up = self.takes_paths && !self.is_set_up;
        AddForm { takes_paths: self.takes_paths, takes_github, may_set_up, ..AddForm::default() }
    }
}

/// How long the page waits for GitHub: what has nothing to do with it can be added meanwhile.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

fn slow() -> ApiError {
    ApiError::new(Code::GithubUnavailable, "GitHub takes its time; look again in a moment")
}

/// `GET /repos`.
pub async fn show(State(app): State<App>, asked: Asked, Query(part): Query<Part>) -> Result<Response, ApiError> {
    render(&page(&app, &asked, part, None).await?)
}

/// What was asked to be added and why it was not; from which of the two places on the page is told by `is_chosen`.
struct Refused {
    entered: String,
    why: String,
    is_chosen: bool,
}

async fn page(app: &App, asked: &Asked, part: Part, refused: Option<Refused>) -> Result<AddPage, ApiError> {
    let (permit, configured) = (asked.permit.clone(), app.config.github.clone());
    let may = app
        .read(move |tx, _| -> Result<_, ApiError> {
            permit.instance(tx)?;
            MayAdd::of(tx, &permit, &configured)
        })
        .await?
        .ok_or_else(|| ApiError::of(Code::Forbidden))?;
    let github = match may {
        MayAdd { is_set_up: false, .. } => OnGithub::NotSetUp,
        MayAdd { is_on_github: false, takes_paths: false, signs_in_there, .. } => OnGithub::Unknown { may_link: signs_in_there },
        // What was entered has nothing to do with GitHub, and is mended without it.
        _ if refused.as_ref().is_some_and(|refused| !refused.is_chosen) => OnGithub::NotAsked,
        MayAdd { takes_paths: is_quick, .. } => {
            let cursor = Paging { cursor: part.cursor.clone(), ..Paging::default() }.read()?.cursor;
            let query = part.q.trim().to_owned();
            let offered = http::github::offered(app, asked.permit.clone(), &query, cursor, Limit::default());
            let found = match tokio::time::timeout(PATIENCE, offered).await.unwrap_or_else(|_| Err(slow())) {
                Err(error) if matches!(error.code, Code::GithubUnavailable | Code::GithubNotSetUp) => Err(words::sentence(&error.message)),
                found => Ok(found?),
            };
            let added = added(app, asked, part.added).await?;
            let fault = refused.as_ref().filter(|refused| refused.is_chosen).map(|refused| refused.why.clone());
            OnGithub::Offered(Offer { query, cursor: part.cursor, found, is_quick, added, fault })
        }
    };
    let mut form = may.form();
    if let Some(Refused { entered, why, is_chosen: false }) = refused {
        form = AddForm { entered, error: Some(why), ..form };
    }
    Ok(AddPage { frame: asked.frame(app).await?, github, form })
}

/// What the address says was just added, if it is there for whoever looks.
async fn added(app: &App, asked: &Asked, named: Option<String>) -> Result<Option<RepoSlug>, ApiError> {
    let Some(slug) = named.and_then(|named| named.parse::<RepoSlug>().ok()) else { return Ok(None) };
    let caller = asked.permit.caller.clone();
    app.read(move |tx, _| match repos::find(tx, &slug) {
        Ok(repo) => Ok(caller.role_in(tx, repo.id)?.is_some().then_some(repo.slug)),
        Err(_) => Ok(None),
    })
    .await
}

/// `POST /repos`.
pub async fn add(State(app): State<App>, asked: Asked, Form(entered): Form<Entered>) -> Result<Response, ApiError> {
    let text = entered.repo.trim().to_owned();
    let is_url = text.contains("://") && !text.starts_with("file://");
    let is_chosen = entered.q.is_some();
    let body = if is_url {
        NewRepoBody { url: Some(text.clone()), ..NewRepoBody::default() }
    } else if is_chosen || !text.starts_with(['.', '/']) && text.parse::<RepoSlug>().is_ok() {
        NewRepoBody { github: Some(text.clone()), ..NewRepoBody::default() }
    } else {
        NewRepoBody { path: Some(text.clone()), ..NewRepoBody::default() }
    };
    let part = Part { q: entered.q.unwrap_or_default(), cursor: entered.cursor, added: None };
    match http::repos::create::add(&app, asked.permit.clone(), body).await {
        // Whoever chose from the list may want another one of it.
        Ok(RepoView { owner, name, .. }) if is_chosen => {
            see(&href::with(&place(&part.q, part.cursor.as_deref()), "added", &format!("{owner}/{name}")))
        }
        Ok(RepoView { owner, name, .. }) => see(&format!("/r/{owner}/{name}")),
        // What was entered can be mended here; everything else is a page of its own.
        Err(error)
            if matches!(
                error.code,
                Code::SourceRefused
                    | Code::InvalidBody
                    | Code::AlreadyExists
                    | Code::Forbidden
                    | Code::GithubNotSetUp
                    | Code::GithubUnavailable
            ) =>
        {
            // The API names the key of the body; here there is one field.
            let message = ["`path`: ", "`url`: ", "`name`: ", "`github`: "]
                .iter()
                .find_map(|key| error.message.strip_prefix(key))
                .unwrap_or(&error.message);
            let refused = Refused { entered: text, why: words::sentence(message), is_chosen };
            let mut response = render(&page(&app, &asked, part, Some(refused)).await?)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error),
    }
}
