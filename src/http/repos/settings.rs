//! What people say of a repository, and the key to its badges, over REST.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{RepoView, repo_view};
use crate::app::App;
use crate::domain::checks::catalogue;
use crate::domain::repos::{self, ApprovalFor, BadgeKey, Change, Repository};
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, Params, Permit};

/// What is to be changed of a repository; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepoChangeBody {
    /// Whether its badges need its badge key. Nothing else of a repository is open to whoever is not signed in, be it private or not.
    pub private: Option<bool>,
    /// What it is for, in at most 350 characters; null says nothing of it any more.
    #[serde(default, deserialize_with = "description")]
    pub description: Option<Option<String>>,
    /// Whose manifests somebody with the role write has to approve before what they start is started.
    pub approval_for: Option<ApprovalFor>,
    /// The tools that run where no manifest says what to run, by their names, beside those that run so in every repository. Tools that
    /// need settings of the repository's own cannot be among them.
    #[serde(default, deserialize_with = "tools")]
    pub tools: Option<Vec<String>>,
    /// Whether its checks may be given the secrets of the instance; an administrator of the instance says so.
    pub instance_secrets: Option<bool>,
}

/// Tools that have something to say without settings.
fn tools<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let Some(names) = Option::<Vec<String>>::deserialize(deserializer)? else { return Ok(None) };
    catalogue::without_settings(&names).map(Some).map_err(serde::de::Error::custom)
}

/// A description that is there, be it null: one that is left out is the default.
fn description<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    let said = Option::<String>::deserialize(deserializer)?;
    repos::parse_description(said.as_deref().unwrap_or("")).map(Some).map_err(serde::de::Error::custom)
}

/// The key to a repository's badges, and how a README shows one with it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BadgeKeyView {
    /// The key, for `?key=`. It opens the badges of this repository and nothing else.
    pub key: String,
    /// The gate's badge in Markdown; it holds the key only where the repository is private.
    pub markdown: String,
}

/// The badges of a repository as a README shows them.
pub fn badge_view(app: &App, repo: &Repository) -> BadgeKeyView {
    BadgeKeyView { key: repo.badge_key.expose(), markdown: markdown(app, repo, "gate") }
}

/// A badge in Markdown, which leads to the repository's page.
pub fn markdown(app: &App, repo: &Repository, badge: &str) -> String {
    let (url, slug) = (app.public_url(), &repo.slug);
    let key = if repo.is_private { format!("?key={}", repo.badge_key.expose()) } else { String::new() };
    format!("[![{badge}]({url}/badges/{slug}/{badge}.svg{key})]({url}/r/{slug})")
}

/// `PATCH /api/v1/repos/{owner}/{name}`.
pub async fn change(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<RepoChangeBody>,
) -> Result<Json<RepoView>, ApiError> {
    let slug = params.slug()?;
    let RepoChangeBody { private, description, approval_for, tools, instance_secrets } = body;
    let wanted = Change { is_private: private, description, approval_for, tools, has_instance_secrets: instance_secrets };
    let actor = permit.actor();
    let view = app
        .write(&actor, move |tx, now| -> Result<RepoView, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            let is_granted = wanted.has_instance_secrets.is_some_and(|wanted| wanted != repo.has_instance_secrets);
            if is_granted && !permit.caller_now(tx)?.is_admin() {
                let why = "whether a repository has the secrets of the instance is said by an administrator of the instance";
                return Err(ApiError::field(Code::Forbidden, "instance_secrets", why));
            }
            let repo = repos::change(tx, repo.id, &wanted, now)?;
            repo_view(tx, &permit.caller, repo)
        })
        .await?;
    Ok(Json(view))
}

/// `GET /api/v1/repos/{owner}/{name}/badge-key`.
pub async fn badge_key(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<BadgeKeyView>, ApiError> {
    let slug = params.slug()?;
    let repo = app.read(move |tx: &ReadTx, _| permit.repo(tx, &slug)).await?;
    Ok(Json(badge_view(&app, &repo)))
}

/// `POST /api/v1/repos/{owner}/{name}/badge-key`.
pub async fn rotate_badge_key(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<BadgeKeyView>, ApiError> {
    let slug = params.slug()?;
    let (actor, key) = (permit.actor(), BadgeKey::random());
    let repo = app
        .write(&actor, move |tx, now| -> Result<Repository, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            Ok(repos::rotate_badge_key(tx, repo.id, &key, now)?)
        })
        .await?;
    Ok(Json(badge_view(&app, &repo)))
}
