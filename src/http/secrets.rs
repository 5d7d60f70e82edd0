//! Secrets by name over REST: values go in and never come out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ApiError;
use super::extract::{Asked, JsonBody, Paging, Params, Permit, Query};
use super::page::List;
use crate::app::App;
use crate::base::id::UserId;
use crate::base::name::{CommitSha, RepoSlug};
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::accounts::User;
use crate::domain::repos::{self, Repository};
use crate::domain::secrets::{self, NameState, NamedSecret, Scope, SecretName};
use crate::engine::store::ReadTx;

pub mod keys;
pub mod vault;

/// A secret, without what is in it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SecretView {
    /// What it is called; names that differ in case alone are one.
    pub name: String,
    /// Whose it is: `instance` or `repository`.
    pub scope: &'static str,
    /// Whether the secret of the repository by the same name takes the place of this one of the instance.
    pub overridden: bool,
    /// Which of its values it has, from 1 on.
    pub version: u64,
    /// When there was one first.
    pub created_at: Timestamp,
    /// When it got its value.
    pub changed_at: Timestamp,
    /// Who gave it that; null where it was no person.
    pub changed_by: Option<String>,
    /// What used it last; null if nothing did, or where it is not yours to see.
    pub last_used: Option<UseView>,
}

/// What used a secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UseView {
    /// When, to the minute.
    pub at: Timestamp,
    /// In which repository; null if that is gone.
    #[schema(value_type = Option<String>)]
    pub repo: Option<RepoSlug>,
    /// At which commit.
    #[schema(value_type = String)]
    pub sha: CommitSha,
    /// Which check.
    pub check: String,
}

/// A value.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretBody {
    /// The value: 6 characters at least, 64 KiB at most.
    #[schema(value_type = String)]
    pub value: Secret<String>,
}

/// What would become of a name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NameView {
    /// The name.
    pub name: String,
    /// What would become of it.
    pub state: NameState,
    /// A sentence for whoever types it.
    pub message: String,
}

/// The login of somebody who may be gone.
pub(super) fn login(tx: &ReadTx, user: Option<UserId>) -> Result<Option<String>, ApiError> {
    match user {
        Some(id) => Ok(tx.get::<User>(&id)?.map(|user| user.login)),
        None => Ok(None),
    }
}

