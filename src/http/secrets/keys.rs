//! Keys for SSH over REST: made here or given; the public half comes out, the private one never.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::login;
use crate::app::regenerate::Regenerated;
use crate::app::{self, App};
use crate::base::id::{KeyId, RepoId};
use crate::base::name::RepoSlug;
use crate::base::page::{ListMark, Page};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::repos;
use crate::domain::secrets::{self, KEY_NAME_CHARS, KeyPair, Purpose, SshKey, key};
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, JsonBody, Paging, Params, Permit, Query};
use crate::http::page::List;
use crate::words;

/// A key for SSH: its public half.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// What it is called.
    pub name: String,
    /// The public half, a line for a forge's deploy keys or for `authorized_keys`.
    pub public_key: String,
    /// The public half's fingerprint, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
    /// Whether it was made here; else it was given.
    pub generated: bool,
    /// Which of its pairs it has, from 1 on.
    pub version: u64,
    /// When there was one first.
    pub created_at: Timestamp,
    /// When it got its pair.
    pub changed_at: Timestamp,
    /// Who gave it that; null where it was no person.
    pub changed_by: Option<String>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

words! {
    /// A kind of key that is made here.
    pub enum Generate: "kind of key" {
        /// Ed25519.
        Ed25519 = "ed25519",
    }
}

/// A key that is to be made, or one that is given.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKeyBody {
    /// What it is to be called.
    pub name: Option<String>,
    /// The kind to make; not with `private_key`.
    pub generate: Option<Generate>,
    /// A private key, in OpenSSH's form or PEM; not with `generate`.
    #[schema(value_type = Option<String>)]
    pub private_key: Option<Secret<String>>,
    /// The passphrase of the private key: used once and not kept.
    #[schema(value_type = Option<String>)]
    pub passphrase: Option<Secret<String>>,
}

/// Which keys are to be made anew.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegenerateBody {
    /// Only those that cannot be opened any more; a key file that is lost is begun anew first.
    pub missing_only: bool,
}

/// What was made anew, and what is left to be set by hand.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RegeneratedView {
    /// The vault's new key, if its key file was lost and is begun anew.
    pub vault_key: Option<String>,
    /// The keys that have another pair now: where their old public half was entered, the new one is to be.
    pub regenerated: Vec<OfRepoView>,
    /// The keys that were given and cannot be opened: they are to be given again.
    pub to_give: Vec<OfRepoView>,
    /// The secrets that cannot be opened: they are to be set anew.
    pub to_set: Vec<LostView>,
    /// The logins of those whose codes from an app cannot be checked any more: they sign in with a recovery code, or an administrator
    /// takes their codes away.
    pub lost_codes: Vec<String>,
    /// What of the App on GitHub cannot be opened: it is to be made anew in GitHub's settings of the App and named in the configuration, or
    /// the App is to be made anew.
    #[schema(value_type = Vec<String>)]
    pub lost_of_github: Vec<Purpose>,
}

/// A key, and whose it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OfRepoView {
    /// The repository.
    #[schema(value_type = String)]
    pub repo: RepoSlug,
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
}

/// A secret that cannot be opened.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LostView {
    /// Its repository; null is the instance.
    #[schema(value_type = Option<String>)]
    pub repo: Option<RepoSlug>,
    /// Its name.
    pub name: String,
}

/// A key as it is shown.
pub fn key_view(tx: &ReadTx, key: SshKey) -> Result<KeyView, ApiError> {
    Ok(KeyView {
        id: key.id,
        public_key: format!("{} {}", key.public, comment(&key.name)),
        name: key.name,
        fingerprint: key.fingerprint,
        generated: key.was_made_here,
        version: key.version,
        created_at: key.created_at,
        changed_at: key.changed_at,
        changed_by: login(tx, key.changed_by)?,
        last_used_at: key.last_used_at,
    })
}

/// A name as the comment of a line.
fn comment(name: &str) -> String {
    name.chars().map(|c| if c.is_whitespace() { '-' } else { c }).collect()
}

/// The keys of a repository.
pub fn of_repository(tx: &ReadTx, repo: RepoId) -> Result<Vec<KeyView>, ApiError> {
    secrets::list_keys(tx, repo)?.into_iter().map(|key| key_view(tx, key)).collect()
}

/// `GET /api/v1/repos/{owner}/{name}/keys`.
pub async fn list(State(app): State<App>, permit: Permit, params: Params, Query(paging): Query<Paging>) -> Result<List<KeyView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    let slug = params.slug()?;
    let page = app
        .read(move |tx, _| -> Result<_, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            let list = ListMark::of("keys").by(&slug);
            let cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
            let page = secrets::page_of_keys(tx, repo.id, cursor.as_ref(), limit)?;
            let items = page.items.into_iter().map(|key| key_view(tx, key)).collect::<Result<_, _>>()?;
            Ok(Page { items, next: page.next }.marked(list))
        })
        .await?;
    List::of(page, format)
}

