//! Whether it lives, whether it can work, and which version it is.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::schema::SCHEMA;
use crate::domain::accounts;

/// Whether it is well.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `ok` or `failing`.
    pub status: &'static str,
    /// What was looked at, and what was found: `ok`, or what is wrong.
    pub checks: BTreeMap<&'static str, String>,
}

/// Which plumbline this is.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// The release.
    pub version: &'static str,
    /// The commit it was built from, where the build knew it.
    pub commit: Option<&'static str>,
    /// The schema of its store.
    pub schema: u32,
}

/// `GET /livez`: the event loop turns.
pub async fn live() -> Json<HealthView> {
    Json(HealthView { status: "ok", checks: BTreeMap::from([("process", "ok".to_owned())]) })
}

/// `GET /readyz`: the store can be read.
pub async fn ready(State(app): State<App>) -> (StatusCode, Json<HealthView>) {
    let store = match app.read(|tx, _| accounts::is_fresh(tx).map(drop)).await {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            tracing::error!("the store cannot be read: {error}");
            "the store cannot be read; the log says why".to_owned()
        }
    };
    let (code, status) = if store == "ok" { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "failing") };
    (code, Json(HealthView { status, checks: BTreeMap::from([("store", store)]) }))
}

/// `GET /api/v1/version`.
pub async fn version() -> Json<VersionView> {
    Json(VersionView { version: env!("CARGO_PKG_VERSION"), commit: option_env!("PLUMBLINE_COMMIT"), schema: SCHEMA })
}
