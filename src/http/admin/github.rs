//! `/api/v1/admin/github`: who the instance is on GitHub, what of that works, and a ping to try it by.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::health::LookedAtView;
use crate::app::App;
use crate::app::github::look::{self, Look};
use crate::base::time::Timestamp;
use crate::domain::github::sync::Installation;
use crate::domain::github::{self, setup};
use crate::engine::store::WriteTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::Permit;

/// Who the instance is on GitHub.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GithubAdminView {
    /// Where people find GitHub.
    pub url: String,
    /// GitHub's number for the App; null where there is none.
    pub app_id: Option<u64>,
    /// The App's page on GitHub, where that is known.
    pub page: Option<String>,
    /// Until when deliveries are taken as well that are signed with the secret before the present one; null where it is the only one.
    pub signed_before_until: Option<Timestamp>,
    /// What was looked at.
    pub checks: Vec<LookedAtView>,
    /// Who lets the App in; null where GitHub could not be asked, and without an App.
    pub installations: Option<Vec<InstallationView>>,
}

/// An organization, or a person, that lets the App in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InstallationView {
    /// GitHub's number for the installation.
    pub id: u64,
    /// Whose it is.
    pub account: String,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// What is known. GitHub is asked for it.
pub async fn view(app: &App, permit: &Permit) -> Result<GithubAdminView, ApiError> {
    let (permit, handle) = (permit.clone(), app.clone());
    let signed_before_until = app
        .read(move |tx, now| -> Result<_, ApiError> {
            permit.instance(tx)?;
            Ok(github::signed_before_until(tx, &handle.config.github, now)?)
        })
        .await?;
    let (url, handle) = (app.github_url().await?, app.clone());
    let Look { identity, page, installations, checks } = app.blocking(move || look::look(&handle)).await??;
    let checks = checks.into_iter().map(|check| LookedAtView {
        name: check.name.to_owned(),
        grade: check.grade,
        says: check.says,
        advice: check.advice,
    });
    let view = |one: Installation| InstallationView { id: one.id, account: one.account.login, suspended: one.suspended_at.is_some() };
    Ok(GithubAdminView {
        url,
        app_id: identity.map(|identity| identity.app_id),
        page,
        signed_before_until,
        checks: checks.collect(),
        installations: installations.map(|all| all.into_iter().map(view).collect()),
    })
}

/// A delivery that GitHub was asked to send again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SentAgainView {
    /// What it is about.
    pub event: String,
    /// GitHub's name for it, the same each time it is sent.
    pub guid: String,
}

/// Has GitHub send its latest ping once more, or whatever it sent last.
pub async fn ping(app: &App, permit: &Permit) -> Result<SentAgainView, ApiError> {
    let (permit, handle) = (permit.clone(), app.clone());
    app.read(move |tx, _| permit.instance(tx)).await?;
    let sent = app.blocking(move || look::send_again(&handle)).await??;
    let none = || ApiError::new(Code::DeliveryNotFound, "GitHub has sent nothing in the last days that it could send again");
    let sent = sent.ok_or_else(none)?;
    Ok(SentAgainView { event: sent.event, guid: sent.guid })
}

/// `POST /api/v1/admin/github/ping`.
pub async fn send_again(State(app): State<App>, permit: Permit) -> Result<(StatusCode, Json<SentAgainView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(ping(&app, &permit).await?)))
}

/// Has GitHub sign with another secret. One that the configuration gives is exchanged there.
pub async fn exchange(app: &App, permit: &Permit) -> Result<(), ApiError> {
    let asks = permit.clone();
    app.read(move |tx, _| asks.instance(tx)).await?;
    if app.config.github.webhook_secret.is_some() {
        let why = "the webhook's secret is given by the configuration; write the new one there on a line before the present one, and then tell GitHub";
        return Err(ApiError::new(Code::SetByConfiguration, why));
    }
    // Who is nobody there has nothing signed.
    let handle = app.clone();
    app.blocking(move || handle.github().map(drop)).await??;
    let (asks, handle) = (permit.clone(), app.clone());
    let begin = move |tx: &mut WriteTx, now| -> Result<_, ApiError> {
        asks.instance(tx)?;
        Ok(github::begin_exchange(tx, &handle.vault, now)?)
    };
    let next = app.write(permit.actor(), begin).await?;
    let handle = app.clone();
    app.blocking(move || setup::sign_with(&handle.github()?, &next)).await??;
    let handle = app.clone();
    app.write(permit.actor(), move |tx, now| -> Result<(), ApiError> { Ok(github::end_exchange(tx, &handle.vault, now)?) }).await
}

/// `POST /api/v1/admin/github/webhook-secret`.
pub async fn exchange_secret(State(app): State<App>, permit: Permit) -> Result<StatusCode, ApiError> {
    exchange(&app, &permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/admin/github`.
pub async fn find(State(app): State<App>, permit: Permit) -> Result<Json<GithubAdminView>, ApiError> {
    Ok(Json(view(&app, &permit).await?))
}