impl NewKeyBody {
    /// The pair, made or read. What is read may take a while.
    fn pair(&self) -> Result<KeyPair, ApiError> {
        let both = || ApiError::field(Code::InvalidBody, "generate", "either `generate` or `private_key` is given, not both");
        match (&self.generate, &self.private_key) {
            (Some(_), Some(_)) => Err(both()),
            (Some(Generate::Ed25519), None) => Ok(key::generate()),
            (None, Some(text)) => Ok(key::parse(text, self.passphrase.as_ref()).map_err(secrets::Error::from)?),
            (None, None) => Err(ApiError::field(Code::InvalidBody, "generate", "`generate` or `private_key` is missing")),
        }
    }

    fn name(&self) -> Result<String, ApiError> {
        let name = self.name.as_deref().unwrap_or("").trim();
        match name.chars().count() {
            0 => Ok("deploy".to_owned()),
            1..=KEY_NAME_CHARS if !name.chars().any(crate::base::text::is_hostile) => Ok(name.to_owned()),
            _ => {
                let why = format!("it has 1 to {KEY_NAME_CHARS} characters, and none that steers a terminal");
                Err(ApiError::field(Code::InvalidBody, "name", why))
            }
        }
    }
}

/// `POST /api/v1/repos/{owner}/{name}/keys`.
pub async fn create(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<NewKeyBody>,
) -> Result<(StatusCode, Json<KeyView>), ApiError> {
    let view = add(&app, permit, params.slug()?, body).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Gives a repository a key.
pub async fn add(app: &App, permit: Permit, slug: RepoSlug, body: NewKeyBody) -> Result<KeyView, ApiError> {
    let (asking, named) = (permit.clone(), slug.clone());
    // Before anything is worked at on their behalf.
    app.read(move |tx, _| asking.repo(tx, &named).map(drop)).await?;
    let name = body.name()?;
    let pair = app.blocking(move || body.pair()).await??;
    let (actor, vault) = (permit.actor(), Arc::clone(&app.vault));
    app.write(&actor, move |tx, now| -> Result<KeyView, ApiError> {
        let repo = permit.repo(tx, &slug)?;
        let key = secrets::add_key(tx, &vault, repo.id, &name, &pair, now)?;
        key_view(tx, key)
    })
    .await
}

/// `DELETE /api/v1/repos/{owner}/{name}/keys/{id}`.
pub async fn delete(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    let (slug, id) = (params.slug()?, params.get::<KeyId>("id"));
    let actor = permit.actor();
    app.write(&actor, move |tx, now| -> Result<(), ApiError> {
        let repo = permit.repo(tx, &slug)?;
        Ok(secrets::remove_key(tx, repo.id, id.clone()?, now)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/admin/keys/regenerate`.
pub async fn regenerate(
    State(app): State<App>,
    permit: Permit,
    JsonBody(body): JsonBody<RegenerateBody>,
) -> Result<Json<RegeneratedView>, ApiError> {
    let (asking, actor) = (permit.clone(), permit.actor());
    app.read(move |tx, _| asking.instance(tx)).await?;
    let made = app::regenerate::regenerate(&app, &actor, body.missing_only).await?;
    Ok(Json(app.read(move |tx, _| regenerated(tx, made)).await?))
}

fn regenerated(tx: &ReadTx, made: Regenerated) -> Result<RegeneratedView, ApiError> {
    let of_repos = |keys: Vec<SshKey>| keys.into_iter().filter_map(|key| of_repo(tx, key).transpose()).collect::<Result<Vec<_>, _>>();
    let mut to_set = Vec::new();
    for (repo, name) in made.to_set {
        match repo {
            None => to_set.push(LostView { repo: None, name }),
            Some(repo) => to_set.extend(slug(tx, repo)?.map(|slug| LostView { repo: Some(slug), name })),
        }
    }
    Ok(RegeneratedView {
        vault_key: made.vault_key.map(|key| key.to_string()),
        regenerated: of_repos(made.anew)?,
        to_give: of_repos(made.to_give)?,
        to_set,
        lost_codes: made.to_drop.into_iter().filter_map(|user| login(tx, Some(user)).transpose()).collect::<Result<_, _>>()?,
        lost_of_github: made.to_renew,
    })
}

fn of_repo(tx: &ReadTx, key: SshKey) -> Result<Option<OfRepoView>, ApiError> {
    let Some(repo) = slug(tx, key.repo)? else { return Ok(None) };
    Ok(Some(OfRepoView { repo, key: key_view(tx, key)? }))
}

/// What a repository is called; `None` if it is about to be erased.
fn slug(tx: &ReadTx, repo: RepoId) -> Result<Option<RepoSlug>, ApiError> {
    match repos::get(tx, repo) {
        Ok(repo) => Ok(Some(repo.slug)),
        Err(repos::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
