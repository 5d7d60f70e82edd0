//! How much room a repository takes, over REST.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::extract::{Params, Permit};
use crate::app::{App, usage};

/// How much room a repository takes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UsageView {
    /// By kind: `mirror` (git's objects), `logs` (what checks said) and `rows` (all else, about).
    pub used_bytes: BTreeMap<&'static str, u64>,
    /// All of it.
    pub total_bytes: u64,
    /// How much it may take; null is without limit.
    pub quota_bytes: Option<u64>,
}

/// `GET /api/v1/repos/{owner}/{name}/usage`.
pub async fn find(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<UsageView>, ApiError> {
    let slug = params.slug()?;
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    Ok(Json(of(&app, repo.id).await?))
}

/// How much room a repository takes now.
pub async fn of(app: &App, repo: crate::base::id::RepoId) -> Result<UsageView, ApiError> {
    let handle = app.clone();
    let used_bytes = app.blocking(move || usage::measure(&handle, repo)).await??;
    Ok(UsageView { total_bytes: used_bytes.values().sum(), used_bytes, quota_bytes: None })
}