/// A secret as it is shown; what used it is left out where others' repositories could be seen in that.
pub fn secret_view(tx: &ReadTx, secret: NamedSecret, overridden: bool, tells_use: bool) -> Result<SecretView, ApiError> {
    let last_used = match secret.last_used.filter(|_| tells_use) {
        Some(by) => {
            let repo = match repos::get(tx, by.repo) {
                Ok(repo) => Some(repo.slug),
                Err(repos::Error::NotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            Some(UseView { at: by.at, repo, sha: by.sha, check: by.check })
        }
        None => None,
    };
    Ok(SecretView {
        name: secret.name.to_string(),
        scope: secret.scope.word(),
        overridden,
        version: secret.version,
        created_at: secret.created_at,
        changed_at: secret.changed_at,
        changed_by: login(tx, secret.changed_by)?,
        last_used,
    })
}

/// The secrets of the instance, by name.
pub fn of_instance(tx: &ReadTx) -> Result<Vec<SecretView>, ApiError> {
    secrets::list(tx, Scope::Instance)?.into_iter().map(|secret| secret_view(tx, secret, false, true)).collect()
}

/// What a repository has: its own secrets, by name, and after them those of the instance.
pub fn of_repository(tx: &ReadTx, repo: &Repository) -> Result<Vec<SecretView>, ApiError> {
    let own = secrets::list(tx, Scope::Repository(repo.id))?;
    let names: std::collections::HashSet<String> = own.iter().map(|secret| secret.name.folded()).collect();
    let mut views = Vec::new();
    for secret in own {
        views.push(secret_view(tx, secret, false, true)?);
    }
    let of_instance = if repo.has_instance_secrets { secrets::list(tx, Scope::Instance)? } else { Vec::new() };
    for secret in of_instance {
        let overridden = names.contains(&secret.name.folded());
        views.push(secret_view(tx, secret, overridden, false)?);
    }
    Ok(views)
}

/// A page of a list that is held whole: its length is bounded.
fn page(all: Vec<SecretView>, list: ListMark, cursor: Option<Cursor>, limit: Limit) -> Result<Page<SecretView>, ApiError> {
    // In the order of the list: a repository's own before those of the instance, each by name.
    let place =
        |view: &SecretView| format!("{} {}", u8::from(view.scope == Scope::Instance.word()), view.name.to_ascii_lowercase()).into_bytes();
    let begin = match cursor {
        Some(cursor) => {
            let last = cursor.unmarked(list)?;
            all.partition_point(|view| place(view).as_slice() <= last.as_bytes())
        }
        None => 0,
    };
    let rest = all.len().saturating_sub(begin + limit.get());
    let items: Vec<SecretView> = all.into_iter().skip(begin).take(limit.get()).collect();
    let next = items.last().filter(|_| rest > 0).map(|last| Cursor::new(place(last)));
    Ok(Page { items, next }.marked(list))
}

/// Sets a secret of a scope. What its name is wrong in is told to whoever may set one.
pub async fn set(
    app: &App,
    permit: Permit,
    slug: Option<RepoSlug>,
    name: Result<SecretName, ApiError>,
    value: Secret<String>,
) -> Result<(SecretView, bool), ApiError> {
    let (actor, vault) = (permit.actor(), Arc::clone(&app.vault));
    app.write(&actor, move |tx, now| -> Result<_, ApiError> {
        let scope = scope(tx, &permit, slug.as_ref())?;
        let (secret, is_new) = secrets::set(tx, &vault, scope, &name.clone()?, &value, now)?;
        Ok((secret_view(tx, secret, false, true)?, is_new))
    })
    .await
}

/// Whose secrets a request is about, if the caller may do with them what the route is for.
pub fn scope(tx: &ReadTx, permit: &Permit, slug: Option<&RepoSlug>) -> Result<Scope, ApiError> {
    match slug {
        Some(slug) => Ok(Scope::Repository(permit.repo(tx, slug)?.id)),
        None => permit.instance(tx).map(|()| Scope::Instance),
    }
}

fn answer((view, is_new): (SecretView, bool)) -> (StatusCode, Json<SecretView>) {
    (if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(view))
}

/// `GET /api/v1/secrets`.
pub async fn list(State(app): State<App>, permit: Permit, Query(paging): Query<Paging>) -> Result<List<SecretView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    let all = app
        .read(move |tx, _| {
            permit.instance(tx)?;
            of_instance(tx)
        })
        .await?;
    List::of(page(all, ListMark::of("secrets"), cursor, limit)?, format)
}

/// `PUT /api/v1/secrets/{secret}`.
pub async fn put(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<SecretBody>,
) -> Result<(StatusCode, Json<SecretView>), ApiError> {
    Ok(answer(set(&app, permit, None, params.get("secret"), body.value).await?))
}

/// `DELETE /api/v1/secrets/{secret}`.
pub async fn delete(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    remove(&app, permit, None, &params).await
}

/// `GET /api/v1/secret-names/{secret}`.
pub async fn check_name(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<NameView>, ApiError> {
    look_at_name(&app, permit, None, &params).await
}

/// `GET /api/v1/repos/{owner}/{name}/secrets`.
pub async fn list_of_repo(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(paging): Query<Paging>,
) -> Result<List<SecretView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    let slug = params.slug()?;
    let list = ListMark::of("secrets").by(&slug);
    let all = app
        .read(move |tx, _| {
            let repo = permit.repo(tx, &slug)?;
            of_repository(tx, &repo)
        })
        .await?;
    List::of(page(all, list, cursor, limit)?, format)
}

/// `PUT /api/v1/repos/{owner}/{name}/secrets/{secret}`.
pub async fn put_of_repo(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<SecretBody>,
) -> Result<(StatusCode, Json<SecretView>), ApiError> {
    let slug = params.slug()?;
    Ok(answer(set(&app, permit, Some(slug), params.get("secret"), body.value).await?))
}

/// `DELETE /api/v1/repos/{owner}/{name}/secrets/{secret}`.
pub async fn delete_of_repo(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    let slug = params.slug()?;
    remove(&app, permit, Some(slug), &params).await
}

/// `GET /api/v1/repos/{owner}/{name}/secret-names/{secret}`.
pub async fn check_name_of_repo(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<NameView>, ApiError> {
    let slug = params.slug()?;
    look_at_name(&app, permit, Some(slug), &params).await
}

async fn remove(app: &App, permit: Permit, slug: Option<RepoSlug>, params: &Params) -> Result<StatusCode, ApiError> {
    let (actor, text) = (permit.actor(), params.text("secret"));
    app.write(&actor, move |tx, now| -> Result<(), ApiError> {
        let scope = scope(tx, &permit, slug.as_ref())?;
        // What cannot be a name names nothing.
        let missing = |_| secrets::Error::NotFound { scope, name: crate::base::text::clip(&text, 80).into_owned() };
        let name: SecretName = text.parse().map_err(missing)?;
        Ok(secrets::remove(tx, scope, &name, now)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn look_at_name(app: &App, permit: Permit, slug: Option<RepoSlug>, params: &Params) -> Result<Json<NameView>, ApiError> {
    let name = params.text("secret");
    app.read(move |tx, _| {
        let scope = scope(tx, &permit, slug.as_ref())?;
        let found = secrets::availability(tx, scope, &name)?;
        Ok(Json(NameView { name: crate::base::text::clip(&name, 200).into_owned(), state: found.state, message: found.says }))
    })
    .await
}
