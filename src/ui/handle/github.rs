//! The page of GitHub, and what comes back from there.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, render, see};
use crate::app::App;
use crate::base::id::UserId;
use crate::domain::github::{self, setup};
use crate::http;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::Query;
use crate::ui::github::{GithubPage, MakeForm};

/// For whom the App is to be made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct For {
    owner: String,
}

/// What GitHub sends back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Made {
    code: String,
    state: String,
}

/// The person, since what they begin is bound to them.
fn person(asked: &Asked) -> Result<UserId, ApiError> {
    asked.permit.caller.user().map(|user| user.id).ok_or_else(|| ApiError::of(Code::Forbidden))
}

/// `GET /admin/github`.
pub async fn show(State(app): State<App>, asked: Asked, Query(wanted): Query<For>) -> Result<Response, ApiError> {
    let view = http::admin::github::view(&app, &asked.permit).await?;
    let url = view.url.clone();
    let make = match view.app_id {
        Some(_) => None,
        None => {
            let organization = setup::organization(&wanted.owner);
            let word = app.hub.begun().begin(person(&asked)?, app.clock.now());
            Some(MakeForm {
                is_misnamed: organization.is_none() && !wanted.owner.trim().is_empty(),
                door: setup::door(&url, organization.as_deref(), &word),
                manifest: setup::manifest(&app.public_url()).to_string(),
                owner: wanted.owner.trim().to_owned(),
            })
        }
    };
    let is_made = make.is_none();
    let mut response = render(&GithubPage { frame: asked.frame(&app).await?, view, make })?;
    if !is_made {
        // This page alone has a form that leads elsewhere: to GitHub, wherever the operator says that is.
        let policy = http::layers::policy_with_form_to(&url);
        let value = HeaderValue::from_str(&policy).map_err(ApiError::internal)?;
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
    Ok(response)
}

/// `GET /admin/github/made`: GitHub sends a browser here once it has made the App.
pub async fn made(State(app): State<App>, asked: Asked, Query(made): Query<Made>) -> Result<Response, ApiError> {
    let permit = asked.permit.clone();
    app.read(move |tx, _| permit.instance(tx)).await?;
    let user = person(&asked)?;
    if !app.hub.begun().redeem(&made.state, user, app.clock.now()) {
        let message = "this was not begun here by you, or longer than an hour ago; begin once more at `/admin/github`";
        return Err(ApiError::field(Code::InvalidParameter, "state", message));
    }
    let configured = app.config.github.clone();
    let (url, api_url) = app.read(move |tx, _| Ok::<_, ApiError>(github::places(&configured, github::app(tx)?.as_ref()))).await?;
    let handle = app.clone();
    let exchanged = app.blocking(move || setup::exchange(&handle.hub, &url, &api_url, &made.code, handle.clock.now())).await?;
    let (made, secrets) = exchanged?;
    let vault = std::sync::Arc::clone(&app.vault);
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asked.permit.instance(tx)?;
        Ok(github::set_app(tx, &vault, &made, &secrets, now)?)
    })
    .await?;
    see("/admin/github")
}
