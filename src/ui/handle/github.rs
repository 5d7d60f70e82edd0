//! The page of GitHub, what comes back from there, and a ping to try it by.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, render, see};
use crate::app::App;
use crate::app::github::look;
use crate::base::id::UserId;
use crate::domain::github::Again;
use crate::domain::github::setup::Installable;
use crate::domain::github::{self, setup};
use crate::http;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::Query;
use crate::ui::github::{GithubPage, MakeForm};
use crate::ui::href;

/// For whom the App is to be made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct For {
    owner: String,
    /// Whether others than the owner may install it.
    public: Option<String>,
    /// What GitHub was just asked to send again.
    sent: Option<String>,
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
            // Members of whoever installs it would be let in here, where nobody says whose are.
            let may_be_public = !app.config.github.orgs.is_empty();
            let is_public = may_be_public && wanted.public.is_some();
            let installable = if is_public { Installable::ByAnybody } else { Installable::ByOwner };
            let word = app.hub.begun().begin(person(&asked)?, app.clock.now());
            Some(MakeForm {
                is_misnamed: organization.is_none() && !wanted.owner.trim().is_empty(),
                door: setup::door(&url, organization.as_deref(), &word),
                manifest: setup::manifest(&app.public_url(), installable).to_string(),
                installable,
                may_be_public,
                owner: wanted.owner.trim().to_owned(),
            })
        }
    };
    let is_made = make.is_none();
    // What stands in the address was written by anybody: no more than a word.
    let sent_again =
        wanted.sent.filter(|word| (1..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    let mut response = render(&GithubPage { frame: asked.frame(&app).await?, view, make, sent_again })?;
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
    if !setup::is_code(&made.code) {
        return Err(ApiError::field(Code::InvalidParameter, "code", "that is no code of GitHub's; begin once more at `/admin/github`"));
    }
    if !app.hub.begun().redeem(&made.state, user, app.clock.now()) {
        let message = "this was not begun here by you, or longer than an hour ago; begin once more at `/admin/github`";
        return Err(ApiError::field(Code::InvalidParameter, "state", message));
    }
    let configured = app.config.github.clone();
    let (url, api_url) = app.read(move |tx, _| Ok::<_, ApiError>(github::places(&configured, github::app(tx)?.as_ref()))).await?;
    let handle = app.clone();
    let Made { code, state } = made;
    let exchanged = app.blocking(move || setup::exchange(&handle.hub, &url, &api_url, &code, handle.clock.now())).await?;
    let (made, secrets) = exchanged.map_err(|error| {
        tracing::warn!("GitHub has made the App, and what belongs to it cannot be had: {error}");
        // Its code is good for an hour: whoever reads this page once more goes on.
        let (code, advice) = match error.again() {
            Again::Never => (Code::InvalidParameter, "Delete the App on GitHub, if it is there, and begin anew at `/admin/github`"),
            Again::Later | Again::After(_) => {
                app.hub.begun().give_back(&state, user, app.clock.now());
                (
                    Code::GithubUnavailable,
                    "Read this page once more within the hour; if it fails for good, delete the App on GitHub and begin anew",
                )
            }
        };
        let message = format!("GitHub has made the App and did not hand out its key: {error}. {advice}");
        ApiError::new(code, message)
    })?;
    let vault = std::sync::Arc::clone(&app.vault);
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asked.permit.instance(tx)?;
        Ok(github::set_app(tx, &vault, &made, &secrets, now)?)
    })
    .await?;
    // GitHub's first ping came while nobody here knew what it is signed with, and was refused.
    let handle = app.clone();
    if let Err(error) = app.blocking(move || look::send_again(&handle)).await? {
        tracing::warn!("GitHub cannot be asked to send its first ping again: {error}");
    }
    see("/admin/github")
}

/// `POST /admin/github/ping`: has GitHub send its latest ping once more.
pub async fn ping(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    let sent = http::admin::github::ping(&app, &asked.permit).await?;
    see(&href::with("/admin/github", "sent", &sent.event))
}

/// `POST /admin/github/webhook-secret`: has GitHub sign its deliveries with another secret.
pub async fn exchange_secret(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    http::admin::github::exchange(&app, &asked.permit).await?;
    see("/admin/github")
}
