//! `GET /api/v1/admin/github`: who the instance is on GitHub, and what of that works.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::health::LookedAtView;
use crate::app::App;
use crate::app::github::look::{self, Look};
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
    /// Who lets the App in.
    pub installations: Vec<InstallationView>,
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
    let installations = installations.into_iter().map(|one| InstallationView {
        id: one.id,
        account: one.account.login,
        suspended: one.suspended_at.is_some(),
    });
    Ok(GithubAdminView {
        url,
        app_id: identity.map(|identity| identity.app_id),
        page,
        checks: checks.collect(),
        installations: installations.collect(),
    })
}

/// `GET /api/v1/admin/github`.
pub async fn find(State(app): State<App>, permit: Permit) -> Result<Json<GithubAdminView>, ApiError> {
    Ok(Json(view(&app, &permit).await?))
}
