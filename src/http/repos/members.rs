//! Who has which role in a repository, over REST.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::base::name::RepoSlug;
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::domain::accounts::{self, Member, MembershipSource, RepoRole};
use crate::domain::repos::Repository;
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, JsonBody, Paging, Params, Permit, Query};
use crate::http::page::List;

/// A person with a role in a repository. Administrators of the instance have the role `admin` in every one and are not listed for that.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemberView {
    /// What they sign in as.
    pub login: String,
    /// What they are called.
    pub name: String,
    /// What they may do in it.
    pub role: RepoRole,
    /// Whether it was given here, or GitHub says so.
    pub source: MembershipSource,
    /// Whether their access to the instance was taken away.
    pub disabled: bool,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> MemberView {
        let Member { user, role, source } = member;
        MemberView { login: user.login, name: user.name, role, source, disabled: user.disabled_at.is_some() }
    }
}

/// A role to be given.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    /// What they may do in the repository.
    pub role: RepoRole,
}

/// A page of a repository's members.
pub fn members(tx: &ReadTx, repo: &Repository, cursor: Option<Cursor>, limit: Limit) -> Result<Page<MemberView>, ApiError> {
    let list = ListMark::of("members").by(repo.id);
    let cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
    Ok(accounts::list_members(tx, repo.id, cursor.as_ref(), limit)?.marked(list).map(MemberView::from))
}

/// `GET /api/v1/repos/{owner}/{name}/members`.
pub async fn list(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(paging): Query<Paging>,
) -> Result<List<MemberView>, ApiError> {
    let (slug, asked) = (params.slug()?, paging.read()?);
    let Asked { limit, cursor, format } = asked;
    let page = app
        .read(move |tx, _| -> Result<_, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            members(tx, &repo, cursor, limit)
        })
        .await?;
    List::of(page, format)
}

/// The repository, if roles in it are given here.
fn own_roles(tx: &ReadTx, permit: &Permit, slug: &RepoSlug) -> Result<Repository, ApiError> {
    let repo = permit.repo(tx, slug)?;
    if repo.source.github().is_some() {
        return Err(ApiError::of(Code::RoleMirrored));
    }
    Ok(repo)
}

/// Gives somebody a role.
pub async fn set(app: &App, permit: Permit, slug: RepoSlug, login: String, role: RepoRole) -> Result<MemberView, ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<MemberView, ApiError> {
        let repo = own_roles(tx, &permit, &slug)?;
        Ok(accounts::set_member(tx, repo.id, &login, role, now)?.into())
    })
    .await
}

/// Takes somebody's role away.
pub async fn remove(app: &App, permit: Permit, slug: RepoSlug, login: String) -> Result<(), ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        let repo = own_roles(tx, &permit, &slug)?;
        Ok(accounts::remove_member(tx, repo.id, &login, now)?)
    })
    .await
}

/// `PUT /api/v1/repos/{owner}/{name}/members/{login}`.
pub async fn put(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<MemberBody>,
) -> Result<Json<MemberView>, ApiError> {
    Ok(Json(set(&app, permit, params.slug()?, params.text("login"), body.role).await?))
}

/// `DELETE /api/v1/repos/{owner}/{name}/members/{login}`.
pub async fn delete(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    remove(&app, permit, params.slug()?, params.text("login")).await?;
    Ok(StatusCode::NO_CONTENT)
}
