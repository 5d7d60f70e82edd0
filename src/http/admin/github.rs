//! `/api/v1/admin/github`: who the instance is on GitHub, what of that works, and a ping to try it by.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::health::LookedAtView;
use crate::app::App;
use crate::app::github::look::{self, Look};
use crate::domain::github::sync::Installation;
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
    app.read(move |tx, _| permit.instance(tx)).await?;
    let url = app.github_url().await?;
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

/// `GET /api/v1/admin/github`.
pub async fn find(State(app): State<App>, permit: Permit) -> Result<Json<GithubAdminView>, ApiError> {
    Ok(Json(view(&app, &permit).await?))
}
