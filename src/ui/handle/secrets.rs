//! The pages of secrets and keys.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, place, render, see};
use crate::app::App;
use crate::base::id::KeyId;
use crate::base::name::RepoSlug;
use crate::base::secret::Secret;
use crate::domain::secrets::{self, SecretName};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Form, Params};
use crate::http::secrets::keys::{self, NewKeyBody};
use crate::http::secrets::{of_instance, of_repository, scope};
use crate::ui::secrets::{InstanceSecretsPage, Refused, RepoSecretsPage};
use crate::ui::{href, words};

/// What the form for a secret sends.
#[derive(Debug, Deserialize)]
pub struct Entered {
    name: String,
    value: Secret<String>,
}

/// What the form for a key sends; fields that are left empty come as such.
#[derive(Debug, Deserialize)]
pub struct EnteredKey {
    name: String,
    private_key: Secret<String>,
    passphrase: Secret<String>,
}

/// What a button to remove a secret sends.
#[derive(Debug, Deserialize)]
pub struct Named {
    name: String,
}

/// A name as it is to be, or what is wrong with it.
fn name(text: &str) -> Result<SecretName, ApiError> {
    text.trim().parse().map_err(|error| secrets::Error::InvalidName(error).into())
}

/// A text of a form: a browser ends each of its lines as HTTP does.
fn as_typed(text: &Secret<String>) -> Secret<String> {
    Secret::new(text.expose().replace("\r\n", "\n"))
}

/// What a form is told that is shown again; any other failure is a page of its own.
fn refused(name: String, error: ApiError) -> Result<(Refused, Code), ApiError> {
    match error.code {
        Code::InvalidBody
        | Code::InvalidParameter
        | Code::TooMany
        | Code::AlreadyExists
        | Code::KeyInvalid
        | Code::PassphraseNeeded
        | Code::PassphraseWrong
        | Code::VaultUnavailable => {
            // The field is where it is shown.
            let why = error.message.strip_prefix('`').and_then(|rest| rest.split_once("`: ")).map_or(&*error.message, |(_, why)| why);
            Ok((Refused { name, why: words::sentence(why) }, error.code))
        }
        _ => Err(error),
    }
}

fn shown_again(page: &impl askama::Template, code: Code) -> Result<Response, ApiError> {
    let mut response = render(page)?;
    *response.status_mut() = code.status();
    Ok(response)
}

/// `GET /admin/secrets`.
pub async fn show(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    render(&instance(&app, &asked, None).await?)
}

async fn instance(app: &App, asked: &Asked, refused: Option<Refused>) -> Result<InstanceSecretsPage, ApiError> {
    let permit = asked.permit.clone();
    let secrets = app
        .read(move |tx, _| {
            permit.instance(tx)?;
            of_instance(tx)
        })
        .await?;
    let vault = Arc::clone(&app.vault);
    let fault = app.blocking(move || vault.fault().map(|fault| fault.to_string())).await?;
    Ok(InstanceSecretsPage { frame: asked.frame(app).await?, secrets, fault, refused })
}

/// `POST /admin/secrets`.
pub async fn set(State(app): State<App>, asked: Asked, Form(entered): Form<Entered>) -> Result<Response, ApiError> {
    let value = as_typed(&entered.value);
    match crate::http::secrets::set(&app, asked.permit.clone(), None, name(&entered.name), value).await {
        Ok(_) => see(href::SECRETS),
        Err(error) => {
            let (refused, code) = refused(entered.name, error)?;
            shown_again(&instance(&app, &asked, Some(refused)).await?, code)
        }
    }
}

/// `POST /admin/secrets/remove`.
pub async fn remove(State(app): State<App>, asked: Asked, Form(named): Form<Named>) -> Result<Response, ApiError> {
    removed(&app, &asked, None, &named).await?;
    see(href::SECRETS)
}

async fn removed(app: &App, asked: &Asked, slug: Option<RepoSlug>, named: &Named) -> Result<(), ApiError> {
    let (permit, name) = (asked.permit.clone(), name(&named.name)?);
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        let scope = scope(tx, &permit, slug.as_ref())?;
        match secrets::remove(tx, scope, &name, now) {
            // Somebody else was quicker.
            Ok(()) | Err(secrets::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// `GET /r/{owner}/{name}/settings/secrets`.
pub async fn show_of_repo(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    render(&of_repo(&app, &asked, params.slug()?).await?)
}

async fn of_repo(app: &App, asked: &Asked, slug: RepoSlug) -> Result<RepoSecretsPage, ApiError> {
    let frame = asked.frame(app).await?;
    let permit = asked.permit.clone();
    app.read(move |tx, _| -> Result<RepoSecretsPage, ApiError> {
        let repo = permit.repo(tx, &slug)?;
        Ok(RepoSecretsPage {
            frame,
            place: place(tx, &permit.caller, &repo, None, None)?,
            secrets: of_repository(tx, &repo)?,
            keys: keys::of_repository(tx, repo.id)?,
            may_set: permit.caller.can(tx, repo.id)?.contains(&"secrets"),
            secret_refused: None,
            key_refused: None,
        })
    })
    .await
}

/// `POST /r/{owner}/{name}/settings/secrets`.
pub async fn set_of_repo(State(app): State<App>, asked: Asked, params: Params, Form(entered): Form<Entered>) -> Result<Response, ApiError> {
    let slug = params.slug()?;
    let value = as_typed(&entered.value);
    match crate::http::secrets::set(&app, asked.permit.clone(), Some(slug.clone()), name(&entered.name), value).await {
        Ok(_) => see(&href::repo_secrets(&slug)),
        Err(error) => {
            let (refused, code) = refused(entered.name, error)?;
            shown_again(&RepoSecretsPage { secret_refused: Some(refused), ..of_repo(&app, &asked, slug).await? }, code)
        }
    }
}

/// `POST /r/{owner}/{name}/settings/secrets/remove`.
pub async fn remove_of_repo(State(app): State<App>, asked: Asked, params: Params, Form(named): Form<Named>) -> Result<Response, ApiError> {
    let slug = params.slug()?;
    removed(&app, &asked, Some(slug.clone()), &named).await?;
    see(&href::repo_secrets(&slug))
}

/// `POST /r/{owner}/{name}/settings/keys`.
pub async fn add_key(State(app): State<App>, asked: Asked, params: Params, Form(entered): Form<EnteredKey>) -> Result<Response, ApiError> {
    let slug = params.slug()?;
    let given = Some(&entered.private_key).filter(|key| !key.expose().trim().is_empty()).map(as_typed);
    let body = NewKeyBody {
        name: Some(entered.name.clone()),
        generate: given.is_none().then_some(keys::Generate::Ed25519),
        private_key: given,
        passphrase: Some(entered.passphrase.clone()),
    };
    match keys::add(&app, asked.permit.clone(), slug.clone(), body).await {
        Ok(_) => see(&href::repo_secrets(&slug)),
        Err(error) => {
            let (refused, code) = refused(entered.name, error)?;
            shown_again(&RepoSecretsPage { key_refused: Some(refused), ..of_repo(&app, &asked, slug).await? }, code)
        }
    }
}

/// `POST /r/{owner}/{name}/settings/keys/{id}/remove`.
pub async fn remove_key(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let (slug, id, permit): (_, KeyId, _) = (params.slug()?, params.get("id")?, asked.permit.clone());
    let to = href::repo_secrets(&slug);
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        let repo = permit.repo(tx, &slug)?;
        match secrets::remove_key(tx, repo.id, id, now) {
            Ok(()) | Err(secrets::Error::KeyNotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
    .await?;
    see(&to)
}
